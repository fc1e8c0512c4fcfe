"""Everything the engine can be told: a closed union, handled by one ``match``.

Every event has ``at``: the engine's clock in UTC milliseconds, given by the runner and never
decreasing, and an exchange time (for bars the same moment).
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import TypeAlias

from tradebot.core.model.swift import swift
from tradebot.core.model.values import Bar, Fill, MarkBar, OrderStatus, Quote


@dataclass(frozen=True, slots=True)
class RunStarted:
    """The first event of every start, a resumed one too. ``nonce`` is never used twice."""

    at: int
    run: str
    instance: str
    nonce: str
    config_hash: str
    resumed: bool = False


@dataclass(frozen=True, slots=True)
class FundingRate:
    """Funding becomes due (market event, to the exchange). ``mark`` is the price given with it."""

    at: int
    symbol: str
    rate: Decimal
    mark: Decimal | None = None


@dataclass(frozen=True, slots=True)
class FundingPaid:
    """The venue booked funding. ``amount`` in USDT, negative when paid by us."""

    at: int
    symbol: str
    amount: Decimal
    rate: Decimal
    mark: Decimal
    qty: Decimal
    exchange_time: int


@swift
@dataclass(frozen=True, slots=True)
class PriceSeen:
    """A price inside a bar that the monitor must see (the adverse extreme while a position is open)."""

    at: int
    symbol: str
    price: Decimal


@swift
@dataclass(frozen=True, slots=True)
class OrderUpdate:
    """The venue's word on an order. ``code`` is Binance's number where it refused, else 0.

    For EXPIRED after a cut of a reduce-only order ``qty`` is what is left of the order (working on);
    None means the quantity did not change.
    """

    at: int
    symbol: str
    order_id: str
    status: OrderStatus
    exchange_time: int
    code: int = 0
    reason: str = ""
    qty: Decimal | None = None


@swift
@dataclass(frozen=True, slots=True)
class Filled:
    """An execution reached us."""

    at: int
    fill: Fill


@dataclass(frozen=True, slots=True)
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


@swift
@dataclass(frozen=True, slots=True)
class WakeUp:
    """A timer the engine asked for (``WakeAt``) is due."""

    at: int
    key: str


@dataclass(frozen=True, slots=True)
class FeedStatus:
    """A feed went silent or came back. ``symbol`` empty means all of them."""

    at: int
    symbol: str
    live: bool
    detail: str = ""


@dataclass(frozen=True, slots=True)
class AccountSnapshot:
    """What the venue says the account holds (USDT)."""

    at: int
    wallet: Decimal
    equity: Decimal


MarketEvent: TypeAlias = Bar | MarkBar | Quote | FundingRate
"""What a feed yields. MarkBar and FundingRate go to the simulated exchange, not to the engine."""

Other: TypeAlias = (
    Filled
    | OrderUpdate
    | FundingPaid
    | RunStarted
    | Command
    | WakeUp
    | FeedStatus
    | AccountSnapshot
)
"""Every event that is no price."""

Event: TypeAlias = Bar | Quote | PriceSeen | Other
"""What ``Engine.process`` takes."""
