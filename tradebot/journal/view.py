"""The read model: what the journal says, as values that both faces and the reports read.

Money and quantities are ``Decimal``, times UTC milliseconds: of the market, ``wall`` of the real clock.
``as_json`` turns a row into CONTRACT's JSON. Texts come out escaped: others wrote them.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, fields
from decimal import Decimal
from functools import cache
from typing import Any, ClassVar, Protocol, TypedDict, TypeVar, cast

from tradebot.core.model.money import plain
from tradebot.core.model.text import cleaned, escaped
from tradebot.core.model.times import iso, of_iso
from tradebot.core.state.orders import CLOSED

TIMES = frozenset(
    ("time", "entry_time", "exit_time", "ts", "updated", "since", "next_entry", "stop_seen")
)
"""Fields that hold a market time, which JSON writes as ISO-8601."""

TRUTHS = frozenset(("maker", "liquidation", "reduce_only"))
"""Fields that SQLite holds as 0 and 1."""

GOALS = {"e": "entry", "s": "stop", "t": "target", "x": "exit"}
"""An order's purpose, by its letter."""

DOCUMENTS = frozenset(("refusals", "indicators"))
"""Fields that SQLite holds as JSON text."""


@dataclass(frozen=True, slots=True)
class SignalRow:
    """A signal and what the gate said; ``outcome_pnl`` (USDT) is what came of it, None while unknown."""

    run: str
    id: int
    time: int
    wall: int
    symbol: str
    side: str
    confidence: float | None
    price: Decimal
    stop: Decimal | None
    target: Decimal | None
    reason: str
    verdict: str
    refusals: list[str]
    indicators: dict[str, float]
    outcome_pnl: Decimal | None

    @property
    def why(self) -> str:
        """The gate's refusals, else the strategy's reason."""
        return "; ".join(self.refusals) or self.reason


@dataclass(frozen=True, slots=True)
class OrderRow:
    """An order; what only its sending tells is None for one that the exchange alone spoke of.

    ``ts`` is when it was sent, ``updated`` when its status last changed.
    """

    run: str
    id: str
    signal: int | None
    symbol: str
    side: str | None
    type: str | None
    purpose: str | None
    qty: Decimal
    price: Decimal | None
    trigger_price: Decimal | None
    tif: str | None
    reduce_only: bool | None
    epoch: int | None
    status: str
    filled: Decimal
    average: Decimal | None
    reason: str
    ts: int
    updated: int
    wall: int

    @property
    def at(self) -> Decimal | None:
        """Its one price: the limit, else the trigger; None for a market order."""
        return self.price if self.price is not None else self.trigger_price

    @property
    def standing(self) -> str:
        """Its status, with the reason of one that its closed position made needless."""
        return f"{self.status} ({self.reason})" if self.reason == CLOSED else self.status

    @property
    def number(self) -> str:
        """The last part of its id."""
        return self.id.rpartition("-")[2]

    @property
    def goal(self) -> str | None:
        """What it is for: entry, stop, target or exit; None where that is not known."""
        return GOALS.get(self.purpose or "", self.purpose)

    @property
    def kind(self) -> str:
        """Its type as people read it: ``stop``, ``take profit``, ``market``."""
        return (self.type or "-").replace("_market", "").replace("_", " ")


@dataclass(frozen=True, slots=True)
class FillRow:
    """A fill with position, average entry and realised PnL (USDT) of its symbol after it."""

    run: str
    symbol: str
    trade_id: int
    order_id: str
    side: str
    qty: Decimal
    price: Decimal
    fee: Decimal
    maker: bool
    liquidation: bool
    time: int
    position: Decimal
    entry: Decimal
    realised: Decimal
    ts: int
    wall: int


@dataclass(frozen=True, slots=True)
class TradeRow:
    """A closed trade, from flat to flat. ``pnl`` (USDT) is net of fees and funding, ``pnl_pct`` in percent.

    ``signal`` is the id of the signal it came from, 0 for none. What follows is None where it is not known: ``mae``, ``mfe``,
    ``slippage`` (minus: against us) and ``risk``, the loss planned at the stop, in USDT; the prices as they were when
    the entry was decided.
    """

    run: str
    id: int
    symbol: str
    side: str
    qty: Decimal
    entry_time: int
    entry_price: Decimal
    exit_time: int
    exit_price: Decimal
    fees: Decimal
    funding: Decimal
    pnl: Decimal
    pnl_pct: Decimal | None
    duration_s: int
    exit_reason: str
    signal: int
    ts: int
    wall: int
    mae: Decimal | None = None
    mfe: Decimal | None = None
    decision_price: Decimal | None = None
    slippage: Decimal | None = None
    stop: Decimal | None = None
    target: Decimal | None = None
    risk: Decimal | None = None
    strategy_hash: str | None = None

    @property
    def signal_id(self) -> int:
        """The id of the signal it came from, 0 for none."""
        return self.signal


@dataclass(frozen=True, slots=True)
class GhostRow:
    """A hypothetical trade with what its signal said; ``state`` is open, closed or unfilled.

    ``closed`` is the audit row that ended it. ``pnl``, ``mfe`` and ``mae`` in USDT.
    """

    run: str
    signal: int
    symbol: str
    side: str
    notional: Decimal
    qty: Decimal
    state: str
    time: int
    entry_time: int | None
    entry_price: Decimal | None
    exit_time: int | None
    exit_price: Decimal | None
    fees: Decimal | None
    funding: Decimal | None
    pnl: Decimal | None
    mfe: Decimal | None
    mae: Decimal | None
    duration_s: int | None
    exit_reason: str | None
    closed: int | None
    ts: int
    wall: int
    confidence: float | None
    price: Decimal
    stop: Decimal | None
    target: Decimal | None
    reason: str
    verdict: str
    refusals: list[str]


@dataclass(frozen=True, slots=True)
class EquityRow:
    """A point of the equity curve (USDT); ``why`` is trade, hour, day or the like."""

    seq: int
    run: str
    ts: int
    wall: int
    equity: Decimal
    cash: Decimal
    drawdown: Decimal
    why: str


@dataclass(frozen=True, slots=True)
class HaltEvent:
    """A halt or a resume; ``event`` is halted or resumed, ``who`` only of a resume."""

    seq: int
    run: str
    ts: int
    wall: int
    event: str
    reason: str
    detail: str
    who: str | None
    epoch: int


@dataclass(frozen=True, slots=True)
class FundingRow:
    """A funding booking: ``amount`` in USDT, what was paid below 0."""

    seq: int
    run: str
    ts: int
    wall: int
    symbol: str
    amount: Decimal
    rate: Decimal
    mark: Decimal
    qty: Decimal


class GhostCounts(TypedDict):
    """How many hypothetical trades are open, closed and were never filled; ``signals``: all of them."""

    signals: int
    open: int
    closed: int
    unfilled: int


@dataclass(frozen=True, slots=True)
class NoticeRow:
    """What the user was told; ``level`` is info, warning or critical."""

    ts: int
    wall: int
    level: str
    text: str


class TableRow(Protocol):
    """Any row of this model."""

    __dataclass_fields__: ClassVar[dict[str, Any]]


R = TypeVar("R")


def row_of(cls: type[R], columns: Mapping[str, Any]) -> R:
    """Return a table's row, or one of a snapshot's, as a value; what its class does not name is left out.

    Raises KeyError, TypeError, ValueError or ArithmeticError for a row that does not fit.
    """
    readers = _readers(cast("type[TableRow]", cls))
    return cls(**{name: read(columns[name]) for name, read in readers})


def reader_of(cls: type[R]) -> Callable[[Iterable[Any]], R]:
    """Return what makes a row of its columns in the class's order; it raises what ``row_of`` does."""
    readers = [read for _, read in _readers(cast("type[TableRow]", cls))]

    def row(values: Iterable[Any]) -> R:
        return cls(*[read(value) for read, value in zip(readers, values, strict=True)])

    return row


def as_json(row: TableRow, *without: str) -> dict[str, Any]:
    """Return a row as JSON has it: times as ISO-8601, money as decimal text without exponent.

    The real time of writing is left out, and so are the fields named.
    """
    names = (item.name for item in fields(row) if item.name not in ("wall", *without))
    return {name: _told(name, getattr(row, name)) for name in names}


Read = Callable[[Any], Any]
"""From a column as it is stored to a field's value; None stays None."""


@cache
def _readers(cls: type[TableRow]) -> list[tuple[str, Read]]:
    return [(item.name, _read(item.name, str(item.type))) for item in fields(cls)]


def _read(name: str, kind: str) -> Read:
    if name in DOCUMENTS:
        return _document
    if name in TRUTHS:
        return _truth
    if name in TIMES:
        return _time
    return _money if kind.startswith("Decimal") else _plain


def _plain(value: Any) -> Any:
    return escaped(value) if isinstance(value, str) else value


def _money(value: Any) -> Any:
    return None if value is None else Decimal(value)


def _time(value: Any) -> Any:
    return of_iso(value) if isinstance(value, str) else value


def _truth(value: Any) -> Any:
    return None if value is None else bool(value)


def _document(value: Any) -> Any:
    return None if value is None else cleaned(json.loads(value))


def _told(name: str, value: Any) -> Any:
    if isinstance(value, Decimal):
        return plain(value)
    return iso(value) if name in TIMES and value is not None else value
