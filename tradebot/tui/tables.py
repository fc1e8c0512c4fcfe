"""The tables' columns: what people expect to see of positions, orders, trades, signals and runs."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from typing import Protocol, TypeVar

from tradebot.journal.view import GhostRow, OrderRow, SignalRow, TradeRow
from tradebot.tui.figures import (
    UNKNOWN,
    arrow,
    brief_gain,
    clock,
    duration,
    price,
    quantity,
    signed,
    tint,
    usd,
)
from tradebot.tui.grid import GridColumn
from tradebot.tui.painted import Span

SIDES = {"long": "long ▲", "short": "short ▼", "exit": "exit ■"}

VERDICTS = {"approved": ("✓ approved", "up"), "refused": ("✗ refused", "warn")}

R = TypeVar("R")
Amount = Callable[[R], Decimal | None]


class Sided(Protocol):
    """A row that has a side."""

    @property
    def side(self) -> str | None:
        """long, short, exit; None where it is unknown."""


class Judged(Protocol):
    """A row of a signal that the gate has judged."""

    @property
    def verdict(self) -> str:
        """What the gate said."""

    @property
    def confidence(self) -> float | None:
        """The strategy's confidence, 0 to 1; None for one that was no number."""


@dataclass(frozen=True, slots=True)
class SymbolRow:
    """A symbol's price and what its trades came to (USDT); None where there was no trade."""

    symbol: str
    price: Decimal
    trades: int | None
    won: str
    pnl: Decimal | None
    fees: Decimal | None
    funding: Decimal | None


@dataclass(frozen=True, slots=True)
class ListedRun:
    """A run in the list; trades and PnL (USDT) are known once it is over."""

    id: str
    state: str
    started: int
    trades: int | None
    pnl: Decimal | None
    strategy: str
    market: str


@dataclass(frozen=True, slots=True)
class LogRow:
    """An entry of the log: when (market time), what it is, and its words."""

    id: str
    ts: int
    what: str
    paint: str
    text: str


def text_of(get: Callable[[R], object], paint: str = "") -> Callable[[R], Span]:
    """Return a cell of a row's text; what is missing shows as ``-``."""
    return lambda row: (str(get(row) or UNKNOWN), paint)


def shown(get: Amount[R], show: Callable[[Decimal | None], str]) -> Callable[[R], Span]:
    """Return a cell whose amount is shown by a function of ``figures``."""
    return lambda row: (show(get(row)), "")


def priced(get: Amount[R], symbol: Callable[[R], str]) -> Callable[[R], Span]:
    """Return a cell of a price, with the decimals of its symbol."""
    return lambda row: (price(get(row), symbol(row)), "")


def tinted(get: Amount[R], show: Callable[[Decimal | None], str]) -> Callable[[R], Span]:
    """Return a cell of a gain or loss."""
    return lambda row: (show(get(row)), tint(get(row)))


def moment(get: Callable[[R], int]) -> Callable[[R], Span]:
    """Return a cell of a time (UTC milliseconds)."""
    return lambda row: (clock(get(row)), "dim")


def held(get: Callable[[R], int | None]) -> Callable[[R], Span]:
    """Return a cell of a duration (seconds)."""

    def cell(row: R) -> Span:
        seconds = get(row)
        return (UNKNOWN if seconds is None else duration(seconds), "dim")

    return cell


def side(row: Sided) -> Span:
    """Return a cell of a side, in word and arrow."""
    return (SIDES.get(row.side or "", row.side or UNKNOWN), "")


def percent(value: Decimal | None) -> str:
    """Return a percentage with its sign."""
    return signed(value, "%")


def _verdict(row: Judged) -> Span:
    return VERDICTS.get(row.verdict, (f"  {row.verdict}", "dim"))


def _confidence(row: Judged) -> Span:
    return (UNKNOWN if row.confidence is None else f"{row.confidence:.2f}", "")


def outcome(row: GhostRow) -> Span:
    """Return a cell of what a hypothetical trade came to, or stands at."""
    pnl = row.pnl
    if row.state == "unfilled":
        return ("never filled", "dim")
    if pnl is None:
        return ("open, not filled", "dim")
    word = "open" if row.state == "open" else "would be"
    places = 0 if abs(pnl) >= 1000 else 2
    sign = "-" if pnl < 0 else "+"
    return (f"{word} {sign}{usd(abs(pnl), places)} {arrow(pnl)}", tint(pnl))


def _status(row: OrderRow) -> Span:
    """Return a cell of an order's status: one whose fate nobody knows stands out."""
    unknown = row.status == "unknown"
    return ("UNKNOWN", "alarm") if unknown else (row.status, "")


ORDERS: tuple[GridColumn[OrderRow], ...] = (
    GridColumn("sent", 14, moment(lambda row: row.ts), lambda row: row.ts),
    GridColumn("symbol", 9, text_of(lambda row: row.symbol, "word")),
    GridColumn("for", 6, text_of(lambda row: row.goal)),
    GridColumn("side", 4, text_of(lambda row: row.side)),
    GridColumn("type", 11, lambda row: (row.kind, "dim"), rank=2),
    GridColumn("qty", 8, shown(lambda row: row.qty, quantity), lambda row: row.qty, right=True),
    GridColumn("price", 9, priced(lambda row: row.at, lambda row: row.symbol), right=True),
    GridColumn(
        "filled",
        7,
        shown(lambda row: row.filled, quantity),
        lambda row: row.filled,
        right=True,
        rank=1,
    ),
    GridColumn("status", 10, _status, lambda row: row.status),
    GridColumn("id", 6, lambda row: (row.number, "dim"), rank=3),
)

TRADES: tuple[GridColumn[TradeRow], ...] = (
    GridColumn("closed", 14, moment(lambda row: row.exit_time), lambda row: row.exit_time),
    GridColumn("symbol", 9, text_of(lambda row: row.symbol, "word")),
    GridColumn("side", 7, side),
    GridColumn(
        "qty", 8, shown(lambda row: row.qty, quantity), lambda row: row.qty, right=True, rank=2
    ),
    GridColumn(
        "entry",
        9,
        priced(lambda row: row.entry_price, lambda row: row.symbol),
        lambda row: row.entry_price,
        right=True,
    ),
    GridColumn(
        "exit",
        9,
        priced(lambda row: row.exit_price, lambda row: row.symbol),
        lambda row: row.exit_price,
        right=True,
    ),
    GridColumn("PnL", 9, tinted(lambda row: row.pnl, brief_gain), lambda row: row.pnl, right=True),
    GridColumn(
        "PnL %",
        7,
        tinted(lambda row: row.pnl_pct, percent),
        lambda row: row.pnl_pct,
        right=True,
        rank=3,
    ),
    GridColumn(
        "held",
        6,
        lambda row: (duration(row.duration_s), ""),
        lambda row: row.duration_s,
        right=True,
        rank=1,
    ),
    GridColumn("why", 7, text_of(lambda row: row.exit_reason), words=True),
)

SIGNALS: tuple[GridColumn[SignalRow], ...] = (
    GridColumn("time", 14, moment(lambda row: row.time), lambda row: row.time),
    GridColumn("symbol", 9, text_of(lambda row: row.symbol, "word")),
    GridColumn("side", 7, side),
    GridColumn("conf.", 5, _confidence, lambda row: row.confidence, right=True, rank=2),
    GridColumn(
        "price",
        9,
        priced(lambda row: row.price, lambda row: row.symbol),
        lambda row: row.price,
        right=True,
        rank=1,
    ),
    GridColumn("verdict", 10, _verdict),
    GridColumn(
        "outcome",
        9,
        tinted(lambda row: row.outcome_pnl, brief_gain),
        lambda row: row.outcome_pnl,
        right=True,
    ),
    GridColumn("why", 22, text_of(lambda row: row.why), words=True),
)

GHOSTS: tuple[GridColumn[GhostRow], ...] = (
    GridColumn("time", 14, moment(lambda row: row.time), lambda row: row.time),
    GridColumn("symbol", 9, text_of(lambda row: row.symbol, "word")),
    GridColumn("side", 7, side),
    GridColumn("conf.", 5, _confidence, lambda row: row.confidence, right=True, rank=1),
    GridColumn("verdict", 10, _verdict),
    GridColumn(
        "entry",
        9,
        priced(lambda row: row.entry_price, lambda row: row.symbol),
        lambda row: row.entry_price,
        right=True,
        rank=3,
    ),
    GridColumn(
        "exit",
        9,
        priced(lambda row: row.exit_price, lambda row: row.symbol),
        lambda row: row.exit_price,
        right=True,
        rank=4,
    ),
    GridColumn(
        "held", 6, held(lambda row: row.duration_s), lambda row: row.duration_s, right=True, rank=5
    ),
    GridColumn("outcome", 18, outcome, lambda row: row.pnl, right=True),
    GridColumn("why", 6, text_of(lambda row: row.exit_reason, "dim"), rank=2, words=True),
)

SYMBOLS: tuple[GridColumn[SymbolRow], ...] = (
    GridColumn("symbol", 9, text_of(lambda row: row.symbol, "word")),
    GridColumn(
        "price",
        9,
        priced(lambda row: row.price, lambda row: row.symbol),
        lambda row: row.price,
        right=True,
    ),
    GridColumn("trades", 6, text_of(lambda row: row.trades), lambda row: row.trades, right=True),
    GridColumn("won", 7, text_of(lambda row: row.won), right=True),
    GridColumn("PnL", 10, tinted(lambda row: row.pnl, brief_gain), lambda row: row.pnl, right=True),
    GridColumn(
        "fees", 9, shown(lambda row: row.fees, usd), lambda row: row.fees, right=True, rank=1
    ),
    GridColumn(
        "funding",
        9,
        shown(lambda row: row.funding, signed),
        lambda row: row.funding,
        right=True,
        rank=2,
    ),
)

RUNS: tuple[GridColumn[ListedRun], ...] = (
    GridColumn("run", 11, text_of(lambda row: row.id, "word")),
    GridColumn("state", 12, text_of(lambda row: row.state)),
    GridColumn("started (UTC)", 14, moment(lambda row: row.started), lambda row: row.started),
    GridColumn("trades", 6, text_of(lambda row: row.trades), right=True),
    GridColumn("PnL", 10, tinted(lambda row: row.pnl, brief_gain), lambda row: row.pnl, right=True),
    GridColumn("strategy", 14, text_of(lambda row: row.strategy), rank=1),
    GridColumn("market", 14, text_of(lambda row: row.market), words=True),
)

LOG: tuple[GridColumn[LogRow], ...] = (
    GridColumn("time", 14, moment(lambda row: row.ts), lambda row: row.ts),
    GridColumn("what", 9, lambda row: (row.what, row.paint)),
    GridColumn("text", 20, lambda row: (row.text, ""), words=True),
)
