"""Algo (conditional) orders: placed, triggered, forwarded as a regular child order, finished.

NEW, then TRIGGERING while it is forwarded, TRIGGERED once its child exists, FINISHED when the child has
ended, filled or not; or CANCELED, REJECTED, EXPIRED without one. Sources: Binance's algo service as
recorded on 2025-12-11 (TRIGGERING to TRIGGERED took 11 ms) and its documentation.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from decimal import Decimal

from tradebot.core.model.money import ZERO
from tradebot.core.model.values import DAY_MS, MINUTE_MS
from tradebot.venue.listings import Listing
from tradebot.venue.orders import FIRST_ALGO

OPEN = frozenset({"NEW", "TRIGGERING", "TRIGGERED"})
MAX_OPEN = 200
SERVED_AFTER_END_MS = 5 * MINUTE_MS
"""How long ``algoOrder`` still serves an ended one; ``allAlgoOrders`` keeps it."""
KEPT_MS = 90 * DAY_MS

CONDITIONAL_TYPES = (
    "STOP",
    "STOP_MARKET",
    "TAKE_PROFIT",
    "TAKE_PROFIT_MARKET",
    "TRAILING_STOP_MARKET",
)


@dataclass(slots=True)
class AlgoOrder:
    """One algo order. ``qty`` is 0 with ``close_position``; prices in USDT, times UTC ms.

    ``child_id`` is the regular order's id, 0 before the trigger; ``filled`` and ``average`` are the child's.
    ``hidden``: look-ups and lists say that it does not exist (faults).
    ``extreme`` follows a trailing stop's market. ``share`` of its child fills (None: as the market has it);
    one that is ``doomed`` is rejected when it triggers (faults).
    """

    id: int
    client_id: str
    listing: Listing
    side: str
    type: str
    qty: Decimal
    created: int
    trigger: Decimal = ZERO
    price: Decimal = ZERO
    tif: str = "GTC"
    reduce_only: bool = False
    close_position: bool = False
    position_side: str = "BOTH"
    working_type: str = "CONTRACT_PRICE"
    price_protect: bool = False
    price_match: str = "NONE"
    stp: str = "EXPIRE_MAKER"
    good_till: int = 0
    callback: Decimal = ZERO
    activate: Decimal = ZERO
    status: str = "NEW"
    updated: int = 0
    triggered_at: int = 0
    child_id: int = 0
    child_type: str = ""
    filled: Decimal = ZERO
    average: Decimal = ZERO
    reason: str = ""
    hidden: bool = False
    extreme: Decimal = ZERO
    share: Decimal | None = None
    doomed: bool = False

    @property
    def open(self) -> bool:
        """Whether it can still do something."""
        return self.status in OPEN

    @property
    def waiting(self) -> bool:
        """Whether it waits for its trigger."""
        return self.status == "NEW"

    @property
    def market(self) -> bool:
        """Whether its child is a market order."""
        return self.type in ("STOP_MARKET", "TAKE_PROFIT_MARKET", "TRAILING_STOP_MARKET")

    @property
    def rises(self) -> bool:
        """Whether a rising price meets the trigger: buy stops and sell takes."""
        return (self.side == "BUY") == (not self.type.startswith("TAKE_PROFIT"))

    def reached(self, price: Decimal) -> bool:
        """Whether a price is at or past the trigger."""
        if self.type == "TRAILING_STOP_MARKET":
            return False
        return price >= self.trigger if self.rises else price <= self.trigger

    def trail(self, price: Decimal) -> bool:
        """Follow the market with a trailing stop; True once it has turned by the callback rate (%)."""
        if self.activate and not self.extreme and (price > self.activate) == (self.side == "BUY"):
            return False
        if not self.extreme:
            self.extreme = price
        sells = self.side == "SELL"
        self.extreme = max(self.extreme, price) if sells else min(self.extreme, price)
        distance = self.extreme * self.callback / 100
        return price <= self.extreme - distance if sells else price >= self.extreme + distance

    def snapshot(self) -> AlgoOrder:
        """Return the order as it is now."""
        return replace(self)


@dataclass(slots=True)
class AlgoRecords:
    """All algo orders, oldest first."""

    by_id: dict[int, AlgoOrder] = field(default_factory=dict)
    by_child: dict[int, AlgoOrder] = field(default_factory=dict)
    last_id: int = FIRST_ALGO
    _by_client: dict[str, AlgoOrder] = field(default_factory=dict)
    _open: dict[int, AlgoOrder] = field(default_factory=dict)

    def next_id(self) -> int:
        """Return a new algo id."""
        self.last_id += 1
        return self.last_id

    def add(self, algo: AlgoOrder) -> None:
        """Record an order."""
        self.by_id[algo.id] = algo
        self._by_client[algo.client_id] = algo
        self._open[algo.id] = algo

    def settle(self, algo: AlgoOrder) -> None:
        """Take one that has ended out of the open ones."""
        if not algo.open:
            self._open.pop(algo.id, None)

    def open(self, name: str | None = None) -> list[AlgoOrder]:
        """Return those that can still do something, of one symbol or of all."""
        return [a for a in self._open.values() if name is None or a.listing.name == name]

    def is_taken(self, client_id: str) -> bool:
        """Whether an open algo order has the client id."""
        algo = self._by_client.get(client_id)
        return algo is not None and algo.open

    def find(self, algo_id: int | None, client_id: str | None) -> AlgoOrder | None:
        """Return the order of an id, or the newest of a client id."""
        if algo_id is not None:
            return self.by_id.get(algo_id)
        return self._by_client.get(client_id or "")

    def served(self, algo_id: int | None, client_id: str | None, now: int) -> AlgoOrder | None:
        """As ``find``, but as ``algoOrder`` serves it: not hidden, not long ended."""
        algo = self.find(algo_id, client_id)
        if algo is None or algo.hidden:
            return None
        if not algo.open and now - algo.updated > SERVED_AFTER_END_MS:
            return None
        return algo
