"""The order state machine: what the bot believes of each order it sent.

::

    PENDING ──ack──> WORKING ──fill──> PARTIAL ──fill──> FILLED
       │                │                 │
       │                └──cancel sent──> CANCELLING ──ack──> CANCELLED
       ├──refused──> REJECTED             (expiry: EXPIRED from any live state)
       └──no answer──> UNKNOWN ──looked up──> any

An end that tells of more executions than were booked is only heard, not believed: the order lives on
(``ended`` holds the word) until its fills are there. Terminal states stay: a late acknowledgement changes
nothing, a late fill is booked all the same.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any

from tradebot.core.model.account import OrderRead
from tradebot.core.model.events import OrderUpdate
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

CLOSED = "position closed"
"""Why a stop or a target ends when there is nothing left for it to close."""

_LIVE_STATES = frozenset(status for status in OrderStatus if not status.terminal)

TRANSITIONS: dict[OrderStatus, frozenset[OrderStatus]] = {
    OrderStatus.PENDING: frozenset(OrderStatus) - {OrderStatus.PENDING},
    OrderStatus.WORKING: frozenset(OrderStatus) - {OrderStatus.PENDING, OrderStatus.WORKING},
    OrderStatus.PARTIAL: frozenset(OrderStatus)
    - {OrderStatus.PENDING, OrderStatus.WORKING, OrderStatus.PARTIAL, OrderStatus.REJECTED},
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
    OrderStatus.UNKNOWN: frozenset(OrderStatus) - {OrderStatus.PENDING, OrderStatus.UNKNOWN},
    OrderStatus.FILLED: frozenset(),
    OrderStatus.CANCELLED: frozenset(),
    OrderStatus.EXPIRED: frozenset(),
    OrderStatus.REJECTED: frozenset(),
}


@dataclass(slots=True)
class TrackedOrder:
    """An order with what has happened to it.

    ``qty`` is the quantity still meant (a cut reduce-only order shrinks), ``filled`` what has been booked of
    it and ``told`` what the venue has said was executed, all in base units; ``cost`` is the sum of price x
    quantity of its fills in USDT. ``why`` is what an exit is for, ``stop`` and ``target`` what an entry's
    position gets (USDT). ``decision`` is the touch, else the close, at which an entry or an exit was decided (USDT,
    None: not known), ``unit_risk`` what a base unit of an entry is to lose at its stop (USDT). ``ended`` is an end that was told and cannot be believed yet: fills are missing, or
    (``unclear``) it was not said how many. ``cancel`` is why its end is wanted, "" if it is not.
    ``adopted`` says that it was read from the venue and is on no record: when it was sent nobody knows.

    Times in UTC ms: ``sent_at``; ``heard_at`` of the venue's last word; ``asked_at`` of the last look-up and
    ``cancelled_at`` of the last cancel that was sent (0: none); ``short_at`` since when executions are missing
    (0: none are); ``missed_at`` of the first look-up in a row that did not find it (0: found); ``kept_until``: when
    the finished order may be forgotten (0: not before its trade is closed); ``leaving_at`` since when its end is
    wanted (0: it is not).
    """

    order: Order
    status: OrderStatus
    qty: Decimal
    filled: Decimal
    cost: Decimal
    signal: int = 0
    sent_at: int = 0
    why: str = ""
    stop: Decimal | None = None
    target: Decimal | None = None
    told: Decimal = ZERO
    ended: OrderStatus | None = None
    unclear: bool = False
    cancel: str = ""
    venue_id: str = ""
    child_id: str = ""
    heard_at: int = 0
    asked_at: int = 0
    cancelled_at: int = 0
    short_at: int = 0
    missed_at: int = 0
    kept_until: int = 0
    leaving_at: int = 0
    decision: Decimal | None = None
    unit_risk: Decimal | None = None
    adopted: bool = False

    @classmethod
    def sent(cls, order: Order, signal: int, at: int = 0, why: str = "") -> TrackedOrder:
        """Return the order as it is right after it was handed to the broker."""
        return cls(order, OrderStatus.PENDING, order.qty, ZERO, ZERO, signal, at, why)

    @property
    def live(self) -> bool:
        """Whether the order may still trade, or its trades are not all known; UNKNOWN counts as live."""
        return self.status in _LIVE_STATES

    @property
    def short(self) -> Decimal:
        """Quantity that the venue said was executed and no fill has told of yet, base units."""
        return self.told - self.filled

    @property
    def left(self) -> Decimal:
        """Quantity that fills may still tell of, base units."""
        if self.status not in _LIVE_STATES:
            return ZERO
        if self.ended is not None and not self.unclear:
            return self.told - self.filled
        return max(self.qty, self.told) - self.filled

    @property
    def answered(self) -> bool:
        """Whether the venue has it and said so: neither waiting for a word nor of unknown fate."""
        return self.status is not OrderStatus.PENDING and self.status is not OrderStatus.UNKNOWN

    @property
    def meant(self) -> Decimal | None:
        """Price it was to fill at (USDT): the trigger of a stop or target, else what was seen at the decision."""
        return self.decision if self.order.trigger is None else self.order.trigger

    @property
    def average(self) -> Decimal | None:
        """Average fill price at 8 decimals, USDT; None before the first fill."""
        if not self.filled:
            return None
        return quotient_at_8(self.cost, self.filled, "ROUND_HALF_EVEN")

    def hear(
        self,
        status: OrderStatus,
        left: Decimal | None = None,
        filled: Decimal | None = None,
        *,
        doubt: bool = False,
    ) -> bool:
        """Take the venue's word; return whether anything changed.

        ``left`` is the quantity that stays working after a cut, ``filled`` what was executed in all. With
        ``doubt`` an end that does not say so is not believed: fills may come after it.
        """
        changed = filled is not None and filled > self.told
        if changed and filled is not None:
            self.told = filled
        if status.terminal and not self.status.terminal and not left:
            if left is not None:
                self.qty = self.told
            return self._end(status, filled is None and doubt) or changed
        if self.ended is None:
            changed = self.move(status, left) or changed
        return changed

    def _end(self, status: OrderStatus, unclear: bool) -> bool:
        if self.ended is not None and unclear:  # says less than what was said before
            return False
        if status is OrderStatus.FILLED and unclear:
            self.told = max(self.told, self.qty)
        self.unclear = unclear and status not in (OrderStatus.FILLED, OrderStatus.REJECTED)
        if self.unclear or self.told > self.filled:
            changed = self.ended is not status
            self.ended = status
            return changed
        self.status = status
        return True

    def move(self, status: OrderStatus, left: Decimal | None = None) -> bool:
        """Change the state as the table of transitions has it; return whether anything changed.

        ``left`` is the quantity that stays working after a cut. An EXPIRED that leaves something
        working is a cut, not an end.
        """
        if self.status.terminal:
            return False
        if left is not None:
            self.qty = self.told + left
            if status is OrderStatus.EXPIRED and left:
                return True
        if status not in TRANSITIONS[self.status]:
            return left is not None
        self.status = status
        return True

    def understood(self, update: OrderUpdate, held: Decimal) -> OrderUpdate:
        """Return the venue's word on the order in ours; ``held`` is the position (signed, base units).

        An order that only reduces, unfilled when its position is closed, was needless: it is cancelled, and
        keeps the quantity it was sent with.
        """
        over = update.status in (OrderStatus.EXPIRED, OrderStatus.CANCELLED) and not update.qty
        if over and self.order.reduce_only and not self.filled and not held:
            return replace(update, status=OrderStatus.CANCELLED, qty=None, reason=CLOSED)
        return update

    def fill(self, fill: Fill) -> None:
        """Add an execution."""
        self.filled += fill.qty
        self.cost += fill.qty * fill.price
        if self.told < self.filled:
            self.told = self.filled
        if self.status.terminal:
            return
        if self.ended is not None and not self.unclear:
            if self.filled >= self.told:
                self.status = self.ended
        elif self.filled >= self.qty:
            self.status = OrderStatus.FILLED
        elif self.status is not OrderStatus.CANCELLING:
            self.status = OrderStatus.PARTIAL

    def revive(self) -> None:
        """Bring back a finished order of which more was executed than is booked."""
        self.ended = self.status
        self.status = OrderStatus.PARTIAL

    def reopen(self, read: OrderRead) -> None:
        """Take back an end: the order was read as open."""
        self.status = read.status
        self.ended = None
        self.unclear = False
        self.cancel = ""
        self.leaving_at = 0
        self.told = max(self.told, read.filled)

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
                _text(o.price),
                _text(o.trigger),
                o.tif.value,
                o.reduce_only,
                o.purpose.value,
            ],
            "status": self.status.value,
            "qty": str(self.qty),
            "filled": str(self.filled),
            "cost": str(self.cost),
            "signal": self.signal,
            "intent": [self.sent_at, self.why, _text(self.stop), _text(self.target), self.cancel],
            "told": str(self.told),
            "ended": None if self.ended is None else self.ended.value,
            "unclear": self.unclear,
            "ids": [self.venue_id, self.child_id],
            "times": [getattr(self, name) for name in _TIMES],
            "meant": [_text(getattr(self, name)) for name in _MEANT],
            **({"adopted": True} if self.adopted else {}),
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
            price=_decimal(price),
            trigger=_decimal(trigger),
            tif=TimeInForce(tif),
            reduce_only=reduce_only,
            purpose=Purpose(purpose),
        )
        sent_at, why, stop, target, cancel = state["intent"]
        rest: dict[str, Any] = dict(
            zip(_TIMES, state["times"], strict=False)
        )  # older ones have fewer
        rest.update(zip(_MEANT, map(_decimal, state.get("meant", ())), strict=False))
        rest["adopted"] = state.get("adopted", False)
        return cls(
            order,
            OrderStatus(state["status"]),
            Decimal(state["qty"]),
            Decimal(state["filled"]),
            Decimal(state["cost"]),
            state["signal"],
            sent_at,
            why,
            _decimal(stop),
            _decimal(target),
            Decimal(state["told"]),
            None if state["ended"] is None else OrderStatus(state["ended"]),
            state["unclear"],
            cancel,
            *state["ids"],
            **rest,
        )


_TIMES = (
    *("heard_at", "asked_at", "cancelled_at", "short_at", "missed_at", "kept_until"),
    "leaving_at",
)
_MEANT = ("decision", "unit_risk")


def order_of(read: OrderRead) -> Order:
    """Return the order of ours that was read from the venue, as it must have been sent."""
    purpose = _purpose_of(read)
    kind = OrderType.LIMIT if read.trigger is None else OrderType.STOP_MARKET
    if read.trigger is not None and purpose is Purpose.TARGET:
        kind = OrderType.TAKE_PROFIT_MARKET
    return Order(
        id=read.order_id,
        symbol=read.symbol,
        side=read.side,
        type=kind,
        qty=read.qty,
        price=read.price,
        trigger=read.trigger,
        reduce_only=read.reduce_only,
        purpose=purpose,
    )


def _purpose_of(read: OrderRead) -> Purpose:
    """Return why an order was sent: its id ends with that; what it may do counts more than what it is called."""
    if not read.reduce_only:
        return Purpose.ENTRY
    letter = read.order_id[-1:]
    closing = (Purpose.STOP, Purpose.TARGET)
    return next((purpose for purpose in closing if purpose.value == letter), Purpose.EXIT)


def _text(value: Decimal | None) -> str | None:
    return None if value is None else str(value)


def _decimal(text: str | None) -> Decimal | None:
    return None if text is None else Decimal(text)
