"""The Paper view: the portfolio, what is open, what works, what was traded."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal

from textual.app import ComposeResult

from tradebot.core.model.money import exact, quotient_at_8
from tradebot.tui.detail import TradeDetail
from tradebot.tui.feed import View
from tradebot.tui.figures import duration, figure, gain, price, signed, tint, usd
from tradebot.tui.grid import Grid
from tradebot.tui.lines import Lines
from tradebot.tui.page import Page
from tradebot.tui.painted import Line, Span
from tradebot.tui.plot import PricePlot
from tradebot.tui.positions import POSITIONS, position_rows
from tradebot.tui.tables import ORDERS, TRADES

START = "Start one: 6 Bot, then b; or `tradebot paper` in another terminal."


class PaperPage(Page):
    """Portfolio summary, price plot (where there is room), positions, working orders, trades."""

    mode = "paper"
    main = 2

    def body(self) -> ComposeResult:
        """Yield summary, plot and tables."""
        yield Lines(id="summary")
        yield PricePlot(id="price")
        yield Grid("Open positions", POSITIONS, lambda row: row.position.symbol, id="positions")
        yield Grid("Working orders", ORDERS, lambda row: row.id, id="orders")
        yield Grid("Trade history", TRADES, lambda row: row.id, newest_first=True, id="trades")

    def tell(self, view: View) -> None:
        """Fill all of it."""
        self.query_one("#summary", Lines).show(summary_lines(view))
        plot = self.query_one(PricePlot)
        if plot.display and plot.size.height:
            plot.tell(view, busiest(view))
        positions = position_rows(view.positions, view.risk, view.at)
        why = idle_reason(view)
        self.query_one("#positions", Grid).show(positions, f"No open positions. {why}")
        self.query_one("#orders", Grid).show(view.orders, f"No working orders. {why}")
        empty = f"No completed trades yet. {START if view.run is None else why}"
        self.query_one("#trades", Grid).show(view.trades, empty)

    def on_grid_chosen(self, message: Grid.Chosen) -> None:
        """Show a trade down to its orders and fills."""
        if message.grid.id == "trades":
            self.app.push_screen(TradeDetail(message.row))


def busiest(view: View) -> str:
    """Return the symbol worth plotting: one with a position, else the one traded last, else the first."""
    held: Sequence[str] = [row.symbol for row in view.positions]
    traded = [view.trades[-1].symbol] if view.trades else []
    return next(iter([*held, *traded, *view.symbols]), "")


def idle_reason(view: View) -> str:
    """Return why nothing is there and which key helps."""
    if view.run is None:
        return START
    if not view.live:
        return f"{view.run.id} has {_ended(view)}: 6 Bot lists the runs."
    if view.halts:
        return "Entries are halted: 6 Bot, r resumes."
    if not view.signals:
        return "The strategy has not signalled yet: 3 shows its signals."
    return "3 shows the signals and what became of them."


def summary_lines(view: View) -> list[Line]:
    """Return the portfolio in three lines."""
    shown = view.snapshot
    if shown is None:
        return [(("No figures yet. ", "dim"), (idle_reason(view), "dim"))]
    with exact():
        start, pnl = shown.start_equity, shown.pnl
        pct = quotient_at_8(pnl * 100, start, "ROUND_HALF_EVEN")
        open_pnl = sum((row.pnl for row in shown.positions), Decimal(0))
    return [
        (
            *_pair("Starting capital", usd(start)),
            *_pair("Current value", usd(shown.equity), "word"),
            *_pair("PnL", f"{gain(pnl)} {signed(pct, '%')}", tint(pnl)),
        ),
        (
            *_pair("Trades", str(shown.completed_trades)),
            *_pair("Win rate", figure(shown.win_rate_pct, "%", 1)),
            *_pair("Open PnL", gain(open_pnl), tint(open_pnl)),
            *_pair("Fees", usd(shown.fees)),
            *_pair("Funding", signed(shown.funding)),
        ),
        _prices(view),
    ]


def _prices(view: View) -> Line:
    spans: list[Span] = []
    for symbol, value in sorted(view.prices.items()):
        spans += _pair(symbol.partition("/")[0], price(value, symbol))
    shown = view.snapshot
    if shown is not None and not view.live and view.run is not None and view.run.state != "ended":
        age = max(0, view.wall - shown.wall) // 1000
        spans.append((f"as they were {duration(age)} ago", "warn"))
    return tuple(spans)


def _pair(name: str, value: str, paint: str = "") -> tuple[Span, ...]:
    return ((f"{name} ", "dim"), (value, paint), ("   ", ""))


def _ended(view: View) -> str:
    state = "" if view.run is None else view.run.state
    return "ended" if state == "ended" else "been interrupted"
