"""The Report view: what a month was worth, month by month; read when it is looked at, not twice a second."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from itertools import zip_longest
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType

from tradebot.core.model.errors import TradebotError
from tradebot.reports.weekdays import WEEKDAYS, place_of
from tradebot.tui.feed import View
from tradebot.tui.lines import Lines, wrap
from tradebot.tui.page import Page
from tradebot.tui.painted import Line, Span
from tradebot.tui.paper import START

if TYPE_CHECKING:
    from tradebot.app.report import Told
    from tradebot.reports.monthly.sections import Fact, Sheet
    from tradebot.reports.monthly.value import Report

WIDE = 110
"""Columns from which the drawdowns stand beside the calendar."""
LEFT = 66
"""Columns that groups of trades get where limits stand beside them."""
DAY = 11
"""Columns of a day in the calendar."""


class ReportPage(Page):
    """Head, bridge, calendar of days and drawdowns of one month."""

    mode = "report"

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("left", "older", "Older", id="older", tooltip="The month before", priority=True),
        Binding("right", "newer", "Newer", id="newer", tooltip="The month after", priority=True),
        Binding("e", "export", "Export", id="export", tooltip="Write the month as a page and JSON"),
    ]

    def body(self) -> ComposeResult:
        """Yield the board."""
        yield Lines(id="report")

    def on_mount(self) -> None:
        """Begin with nothing."""
        self._told: Told | None = None
        self._month: str | None = None
        self._asked: tuple[str, str | None] | None = None
        self._said = "reading the month ..."
        self._exporting = False
        board = self.query_one("#report", Lines)
        board.can_focus = True
        board.focus()

    def on_screen_resume(self) -> None:
        """Read again: the month may have gone on meanwhile."""
        self._asked = None
        super().on_screen_resume()

    def tell(self, view: View) -> None:
        """Show what was read last; read what is wanted and was not."""
        board = self.query_one("#report", Lines)
        if view.run is None:
            board.show([((START, "dim"),)])
            return
        wanted = (view.run.mode, self._month)
        if wanted != self._asked:
            self._asked = wanted
            self.run_worker(self._read(view.data_dir, *wanted), group="report", exclusive=True)
        if self._told is None:
            board.show([((self._said, "dim"),)])
        else:
            width = board.size.width or 78
            board.show(report_lines(self._told.report, width, _place(self._told)))

    async def _read(self, data_dir: Path, mode: str, month: str | None) -> None:
        """Read a month's report; what is wrong is said in its place."""
        try:
            self._told = await asyncio.to_thread(read_month, data_dir, mode, month)
        except TradebotError as error:
            self._told, self._said = None, f"{error.message}. {error.hint or ''}".strip()
        self.post_message(self.Shown())

    def action_older(self) -> None:
        """Go to the month before."""
        self._go(-1)

    def action_newer(self) -> None:
        """Go to the month after."""
        self._go(1)

    def _go(self, step: int) -> None:
        if self._told is None:
            return
        months = [period.code for period in self._told.months]
        here = self._told.period.code
        place = (months.index(here) if here in months else len(months) - 1) + step
        if 0 <= place < len(months):
            self._month = months[place]
            self.post_message(self.Shown())
        else:
            self.app.notify("There is no other month that way.")

    def action_export(self) -> None:
        """Write the month as a page and as JSON, and say where."""
        if self._told is None:
            self.app.notify("There is nothing to export yet.")
        elif self._exporting:
            self.app.notify("It is being written.", title="EXPORT")
        else:
            self._exporting = True
            self.app.notify("Being written, with what to change ...", title="EXPORT")
            self.run_worker(self._write(self._told), group="export")

    async def _write(self, told: Told) -> None:
        from tradebot.app.export import export_month

        try:
            config = getattr(self.app, "setting").config  # noqa: B009 - the app is that of this package
            path = await export_month(config, told)
        except TradebotError as error:
            self.app.notify(str(error), title="EXPORT", severity="error")
        else:
            self.app.notify(f"wrote {path}", title="EXPORT")
        finally:
            self._exporting = False


def read_month(data_dir: Path, mode: str, month: str | None) -> Told:
    """Return the report on a month of a mode, None: the newest whole one; TradebotError where there is none."""
    from tradebot.app.report import ReportWish, read_report
    from tradebot.core.model.money import exact
    from tradebot.journal.paths import journal_path
    from tradebot.journal.reader import Reader

    with Reader(journal_path(data_dir)) as reader, reader.moment(), exact():
        return read_report(reader, ReportWish(month=month, mode=mode))


def _place(told: Told) -> str:
    """Return where among the months it is, and the keys."""
    months = [period.code for period in told.months]
    here = told.period.code
    number = months.index(here) + 1 if here in months else len(months)
    return f"month {number} of {len(months)}  ◂ ▸  e exports  ▾ goes on"


def report_lines(report: Report, width: int, place: str = "") -> list[Line]:
    """Return the board for ``width`` columns; what a narrow one has no room for beside it stands below."""
    from tradebot.reports.monthly.sections import bridge_facts, head_facts, risk_facts, sheets, span

    head, bridge = head_facts(report), bridge_facts(report)
    lines: list[Line] = [((_title(report), "title"), ("   ", ""), (place, "dim"))]
    said = wrap([((report.head.sentence, "word"),)], width)
    days, falls = list(calendar_lines(report)), list(fall_lines(report))
    found = {sheet.title: sheet for sheet in sheets(report) if sheet.rows}
    rooms = (LEFT, width - LEFT - 3) if width >= WIDE else (width, width)
    left, right = (
        [line for n in names if n in found for line in (*sheet_lines(found[n], room), ())]
        for names, room in zip(BELOW, rooms, strict=True)
    )
    notes = wrap([((f"* {note}", "dim"),) for note in (*report.notes, *report.income)], width)
    notes.append((("What to change: e writes it, tradebot report says it.", "dim"),))
    if width < WIDE:
        lines += [*said, *_beside([head[:7], bridge], (48, width - 48)), (), *days, *falls]
        more = [*head[7:], *risk_facts(report)]
        return [*lines, (), *_beside([more], (width,)), (), *left, *right, *notes]
    lines += [((f"{span(report)}; {report.market}"[:width], "dim"),), *said, ()]
    more = [*head[7:], *risk_facts(report)[1:4]]
    lines += _beside([head[:7], bridge, more], (48, 31, width - 79))
    return [*lines, (), *_side_by_side(days, falls), (), *_side_by_side(left, right), *notes]


def _title(report: Report) -> str:
    """Return mode and month, and whether it is a whole one."""
    from tradebot.reports.monthly.period import Period

    name = f"{report.mode.capitalize()}, {Period(report.first, report.last).name}"
    return f"{name} (partial)" if report.partial else name


def _beside(columns: Sequence[Sequence[Fact]], rooms: Sequence[int]) -> Iterator[Line]:
    """Yield columns of figures side by side, each in its room."""
    names = [max((len(_short(fact.name)) for fact in column), default=0) + 1 for column in columns]
    for row in zip_longest(*columns):
        spans: list[Span] = []
        for fact, name, room in zip(row, names, rooms, strict=True):
            if fact is None:
                spans.append((" " * room, ""))
                continue
            text = fact.cell.text[: room - name - 1]
            spans.append((f"{_short(fact.name):<{name}}", "dim"))
            spans.append((f"{text:<{room - name}}", fact.cell.tint))
        yield tuple(spans)


SHORT = {
    "Gross, at the prices decided on": "Gross",
    "Time-weighted return": "Return",
    "95 % interval of it": "95 % interval",
    "Transfers (no result)": "Transfers",
    "New starts of runs (no result)": "New starts",
}
"""Names that a screen has no room for."""


def _short(name: str) -> str:
    return SHORT.get(name, name)


def calendar_lines(report: Report) -> Iterator[Line]:
    """Yield the month's days: a row a weekday, a column a week; the sign is in the text, not in the colour alone."""
    days = {place_of(day.at): day for day in report.days}
    if not days:
        yield (("No day of it has a curve.", "dim"),)
        return
    weeks = range(min(days)[0], max(days)[0] + 1)
    yield (("Days, USDT", "head"),)
    for weekday, name in enumerate(WEEKDAYS):
        spans: list[Span] = [(f"{name} ", "dim")]
        for week in weeks:
            day = days.get((week, weekday))
            if day is None:
                spans.append((" " * DAY, ""))
                continue
            number = _day_of_month(day.at)
            spans.append((f"{number:>2} ", "dim"))
            spans.append((f"{_amount(float(day.pnl)):<{DAY - 3}}", _paint(float(day.pnl))))
        yield tuple(spans)


def _day_of_month(at: int) -> str:
    from tradebot.reports.monthly.text import day

    return day(at)[8:]


def _amount(value: float) -> str:
    """Return a result in at most seven columns."""
    if not value:
        return "0"
    return f"{value:+,.1f}" if abs(value) < 10_000 else f"{value / 1000:+,.0f}k"


def _paint(value: float) -> str:
    return "up" if value > 0 else "down" if value < 0 else "dim"


def fall_lines(report: Report) -> Iterator[Line]:
    """Yield the deepest drawdowns."""
    from tradebot.reports.monthly.text import day, lasted, percent, usd

    yield (("Deepest drawdowns", "head"),)
    if not report.drawdowns:
        yield (("None.", "dim"),)
    for spell in report.drawdowns:
        back = day(spell.recovery)[5:] if spell.recovery is not None else "not yet"
        size = f"{usd(spell.depth):>9} {percent(spell.depth_pct):>7} "
        when = f"{day(spell.peak)[5:]} ▼ {day(spell.trough)[5:]} ▲ {back}"
        yield ((size, "down"), (f"{lasted(spell.days):>7} ", ""), (when, "dim"))


BELOW = (("By symbol", "By exit reason", "By tier"), ("Use of limits", "Refused entries"))
"""Tables below the calendar, left and right."""


def sheet_lines(sheet: Sheet, width: int) -> Iterator[Line]:
    """Yield a table: its title, its headings, its rows. One that is too wide loses its last columns, never half of one."""
    rooms: list[int] = []
    for i, head in enumerate(sheet.heads):
        room = max(len(head), *(len(row[i].text) for row in sheet.rows)) + 2
        if sum(rooms) + room - 2 > width:
            break
        rooms.append(room)
    yield ((sheet.title, "head"),)
    heads = zip(sheet.heads, rooms, strict=False)
    yield tuple(
        (_placed(head, room, i < sheet.words), "dim") for i, (head, room) in enumerate(heads)
    )
    for row in sheet.rows:
        cells = enumerate(zip(row, rooms, strict=False))
        yield tuple(
            (_placed(cell.text, room, i < sheet.words), cell.tint) for i, (cell, room) in cells
        )


def _placed(text: str, room: int, is_word: bool) -> str:
    return f"{text:<{room}}" if is_word else f"{text:>{room - 2}}  "


def _side_by_side(left: Sequence[Line], right: Sequence[Line]) -> Iterator[Line]:
    room = max((sum(len(text) for text, _ in line) for line in left), default=0) + 1
    for one, other in zip_longest(left, right, fillvalue=()):
        used = sum(len(text) for text, _ in one)
        yield (*one, (" " * (room - used), ""), *other)


__all__ = ["ReportPage", "read_month", "report_lines"]
