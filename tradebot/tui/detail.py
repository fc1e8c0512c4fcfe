"""Details: a trade down to its signal, orders and fills; a signal with everything the gate said."""

from __future__ import annotations

import asyncio
import textwrap
from decimal import Decimal
from typing import ClassVar

from textual.binding import Binding, BindingType

from tradebot.core.model.errors import TradebotError
from tradebot.journal.paths import journal_path
from tradebot.journal.reader import Reader
from tradebot.journal.view import FillRow, GhostRow, OrderRow, SignalRow, TradeRow
from tradebot.tui.dialog import Dialog
from tradebot.tui.feed import Feed, trip
from tradebot.tui.figures import clock, duration, gain, price, quantity, signed, tint, usd
from tradebot.tui.lines import Lines, Wrapped
from tradebot.tui.painted import Line
from tradebot.tui.tables import LogRow

NAME = 10
"""Columns of the names on the left."""


class Details(Dialog[None]):
    """A large frame of text that scrolls."""

    hint = "↑ ↓ scroll   esc back"

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter,q", "dismiss(None)", "Back", show=False),
        Binding("down,j", "scroll_text(1)", show=False),
        Binding("up,k", "scroll_text(-1)", show=False),
    ]

    def action_scroll_text(self, by: int) -> None:
        """Scroll."""
        self.query_one("#text", Lines).scroll_relative(y=by, animate=False)


class TradeDetail(Details):
    """A closed trade."""

    def __init__(self, trade: TradeRow) -> None:
        super().__init__(f"Trade {trade.id}  {trade.symbol}", trade_lines(trade))
        self._trade = trade

    def on_mount(self) -> None:
        """Read what it was made of."""
        self.run_worker(self._fill())

    async def _fill(self) -> None:
        feed = getattr(self.app, "feed", None)
        assert isinstance(feed, Feed)
        try:
            made = await asyncio.to_thread(self._read, feed)
        except TradebotError as error:
            made = [((f"the journal cannot be read: {error.message}", "warn"),)]
        if self.is_current:  # it may have been left while this was read
            self.query_one("#text", Wrapped).say([*self.lines, *made])

    def _read(self, feed: Feed) -> list[Line]:
        with Reader(journal_path(feed.data_dir)) as reader:
            signal, orders, fills = trip(reader, self._trade)
        return [*signal_lines(signal), *order_lines(orders), *fill_lines(fills)]


class SignalDetail(Details):
    """A signal."""

    def __init__(self, signal: SignalRow) -> None:
        super().__init__(f"Signal {signal.id}  {signal.symbol}", signal_lines(signal))


class GhostDetail(Details):
    """A hypothetical trade."""

    def __init__(self, ghost: GhostRow) -> None:
        title = f"Hypothetical trade of signal {ghost.signal}  {ghost.symbol}"
        super().__init__(title, ghost_lines(ghost))


def ghost_lines(ghost: GhostRow) -> list[Line]:
    """Return a hypothetical trade: what was wanted, what the gate said, how it would have gone."""
    lines: list[Line] = [
        _pair(
            "signal", f"{ghost.side} at {price(ghost.price, ghost.symbol)}, {clock(ghost.time)}Z"
        ),
        _pair("reason", ghost.reason),
        _pair("confid.", _share(ghost.confidence)),
        _pair(
            "plan",
            f"stop {price(ghost.stop, ghost.symbol)}, target {price(ghost.target, ghost.symbol)}",
        ),
        _pair("verdict", ghost.verdict),
    ]
    for text in ghost.refusals:
        lines += wrapped("", f"✗ {text}", 70, "warn")
    held = ghost.duration_s
    return [
        *lines,
        (),
        ((f"Hypothetical: {usd(ghost.notional)}, {ghost.state}", "title"),),
        _pair("qty", quantity(ghost.qty)),
        _pair("entry", _dealt(ghost.symbol, ghost.entry_price, ghost.entry_time)),
        _pair("exit", _dealt(ghost.symbol, ghost.exit_price, ghost.exit_time)),
        _pair("held", "-" if held is None else f"{duration(held)}, ended by {ghost.exit_reason}"),
        _pair("PnL", gain(ghost.pnl), tint(ghost.pnl)),
        _pair("costs", f"fees {usd(ghost.fees)}, funding {signed(ghost.funding)}"),
        _pair("range", f"MFE {signed(ghost.mfe)}, MAE {signed(ghost.mae)}"),
    ]


def _dealt(symbol: str, at_price: Decimal | None, at: int | None) -> str:
    """Return a price and its time; a dash for a deal that has not been made."""
    return "-" if at_price is None else f"{price(at_price, symbol)}  at {clock(at)}Z"


def trade_lines(trade: TradeRow) -> list[Line]:
    """Return the trade itself."""
    return [
        _pair("side", f"{trade.side} {quantity(trade.qty)} {trade.symbol}"),
        _pair("entry", f"{price(trade.entry_price, trade.symbol)}  at {clock(trade.entry_time)}Z"),
        _pair("exit", f"{price(trade.exit_price, trade.symbol)}  at {clock(trade.exit_time)}Z"),
        _pair("held", f"{duration(trade.duration_s)}, closed by {trade.exit_reason}"),
        _pair("PnL", f"{gain(trade.pnl)}  {signed(trade.pnl_pct, '%')}", tint(trade.pnl)),
        _pair("costs", f"fees {usd(trade.fees)}, funding {signed(trade.funding)}"),
    ]


def signal_lines(signal: SignalRow | None) -> list[Line]:
    """Return a signal: what, why, what the gate said."""
    if signal is None:
        return [(), (("Signal", "title"),), (("none: it was opened without one", "dim"),)]
    indicators = ", ".join(f"{k} {v:.6g}" for k, v in sorted(signal.indicators.items()))
    lines: list[Line] = [
        (),
        ((f"Signal {signal.id}", "title"), (f"  {clock(signal.time)}Z", "dim")),
        _pair("wanted", f"{signal.side} at {price(signal.price, signal.symbol)}"),
        _pair("reason", signal.reason),
        _pair("confid.", _share(signal.confidence)),
        _pair(
            "plan",
            f"stop {price(signal.stop, signal.symbol)}, target {price(signal.target, signal.symbol)}",
        ),
        _pair("verdict", signal.verdict),
    ]
    for text in signal.refusals:
        lines += wrapped("", f"✗ {text}", 70, "warn")
    lines += wrapped("values", indicators or "-", 70)
    if signal.outcome_pnl is not None:
        lines.append(_pair("outcome", gain(signal.outcome_pnl), tint(signal.outcome_pnl)))
    return lines


def order_lines(orders: list[OrderRow]) -> list[Line]:
    """Return the orders, one or two lines each."""
    lines: list[Line] = [(), ((f"Orders {len(orders)}", "title"),)]
    for row in orders:
        what, at = row.goal or "-", price(row.at, row.symbol)
        text = (
            f"{what:<7}{row.side or '-':<5}{row.type} {quantity(row.qty)} @ {at}"
            f"  {row.status} {quantity(row.filled)}"
        )
        lines.append(((f"{clock(row.ts)}  ", "dim"), (text, "")))
        said = f"  {row.reason}" if row.reason else ""
        lines.append((("                ", ""), (f"{row.id}{said}", "dim")))
    return lines


def fill_lines(fills: list[FillRow]) -> list[Line]:
    """Return the fills, one line each."""
    lines: list[Line] = [(), ((f"Fills {len(fills)}", "title"),)]
    for row in fills:
        kind = "LIQUIDATED" if row.liquidation else "maker" if row.maker else "taker"
        text = (
            f"{row.side:<5}{quantity(row.qty)} @ {price(row.price, row.symbol)}  fee"
            f" {usd(row.fee, 4)} {kind}  position {quantity(row.position)}"
        )
        lines.append(((f"{clock(row.time)}  ", "dim"), (text, "")))
    return lines


def _share(confidence: float | None) -> str:
    return "-" if confidence is None else f"{confidence:.2f}"


def _pair(name: str, value: str, paint: str = "") -> Line:
    return ((f"{name:<{NAME}}", "dim"), (value, paint))


class LogDetail(Details):
    """One entry of the log, whole."""

    def __init__(self, row: LogRow) -> None:
        lines = [_pair("time", f"{clock(row.ts)}Z of the market's time"), _pair("", "")]
        super().__init__(row.what, [*lines, *wrapped("text", row.text, 70)])


def wrapped(name: str, value: str, width: int, paint: str = "") -> list[Line]:
    """Return a name and a value that takes as many lines as it needs."""
    room = max(20, width - NAME)
    parts = textwrap.wrap(value, room) or [""]
    first, *rest = parts
    lines: list[Line] = [((f"{name:<{NAME}}", "dim"), (first, paint))]
    return lines + [((" " * NAME, ""), (part, paint)) for part in rest]
