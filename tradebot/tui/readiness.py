"""The Readiness view: the way to real money, gate by gate, and the next step in words. Nothing can be signed from it."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from datetime import UTC, datetime
from decimal import Decimal
from typing import TYPE_CHECKING

from textual.app import ComposeResult

from tradebot.config import Config
from tradebot.core.model.values import HOUR_MS
from tradebot.tui.feed import View
from tradebot.tui.figures import clip, duration
from tradebot.tui.lines import Lines, wrap
from tradebot.tui.page import Page
from tradebot.tui.painted import Line, Span
from tradebot.tui.risk import used_bar

if TYPE_CHECKING:
    from tradebot.app.readiness_view import ReadinessView
    from tradebot.reports.readiness.verdict import GateVerdict

AGAIN_MS = 60_000
"""Milliseconds between two looks at the gates: a look reads the whole chain."""
NAME = 10
BAR, LONG_BAR = 8, 24
WIDE = 110
"""Columns from which bars are long."""
SIGNERS = Decimal(2)
HOURS = {"paper": 4, "stability": 24, "ghost": 24, "testnet": 1}
"""How long a stretch takes of what has to be lived through (hours)."""

LATER = {
    "keys": "read when live starts",
    "account": "read when live starts, or by `tradebot live --check`",
    "parity": "played when live starts, or by `tradebot gates`",
}
READING = "reading the journal's chain ..."


class ReadinessPage(Page):
    """Stage and sign-off, a bar a gate, the next step, and the incidents that are open."""

    mode = "readiness"

    def body(self) -> ComposeResult:
        """Yield the board."""
        yield Lines(id="gates")

    def on_mount(self) -> None:
        """Begin with nothing."""
        self._found: ReadinessView | None = None
        self._asked: int | None = None
        board = self.query_one("#gates", Lines)
        board.border_title = "Readiness"
        board.can_focus = True
        board.focus()

    def on_screen_resume(self) -> None:
        """Look again: somebody may have signed meanwhile."""
        self._asked = None
        super().on_screen_resume()

    def tell(self, view: View) -> None:
        """Show what was seen last; look again once a minute."""
        if self._asked is None or view.wall - self._asked >= AGAIN_MS:
            self._asked = view.wall
            config = getattr(self.app, "setting").config  # noqa: B009 - the app is that of this package
            self.run_worker(self._look(config), group="readiness", exclusive=True)
        board = self.query_one("#gates", Lines)
        width = board.size.width or 78
        if self._found is None:
            board.show([((READING, "dim"),)])
        else:
            board.show(readiness_lines(self._found, width))

    async def _look(self, config: Config) -> None:
        self._found = await asyncio.to_thread(look_now, config)
        self.post_message(self.Shown())


def look_now(config: Config) -> ReadinessView:
    """Return what the gates say; what that takes is loaded here, when somebody wants to see it."""
    from tradebot.app.readiness_view import look

    return look(config)


def readiness_lines(found: ReadinessView, width: int) -> list[Line]:
    """Return the board: where it stands, a line a gate, what to do next, who has signed, what is open."""
    if found.problem:
        return wrap([((found.problem, "warn"),)], width)
    lines = [_head(found), ()]
    lines += [_gate(one, found, width) for one in found.verdicts]
    lines += [(), *wrap([_next(found)], width)]
    lines += wrap(_signed(found), width)
    lines += wrap([((f"incident  {text}", "alarm"),) for text in found.incidents], width)
    return lines


def _head(found: ReadinessView) -> Line:
    passed = sum(one.ok for one in found.verdicts)
    left = found.days_left
    count = len(found.incidents)
    stage: Line = (("stage ", "dim"), (f"{found.stage}  ", "word")) if found.binds else ()
    bound = "all bind" if found.binds else "walls binds, no stage"
    return (
        *stage,
        ("gates ", "dim"),
        (f"{passed} of {len(found.verdicts)}", "up" if passed == len(found.verdicts) else ""),
        *(("  sign-off ", "dim"), ("none stands" if left is None else f"{left} days left", "")),
        *(("  incidents ", "dim"), (str(count) if count else "none", "alarm" if count else "")),
        (f"  {bound}", "dim"),
    )


def _gate(one: GateVerdict, found: ReadinessView, width: int) -> Line:
    later = LATER.get(one.gate)
    room = LONG_BAR if width >= WIDE else BAR
    begin: tuple[Span, ...] = (
        (
            "ok " if one.ok else "-- " if later else "NO ",
            "up" if one.ok else "dim" if later else "warn",
        ),
        (f"{one.gate:<{NAME}} ", ""),
    )
    if later and not one.ok:
        return (*begin, (" " * room, ""), (f"  {later}", "dim"))
    text = one.have if one.ok else "; ".join(one.reasons)
    bar = used_bar(share_of(one, found), room, "up" if one.ok else "warn")
    return (*begin, *bar, (f"  {clip(text, width - NAME - room - 6)}", "dim" if one.ok else ""))


def share_of(one: GateVerdict, found: ReadinessView) -> Decimal:
    """Return how much of a gate is done, 0 to 1: of the time that a stretch takes, of the people who sign; else nothing."""
    if one.ok:
        return Decimal(1)
    if one.gate == "reviewers":
        return len(found.standing) / SIGNERS
    if one.gate in HOURS and one.wait_s is not None:
        whole = Decimal(HOURS[one.gate] * HOUR_MS // 1000)
        return max(Decimal(0), 1 - one.wait_s / whole)
    return Decimal(0)


def _next(found: ReadinessView) -> Line:
    one = found.next
    if one is None:
        text = "every gate that can be judged now passes: `tradebot live --check` reads the rest"
        return (("next  ", "dim"), (text, "up"))
    wait = f", at least {duration(one.wait_s)}" if one.wait_s else ""
    return (("next  ", "dim"), (f"{one.gate}: ", "word"), (f"{one.todo or one.needed}{wait}", ""))


def _signed(found: ReadinessView) -> Iterator[Line]:
    if not found.signed:
        yield (("sign-off  ", "dim"), ("nobody has signed: `tradebot signoff`, in a terminal", ""))
    for one in found.signed[-4:]:
        who, day = f"{one.fact.name} ({one.fact.role})", _day(one.until)
        if one.lapsed:
            yield (("sign-off  ", "dim"), (f"{who} no longer: {'; '.join(one.lapsed)}", "warn"))
        else:
            yield (("sign-off  ", "dim"), (f"{who} until {day}", ""))


def _day(ms: int) -> str:
    return f"{datetime.fromtimestamp(ms / 1000, UTC):%Y-%m-%d}"
