"""What a venue does to an account without any order asking for it.

Whether it is deserved is not looked at: the caller says what happens, account and orders bear it. Every
method returns the events to tell, all of them done before the first is handed out, and raises
ValueError where there is nothing it could happen to. Times are UTC ms, prices and amounts USDT.
"""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal

from tradebot.core.model.events import Event
from tradebot.core.model.money import ZERO, plain
from tradebot.core.simulated.account import Position
from tradebot.core.simulated.history import OrderRecord
from tradebot.core.simulated.matcher import Matcher, Stamp
from tradebot.core.simulated.resting import Resting


class ForcedEvents:
    """The events that a script or a person forces on one simulated account."""

    __slots__ = ("_desk", "_last_price")

    def __init__(self, desk: Matcher, last_price: Callable[[str], Decimal | None]) -> None:
        self._desk = desk
        self._last_price = last_price

    def liquidate(
        self, symbol: str, at: int, *, price: Decimal | None = None, order_id: str = ""
    ) -> list[Event]:
        """Close the position at its bankruptcy price (else ``price``); all orders of the symbol expire.

        The fill is marked as a liquidation, bears ``rules.liquidation_fee`` and, for its order id,
        ``order_id`` or ``liquidation-<n>``.
        """
        self._position(symbol)
        return [*self._desk.liquidate(symbol, Stamp(at, at), price=price, order_id=order_id)]

    def deleverage(
        self, symbol: str, qty: Decimal, price: Decimal, at: int, *, order_id: str = "adl_autoclose"
    ) -> list[Event]:
        """Close ``qty`` (base units) of the position at ``price`` without fee (ADL); orders stay.

        Reduce-only orders that are now too large are cut.
        """
        held = abs(self._position(symbol).qty)
        if not ZERO < qty <= held:
            raise ValueError(f"{plain(qty)} cannot be closed: {symbol} holds {plain(held)}")
        return self._close(symbol, qty, price, at, order_id)

    def delist(
        self, symbol: str, at: int, *, price: Decimal | None = None, order_id: str = ""
    ) -> list[Event]:
        """End a symbol: its orders expire, its position is settled at ``price`` (else the last mark).

        Settlement bears no fee. From now on every order on the symbol is refused.
        """
        stamp = Stamp(at, at)
        self._desk.delisted.add(symbol)
        events: list[Event] = [*self._desk.expire_all(symbol, stamp, f"{symbol} was delisted")]
        position = self._desk.account.positions.get(symbol)
        if position is None:
            return events
        price = self._last_price(symbol) if price is None else price
        if price is None:
            raise ValueError(f"{symbol} has shown no price to settle at")
        order_id = order_id or "settlement_autoclose"
        return events + self._close(symbol, abs(position.qty), price, at, order_id)

    def cut(self, symbol: str, order_id: str, left: Decimal, at: int) -> list[Event]:
        """Leave only ``left`` (base units) of a working order; 0 ends it."""
        resting = self._working(symbol, order_id)
        if not ZERO <= left < resting.left:
            raise ValueError(
                f"{order_id} cannot be cut to {plain(left)}: {plain(resting.left)} is left of it"
            )
        return [self._desk.cut_to(resting, left, Stamp(at, at), f"cut to {plain(left)}")]

    def fill(
        self,
        symbol: str,
        order_id: str,
        qty: Decimal,
        price: Decimal,
        at: int,
        *,
        maker: bool = False,
    ) -> list[Event]:
        """Fill ``qty`` of an order at ``price``, whatever the market says.

        With a history the order may be a finished one: that is the late fill after a cancel.
        """
        resting = self._desk.book.find(symbol, order_id) or self._finished(symbol, order_id, at)
        if not ZERO < qty <= resting.left:
            raise ValueError(
                f"{plain(qty)} of {order_id} cannot be filled: {plain(resting.left)} is left of it"
            )
        return [*self._desk.execute(resting, qty, price, Stamp(at, at), maker=maker)]

    def take_margin(self, symbol: str, amount: Decimal) -> None:
        """Take a position's margin away, that of its opening too: what no exchange does for anybody."""
        if not 0 < amount < self._position(symbol).margin:
            raise ValueError(f"{plain(amount)} of margin cannot be taken away from {symbol}")
        self._desk.account.add_margin(symbol, -amount)

    def add_margin(self, symbol: str, amount: Decimal) -> None:
        """Put free cash into a position's margin, or (negative) take added margin out again."""
        position = self._position(symbol)
        if amount > self._desk.account.free or position.added + amount < ZERO > amount:
            raise ValueError(
                f"{plain(amount)} cannot be moved: {plain(self._desk.account.free)} is free and "
                f"{plain(position.added)} was added to the margin of {symbol}"
            )
        self._desk.account.add_margin(symbol, amount)

    def transfer(self, amount: Decimal) -> None:
        """Bring money to the account, or (negative) take it away."""
        if self._desk.account.free + amount < ZERO > amount:
            raise ValueError(
                f"{plain(-amount)} cannot be taken: {plain(self._desk.account.free)} is free"
            )
        self._desk.account.cash += amount

    def _close(
        self, symbol: str, qty: Decimal, price: Decimal, at: int, order_id: str
    ) -> list[Event]:
        stamp = Stamp(at, at)
        closed = self._desk.close(symbol, qty, price, stamp, order_id=order_id, rate=ZERO)
        return [closed, *self._desk.cut(symbol, stamp)]

    def _position(self, symbol: str) -> Position:
        position = self._desk.account.positions.get(symbol)
        if position is None:
            raise ValueError(f"there is no position in {symbol}")
        return position

    def _working(self, symbol: str, order_id: str) -> Resting:
        resting = self._desk.book.find(symbol, order_id)
        if resting is None:
            raise ValueError(f"no order {order_id} works on {symbol}")
        return resting

    def _finished(self, symbol: str, order_id: str, at: int) -> Resting:
        """A finished order as if it were working, with what it never filled."""
        history = self._desk.history
        record: OrderRecord | None = None if history is None else history.find(symbol, order_id)
        if record is None:
            raise ValueError(f"no order {order_id} works on {symbol}, and none is remembered")
        left = record.order.qty - record.filled
        return Resting.of(record.order, left, record.number, at)
