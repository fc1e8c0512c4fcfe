"""One quote of one symbol: the visible book takes the bar's place (DESIGN 11, last paragraph).

Orders are judged by submission at the first quote they are eligible for and at every later one.
Stops and targets wait for the mark price and then walk the book as market orders, a target not better
than its trigger; a limit queues behind what is displayed at its price. What the quote does not show
costs more the larger it is against the volume of the last closed minute.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from decimal import ROUND_FLOOR, Decimal

from tradebot.core.model.money import ZERO, floor_to, quotient_at_8
from tradebot.core.model.values import MINUTE_MS, Bar, OrderType, Quote, Side, TimeInForce
from tradebot.core.simulated.account import Position
from tradebot.core.simulated.matcher import Matcher, Report, Stamp
from tradebot.core.simulated.pricing import Pricing, worse
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


def minute_volume(bar: Bar | None) -> Decimal:
    """What traded in the last closed minute (base units), a longer bar taken evenly; 0 without any."""
    if bar is None:
        return ZERO
    if bar.interval == MINUTE_MS:
        return bar.exact_volume
    return quotient_at_8(bar.exact_volume * MINUTE_MS, Decimal(bar.interval), ROUND_FLOOR)


class QuoteWalk:
    """What one quote does to the orders and the position of its symbol."""

    def __init__(
        self, desk: Matcher, pricing: Pricing, book: VisibleBook, volume: Decimal, stamp: Stamp
    ) -> None:
        quote = book.quote
        self._desk = desk
        self._pricing = pricing
        self._symbol = quote.symbol
        self._mark = quote.exact_mark
        self._tick = desk.instruments[quote.symbol].tick
        self._visible = book
        self._volume = volume
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

    def close(self) -> Iterator[Report]:
        """Close the whole position, on what is left of the quote and beyond it."""
        held = self._desk.account.held(self._symbol)
        side = Side.SELL if held > 0 else Side.BUY
        touch = self._visible.opposite(side)
        shown = min(abs(held), touch.left)
        touch.left -= shown
        if shown:
            yield self._desk.close(self._symbol, shown, touch.price, self._stamp)
        if rest := abs(held) - shown:
            price = self._beyond(side, touch, rest)
            yield self._desk.close(self._symbol, rest, price, self._stamp)

    def _beyond(self, side: Side, touch: Visible, qty: Decimal) -> Decimal:
        return self._pricing.beyond_touch(side, touch.price, qty, self._volume, self._tick)

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

    def _opposite(self, resting: Resting) -> Visible:
        return self._visible.opposite(resting.order.side)

    def _sweep(self, resting: Resting) -> Iterator[Report]:
        """A market order: the visible touch, then whatever is left at a worsened price.

        A take-profit-market fills at its trigger at best.
        """
        touch = self._opposite(resting)
        side = resting.order.side
        targets = resting.order.type is OrderType.TAKE_PROFIT_MARKET

        def capped(price: Decimal) -> Decimal:
            return worse(side, price, resting.level) if targets else price

        def beyond(qty: Decimal) -> Decimal:
            return capped(self._beyond(side, touch, qty))

        yield from self._take(resting, touch, capped(touch.price))
        if self._works(resting):
            yield from self._desk.fill(resting, resting.left, beyond, self._stamp).events

    def _take(
        self, resting: Resting, touch: Visible, price: Decimal, *, maker: bool = False
    ) -> Iterator[Report]:
        """Fill from the visible size."""
        qty = min(resting.left, touch.left)
        if not qty:
            return
        done = self._desk.fill(resting, qty, lambda _: price, self._stamp, maker=maker)
        touch.left -= done.qty
        yield from done.events

    def _arrive(self, resting: Resting) -> Iterator[Report]:
        """A limit's first eligible quote: takes, expires, or queues behind its own side."""
        order = resting.order
        touch = self._opposite(resting)
        if resting.reached(touch.price):
            if order.tif is TimeInForce.GTX:
                reason = f"post-only would take at {touch.price}"
                yield self._desk.expire(resting, self._stamp, reason)
                return
            yield from self._take(resting, touch, touch.price)
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
        touch = self._opposite(resting)
        if not resting.passed(touch.price, self._tick):
            return
        ahead = min(resting.queue, touch.left)
        resting.queue -= ahead
        touch.left -= ahead
        yield from self._take(resting, touch, resting.level, maker=True)

    def _works(self, resting: Resting) -> bool:
        return self._desk.book.find(self._symbol, resting.order.id) is resting
