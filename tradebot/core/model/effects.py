"""Everything the engine can want: a closed union, carried out by the runner.

``Place`` takes only what the gate made. Records are facts for the journal: the audit trail keeps
all effects, and the journal's tables are projections of them.
"""

from __future__ import annotations

from dataclasses import field
from decimal import Decimal
from typing import TypeAlias

from tradebot.core.model.approved import Approved
from tradebot.core.model.frozen import frozen
from tradebot.core.model.money import ZERO
from tradebot.core.model.values import Fill, OrderStatus


@frozen
class Place:
    """Send an approved order. ``signal`` is the id of the signal it came from, 0 for none."""

    approved: Approved
    signal: int = 0


@frozen
class Cancel:
    """Cancel a working order."""

    symbol: str
    order_id: str
    why: str


@frozen
class WakeAt:
    """Deliver ``WakeUp(key)`` at the given engine time (UTC milliseconds); replaces that key's timer."""

    key: str
    at: int


@frozen
class LookUp:
    """Ask the venue for an order by its ids; ``OrderSeen`` answers. Either id may be empty, not both."""

    symbol: str
    order_id: str
    venue_id: str = ""


@frozen
class ReadBack:
    """Read a symbol's position and open orders; ``AccountRead`` answers. And its fills, told as ``Filled``.

    Those since the last time, and that of ``trade_id`` where one is named (0: none).
    """

    symbol: str
    why: str
    trade_id: int = 0


@frozen
class Reconcile:
    """Read the whole account; ``AccountRead`` answers. And cash lines and fills since the last time."""

    why: str


@frozen
class Countdown:
    """Have the venue cancel the symbol's orders unless told again within ``ms``; 0 calls it off."""

    symbol: str
    ms: int


@frozen
class Notify:
    """Tell the user. ``level`` is info, warning or critical."""

    at: int
    level: str
    text: str


@frozen
class StopRun:
    """End the run in order. ``failed`` is true when it was not meant to: ``file`` and ``line`` say where."""

    at: int
    reason: str
    failed: bool = False
    file: str | None = None
    line: int | None = None


@frozen
class SignalJudged:
    """A strategy's signal and what became of it: approved, refused, exit, held or ignored."""

    id: int
    at: int
    symbol: str
    side: str
    confidence: float
    price: Decimal
    stop: Decimal | None
    target: Decimal | None
    reason: str
    verdict: str
    refusals: tuple[str, ...] = ()
    indicators: dict[str, float] = field(default_factory=dict)


@frozen
class OrderChanged:
    """An order's state after an event. Quantities in base units, prices in USDT."""

    at: int
    symbol: str
    order_id: str
    status: OrderStatus
    filled: Decimal
    average: Decimal | None
    qty: Decimal
    reason: str = ""
    venue_id: str = ""


@frozen
class FillBooked:
    """A fill and the position after it. ``realised`` is this fill's realised PnL before fees."""

    at: int
    fill: Fill
    position: Decimal
    entry: Decimal
    realised: Decimal


@frozen
class FundingBooked:
    """Funding received (positive) or paid (negative), USDT."""

    at: int
    symbol: str
    amount: Decimal
    rate: Decimal
    mark: Decimal
    qty: Decimal
    id: str = ""


@frozen
class CashBooked:
    """A cash line that is neither fill nor funding was booked, once (USDT, negative when paid)."""

    at: int
    id: str
    kind: str
    symbol: str
    amount: Decimal
    exchange_time: int


@frozen
class AccountCompared:
    """The account was read and compared with what the engine knows; no ``differences`` means all agrees.

    ``symbol`` is empty for the whole account; ``wallet`` is the venue's and ``ledger`` ours (USDT), None
    where only a symbol was read.
    """

    at: int
    symbol: str
    wallet: Decimal | None
    ledger: Decimal | None
    differences: tuple[str, ...] = ()


@frozen
class TradeClosed:
    """A round trip from flat to flat. ``pnl`` is net of ``fees``, funding included; all USDT.

    ``id`` is stable: a trade recomputed after a late fill is recorded again under the same id. ``mae`` (at most 0)
    and ``mfe`` (at least 0) are the worst and best open result before fees and funding, at the prices the monitor
    saw; ``decision_price`` is the touch, else the close, at the entry's decision, ``slippage`` the cost of all fills
    against decision price or trigger (negative: against us), ``stop`` and ``target`` those of the entry, ``risk``
    the loss planned at the stop. None where it is not known.
    """

    id: int
    at: int
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
    exit_reason: str
    signal: int = 0
    mae: Decimal | None = None
    mfe: Decimal | None = None
    decision_price: Decimal | None = None
    slippage: Decimal | None = None
    stop: Decimal | None = None
    target: Decimal | None = None
    risk: Decimal | None = None


@frozen
class TradeReopened:
    """A late fill has shown that a trade recorded as closed is still open: its row is void."""

    id: int
    at: int
    symbol: str


@frozen
class EquityPoint:
    """Equity, cash (wallet of cash flows) and drawdown from the peak at a moment; ``why`` says which.

    start and end of the run, gap (the first after a time the engine was off), transfer (right after it),
    trade, hour, day or low.

    A low is where a fall went deeper than all before it, in USDT or in percent of its peak.
    """

    at: int
    equity: Decimal
    cash: Decimal
    drawdown: Decimal
    why: str


@frozen
class GhostOpened:
    """A signal became a hypothetical trade of a fixed ``notional`` (USDT); nothing was sent anywhere.

    ``qty`` in base units is what the notional buys at the signal's price.
    """

    signal: int
    at: int
    symbol: str
    side: str
    notional: Decimal
    qty: Decimal


@frozen
class GhostClosed:
    """A hypothetical trade is over. ``pnl`` is net of ``fees``, funding included; all USDT.

    ``mfe`` (at least 0) and ``mae`` (at most 0) are the best and worst open result, before fees. One
    that was never filled has no ``entry_time`` and quantity 0; ``exit_reason`` says why.
    """

    signal: int
    at: int
    symbol: str
    exit_reason: str
    qty: Decimal = ZERO
    entry_time: int | None = None
    entry_price: Decimal | None = None
    exit_time: int | None = None
    exit_price: Decimal | None = None
    fees: Decimal = ZERO
    funding: Decimal = ZERO
    pnl: Decimal = ZERO
    mfe: Decimal = ZERO
    mae: Decimal = ZERO


@frozen
class Halted:
    """A halt reason was added; entries stop until it clears."""

    at: int
    reason: str
    detail: str
    epoch: int


@frozen
class Resumed:
    """A halt reason was cleared, by whom and why."""

    at: int
    reason: str
    who: str
    detail: str
    epoch: int


NOT_HALTED = "was not halted"
"""What a resume came to where there was nothing to clear."""


@frozen
class CommandDone:
    """A command was carried out or refused; ``result`` says which in words."""

    at: int
    id: int
    ok: bool
    result: str


Record: TypeAlias = (
    SignalJudged
    | OrderChanged
    | FillBooked
    | FundingBooked
    | CashBooked
    | AccountCompared
    | TradeClosed
    | TradeReopened
    | EquityPoint
    | GhostOpened
    | GhostClosed
    | Halted
    | Resumed
    | CommandDone
)

Effect: TypeAlias = (
    Place | Cancel | WakeAt | LookUp | ReadBack | Reconcile | Countdown | Notify | StopRun | Record
)

__all__ = [
    "AccountCompared",
    "Cancel",
    "CashBooked",
    "CommandDone",
    "Countdown",
    "Effect",
    "EquityPoint",
    "FillBooked",
    "FundingBooked",
    "GhostClosed",
    "GhostOpened",
    "Halted",
    "LookUp",
    "Notify",
    "OrderChanged",
    "Place",
    "ReadBack",
    "Reconcile",
    "Record",
    "Resumed",
    "SignalJudged",
    "StopRun",
    "TradeClosed",
    "TradeReopened",
    "WakeAt",
]
