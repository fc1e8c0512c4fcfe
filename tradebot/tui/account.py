"""The Account view: where the money is, how it was earned or lost, per symbol and over time."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal

from textual.app import ComposeResult
from textual.containers import Container

from tradebot.core.model.money import exact, quotient_at_8, ratio
from tradebot.journal.snapshots import Snapshot
from tradebot.journal.view import TradeRow
from tradebot.tui.feed import NEWEST, View
from tradebot.tui.figures import UNKNOWN, figure, gain, quantity, signed, tint, usd
from tradebot.tui.grid import Grid
from tradebot.tui.lines import Lines, wrap
from tradebot.tui.page import Page
from tradebot.tui.painted import Line, Span
from tradebot.tui.paper import START
from tradebot.tui.plot import EquityPlot
from tradebot.tui.tables import SYMBOLS, SymbolRow

ZERO = Decimal(0)
WIDTH = 63
"""Cells of two columns of figures."""


class AccountPage(Page):
    """Balances, performance, symbols; the equity plot where there is room."""

    mode = "account"

    def body(self) -> ComposeResult:
        """Yield board, table and plot."""
        with Container(id="top"):
            yield Lines(id="balances")
            yield Grid("By symbol", SYMBOLS, lambda row: row.symbol, id="symbols")
        yield EquityPlot(id="equity")

    def tell(self, view: View) -> None:
        """Fill all of it."""
        board = self.query_one("#balances", Lines)
        board.border_title = _title(view)
        self.set_class(view.traded, "-traded")
        board.show(wrap(balance_lines(view), max(WIDTH, board.scrollable_content_region.width)))
        empty = START if view.run is None else "No prices yet: they come with the first minute."
        self.query_one(Grid).show(symbol_rows(view), empty)
        plot = self.query_one(EquityPlot)
        if plot.display and plot.size.height:
            plot.tell(view)


def _title(view: View) -> str:
    if view.run is None:
        return "Account"
    kind = f"{view.run.venue.capitalize()}" if view.traded else "Simulated"
    return f"{kind} account of {view.run.id}"


def balance_lines(view: View) -> list[Line]:
    """Return balances and performance, two columns of figures."""
    shown = view.snapshot
    if shown is None:
        text = START if view.run is None else "No figures yet: they come with the first prices."
        return [((text, "dim"),)]
    with exact():
        pairs = [*_balances(view, shown), *_performance(view, shown)]
    half = -(-len(pairs) // 2)
    left, right = pairs[:half], pairs[half:]
    lines = [_row(one, other) for one, other in zip(left, [*right, None][:half], strict=True)]
    return [*lines, *exchange_lines(view)]


def exchange_lines(view: View) -> list[Line]:
    """Return what the exchange itself said of the account last: balances, all that is open, and when."""
    if not view.traded:
        return []
    seen = view.account
    if seen is None:
        return [(("exchange         ", "dim"), ("it was not read yet", "warn"))]
    balances = ", ".join(f"{figure(held)} {asset}" for asset, held in seen.balances.items())
    held = ", ".join(f"{one.name} {quantity(one.qty)}" for one in seen.positions)
    age = max(0, view.wall - seen.wall) // 1000
    resting = f"{seen.orders} orders, {seen.algo_orders} stops and targets"
    return [
        (("exchange         ", "dim"), (f"{balances}  read {age}s ago", "")),
        (("held there       ", "dim"), (f"{held or 'nothing'}; {resting}", "")),
    ]


def _row(one: tuple[str, str, str], other: tuple[str, str, str] | None) -> Line:
    spans: list[Span] = []
    for name, value, paint in (one,) if other is None else (one, other):
        spans += [(f"{name:<17}", "dim"), (f"{value:>13}", paint), ("   ", "")]
    return tuple(spans)


def _balances(view: View, shown: Snapshot) -> list[tuple[str, str, str]]:
    start, equity, pnl = shown.start_equity, shown.equity, shown.pnl
    pct = quotient_at_8(pnl * 100, start, "ROUND_HALF_EVEN")
    open_pnl = sum((row.pnl for row in shown.positions), ZERO)
    value = sum((row.qty * row.price for row in shown.positions), ZERO)
    return [
        ("starting capital", usd(start), ""),
        ("equity", usd(equity), "word"),
        *([("transferred in", signed(shown.brought), "")] if shown.brought else []),
        ("PnL", gain(pnl), tint(pnl)),
        ("PnL %", signed(pct, "%"), tint(pct)),
        ("wallet (realised)", usd(equity - open_pnl), ""),
        ("open PnL", gain(open_pnl), tint(open_pnl)),
        ("positions' value", usd(value), ""),
        ("margin used", figure(_used(view, "margin_utilisation"), "%"), ""),
    ]


def _used(view: View, rule: str) -> Decimal | None:
    limit = view.limit(rule)
    return None if limit is None else limit.used


def _performance(view: View, shown: Snapshot) -> list[tuple[str, str, str]]:
    won = [row.pnl for row in view.trades if row.pnl > 0]
    lost = [row.pnl for row in view.trades if row.pnl <= 0]
    some = f" (newest {NEWEST})" if shown.completed_trades > len(view.trades) else ""
    factor = UNKNOWN if not sum(lost) else figure(-ratio(sum(won, ZERO), sum(lost, ZERO)))
    return [
        ("completed trades", str(shown.completed_trades), ""),
        ("win rate", figure(shown.win_rate_pct, "%", 1), ""),
        (f"average win{some}", signed(_mean(won)), ""),
        (f"average loss{some}", signed(_mean(lost)), ""),
        ("profit factor", factor, ""),
        ("drawdown now", usd(shown.drawdown), ""),
        ("fees paid", usd(shown.fees), ""),
        ("funding", signed(shown.funding), ""),
    ]


def _mean(values: Sequence[Decimal]) -> Decimal | None:
    return ratio(sum(values, ZERO), Decimal(len(values))) if values else None


def symbol_rows(view: View) -> list[SymbolRow]:
    """Return a row per symbol: price, trades, share won, PnL, fees, funding (newest trades)."""
    with exact():
        return [_symbol(symbol, view.prices[symbol], view.trades) for symbol in view.symbols]


def _symbol(symbol: str, price: Decimal, trades: Sequence[TradeRow]) -> SymbolRow:
    mine = [row for row in trades if row.symbol == symbol]
    if not mine:
        return SymbolRow(symbol, price, None, UNKNOWN, None, None, None)
    won = sum(1 for row in mine if row.pnl > 0)
    return SymbolRow(
        symbol=symbol,
        price=price,
        trades=len(mine),
        won=f"{100 * won / len(mine):.0f}%",
        pnl=sum((row.pnl for row in mine), ZERO),
        fees=sum((row.fees for row in mine), ZERO),
        funding=sum((row.funding for row in mine), ZERO),
    )
