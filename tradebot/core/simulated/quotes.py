"""One quote of one symbol: the visible book takes the bar's place (DESIGN 11, last paragraph).

Orders are judged by submission at the first quote they are eligible for and at every later one.
Stops and targets wait for the mark price and then walk the book as market orders; a limit queues
behind what is displayed at its price.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from decimal import Decimal

from tradebot.core.model.money import ZERO, floor_to
from tradebot.core.model.values import OrderType, Quote, Side, TimeInForce
from tradebot.core.simulated.account import Position
from tradebot.core.simulated.matcher import Matcher, Report, Stamp
from tradebot.core.simulated.pricing import Pricing
from tradebot.core.simulated.resting import CONDITIONAL, Resting


def is_quiet(orders: Sequence[Resting], position: Position | None, quote: Quote) -> bool:
    """Whether a quote certainly changes nothing; floats only, any doubt answers False."""
    mark = quote.mark
    if position is not None and not position.within_safety(mark, mark):
        return False
    return all(_sleeps(resting, quote.exchange_time, mark) for resting in orders)


def _sleeps(resting: Resting, now: int, mark: float) -> bool:
    if resting.cancel_at is not None and resting.cancel_at <= now:
        return False
    if resting.eligible_at > now:
        return True
    return resting.order.type in CONDITIONAL and resting.out_of_reach(mark, mark)


class Visible:
    """What one side of a quote shows: ``price``, ``size`` in steps, and what is ``left`` of it."""

    __slots__ = ("left", "price", "size")

    def __init__(self, price: Decimal, size: Decimal, step: Decimal) -> None:
        self.price = price
        self.size = size
        self.left = floor_to(size, step)


class VisibleBook:
    """Both sides of one quote. What an order takes from it is gone until the next quote."""

    __slots__ = ("ask", "bid", "quote")

    def __init__(self, quote: Quote, step: Decimal) -> None:
        self.quote = quote
        self.bid = Visible(quote.exact_bid, quote.exact_bid_qty, step)
        self.ask = Visible(quote.exact_ask, quote.exact_ask_qty, step)

    def opposite(self, side: Side) -> Visible:
        """The side that an order of ``side`` takes from."""
        return self.ask if side is Side.BUY else self.bid

    def own(self, side: Side) -> Visible:
        """The side that a resting order of ``side`` queues on."""
        return self.bid if side is Side.BUY else self.ask


class QuoteWalk:
    """What one quote does to the orders and the position of its symbol."""

    def __init__(self, desk: Matcher, pricing: Pricing, book: VisibleBook, stamp: Stamp) -> None:
        quote = book.quote
        self._desk = desk
        self._pricing = pricing
        self._symbol = quote.symbol
        self._mark = quote.exact_mark
        self._tick = desk.instruments[quote.symbol].tick
        self._visible = book
        self._stamp = stamp
        self._last_seq = desk.book.seq  # what is sent while this quote is worked waits for the next

    def run(self) -> Iterator[Report]:
        """Liquidation, cancels that take effect, then eligible orders by submission."""
        account = self._desk.account
        if account.held(self._symbol) and account.liquidates(self._symbol, self._mark):
            yield from self._desk.liquidate(self._symbol, self._stamp)
        yield from self._desk.cancel_due(self._symbol, self._stamp)
        seq = 0
        while (resting := self._next_eligible(seq)) is not None:
            seq = resting.seq
            yield from self._judge(resting)
            resting.arrived = True

    def answer(self, resting: Resting) -> Iterator[Report]:
        """Judge one order at once, on what is left of the quote."""
        resting.arrived = True
        if resting.order.type is OrderType.LIMIT:
            yield from self._arrive(resting)
        else:
            yield from self._sweep(resting)

    def _next_eligible(self, seq: int) -> Resting | None:
        for resting in self._desk.book.after(self._symbol, seq):
            if resting.eligible_at <= self._stamp.time and resting.seq <= self._last_seq:
                return resting
        return None

    def _judge(self, resting: Resting) -> Iterator[Report]:
        kind = resting.order.type
        if kind is OrderType.LIMIT:
            yield from self._queue(resting) if resting.arrived else self._arrive(resting)
        elif kind is OrderType.MARKET or resting.reached(self._mark):
            yield from self._sweep(resting)

    def _sweep(self, resting: Resting) -> Iterator[Report]:
        """A market order: the visible touch, then whatever is left at a worsened price."""
        touch = self._visible.opposite(resting.order.side)
        yield from self._take(resting, touch, maker=False)
        if not self._works(resting):
            return

        def price_of(qty: Decimal) -> Decimal:
            return self._pricing.beyond_touch(
                resting.order.side, touch.price, qty, touch.size, self._tick
            )

        yield from self._desk.fill(resting, resting.left, price_of, self._stamp).events

    def _take(self, resting: Resting, touch: Visible, *, maker: bool) -> Iterator[Report]:
        """Fill from the visible size, at the touch or, as a maker, at the limit."""
        qty = min(resting.left, touch.left)
        if not qty:
            return
        price = resting.level if maker else touch.price
        done = self._desk.fill(resting, qty, lambda _: price, self._stamp, maker=maker)
        touch.left -= done.qty
        yield from done.events

    def _arrive(self, resting: Resting) -> Iterator[Report]:
        """A limit's first eligible quote: takes, expires, or queues behind its own side."""
        order = resting.order
        touch = self._visible.opposite(resting.order.side)
        if resting.reached(touch.price):
            if order.tif is TimeInForce.GTX:
                reason = f"post-only would take at {touch.price}"
                yield self._desk.expire(resting, self._stamp, reason)
                return
            yield from self._take(resting, touch, maker=False)
        if order.tif is TimeInForce.IOC and self._works(resting):
            reason = f"immediate-or-cancel: no more within the limit at {touch.price}"
            yield self._desk.expire(resting, self._stamp, reason)
        own = self._visible.own(order.side)
        resting.queue = ZERO if self._improves(resting, own.price) else own.size

    @staticmethod
    def _improves(resting: Resting, touch: Decimal) -> bool:
        """Whether a limit is better than its own side's touch, so that nothing is ahead of it."""
        buys = resting.order.side is Side.BUY
        return resting.level > touch if buys else resting.level < touch

    def _queue(self, resting: Resting) -> Iterator[Report]:
        """A resting limit: once the opposite touch is past it, the queue goes first, then we."""
        touch = self._visible.opposite(resting.order.side)
        if not resting.passed(touch.price, self._tick):
            return
        ahead = min(resting.queue, touch.left)
        resting.queue -= ahead
        touch.left -= ahead
        yield from self._take(resting, touch, maker=True)

    def _works(self, resting: Resting) -> bool:
        return self._desk.book.find(self._symbol, resting.order.id) is resting


def close(desk: Matcher, pricing: Pricing, book: VisibleBook, stamp: Stamp) -> Iterator[Report]:
    """Close the whole position of a symbol on what is left of its last quote, and beyond it."""
    symbol = book.quote.symbol
    held = desk.account.held(symbol)
    side = Side.SELL if held > 0 else Side.BUY
    touch = book.opposite(side)
    qty = abs(held)
    shown = min(qty, touch.left)
    if shown:
        touch.left -= shown
        yield desk.close(symbol, shown, touch.price, stamp)
    if rest := qty - shown:
        tick = desk.instruments[symbol].tick
        price = pricing.beyond_touch(side, touch.price, rest, touch.size, tick)
        yield desk.close(symbol, rest, price, stamp)
