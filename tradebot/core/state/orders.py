"""The order state machine: what the bot believes of each order it sent.

::

    PENDING ──ack──> WORKING ──fill──> PARTIAL ──fill──> FILLED
       │                │                 │
       │                └──cancel sent──> CANCELLING ──ack──> CANCELLED
       ├──refused──> REJECTED             (expiry: EXPIRED from any live state)
       └──no answer──> UNKNOWN ──looked up──> any

Terminal states stay: a late acknowledgement changes nothing, a late fill is booked all the same
but does not bring the order back to life.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from tradebot.core.model.money import ZERO, quotient_at_8
from tradebot.core.model.values import (
    Fill,
    Order,
    OrderStatus,
    OrderType,
    Purpose,
    Side,
    TimeInForce,
)

_LIVE_STATES = frozenset(status for status in OrderStatus if not status.terminal)

TRANSITIONS: dict[OrderStatus, frozenset[OrderStatus]] = {
    OrderStatus.PENDING: frozenset(OrderStatus) - {OrderStatus.PENDING},
    OrderStatus.WORKING: frozenset(OrderStatus) - {OrderStatus.PENDING, OrderStatus.WORKING},
    OrderStatus.PARTIAL: frozenset(OrderStatus)
    - {OrderStatus.PENDING, OrderStatus.WORKING, OrderStatus.REJECTED},
    # A working or partial report that crosses our cancel on the wire must not undo the cancel.
    OrderStatus.CANCELLING: frozenset(
        {
            OrderStatus.UNKNOWN,
            OrderStatus.FILLED,
            OrderStatus.CANCELLED,
            OrderStatus.EXPIRED,
            OrderStatus.REJECTED,
        }
    ),
    OrderStatus.UNKNOWN: frozenset(OrderStatus) - {OrderStatus.PENDING},
    OrderStatus.FILLED: frozenset(),
    OrderStatus.CANCELLED: frozenset(),
    OrderStatus.EXPIRED: frozenset(),
    OrderStatus.REJECTED: frozenset(),
}


@dataclass(slots=True)
class TrackedOrder:
    """An order with what has happened to it.

    ``qty`` is the quantity still meant (a cut reduce-only order shrinks), ``filled`` what has been
    executed of it, both in base units; ``cost`` is the sum of price x quantity of its fills in USDT.
    """

    order: Order
    status: OrderStatus
    qty: Decimal
    filled: Decimal
    cost: Decimal
    signal: int = 0

    @classmethod
    def sent(cls, order: Order, signal: int) -> TrackedOrder:
        """Return the order as it is right after it was handed to the broker."""
        return cls(order, OrderStatus.PENDING, order.qty, ZERO, ZERO, signal)

    @property
    def live(self) -> bool:
        """Whether the order may still trade; UNKNOWN counts as live."""
        return self.status in _LIVE_STATES

    @property
    def left(self) -> Decimal:
        """Quantity that may still fill, base units."""
        return self.qty - self.filled if self.live else ZERO

    @property
    def average(self) -> Decimal | None:
        """Average fill price at 8 decimals, USDT; None before the first fill."""
        if not self.filled:
            return None
        return quotient_at_8(self.cost, self.filled, "ROUND_HALF_EVEN")

    def move(self, status: OrderStatus, left: Decimal | None = None) -> bool:
        """Take the venue's word on the state; return whether anything changed.

        ``left`` is the quantity that stays working after a cut. An EXPIRED that leaves something
        working is a cut, not an end.
        """
        if self.status.terminal:
            return False
        if left is not None:
            self.qty = self.filled + left
            if status is OrderStatus.EXPIRED and left:
                return True
        if status not in TRANSITIONS[self.status]:
            return left is not None
        self.status = status
        return True

    def fill(self, fill: Fill) -> None:
        """Add an execution."""
        self.filled += fill.qty
        self.cost += fill.qty * fill.price
        if self.status.terminal:
            return
        if self.filled >= self.qty:
            self.status = OrderStatus.FILLED
        elif self.status is not OrderStatus.CANCELLING:
            self.status = OrderStatus.PARTIAL

    def export_state(self) -> dict[str, Any]:
        """Return the order as JSON values."""
        o = self.order
        return {
            "order": [
                o.id,
                o.symbol,
                o.side.value,
                o.type.value,
                str(o.qty),
                None if o.price is None else str(o.price),
                None if o.trigger is None else str(o.trigger),
                o.tif.value,
                o.reduce_only,
                o.purpose.value,
            ],
            "status": self.status.value,
            "qty": str(self.qty),
            "filled": str(self.filled),
            "cost": str(self.cost),
            "signal": self.signal,
        }

    @classmethod
    def restored(cls, state: dict[str, Any]) -> TrackedOrder:
        """Build the order from ``export_state``."""
        id_, symbol, side, kind, qty, price, trigger, tif, reduce_only, purpose = state["order"]
        order = Order(
            id=id_,
            symbol=symbol,
            side=Side(side),
            type=OrderType(kind),
            qty=Decimal(qty),
            price=None if price is None else Decimal(price),
            trigger=None if trigger is None else Decimal(trigger),
            tif=TimeInForce(tif),
            reduce_only=reduce_only,
            purpose=Purpose(purpose),
        )
        return cls(
            order,
            OrderStatus(state["status"]),
            Decimal(state["qty"]),
            Decimal(state["filled"]),
            Decimal(state["cost"]),
            state["signal"],
        )
