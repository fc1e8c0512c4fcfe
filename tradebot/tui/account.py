"""The Account view: where the money is, how it was earned or lost, per symbol and over time."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal

from textual.app import ComposeResult
from textual.containers import Container

from tradebot.core.model.money import exact, quotient_at_8, ratio
from tradebot.tui.feed import NEWEST, View
from tradebot.tui.figures import UNKNOWN, figure, gain, signed, tint, usd
from tradebot.tui.grid import Grid, Row
from tradebot.tui.lines import Lines
from tradebot.tui.page import Page
from tradebot.tui.painted import Line, Span
from tradebot.tui.paper import START
from tradebot.tui.plot import EquityPlot
from tradebot.tui.tables import SYMBOLS

ZERO = Decimal(0)


class AccountPage(Page):
    """Balances, performance, symbols; the equity plot where there is room."""

    mode = "account"

    def body(self) -> ComposeResult:
        """Yield board, table and plot."""
        with Container(id="top"):
            yield Lines(id="balances")
            yield Grid("By symbol", SYMBOLS, lambda row: row["symbol"], id="symbols")
        yield EquityPlot(id="equity")

    def tell(self, view: View) -> None:
        """Fill all of it."""
        board = self.query_one("#balances", Lines)
        board.border_title = _title(view)
        board.show(balance_lines(view))
        empty = START if view.run is None else "No prices yet: they come with the first minute."
        self.query_one(Grid).show(symbol_rows(view), empty)
        plot = self.query_one(EquityPlot)
        if plot.display and plot.size.height:
            plot.tell(view)


def _title(view: View) -> str:
    return "Account" if view.run is None else f"Simulated account of {view.run.id}"


def balance_lines(view: View) -> list[Line]:
    """Return balances and performance, two columns of figures."""
    body = view.body
    if not body:
        text = START if view.run is None else "No figures yet: they come with the first prices."
        return [((text, "dim"),)]
    with exact():
        pairs = [*_balances(view), *_performance(view)]
    half = -(-len(pairs) // 2)
    left, right = pairs[:half], pairs[half:]
    return [_row(one, other) for one, other in zip(left, [*right, None][:half], strict=True)]


def _row(one: tuple[str, str, str], other: tuple[str, str, str] | None) -> Line:
    spans: list[Span] = []
    for name, value, paint in (one,) if other is None else (one, other):
        spans += [(f"{name:<17}", "dim"), (f"{value:>13}", paint), ("   ", "")]
    return tuple(spans)


def _balances(view: View) -> list[tuple[str, str, str]]:
    body = view.body
    start, equity = Decimal(body["start_equity"]), Decimal(body["equity"])
    pct = quotient_at_8((equity - start) * 100, start, "ROUND_HALF_EVEN")
    open_pnl = sum((Decimal(row["pnl"]) for row in view.positions), ZERO)
    value = sum((Decimal(row["qty"]) * Decimal(row["price"]) for row in view.positions), ZERO)
    return [
        ("starting capital", usd(start), ""),
        ("equity", usd(equity), "word"),
        ("PnL", gain(equity - start), tint(equity - start)),
        ("PnL %", signed(pct, "%"), tint(pct)),
        ("wallet (realised)", usd(equity - open_pnl), ""),
        ("open PnL", gain(open_pnl), tint(open_pnl)),
        ("positions' value", usd(value), ""),
        ("margin used", figure(_used(view, "margin_utilisation"), "%"), ""),
    ]


def _used(view: View, rule: str) -> str | None:
    limit = view.limit(rule)
    return None if limit is None else str(limit["used"])


def _performance(view: View) -> list[tuple[str, str, str]]:
    body = view.body
    won = [Decimal(row["pnl"]) for row in view.trades if Decimal(row["pnl"]) > 0]
    lost = [Decimal(row["pnl"]) for row in view.trades if Decimal(row["pnl"]) <= 0]
    some = f" (newest {NEWEST})" if body["completed_trades"] > len(view.trades) else ""
    factor = UNKNOWN if not sum(lost) else figure(-ratio(sum(won, ZERO), sum(lost, ZERO)))
    return [
        ("completed trades", str(body["completed_trades"]), ""),
        ("win rate", figure(body["win_rate_pct"], "%", 1), ""),
        (f"average win{some}", signed(_mean(won)), ""),
        (f"average loss{some}", signed(_mean(lost)), ""),
        ("profit factor", factor, ""),
        ("drawdown now", usd(body["drawdown"]), ""),
        ("fees paid", usd(body["fees"]), ""),
        ("funding", signed(body["funding"]), ""),
    ]


def _mean(values: Sequence[Decimal]) -> Decimal | None:
    return ratio(sum(values, ZERO), Decimal(len(values))) if values else None


def symbol_rows(view: View) -> list[Row]:
    """Return a row per symbol: price, trades, share won, PnL, fees, funding (newest trades)."""
    prices = view.body.get("prices", {})
    with exact():
        return [_symbol(symbol, prices[symbol], view.trades) for symbol in sorted(prices)]


def _symbol(symbol: str, price: str, trades: Sequence[Row]) -> Row:
    mine = [row for row in trades if row["symbol"] == symbol]
    won = sum(1 for row in mine if Decimal(row["pnl"]) > 0)
    totals = {
        name: str(sum((Decimal(row[name]) for row in mine), ZERO)) if mine else None
        for name in ("pnl", "fees", "funding")
    }
    rate = f"{100 * won / len(mine):.0f}%" if mine else UNKNOWN
    return {"symbol": symbol, "price": price, "trades": len(mine) or None, "won": rate, **totals}
