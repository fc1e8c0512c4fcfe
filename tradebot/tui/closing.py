"""F9: shows what will be closed and asks once. A second F9 confirms, a key that is held down does not."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from textual.timer import Timer

from tradebot.tui.dialog import Question
from tradebot.tui.painted import Line

FIRST_S = 0.5
"""Seconds between the first press and one that confirms."""

HELD_S = 0.2
"""Seconds without another press after which a press was no repeat of a key held down."""


class CloseAll(Question):
    """Asks before everything is closed. ``clock`` gives seconds that only go forward.

    A key held down comes again after about half a second, then many times a second; so a press counts
    only when some time has passed before it, and none follows it at once.
    """

    def __init__(self, lines: Sequence[Line], clock: Callable[[], float]) -> None:
        super().__init__("CLOSE ALL", lines, "CLOSE ALL")
        self._clock = clock
        self._pressed = clock()
        self._pending: Timer | None = None

    def press(self) -> None:
        """Take another F9."""
        now = self._clock()
        rested = now - self._pressed >= FIRST_S
        self._pressed = now
        if self._pending is not None:  # it repeats: neither press was meant
            self._pending.stop()
            self._pending = None
        elif rested:
            self._pending = self.set_timer(HELD_S, self._confirm)

    def _confirm(self) -> None:
        self.dismiss(True)
