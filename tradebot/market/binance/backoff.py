"""How long to wait before the next try: longer after each failure, and never everybody at once."""

from __future__ import annotations

from collections.abc import Callable

LEAST_S = 0.2
MOST_S = 30.0


class Backoff:
    """Waits between tries, 0.2 to 30 s. ``draw`` gives numbers from 0 to 1."""

    def __init__(self, draw: Callable[[], float]) -> None:
        self._draw = draw
        self._failures = 0

    def next(self) -> float:
        """Return the seconds to wait after another failure: a draw from the upper half of the pause it has come to."""
        pause = min(MOST_S, LEAST_S * 2.0 ** min(self._failures, 16))
        self._failures += 1
        return max(LEAST_S, pause * (0.5 + self._draw() / 2))

    def reset(self) -> None:
        """Begin again with the shortest pause: it works."""
        self._failures = 0
