"""F9: shows what will be closed and asks once, then how it goes until the proof.

A second F9 confirms, a key that is held down does not.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal
from textual.timer import Timer
from textual.widgets import Button

from tradebot.guard.closing import CloseProgress, Phase
from tradebot.tui.dialog import Dialog, Question
from tradebot.tui.figures import clock
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


class ClosingAll(Dialog[None]):
    """Shows how a close-all goes, and in the end how it went. Hidden, it goes on all the same."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("q", "dismiss(None)", "Hide", show=False)]

    AUTO_FOCUS = "#hide"

    def __init__(self, lines: Sequence[Line]) -> None:
        super().__init__("CLOSE ALL", lines)

    def below(self) -> ComposeResult:
        """Yield the button."""
        with Horizontal(id="buttons"):
            yield Button("Hide", id="hide")

    def on_button_pressed(self) -> None:
        """Go on without it on screen."""
        self.dismiss(None)


PAINTS: dict[Phase, str] = {"refused": "alarm", "open": "warn", "flat": "up"}
"""The paint of how a symbol stands, where it has one."""

NAME = 10
"""Columns of the names on the left."""


def closing_lines(
    target: str, told: str, outcome: Line, found: CloseProgress | None, wall: int
) -> list[Line]:
    """Return how a close-all goes: by symbol, the proof's two reads, and its outcome once there is one.

    ``told`` is what was said of it last, ``found`` what its own rows say (None: it is no account's).
    """
    lines = [_named("target", target)]
    if not outcome:
        lines.append(_named("now", told or "-"))
    if found is not None:
        if found.banned_until is not None:
            left = max(0, found.banned_until - wall) / 1000
            lines.append(_named("banned", f"for {left:.0f}s more: it goes on at its end", "alarm"))
        if found.fenced:
            lines.append(_named("engine", f"{found.fenced} did not answer and was ended", "warn"))
        lines += [_named(one.symbol, one.words, PAINTS.get(one.phase, "")) for one in found.symbols]
        lines.append(_named("proof", _proof(found)))
    if outcome:
        lines += [(), outcome]
    return lines


def _named(name: str, text: str, paint: str = "") -> Line:
    return ((f"{name:<{NAME}} ", "dim"), (text, paint))


def _proof(found: CloseProgress) -> str:
    """Return which of the two reads that prove that nothing is left have been made."""
    times = [f"{clock(at, date=False)}Z" for at in found.reads]
    if not times:
        return "two reads must show nothing: none does yet"
    if len(times) == 1:
        return f"first read {times[0]} shows nothing; the last one follows"
    return f"first read {times[0]}, last read {times[-1]}: both show nothing"
