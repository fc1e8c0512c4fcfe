"""Everything the engine can be told: a closed union, handled by one ``match``.

Every event has ``at``: the engine's clock in UTC milliseconds, given by the runner and never
decreasing, and an exchange time (for bars the same moment).
"""

from __future__ import annotations

from dataclasses import field
from decimal import Decimal
from typing import TypeAlias

from tradebot.core.model.account import OrderRead, PositionRead, SymbolConfig
from tradebot.core.model.frozen import frozen
from tradebot.core.model.values import (
    MINUTE_MS,
    Bar,
    Fees,
    Fill,
    Instrument,
    MarkBar,
    OrderStatus,
    Quote,
)


@frozen
class RunStarted:
    """The first event of every start, a resumed one too. ``nonce`` is never used twice.

    ``doubt`` says what is wrong with the journal of a run whose broker is outside: then no entry is made. Where
    it is not resumed either, nobody knows what was: the account is taken over as the venue has it. ``nonces`` are
    those of the journal's newest starts where the broker is outside: an order of our name under another one is a
    copy's. ``protect`` says why this start may only protect what is open.
    """

    at: int
    run: str
    instance: str
    nonce: str
    config_hash: str
    resumed: bool = False
    doubt: str = ""
    nonces: tuple[str, ...] = ()
    protect: str = ""


@frozen
class FundingRate:
    """Funding becomes due (market event, to the exchange). ``mark`` is the price given with it.

    ``due`` is when it was due (UTC ms), where it is told later; 0: at ``at``.
    """

    at: int
    symbol: str
    rate: Decimal
    mark: Decimal | None = None
    due: int = 0

    @property
    def minute(self) -> int:
        """The minute it was due at: recorded rows carry stray milliseconds."""
        due = self.due or self.at
        return due - due % MINUTE_MS


@frozen
class FundingPaid:
    """The venue booked funding. ``amount`` in USDT, negative when paid by us.

    ``id`` is the venue's number of the cash line; without one the symbol and ``exchange_time`` name it.
    """

    at: int
    symbol: str
    amount: Decimal
    rate: Decimal
    mark: Decimal
    qty: Decimal
    exchange_time: int
    id: str = ""


@frozen
class CashMoved:
    """A line of the venue's cash ledger that is neither a fill nor funding; ``amount`` in USDT, negative when paid.

    ``kind`` is commission, rebate, transfer, insurance or the venue's own word for it; ``id`` is unique
    for all times. ``trade_id`` is the trade a commission belongs to, 0 for none: that of a fill we were
    told of is in the fill already. ``symbol`` is empty for a line of the whole account.
    """

    at: int
    id: str
    kind: str
    symbol: str
    amount: Decimal
    exchange_time: int
    trade_id: int = 0


@frozen
class CashAnnounced:
    """A balance changed by ``amount`` (USDT) for ``reason``, the stream says; its cash line has yet to be read.

    It books nothing: a loss counts for the limits until its line is booked. ``symbol`` "" where none is told.
    """

    at: int
    reason: str
    amount: Decimal
    exchange_time: int
    symbol: str = ""


@frozen
class PriceSeen:
    """A price inside a bar that the monitor must see (the adverse extreme while a position is open)."""

    at: int
    symbol: str
    price: Decimal


NOT_LEFT = 1
"""The code of an order that has not left: no byte of it has reached the venue."""

UNREAD = frozenset({NOT_LEFT, 403, 503, -1003, -1008, -1015, -1021})
"""Codes with which nobody has looked at an order: not sent, overload, limits, time. The same may be sent again."""


@frozen
class OrderUpdate:
    """The venue's word on an order. ``code`` is Binance's number where it refused, else 0; of an answer
    without one the HTTP status; ``NOT_LEFT`` where the order has not left.

    For EXPIRED after a cut of a reduce-only order ``qty`` is what is left of the order (working on);
    None means the quantity did not change. ``filled`` is what has been executed of the order in all (base
    units), None where the venue did not say; fills tell the same and may come later. ``venue_id`` is the
    venue's own number of the order, ``child_id`` that of the order a triggered stop or target has become.
    """

    at: int
    symbol: str
    order_id: str
    status: OrderStatus
    exchange_time: int
    code: int = 0
    reason: str = ""
    qty: Decimal | None = None
    filled: Decimal | None = None
    venue_id: str = ""
    child_id: str = ""


@frozen
class OrderSeen:
    """The answer to a ``LookUp``: the order as the venue has it, or ``status`` None: it knows of none.

    ``order_id`` is the client's id (that of the stop or target for the order it became), empty when even
    that is not known; ``asked`` is when the question left (UTC ms): an order sent later than
    recvWindow + clock error before it may not have arrived yet. The rest as in ``OrderUpdate``.
    """

    at: int
    symbol: str
    order_id: str
    status: OrderStatus | None
    exchange_time: int
    asked: int
    filled: Decimal | None = None
    reason: str = ""
    venue_id: str = ""
    child_id: str = ""


@frozen
class Filled:
    """An execution reached us."""

    at: int
    fill: Fill


@frozen
class Command:
    """A person's wish: ``halt``, ``resume``, ``close-all`` or ``stop``, with who and why.

    ``review`` is the written review that resuming after a week's loss needs.
    """

    at: int
    id: int
    name: str
    who: str
    reason: str
    review: str = ""


@frozen
class WakeUp:
    """A timer the engine asked for (``WakeAt``) is due."""

    at: int
    key: str


@frozen
class FeedStatus:
    """A feed went silent or came back. ``symbol`` empty means all of them."""

    at: int
    symbol: str
    live: bool
    detail: str = ""


@frozen
class AccountSnapshot:
    """What the venue says the account holds (USDT)."""

    at: int
    wallet: Decimal
    equity: Decimal


@frozen
class AccountRead:
    """The account as it was read between ``asked`` and ``at``: the answer to ``Reconcile`` and ``ReadBack``.

    ``symbol`` says of which one it tells, empty for all. Orders are the open ones; ``algo_orders`` the stops
    and targets that have not triggered. ``wallet`` and ``balances`` (by asset) are not told for one symbol.
    """

    at: int
    symbol: str
    exchange_time: int
    asked: int
    positions: tuple[PositionRead, ...] = ()
    orders: tuple[OrderRead, ...] = ()
    algo_orders: tuple[OrderRead, ...] = ()
    wallet: Decimal | None = None
    balances: dict[str, Decimal] = field(default_factory=dict)


@frozen
class AccountConfigRead:
    """How the account is set: position mode, multi-assets mode, and each symbol's leverage and margin.

    ``fee_burn`` says that fees are paid in BNB; None where the venue cannot be asked.
    """

    at: int
    exchange_time: int
    hedged: bool
    multi_assets: bool
    symbols: tuple[SymbolConfig, ...] = ()
    detail: str = ""
    fee_burn: bool | None = False


@frozen
class RulesRead:
    """The trading rules as the venue has them now. ``idle`` are symbols that do not trade, with the venue's word.

    ``fees`` are the account's rates, the largest of its symbols; None where they were not read this time.
    """

    at: int
    exchange_time: int
    instruments: tuple[Instrument, ...]
    idle: tuple[tuple[str, str], ...] = ()
    fees: Fees | None = None


@frozen
class Baseline:
    """What the equity was at the start of the day and the week (USDT), worked out from the venue's records.

    ``day_start`` and ``week_start`` in UTC ms; an equity is None where it could not be worked out.
    """

    at: int
    day_start: int
    day: Decimal | None
    week_start: int
    week: Decimal | None
    detail: str = ""


@frozen
class ClockChecked:
    """The venue's clock was compared: it is ``offset_ms`` ahead of ours, give or take ``error_ms``."""

    at: int
    offset_ms: int
    error_ms: int


@frozen
class JournalFailed:
    """A commit failed: what was decided since is not on record."""

    at: int
    detail: str


@frozen
class JournalBack:
    """The journal takes commits again; everything that waited is on record."""

    at: int


@frozen
class Reconnected:
    """A private stream is back after a gap: what it would have told meanwhile was missed."""

    at: int
    detail: str = ""


@frozen
class VenueNote:
    """Something about the venue that is no order's and no money's: ``what`` in a word or two, with ``detail``.

    ``halt`` is the reason to halt entries with, where it means that: something nobody here understands, a ban.
    """

    at: int
    what: str
    detail: str
    halt: str = ""


@frozen
class EntriesBarred:
    """Why no entry may be made, as whoever watches from outside has it now; none: nothing there bars any.

    It holds until the next one, over restarts too. Each reason is ``who: what``, in words.
    """

    at: int
    reasons: tuple[str, ...] = ()


@frozen
class StageLowered:
    """Live went down to ``stage`` inside a run: what a symbol's position may be worth (USDT) and how many may be open is less
    from now on, until the next start, which is told its own stage.
    """

    at: int
    stage: int
    position_value: Decimal
    max_positions: int
    why: str


@frozen
class SignedAnew:
    """A new sign-off is complete: the approved loss counts from ``worth`` (USDT), and from what was brought in besides.

    ``signoff`` names it, ``who`` has signed last.
    """

    at: int
    signoff: str
    worth: Decimal
    who: str


MarketEvent: TypeAlias = Bar | MarkBar | Quote | FundingRate
"""What a feed yields. MarkBar and FundingRate go to the simulated exchange, not to the engine."""

Other: TypeAlias = (
    Filled
    | OrderUpdate
    | OrderSeen
    | FundingPaid
    | CashMoved
    | CashAnnounced
    | RunStarted
    | Command
    | WakeUp
    | FeedStatus
    | AccountSnapshot
    | AccountRead
    | AccountConfigRead
    | RulesRead
    | Baseline
    | ClockChecked
    | JournalFailed
    | JournalBack
    | Reconnected
    | VenueNote
    | EntriesBarred
    | StageLowered
    | SignedAnew
)
"""Every event that is no price."""

Event: TypeAlias = Bar | Quote | PriceSeen | Other
"""What ``Engine.process`` takes."""


def is_acknowledgement(event: Event) -> bool:
    """Whether the event only says that an order works: it moves no price, no money and no quantity."""
    return (
        type(event) is OrderUpdate
        and event.status is OrderStatus.WORKING
        and event.qty is None
        and event.filled is None
    )
