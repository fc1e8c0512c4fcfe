"""F9: shows what will be closed and asks once. A second F9 confirms, a key that is held down does not."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

from textual.timer import Timer

from tradebot.tui.dialog import Question
from tradebot.tui.painted import Line

FIRST_S = 0.5
"""Seconds between the first press and one that confirms."""

HELD_S = 0.2
"""Seconds without another press after which a press was no repeat of a key held down."""


LATE_S = 0.15
"""A wait that took so much longer is no proof that nothing was pressed: the screen was busy."""

WAITS = 3
"""How often it waits on a busy screen; then it closes: the next presses would have been heard."""


class CloseAll(Question):
    """Asks before everything is closed. ``clock`` gives seconds that only go forward.

    A key held down comes again after about half a second, then many times a second; so a press counts
    only when some time has passed before it, and none follows it at once. A screen that stood still hears
    late what was pressed: then it waits as long again, twice at most.
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
            self._wait()

    def _wait(self, waits: int = WAITS) -> None:
        self._pending = self.set_timer(HELD_S, partial(self._confirm, self._clock(), waits))

    def _confirm(self, since: float, waits: int) -> None:
        if waits > 1 and self._clock() - since > HELD_S + LATE_S:
            self._wait(waits - 1)
        else:
            self.dismiss(True)
