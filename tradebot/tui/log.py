"""The Log view: everything worth knowing that happened, newest first."""

from __future__ import annotations

from textual.app import ComposeResult

from tradebot.journal.view import HaltEvent, NoticeRow, SignalRow, TradeRow
from tradebot.tui.detail import LogDetail
from tradebot.tui.feed import View
from tradebot.tui.figures import gain, price, quantity
from tradebot.tui.grid import Grid
from tradebot.tui.page import Page
from tradebot.tui.paper import START
from tradebot.tui.tables import LOG, LogRow

LEVELS = {"critical": "alarm", "warning": "warn", "info": ""}


class LogPage(Page):
    """Notices, halts, signals and closed trades on one line of time."""

    mode = "log"

    def body(self) -> ComposeResult:
        """Yield the table."""
        yield Grid("Log", LOG, lambda row: row.id, newest_first=True, id="log")

    def on_mount(self) -> None:
        """Begin with nothing."""
        self._made: tuple[object, ...] = ()
        self._rows: list[LogRow] = []

    def tell(self, view: View) -> None:
        """Fill the table; it is put together again only when a part of it is new."""
        parts = (view.notices, view.halt_log, view.signals, view.trades)
        if any(
            one is not other for one, other in zip(parts, self._made or [None] * 4, strict=True)
        ):
            self._made, self._rows = parts, log_rows(view)
        empty = START if view.run is None else "Nothing has happened yet: 3 shows the signals."
        self.query_one(Grid).show(self._rows, empty)

    def on_grid_chosen(self, message: Grid.Chosen) -> None:
        """Show an entry whole."""
        self.app.push_screen(LogDetail(message.row))


def log_rows(view: View) -> list[LogRow]:
    """Return notices, halts, signals and closed trades in order of market time."""
    rows = [_notice(n, row) for n, row in enumerate(view.notices)]
    rows += [_halt(row) for row in view.halt_log]
    rows += [_signal(row) for row in view.signals]
    rows += [_trade(row) for row in view.trades]
    return sorted(rows, key=lambda row: row.ts)


def _row(kind: str, number: object, ts: int, what: str, paint: str, text: str) -> LogRow:
    return LogRow(f"{kind}{number}", ts, what, paint, text)


def _notice(number: int, row: NoticeRow) -> LogRow:
    level = row.level
    return _row("n", f"{row.ts}-{number}", row.ts, level, LEVELS.get(level, ""), row.text)


def _halt(row: HaltEvent) -> LogRow:
    halted = row.event == "halted"
    what, paint = ("HALTED", "alarm") if halted else ("RESUMED", "up")
    who = "" if halted or not row.who else f" by {row.who}"
    return _row("h", row.seq, row.ts, what, paint, f"{row.reason}{who}: {row.detail}")


def _signal(row: SignalRow) -> LogRow:
    text = f"{row.symbol} {row.side} @ {price(row.price, row.symbol)} {row.verdict}: {row.why}"
    return _row("s", row.id, row.time, "signal", "dim", text)


def _trade(row: TradeRow) -> LogRow:
    paint = "up" if row.pnl > 0 else "down"
    text = (
        f"{row.symbol} {row.side} {quantity(row.qty)} {price(row.entry_price, row.symbol)} →"
        f" {price(row.exit_price, row.symbol)} {gain(row.pnl)} ({row.exit_reason})"
    )
    return _row("t", row.id, row.exit_time, "closed", paint, text)
