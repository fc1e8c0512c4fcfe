"""What the exchange remembers: every order it took and every fill, finished ones too."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import ROUND_HALF_EVEN, Decimal

from tradebot.core.model.money import ZERO, quotient_at_8
from tradebot.core.model.values import Fill, Order, OrderStatus, OrderType


@dataclass(slots=True)
class OrderRecord:
    """The life of one order as the exchange knows it.

    ``number`` is the exchange's own (it grows with every order taken); ``at`` when it was taken and
    ``updated`` when it last changed (UTC ms); ``filled`` in base units, ``cost`` the sum of quantity x
    price and ``fees`` in USDT; ``left`` what may still fill; ``reason`` why it ended, in words.
    """

    order: Order
    number: int
    at: int
    updated: int
    left: Decimal
    status: OrderStatus = OrderStatus.WORKING
    filled: Decimal = ZERO
    cost: Decimal = ZERO
    fees: Decimal = ZERO
    reason: str = ""

    @property
    def average(self) -> Decimal:
        """Average fill price, USDT, 8 decimals half-even; 0 before the first fill."""
        return quotient_at_8(self.cost, self.filled, ROUND_HALF_EVEN) if self.filled else ZERO


class History:
    """Orders by symbol in order of acceptance, the newest by id, and all fills in order."""

    __slots__ = ("_by_id", "fills", "orders")

    def __init__(self) -> None:
        self.orders: dict[str, list[OrderRecord]] = {}
        self.fills: list[Fill] = []
        self._by_id: dict[tuple[str, str], OrderRecord] = {}

    def find(self, symbol: str, order_id: str) -> OrderRecord | None:
        """The newest order of that id, working or finished."""
        return self._by_id.get((symbol, order_id))

    def numbered(self, symbol: str, number: int) -> OrderRecord | None:
        """The order with the exchange's number, working or finished."""
        found = (record for record in self.orders.get(symbol, ()) if record.number == number)
        return next(found, None)

    def of(self, symbol: str) -> Sequence[OrderRecord]:
        """All orders of a symbol in order of acceptance."""
        return self.orders.get(symbol, ())

    def add(self, record: OrderRecord) -> None:
        """Remember an order that was taken."""
        symbol, order_id = record.order.symbol, record.order.id
        self.orders.setdefault(symbol, []).append(record)
        self._by_id[symbol, order_id] = record

    def take(self, fill: Fill, at: int, number: int) -> None:
        """Remember a fill, and what it did to its order; ``number`` is for an order of the exchange's."""
        self.fills.append(fill)
        record = self.find(fill.symbol, fill.order_id)
        if record is None:
            order = Order(
                fill.order_id,
                fill.symbol,
                fill.side,
                OrderType.MARKET,
                fill.qty,
                reduce_only=True,
            )
            record = OrderRecord(order, number, at, at, fill.qty)
            self.add(record)
        record.updated = at
        record.filled += fill.qty
        record.cost += fill.qty * fill.price
        record.fees += fill.fee
        record.left = max(ZERO, record.left - fill.qty)
        if not record.status.terminal:
            record.status = OrderStatus.PARTIAL if record.left else OrderStatus.FILLED

    def end(
        self, symbol: str, order_id: str, status: OrderStatus, at: int, reason: str, left: Decimal
    ) -> None:
        """Remember that an order was cancelled, expired, or (``left`` above 0) was cut to ``left``."""
        record = self._by_id[symbol, order_id]
        record.updated = at
        record.reason = reason
        record.left = left
        if not left:
            record.status = status
