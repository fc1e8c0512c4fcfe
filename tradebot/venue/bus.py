"""The venue's inner events: what happened, told once, in order, to whoever listens.

The account side publishes snapshots (a later change does not alter an event), the market side the
ticks themselves. Streams turn them into frames; the ledger and the command's lines hear them too.
All times are venue times in UTC milliseconds.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, TypeAlias

from tradebot.core.model.events import FundingRate
from tradebot.core.model.values import Quote

if TYPE_CHECKING:
    from tradebot.venue.algo import AlgoOrder
    from tradebot.venue.holdings import VenueHolding
    from tradebot.venue.orders import VenueOrder, VenueTrade


@dataclass(frozen=True, slots=True)
class Trade:
    """A public trade. ``maker_buys``: the buyer was the maker, so a seller took (Binance's ``m``).

    ``at`` is the exchange's time of the trade; it may reach listeners a little later.
    """

    symbol: str
    at: int
    id: int
    price: str
    qty: str
    maker_buys: bool


@dataclass(frozen=True, slots=True)
class Depth:
    """A change of the book: prices with their new sizes, ``first`` to ``last`` update ids.

    A ``snapshot`` is the whole book instead.
    """

    symbol: str
    at: int
    first: int
    last: int
    previous: int
    bids: tuple[tuple[str, str], ...]
    asks: tuple[tuple[str, str], ...]
    snapshot: bool = False


Tick: TypeAlias = Quote | Trade | Depth | FundingRate
"""What a price feed yields, in order of time."""


@dataclass(frozen=True, slots=True)
class OrderNews:
    """``what``: NEW, TRADE, CANCELED, EXPIRED, CALCULATED, AMENDMENT. ``order`` is a snapshot."""

    at: int
    what: str
    order: VenueOrder
    trade: VenueTrade | None = None


@dataclass(frozen=True, slots=True)
class BalanceChange:
    """One asset after a change: wallet, cross wallet, and the change that is neither PnL nor fee."""

    asset: str
    wallet: Decimal
    cross: Decimal
    change: Decimal


@dataclass(frozen=True, slots=True)
class AccountChanged:
    """Wallets and positions after a change; ``reason`` is Binance's ``m``, only changed rows are here."""

    at: int
    reason: str
    balances: tuple[BalanceChange, ...]
    holdings: tuple[VenueHolding, ...]
    symbol: str = ""


@dataclass(frozen=True, slots=True)
class AlgoChanged:
    """An algo order's new state; ``algo`` is a snapshot."""

    at: int
    algo: AlgoOrder


@dataclass(frozen=True, slots=True)
class ConfigChanged:
    """Leverage of a symbol, or (``symbol`` empty) the multi-assets mode, was changed."""

    at: int
    symbol: str = ""
    leverage: int = 0
    multi_assets: bool = False


@dataclass(frozen=True, slots=True)
class MarginCalled:
    """Positions whose margin ratio is too high; ``cross`` is the cross wallet (USDT)."""

    at: int
    cross: Decimal
    holdings: tuple[VenueHolding, ...]


@dataclass(frozen=True, slots=True)
class ListenKeyExpired:
    """A user stream's key has died."""

    at: int
    key: str


@dataclass(frozen=True, slots=True)
class Liquidated:
    """A forced order of ours, as the public ``forceOrder`` stream shows it."""

    at: int
    order: VenueOrder


UserEvent: TypeAlias = (
    OrderNews | AccountChanged | AlgoChanged | ConfigChanged | MarginCalled | ListenKeyExpired
)
Happening: TypeAlias = UserEvent | Tick | Liquidated
Listener: TypeAlias = Callable[[Happening], None]


class Bus:
    """Hands every event to every listener, by order of subscription, before ``publish`` returns.

    What a listener publishes meanwhile waits until everybody has heard what it answers to: effect never
    comes before cause (the end of an algo order before the fill that ended it).
    """

    def __init__(self) -> None:
        self._listeners: list[Listener] = []
        self._waiting: deque[Happening] = deque()
        self._busy = False

    def subscribe(self, listener: Listener) -> Callable[[], None]:
        """Add a listener; the returned call takes it away again."""
        self._listeners.append(listener)
        return lambda: self._listeners.remove(listener)

    def publish(self, event: Happening) -> None:
        """Tell everybody."""
        self._waiting.append(event)
        if self._busy:
            return
        self._busy = True
        try:
            while self._waiting:
                following = self._waiting.popleft()
                for listener in tuple(self._listeners):
                    listener(following)
        finally:
            self._busy = False
