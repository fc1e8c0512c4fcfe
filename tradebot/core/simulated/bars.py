"""One bar of one symbol, walked the pessimistic way (DESIGN 11, rules 1, 2 and 4 to 9).

A walk is two generators: ``at_open`` and, once every symbol has opened, ``path``. Whoever consumes
them may submit and cancel between two events, so nothing about the book is remembered across a
yield: the next thing to happen is looked for anew each time. One fill with all that comes of it (what
it cut, what expired) is complete before the first of its events is handed out, hence a list.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from decimal import Decimal

from tradebot.core.model.events import PriceSeen
from tradebot.core.model.money import ZERO, floor_to
from tradebot.core.model.values import Bar, MarkBar, OrderType, Side, TimeInForce
from tradebot.core.simulated.account import Position
from tradebot.core.simulated.matcher import Matcher, PriceOf, Report, Stamp
from tradebot.core.simulated.pricing import Pricing, worse
from tradebot.core.simulated.resting import Resting

_UNLIMITED = Decimal("Infinity")
_LEGS = 3
"""Legs of a path: to the adverse extreme, to the favourable one, to the close."""


class Moment:
    """Where in a step of bars the exchange is while the engine reacts to what it was just told.

    At a point of a path a stop on that symbol goes live; what is decided on a price event counts as
    decided at the close, so it has no point but knows the bar.
    """

    __slots__ = ("_bar", "_level", "_mark", "_symbol", "active", "interval", "open_time")

    def __init__(self) -> None:
        self.open_time = 0
        self.interval = 0
        self.leave()

    def leave(self) -> None:
        """Be outside any step."""
        self.active = False
        self._symbol = ""
        self._level: Decimal | None = None
        self._bar: Bar | None = None
        self._mark: MarkBar | None = None

    def stand_at(self, bar: Bar, level: Decimal) -> None:
        """Be at a price on the path of a bar."""
        self._set(bar, level, None, None)

    def see_close(self, bar: Bar, mark: MarkBar | None) -> None:
        """Tell a price inside a bar: decisions on it are decisions at the close."""
        self._set(bar, None, bar, mark)

    @property
    def on_path(self) -> bool:
        """Whether what is decided now is decided at a point of a path, not at a close."""
        return self._level is not None

    def level_for(self, symbol: str) -> Decimal | None:
        """The point of the path at which a stop on a symbol would go live now, if any."""
        return self._level if symbol == self._symbol else None

    def close_of(self, symbol: str) -> tuple[Bar | None, MarkBar | None]:
        """The bars a decision at the close of the bar being walked may know."""
        return (self._bar, self._mark) if symbol == self._symbol else (None, None)

    def _set(
        self, bar: Bar, level: Decimal | None, known: Bar | None, mark: MarkBar | None
    ) -> None:
        self._symbol = bar.symbol
        self.open_time = bar.open_time
        self.interval = bar.interval
        self._level = level
        self._bar = known
        self._mark = mark


def adverse_price(bar: Bar, mark: MarkBar | None, held: Decimal) -> Decimal:
    """The price that hurts a holding most: of the mark bar if there is one."""
    seen = bar if mark is None else mark
    return seen.exact_low if held > 0 else seen.exact_high


def is_quiet(
    orders: Sequence[Resting],
    position: Position | None,
    bar: Bar,
    mark: MarkBar | None,
    *,
    liquidates: bool,
) -> bool:
    """Whether a bar certainly touches none of a symbol's orders and liquidates nothing.

    Floats only: a comparison that could go wrong by rounding answers False.
    """
    low, high = bar.low, bar.high
    if mark is not None:
        low, high = min(low, mark.low), max(high, mark.high)
    if liquidates and position is not None and not position.within_safety(low, high):
        return False
    return all(_sleeps(resting, bar.open_time, low, high) for resting in orders)


def _sleeps(resting: Resting, open_time: int, low: float, high: float) -> bool:
    if resting.cancel_at is not None and resting.cancel_at <= open_time:
        return False
    if resting.eligible_at > open_time:
        return True
    return resting.arrived and not resting.triggered and resting.out_of_reach(low, high)


def _ends(bar: MarkBar, short: bool) -> tuple[Decimal, Decimal, Decimal]:
    """Where the three legs of a path end."""
    if short:
        return bar.exact_high, bar.exact_low, bar.exact_close
    return bar.exact_low, bar.exact_high, bar.exact_close


class BarWalk:
    """The walk of one symbol through one bar; ``closes_only`` leaves entries as they are."""

    def __init__(
        self,
        desk: Matcher,
        pricing: Pricing,
        moment: Moment,
        bar: Bar,
        mark: MarkBar | None,
        *,
        closes_only: bool = False,
    ) -> None:
        self._desk = desk
        self._pricing = pricing
        self._moment = moment
        self._bar = bar
        self._mark = mark
        self._symbol = bar.symbol
        instrument = desk.instruments[bar.symbol]
        self._tick = instrument.tick
        self._open = bar.exact_open
        self._mark_open = self._open if mark is None else mark.exact_open
        self._low = bar.exact_low
        self._high = bar.exact_high
        self._close = bar.exact_close
        self._volume = bar.exact_volume
        self._plain = desk.rules.next_open
        self._dead = not self._plain and not self._volume
        self._share = _UNLIMITED
        if not self._plain:
            self._share = floor_to(self._volume * desk.rules.volume_share, instrument.step)
        self._met: set[str] = set()
        self._blocked = False
        self._cur = self._open
        self._closes_only = closes_only
        told = (
            bar.open_time if bar.at == bar.exchange_time else bar.at
        )  # a late one is told at once
        self._stamp = Stamp(told, bar.open_time)
        self._restart()

    # The open

    def at_open(self) -> Iterator[Report]:
        """Liquidation, cancels that take effect, then eligible orders by submission."""
        if self._liquidates(self._mark_open):
            yield from self._here(self._desk.liquidate(self._symbol, self._stamp))
        yield from self._here(self._desk.cancel_due(self._symbol, self._stamp))
        seq = 0
        while (resting := self._next_eligible(seq)) is not None:
            seq = resting.seq
            yield from self._judge_at_open(resting)
            resting.arrived = True

    def _next_eligible(self, seq: int) -> Resting | None:
        now = self._bar.open_time
        for resting in self._desk.book.of(self._symbol):
            if resting.seq > seq and self._eligible(resting) and resting.live_bar != now:
                return resting
        return None

    def _eligible(self, resting: Resting) -> bool:
        if self._closes_only and not resting.order.reduce_only:
            return False
        return resting.eligible_at <= self._bar.open_time

    def _judge_at_open(self, resting: Resting) -> Iterator[Report]:
        kind = resting.order.type
        if kind is OrderType.MARKET:
            yield from self._take(resting, self._open, self._open)
            yield from self._end_immediate(resting)
        elif kind is OrderType.LIMIT and not resting.arrived:
            yield from self._arrive(resting)
        elif kind is OrderType.TAKE_PROFIT_MARKET and resting.triggered:
            base = self._open
            if resting.waits:
                base = worse(resting.order.side, resting.level, base)
            yield from self._take(resting, base, self._open)
        elif resting.triggered or self._met_at_open(resting):
            yield from self._meet(resting, self._open)

    def _met_at_open(self, resting: Resting) -> bool:
        """Whether the open itself is past a resting limit, at or past a trigger."""
        if resting.order.type is OrderType.LIMIT:
            return self._may_fill(resting) and resting.passed(self._open, self._tick)
        if resting.reached(self._open):
            return self._may_fill(resting)
        return resting.order.type is OrderType.STOP_MARKET and resting.reached(self._mark_open)

    def _arrive(self, resting: Resting) -> Iterator[Report]:
        """Judge a limit at its first eligible open (rule 5)."""
        order = resting.order
        if self._pricing.marketable(order.side, resting.level, self._open):
            if order.tif is TimeInForce.GTX:
                reason = f"post-only would take at {self._bar.text[0]}"
                yield from self._here([self._desk.expire(resting, self._stamp, reason)])
                return
            if self._may_fill(resting):
                yield from self._take(resting, self._open, self._open, limit=resting.level)
        yield from self._end_immediate(resting)

    def _take(
        self, resting: Resting, base: Decimal, level: Decimal, *, limit: Decimal | None = None
    ) -> Sequence[Report]:
        """Fill what the volume share allows as a taker (rule 3), never beyond ``limit``."""
        side = resting.order.side

        def price_of(qty: Decimal) -> Decimal:
            price = self._pricing.market(side, base, qty, self._volume, self._tick)
            if limit is None or worse(side, price, limit) == limit:
                return price
            return limit

        self._met.add(resting.order.id)
        return self._fill(resting, min(resting.left, self._share), price_of, level)

    def _end_immediate(self, resting: Resting) -> Sequence[Report]:
        """What is left of an immediate-or-cancel order ends at its first eligible open."""
        if resting.order.tif is not TimeInForce.IOC or not self._works(resting):
            return ()
        reason = "immediate-or-cancel: the rest found no volume at the price"
        return self._here([self._desk.expire(resting, self._stamp, reason)])

    def _works(self, resting: Resting) -> bool:
        return self._desk.book.find(self._symbol, resting.order.id) is resting

    # The path

    def path(self) -> Iterator[Report | PriceSeen]:
        """Adverse extreme, favourable extreme, close; anew after each fill that opens."""
        self._stamp = Stamp(self._bar.at, self._bar.exchange_time)
        while self._leg < _LEGS:
            if self._plain and not self._desk.book.of(self._symbol):
                return  # nothing to meet, and under next_open nobody is told of prices inside a bar
            if not self._held:
                resting = self._next_entry()
                if resting is None:
                    return
                yield from self._meet(resting, self._entry_level(resting))
                continue
            resting = self._next_on_leg()
            if self._leg == 0 and not self._plain and self._liquidated_before(resting):
                yield from self._here(self._desk.liquidate(self._symbol, self._stamp))
            elif resting is not None:
                yield from self._meet(resting, self._level_met(resting))
            else:
                yield from self._end_leg()

    @property
    def _held(self) -> Decimal:
        return self._desk.account.held(self._symbol)

    def _restart(self) -> None:
        """Set out from the current point to the extremes as the position now held sees them."""
        self._leg = 0
        short = self._held < 0
        adverse, favourable = (self._high, self._low) if short else (self._low, self._high)
        self._ends = self._mark_ends = adverse, favourable, self._close
        if self._mark is not None:
            self._mark_ends = _ends(self._mark, short)

    def _next_entry(self) -> Resting | None:
        """While flat: the oldest entry that the bar, taken as a whole, touches."""
        for resting in self._desk.book.of(self._symbol):
            if resting.order.reduce_only or not self._awake(resting):
                continue
            if resting.live_bar == self._bar.open_time:
                legs = range(self._leg, _LEGS)
                if any(self._touched_on(resting, leg) for leg in legs):
                    return resting
            elif any(self._touched_on(resting, leg) for leg in range(_LEGS)):
                return resting
        return None

    def _next_on_leg(self) -> Resting | None:
        """The order whose level the price meets first on this leg; stops first when equal."""
        touched = [
            resting
            for resting in self._desk.book.of(self._symbol)
            if self._awake(resting) and self._touched_on(resting, self._leg)
        ]
        return min(touched, key=self._meeting_order, default=None)

    def _meeting_order(self, resting: Resting) -> tuple[Decimal, bool, int]:
        distance = abs(self._level_met(resting) - self._cur)
        return distance, resting.order.type is not OrderType.STOP_MARKET, resting.seq

    def _awake(self, resting: Resting) -> bool:
        """Whether an order can be met on the path: eligible, not yet met, no market order."""
        return (
            self._eligible(resting)
            and resting.order.id not in self._met
            and resting.order.type is not OrderType.MARKET
            and self._may_fill(resting)
        )

    def _may_fill(self, resting: Resting) -> bool:
        """Whether rule 2 lets it fill: after an opening fill no limit or target reduces."""
        if not self._blocked or resting.order.type is OrderType.STOP_MARKET:
            return True
        held = self._held
        return not held or (held > 0) == (resting.order.side is Side.BUY)

    def _touched_on(self, resting: Resting, leg: int) -> bool:
        """Whether the price meets an order on a leg, or is already past it where we stand."""
        end = self._ends[leg]
        if resting.order.type is OrderType.LIMIT:
            return resting.passed(end, self._tick) or resting.passed(self._cur, self._tick)
        if resting.reached(end) or resting.reached(self._cur):
            return True
        is_stop = resting.order.type is OrderType.STOP_MARKET
        return is_stop and resting.reached(self._mark_ends[leg])

    def _level_met(self, resting: Resting) -> Decimal:
        """Where the price is when it meets an order: its level, or here when that is past."""
        return self._cur if resting.reached(self._cur) else resting.level

    def _entry_level(self, resting: Resting) -> Decimal:
        """Where an entry tried while flat is met: against the whole bar, so at its own level."""
        live = resting.live_bar == self._bar.open_time
        return self._level_met(resting) if live else resting.level

    def _meet(self, resting: Resting, level: Decimal) -> Sequence[Report]:
        """Fill an order that was met while the price was at ``level``."""
        self._met.add(resting.order.id)
        kind = resting.order.type
        if kind is OrderType.LIMIT:
            price = resting.level
            qty = min(resting.left, self._share)
            return self._fill(resting, qty, lambda _: price, level, maker=True)
        resting.triggered = True
        if kind is OrderType.TAKE_PROFIT_MARKET:
            resting.waits = self._dead
            return self._take(resting, resting.level, level)
        if self._dead:
            return ()
        return self._fill(resting, resting.left, self._stop_price(resting), level)

    def _stop_price(self, resting: Resting) -> PriceOf:
        """The price of a stop (rule 4): base is the worse of trigger and where it went live."""
        side = resting.order.side
        live = resting.live_bar == self._bar.open_time
        base = worse(side, resting.level, resting.live_level if live else self._open)
        extreme = self._high if side is Side.BUY else self._low
        return lambda qty: self._pricing.stop(side, base, extreme, qty, self._volume, self._tick)

    def _end_leg(self) -> Iterator[PriceSeen]:
        """Arrive at the end of a leg; at the adverse one the monitor sees the price (rule 9)."""
        leg = self._leg
        self._cur = self._ends[leg]
        self._leg += 1
        if leg == 0 and not self._plain:
            price = adverse_price(self._bar, self._mark, self._held)
            self._moment.see_close(self._bar, self._mark)
            yield PriceSeen(self._bar.at, self._symbol, price)

    # Liquidation

    def _liquidates(self, mark: Decimal) -> bool:
        return (
            not self._plain
            and bool(self._held)
            and self._desk.account.liquidates(self._symbol, mark)
        )

    def _liquidated_before(self, resting: Resting | None) -> bool:
        """Whether the adverse leg liquidates before it meets an order (a tie is liquidation)."""
        if not self._liquidates(adverse_price(self._bar, self._mark, self._held)):
            return False
        return resting is None or self._liquidates(resting.level)

    # Fills

    def _fill(
        self,
        resting: Resting,
        qty: Decimal,
        price_of: PriceOf,
        level: Decimal,
        *,
        maker: bool = False,
    ) -> Sequence[Report]:
        """Execute, use up the share, and set out again if a position was opened or enlarged."""
        if not qty:
            return ()
        done = self._desk.fill(resting, qty, price_of, self._stamp, maker=maker)
        resting.waits = False
        if self._share is not _UNLIMITED:
            self._share = max(ZERO, self._share - done.qty)
        self._cur = min(max(level, self._low), self._high)  # a mark may go where no trade was
        if done.opened:
            self._blocked = True
            self._restart()
        return self._here(done.events)

    def _here(self, events: Sequence[Report]) -> Sequence[Report]:
        """Stand where these events happen while they are handed out."""
        if events:
            self._moment.stand_at(self._bar, self._cur)
        return events
