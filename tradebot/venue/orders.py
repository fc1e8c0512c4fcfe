"""Regular orders and trades as the venue records them, and how long it remembers them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from decimal import ROUND_HALF_EVEN, Decimal
from operator import attrgetter

from tradebot.core.model.money import ZERO, quotient_at_8
from tradebot.core.model.values import DAY_MS
from tradebot.venue.listings import Listing

FIRST_ORDER = 8_389_765_739_703_000_000
"""Order ids are beyond 2^53 on purpose, as ETHUSDT's are: a client that reads floats is found out."""
FIRST_USER_TRADE = 4_467_432_000
FIRST_ALGO = 1_000_000_033_225_000

OPEN = frozenset({"NEW", "PARTIALLY_FILLED"})
UNFILLED_KEPT_MS = 3 * DAY_MS
KEPT_MS = 90 * DAY_MS


@dataclass(slots=True)
class VenueOrder:
    """One regular order. ``side``, ``type``, ``tif``, ``status``: Binance's words; money in USDT.

    ``cost`` is the sum of quantity x price of its fills. ``key`` is its id at the simulated exchange,
    ``algo_id`` the algo order it is the child of (0: none). ``foreign``: put there by script.
    """

    id: int
    client_id: str
    listing: Listing
    side: str
    type: str
    qty: Decimal
    time: int
    price: Decimal = ZERO
    tif: str = "GTC"
    reduce_only: bool = False
    close_position: bool = False
    position_side: str = "BOTH"
    status: str = "NEW"
    executed: Decimal = ZERO
    cost: Decimal = ZERO
    updated: int = 0
    key: str = ""
    algo_id: int = 0
    orig_type: str = ""
    stop_price: Decimal = ZERO
    working_type: str = "CONTRACT_PRICE"
    price_protect: bool = False
    price_match: str = "NONE"
    stp: str = "EXPIRE_MAKER"
    good_till: int = 0
    amended: int = 0
    foreign: bool = False
    reason: str = ""

    @property
    def open(self) -> bool:
        """Whether it works."""
        return self.status in OPEN

    @property
    def left(self) -> Decimal:
        """What has not been filled, base units."""
        return self.qty - self.executed

    @property
    def average(self) -> Decimal:
        """Average fill price, 0 before the first fill."""
        return quotient_at_8(self.cost, self.executed, ROUND_HALF_EVEN) if self.executed else ZERO

    def snapshot(self) -> VenueOrder:
        """Return the order as it is now."""
        return VenueOrder(*_FIELDS(self))


_FIELDS = attrgetter(*VenueOrder.__slots__)
"""All of an order at once: ``replace`` takes five times as long, and every event has a snapshot."""


@dataclass(frozen=True, slots=True)
class VenueTrade:
    """One execution of ours. ``realised`` and ``fee`` in USDT (``fee`` in ``fee_asset``), fee positive when paid."""

    id: int
    order_id: int
    listing: Listing
    side: str
    price: Decimal
    qty: Decimal
    realised: Decimal
    fee: Decimal
    time: int
    maker: bool
    position_side: str = "BOTH"
    fee_asset: str = "USDT"


@dataclass(slots=True)
class OrderRecords:
    """All orders and trades by symbol, oldest first."""

    by_id: dict[int, VenueOrder] = field(default_factory=dict)
    trades: list[VenueTrade] = field(default_factory=list)
    last_id: int = FIRST_ORDER
    _by_client: dict[tuple[str, str], VenueOrder] = field(default_factory=dict)
    _open: dict[int, VenueOrder] = field(default_factory=dict)

    def next_id(self) -> int:
        """Return a new order id."""
        self.last_id += 1
        return self.last_id

    def add(self, order: VenueOrder) -> None:
        """Record an order; a look-up by its client id finds it from now on."""
        self.by_id[order.id] = order
        self._by_client[order.listing.name, order.client_id] = order
        if order.open:
            self._open[order.id] = order

    def settle(self, order: VenueOrder) -> None:
        """Take an order that works no more out of the open ones, or put it back."""
        if order.open:
            self._open[order.id] = order
        else:
            self._open.pop(order.id, None)

    def forget(self, order: VenueOrder) -> None:
        """Remove an order that was refused after all."""
        self.by_id.pop(order.id, None)
        self._open.pop(order.id, None)
        if self._by_client.get((order.listing.name, order.client_id)) is order:
            del self._by_client[order.listing.name, order.client_id]

    def open(self, name: str | None = None) -> list[VenueOrder]:
        """Return working orders, of one symbol (``BTCUSDT``) or of all."""
        return [o for o in self._open.values() if name is None or o.listing.name == name]

    def find(
        self, name: str, order_id: int | None, client_id: str | None, now: int
    ) -> VenueOrder | None:
        """Return the order of an id, or the newest of a client id; None when forgotten or unknown."""
        if order_id is not None:
            order = self.by_id.get(order_id)
        else:
            order = self._by_client.get((name, client_id or ""))
        if order is None or order.listing.name != name or is_forgotten(order, now):
            return None
        return order

    def is_taken(self, name: str, client_id: str) -> bool:
        """Whether an open order of a symbol has the client id."""
        order = self._by_client.get((name, client_id))
        return order is not None and order.open

    def remembered(self, name: str, now: int) -> Iterator[VenueOrder]:
        """Yield a symbol's orders that are still shown, oldest first."""
        for order in self.by_id.values():
            if order.listing.name == name and not is_forgotten(order, now):
                yield order


def is_forgotten(order: VenueOrder, now: int) -> bool:
    """Whether the venue shows an order no more: unfilled ended ones go after 3 days, all after 90."""
    if order.open:
        return False
    age = now - order.updated
    return age > KEPT_MS or (not order.executed and age > UNFILLED_KEPT_MS)


def sum_left(orders: Iterable[VenueOrder]) -> Decimal:
    """Return what is left of orders together, base units."""
    return sum((order.left for order in orders), ZERO)
