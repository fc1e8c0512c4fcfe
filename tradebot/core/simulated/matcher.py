"""Where executions happen: account, book and trade numbers change together, then are reported.

Everything here is complete before the first of its events is handed out, so whoever reacts to an
event finds the exchange as it is after it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import NamedTuple, TypeAlias

from tradebot.core.model.events import Filled, OrderUpdate
from tradebot.core.model.frozen import frozen
from tradebot.core.model.money import ZERO, plain
from tradebot.core.model.values import Fill, Instrument, OrderStatus, Side
from tradebot.core.simulated.account import Account, signed
from tradebot.core.simulated.history import History
from tradebot.core.simulated.resting import Resting, RestingOrders, closable
from tradebot.core.simulated.rules import SimRules

PriceOf: TypeAlias = Callable[[Decimal], Decimal]
"""The price of a fill of a given quantity."""

Report: TypeAlias = Filled | OrderUpdate
"""What an execution tells the engine."""


class Stamp(NamedTuple):
    """When something happened: the engine's clock and the exchange's time (UTC ms)."""

    at: int
    time: int


@frozen
class Executed:
    """What became of one attempt to fill: the quantity done, whether it opened or enlarged a
    position, and the events to report.
    """

    qty: Decimal
    opened: bool
    events: list[Report]


class Matcher:
    """Fills orders against one account and one book."""

    __slots__ = ("account", "book", "delisted", "history", "instruments", "own", "rules", "trades")

    def __init__(self, rules: SimRules, instruments: Mapping[str, Instrument]) -> None:
        self.rules = rules
        self.instruments = instruments
        self.account = Account(
            rules.start_equity, rules.leverage, instruments, rounded=rules.rounded
        )
        self.book = RestingOrders()
        self.history = History() if rules.history else None
        self.delisted: set[str] = set()
        self.trades: dict[str, int] = {}
        self.own = 0
        """Number of fills that came from no order of ours (liquidations, final closes)."""

    def fill(
        self,
        resting: Resting,
        qty: Decimal,
        price_of: PriceOf,
        stamp: Stamp,
        *,
        maker: bool = False,
    ) -> Executed:
        """Fill up to ``qty`` of an order; the opening part free cash does not cover expires.

        The price is asked for again when that makes the fill smaller.
        """
        order = resting.order
        held = self.account.held(order.symbol)
        closing = min(qty, closable(order.side, held))
        if order.reduce_only:
            qty = closing
        opening = qty - closing
        rate = self.rules.fees.maker if maker else self.rules.fees.taker
        price = price_of(qty)
        fits = self.account.affordable(order.symbol, closing, opening, price, rate)
        events: list[Report] = []
        done = closing + fits
        if done:
            price = price if done == qty else price_of(done)
            events += self.execute(resting, done, price, stamp, maker=maker)
        if fits < opening:
            events.append(
                self.expire(resting, stamp, self._unaffordable(order.symbol, opening - fits, price))
            )
        return Executed(done, bool(fits), events)

    def liquidate(
        self, symbol: str, stamp: Stamp, *, price: Decimal | None = None, order_id: str = ""
    ) -> list[Report]:
        """Close the whole position at its bankruptcy price, or at ``price``; all orders expire."""
        position = self.account.positions[symbol]
        price = position.bankruptcy if price is None else price
        fee = self.rules.liquidation_fee
        closed = self.close(
            symbol,
            abs(position.qty),
            price,
            stamp,
            order_id=order_id or self._own_id("liquidation"),
            rate=fee,
            liquidation=True,
        )
        return [closed, *self.expire_all(symbol, stamp, "the position was liquidated")]

    def close(
        self,
        symbol: str,
        qty: Decimal,
        price: Decimal,
        stamp: Stamp,
        *,
        order_id: str = "",
        rate: Decimal | None = None,
        liquidation: bool = False,
    ) -> Filled:
        """Close a part of a position without any order of ours, at a fee rate (else the taker's)."""
        side = Side.SELL if self.account.held(symbol) > 0 else Side.BUY
        rate = self.rules.fees.taker if rate is None else rate
        order_id = order_id or self._own_id("close")
        fee = self.rules.money(qty * price * rate) if rate else ZERO
        if self.history is not None:
            self.book.seq += 1  # the exchange's own order has a number too
        trade_id = self._next_trade(symbol)
        fill = Fill(
            symbol, trade_id, order_id, side, qty, price, fee, False, stamp.time, liquidation
        )
        return self._booked(fill, stamp)

    def _own_id(self, why: str) -> str:
        """The id of a fill that came from no order of ours: ``<why>-<n>``."""
        self.own += 1
        return f"{why}-{self.own}"

    def expire_all(self, symbol: str, stamp: Stamp, reason: str) -> list[Report]:
        """Expire every order of a symbol, by submission."""
        return [self.expire(resting, stamp, reason) for resting in self.book.of(symbol)]

    def expire(self, resting: Resting, stamp: Stamp, reason: str) -> OrderUpdate:
        """Take an order out of the book and say that it expired."""
        self.book.remove(resting)
        return self._update(resting, OrderStatus.EXPIRED, stamp, reason)

    def cancel(self, resting: Resting, stamp: Stamp) -> OrderUpdate:
        """Take an order out of the book and say that it was cancelled."""
        self.book.remove(resting)
        return self._update(resting, OrderStatus.CANCELLED, stamp, "")

    def cancel_due(self, symbol: str, stamp: Stamp) -> list[Report]:
        """Carry out the cancels that take effect by now, by submission of their orders."""
        return [
            self.cancel(resting, stamp)
            for resting in self.book.of(symbol)
            if resting.cancel_at is not None and resting.cancel_at <= stamp.time
        ]

    def execute(
        self, resting: Resting, qty: Decimal, price: Decimal, stamp: Stamp, *, maker: bool
    ) -> list[Report]:
        """Fill a quantity of an order at a price, whatever it opens; then cut what it made too large."""
        order = resting.order
        rate = self.rules.fees.maker if maker else self.rules.fees.taker
        fee = self.rules.money(qty * price * rate)
        trade_id = self._next_trade(order.symbol)
        fill = Fill(
            order.symbol, trade_id, order.id, order.side, qty, price, fee, maker, stamp.time
        )
        filled = self._booked(fill, stamp)
        resting.left -= qty
        resting.filled += qty
        if not resting.left:
            self.book.remove(resting)
        return [filled, *self.cut(order.symbol, stamp)]

    def _next_trade(self, symbol: str) -> int:
        self.trades[symbol] = self.trades.get(symbol, 0) + 1
        return self.trades[symbol]

    def _booked(self, fill: Fill, stamp: Stamp) -> Filled:
        self.account.trade(fill.symbol, signed(fill.side, fill.qty), fill.price, fill.fee)
        if self.history is not None:
            self.history.take(fill, stamp.time, self.book.seq)
        return Filled(stamp.at, fill)

    def cut(self, symbol: str, stamp: Stamp) -> list[Report]:
        """Expire what reduce-only orders exceed the position by (rule 8)."""
        held = self.account.held(symbol)
        return [
            self._update(
                resting,
                OrderStatus.EXPIRED,
                stamp,
                f"reduce-only: {plain(left)} left, the position is {plain(held)}",
                left,
            )
            for resting, left in self.book.cut(symbol, held)
        ]

    def _unaffordable(self, symbol: str, qty: Decimal, price: Decimal) -> str:
        return (
            f"{plain(qty)} at {plain(price)} does not fit: free cash is "
            f"{plain(self.account.free)} at {self.account.leverage(symbol)}x"
        )

    def cut_to(self, resting: Resting, left: Decimal, stamp: Stamp, reason: str) -> OrderUpdate:
        """Take away what an order has beyond ``left``; with nothing left it is gone."""
        resting.left = left
        if not left:
            self.book.remove(resting)
        return self._update(resting, OrderStatus.EXPIRED, stamp, reason, left)

    def _update(
        self,
        resting: Resting,
        status: OrderStatus,
        stamp: Stamp,
        reason: str,
        qty: Decimal | None = None,
    ) -> OrderUpdate:
        order = resting.order
        if self.history is not None:
            left = ZERO if qty is None else qty
            self.history.end(order.symbol, order.id, status, stamp.time, reason, left)
        return OrderUpdate(
            stamp.at, order.symbol, order.id, status, stamp.time, reason=reason, qty=qty
        )
