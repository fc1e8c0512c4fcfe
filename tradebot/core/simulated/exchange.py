"""The simulated exchange: takes orders and market events, gives back what a venue would say.

It is pessimistic, deterministic and keeps an account of its own. ``step`` is lazy: whoever consumes
it runs the engine on each event and may submit and cancel before asking for the next one.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from decimal import Decimal
from typing import Any

from tradebot.core.model.events import (
    Event,
    FundingPaid,
    FundingRate,
    MarketEvent,
    PriceSeen,
)
from tradebot.core.model.money import ZERO
from tradebot.core.model.values import (
    Bar,
    Instrument,
    MarkBar,
    Order,
    OrderStatus,
    OrderType,
    Quote,
    Side,
    TimeInForce,
)
from tradebot.core.simulated import acceptance, bars, quotes
from tradebot.core.simulated.asked import AskedExchange, record_of
from tradebot.core.simulated.bars import BarWalk, Moment
from tradebot.core.simulated.forced import ForcedEvents
from tradebot.core.simulated.hours import HeldAtHour
from tradebot.core.simulated.matcher import Matcher, Report, Stamp
from tradebot.core.simulated.pricing import Pricing
from tradebot.core.simulated.quotes import QuoteWalk, VisibleBook
from tradebot.core.simulated.resting import CONDITIONAL, Resting
from tradebot.core.simulated.rules import SimRules
from tradebot.core.simulated.state import (
    export_bars,
    export_desk,
    export_quotes,
    export_taken,
    restore_bars,
    restore_desk,
    restore_quotes,
    restore_taken,
)


class SimExchange(AskedExchange):
    """One simulated venue with one account, on bars or on quotes.

    A symbol that has shown a quote is traded on quotes from then on: its bars only say what volume
    a minute has. A bar that comes with its mark bar all the same is one in which nobody heard quotes: what
    can only close is played on it, late as it is told.
    Run it inside ``money.exact()``.
    """

    def __init__(self, rules: SimRules, instruments: Mapping[str, Instrument]) -> None:
        self._rules = rules
        self._instruments = instruments
        self._desk = Matcher(rules, instruments)
        self._pricing = Pricing(rules)
        self._plain = rules.next_open
        self._bars: dict[str, Bar] = {}
        self._marks: dict[str, MarkBar] = {}
        self._quotes: dict[str, Quote] = {}
        self._books: dict[str, VisibleBook] = {}
        self._hours = HeldAtHour()
        self._moment = Moment()
        self._walking = False
        self._adopt_desk()

    def _adopt_desk(self) -> None:
        """Keep the two containers the hot path looks at within one attribute's reach."""
        self._orders = self._desk.book.orders
        self._positions = self._desk.account.positions

    # Orders

    def submit(self, order: Order, at: int, *, is_part: bool = False) -> list[Report]:
        """Take or refuse an order decided at ``at`` (UTC ms).

        Returns one update: WORKING (``qty`` set when a reduce-only order was cut) or REJECTED. Under
        ``rules.at_once`` what a market or limit order meets on the last quote follows it. A part of an order that was
        taken is not measured again: it may be smaller than any order.
        """
        refusal = None if is_part else self._refusal(order)
        if refusal is not None:
            code, reason = refusal
            return [acceptance.answer(order, at, OrderStatus.REJECTED, code=code, reason=reason)]
        left = self._admitted_qty(order)
        resting = self._rest(order, left, at)
        cut = None if left == order.qty else left
        working = acceptance.answer(order, at, OrderStatus.WORKING, qty=cut)
        if self._rules.at_once and order.type not in CONDITIONAL and order.symbol in self._quotes:
            return [working, *self._answer_now(resting, at)]
        return [working]

    def _answer_now(self, resting: Resting, at: int) -> Iterator[Report]:
        """What the last quote, or what earlier orders have left of it, gives an order."""
        return self._walk(self._quotes[resting.order.symbol], Stamp(at, at)).answer(resting)

    def cancel(self, symbol: str, order_id: str, at: int) -> list[Report]:
        """Ask for a cancel: CANCELLED follows as an event when it takes effect.

        An unknown or finished order is no error: whatever ended it has been or will be reported.
        Under ``rules.at_once`` it takes effect here and now.
        """
        resting = self._desk.book.find(symbol, order_id)
        if resting is None:
            return []
        if self._rules.at_once:
            return [self._desk.cancel(resting, Stamp(at, at))]
        if resting.cancel_at is None:
            resting.cancel_at = self._effective(symbol, at)
        return []

    def close_all_now(self, at: int) -> list[Event]:
        """Cancel every order and close every position at the last known price.

        For the end of the data: the last close (or quote) is the base of rule 3, no volume cap.
        """
        stamp = Stamp(at, at)
        book = self._desk.book
        events: list[Event] = [
            self._desk.cancel(resting, stamp)
            for symbol in sorted(self._orders)
            for resting in book.of(symbol)
        ]
        for symbol in sorted(self._positions):
            events += self._close_now(symbol, stamp)
        return events

    @property
    def force(self) -> ForcedEvents:
        """What can be made to happen to the account: liquidation, ADL, delisting, cuts, fills."""
        return ForcedEvents(self._desk, self.last_price)

    def _refusal(self, order: Order) -> acceptance.Rejection | None:
        instrument = self._instruments.get(order.symbol)
        if instrument is None:
            return acceptance.unknown_symbol(order.symbol)
        if order.symbol in self._desk.delisted:
            return acceptance.Rejection(-4141, f"{order.symbol} is closed")
        if self._is_taken(order):
            return acceptance.Rejection(-4116, f"order id {order.id} has been used")
        formal = acceptance.check_form(order, instrument)
        if formal is not None:
            return formal
        last = self.last_price(order.symbol)
        if last is None:
            return acceptance.Rejection(-4131, f"{order.symbol} has shown no price yet")
        account, book = self._desk.account, self._desk.book
        held = account.held(order.symbol)
        room = book.room(order.symbol, held) if order.reduce_only else ZERO
        return (
            acceptance.check_market(order, instrument, last)
            or acceptance.check_reduce_only(order, held, room)
            or acceptance.check_count(order, instrument, book)
            or acceptance.check_margin(order, account, self._rules, last)
        )

    def _is_taken(self, order: Order) -> bool:
        """Whether an order's id is in use (by a working order of the symbol, where ids come back)."""
        book = self._desk.book
        if self._rules.reuse_ids:
            return book.find(order.symbol, order.id) is not None
        return order.id in book.used

    def _admitted_qty(self, order: Order) -> Decimal:
        """The quantity taken on: a reduce-only order is cut to what it may close (rule 8)."""
        if not order.reduce_only:
            return order.qty
        held = self._desk.account.held(order.symbol)
        if order.type in CONDITIONAL:
            return min(order.qty, abs(held))
        return min(order.qty, self._desk.book.room(order.symbol, held))

    def _rest(self, order: Order, left: Decimal, at: int) -> Resting:
        resting = self._desk.book.add(order, left, self._effective(order.symbol, at))
        if self._desk.history is not None:
            self._desk.history.add(record_of(resting, at))
        moment = self._moment
        if moment.on_path and order.tif is not TimeInForce.IOC:
            resting.arrived = True  # it rests from here, and fills from a later bar
        level = moment.level_for(order.symbol)
        if level is None or order.type is not OrderType.STOP_MARKET:
            return resting
        delay = self._delay(moment.interval)
        if delay:
            resting.eligible_at = at + delay
        else:
            resting.arrived = True
            resting.eligible_at = resting.live_bar = moment.open_time
            resting.live_level = level
        return resting

    def _effective(self, symbol: str, at: int) -> int:
        """First moment at which an order or a cancel decided now may take effect (rule 1)."""
        if symbol in self._quotes:
            return at if self._rules.at_once else at + self._rules.latency_ms
        moment = self._moment
        if moment.active:
            return moment.open_time + moment.interval + self._delay(moment.interval)
        return at + self._delay(self._bars[symbol].interval)

    def _delay(self, interval: int) -> int:
        """Latency in whole intervals, as milliseconds."""
        if self._plain:
            return 0
        return self._rules.latency_ms // interval * interval

    # Market events

    def step(self, events: Sequence[MarketEvent]) -> Iterable[Event]:
        """Take all market events of one moment; give what the engine must hear, in order.

        Bars of one open time (mark bars first), or quotes of one second, or funding rates. The
        result must be consumed to the end before the next step.
        """
        if len(events) == 1 and not self._orders and (self._plain or not self._positions):
            event = events[0]
            if type(event) is Bar:
                self._bars[event.symbol] = event
                return events  # type: ignore[return-value]
        for event in events:
            if type(event) is not Bar:
                return self._sort_step(events)
        return self._step_bars([], {}, sorted(events, key=_symbol))  # type: ignore[arg-type]

    def _sort_step(self, events: Sequence[MarketEvent]) -> Iterable[Event]:
        told: list[Bar] = []
        marks: dict[str, MarkBar] = {}
        seen: list[Quote] = []
        paid: list[Event] = []
        for event in events:
            if isinstance(event, Quote):
                seen.append(event)
            elif isinstance(event, FundingRate):
                paid += self._pay_funding(event)
            elif isinstance(event, MarkBar):
                marks[event.symbol] = event
            else:
                told.append(event)
        told.sort(key=_symbol)
        seen.sort(key=_symbol)
        if seen:
            return self._step_quotes(paid, seen, told)
        return self._step_bars(paid, marks, told)

    def _pay_funding(self, due: FundingRate) -> list[Event]:
        symbol = due.symbol
        qty = self._hours.at(due, self._desk.account.held(symbol))
        mark = self.last_price(symbol) if due.mark is None else due.mark
        if not qty or mark is None:
            return []
        amount = self._rules.money(-qty * mark * due.rate)
        self._desk.account.fund(amount)
        if self._rules.isolated_funding and symbol in self._positions:
            self._desk.account.add_margin(symbol, amount)
        at = max(due.at, self._clock())
        return [FundingPaid(at, symbol, amount, due.rate, mark, qty, due.minute)]

    def _clock(self) -> int:
        """The latest moment told so far: funding inside a long bar follows the bar's end."""
        times = [bar.at for bar in self._bars.values()]
        times += [quote.at for quote in self._quotes.values()]
        return max(times)

    def _remember_bars(self, told: Sequence[Bar], marks: Mapping[str, MarkBar]) -> None:
        for bar in told:
            self._bars[bar.symbol] = bar
        self._marks.update(marks)

    # Bars

    def _step_bars(
        self, paid: list[Event], marks: dict[str, MarkBar], told: list[Bar]
    ) -> Iterable[Event]:
        walks: list[BarWalk | PriceSeen] = []
        for bar in told if self._orders or self._positions else ():
            orders = self._orders.get(bar.symbol, ())
            position = self._positions.get(bar.symbol)
            mark = marks.get(bar.symbol)
            missed = bar.symbol in self._quotes
            if (missed and mark is None) or (position is None and not orders):
                continue
            if not bars.is_quiet(orders, position, bar, mark, liquidates=not self._plain):
                desk, pricing, moment = self._desk, self._pricing, self._moment
                walks.append(BarWalk(desk, pricing, moment, bar, mark, closes_only=missed))
            elif position is not None and not self._plain:
                price = bars.adverse_price(bar, mark, position.qty)
                walks.append(PriceSeen(bar.at, bar.symbol, price))
        if walks:
            return self._walk_bars(paid, walks, marks, told)
        self._remember_bars(told, marks)
        return [*paid, *told] if paid else told

    def _walk_bars(
        self,
        paid: list[Event],
        walks: list[BarWalk | PriceSeen],
        marks: dict[str, MarkBar],
        told: list[Bar],
    ) -> Iterator[Event]:
        moment = self._moment
        self._walking = moment.active = True
        try:
            yield from paid
            for walk in walks:
                if isinstance(walk, BarWalk):
                    yield from walk.at_open()
            for walk in walks:
                if isinstance(walk, BarWalk):
                    yield from walk.path()
                else:
                    bar = next(bar for bar in told if bar.symbol == walk.symbol)
                    moment.see_close(bar, marks.get(walk.symbol))
                    yield walk
        finally:
            self._walking = False
            moment.leave()
            self._remember_bars(told, marks)
        yield from told

    # Quotes

    def _step_quotes(
        self, paid: list[Event], seen: list[Quote], told: list[Bar]
    ) -> Iterable[Event]:
        for quote in seen:
            self._quotes[quote.symbol] = quote
            self._hours.note(quote, self._desk.account.held(quote.symbol))
        loud = [quote for quote in seen if self._is_loud(quote)]
        if loud:
            walks = [self._walk(quote, Stamp(quote.at, quote.exchange_time)) for quote in loud]
            return self._walk_quotes(paid, walks, [*seen, *told])
        return [*paid, *seen, *told]

    def _is_loud(self, quote: Quote) -> bool:
        orders = self._orders.get(quote.symbol, ())
        position = self._positions.get(quote.symbol)
        return bool(orders or position) and not quotes.is_quiet(orders, position, quote)

    def _walk(self, quote: Quote, stamp: Stamp) -> QuoteWalk:
        volume = quotes.minute_volume(self._bars.get(quote.symbol))
        return QuoteWalk(self._desk, self._pricing, self._visible(quote), volume, stamp)

    def _visible(self, quote: Quote) -> VisibleBook:
        """What is left of a symbol's last quote."""
        book = self._books.get(quote.symbol)
        if book is None or book.quote is not quote:
            book = VisibleBook(quote, self._instruments[quote.symbol].step)
            self._books[quote.symbol] = book
        return book

    def _walk_quotes(
        self, paid: list[Event], walks: list[QuoteWalk], rest: list[Event]
    ) -> Iterator[Event]:
        self._walking = True
        try:
            yield from paid
            for walk in walks:
                yield from walk.run()
        finally:
            self._walking = False
        yield from rest

    # The account

    def equity(self) -> Decimal:
        """Equity, USDT: cash plus quantity x last mark close, else close, over all positions."""
        value = self.cash
        for symbol, position in self._positions.items():
            value += position.qty * self._known_price(symbol)
        return value

    def _known_price(self, symbol: str) -> Decimal:
        price = self.last_price(symbol)
        assert price is not None, f"a position in {symbol} without any price"
        return price

    def last_price(self, symbol: str) -> Decimal | None:
        """The last mark, else close (USDT); None before the first price."""
        quote = self._quotes.get(symbol)
        if quote is not None:
            return quote.exact_mark
        bar, mark = self._moment.close_of(symbol)
        if bar is None:
            bar, mark = self._bars.get(symbol), self._marks.get(symbol)
        if bar is None:
            return None
        if mark is not None and mark.open_time >= bar.open_time:
            return mark.exact_close
        return bar.exact_close

    # The end of the data

    def _close_now(self, symbol: str, stamp: Stamp) -> list[Event]:
        held = self._desk.account.held(symbol)
        side = Side.SELL if held > 0 else Side.BUY
        if (quote := self._quotes.get(symbol)) is not None:
            return [*self._walk(quote, stamp).close()]
        bar, tick = self._bars[symbol], self._instruments[symbol].tick
        price = self._pricing.market(side, bar.exact_close, abs(held), bar.exact_volume, tick)
        return [self._desk.close(symbol, abs(held), price, stamp)]

    # State

    def export_state(self) -> dict[str, Any]:
        """Return everything as JSON-able values, decimals as text.

        Raises:
            RuntimeError: a step has not been consumed to the end.
        """
        if self._walking:
            raise RuntimeError("the exchange is in the middle of a step")
        return {
            **export_desk(self._desk),
            "bars": export_bars(self._bars),
            "marks": export_bars(self._marks),
            "quotes": export_quotes(self._quotes),
            "hours": self._hours.export(),
            "taken": export_taken(self._quotes, self._books),
        }

    def restore(self, state: dict[str, Any]) -> None:
        """Take over what ``export_state`` gave; the same events then give the same answers."""
        self._desk = restore_desk(self._rules, self._instruments, state)
        self._bars = restore_bars(Bar, state["bars"])
        self._marks = restore_bars(MarkBar, state["marks"])
        self._quotes = restore_quotes(state["quotes"])
        self._hours.restore(state.get("hours", {}))
        self._books = restore_taken(self._quotes, self._instruments, state.get("taken", {}))
        self._adopt_desk()


def _symbol(event: Bar | Quote) -> str:
    return event.symbol
