"""How fast what was not done is tried again: look-ups, cancels, and leaving a position."""

from __future__ import annotations

from dataclasses import dataclass

RETRY_MS = 1_000
"""Between two look-ups of an order, two cancels of it, two tries to leave a position."""
SLOW_RETRY_MS = 5_000
"""Between two tries to leave a position once ``MOST_REFUSALS`` in a row were refused."""
MOST_REFUSALS = 3

FAR = 1 << 62
"""A time that never comes (UTC ms)."""


@dataclass(slots=True)
class ExitPace:
    """When a symbol's last try to leave was sent (UTC ms) and how many in a row were refused.

    ``judged`` says that the last try is among these: its other pieces do not count again. ``unsent`` counts
    the tries in a row that never left: no refusals, and no hurry after as many.
    """

    tried: int = -FAR
    refused: int = 0
    judged: bool = False
    unsent: int = 0

    def begin(self, at: int) -> None:
        """A try is sent."""
        self.tried = at
        self.judged = False

    @property
    def next(self) -> int:
        """The earliest time of the next try (UTC ms)."""
        slow = max(self.refused, self.unsent) >= MOST_REFUSALS
        return self.tried + (SLOW_RETRY_MS if slow else RETRY_MS)
