"""Stops and targets: what protects a position while it is open.

One request of each kind is in flight per symbol; what fills meanwhile is covered by the next one. The new
order is created first, and what it replaces is cancelled once it stands.
"""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

from tradebot.core.model.approved import Refused
from tradebot.core.model.events import UNREAD
from tradebot.core.model.money import ZERO, ceil_to, floor_to, plain, quotient_at_8
from tradebot.core.model.values import (
    HOUR_MS,
    MINUTE_MS,
    Order,
    OrderStatus,
    OrderType,
    Purpose,
    Side,
)
from tradebot.core.risk import gate
from tradebot.core.state.exit_pace import FAR, RETRY_MS
from tradebot.core.state.instrument import InstrumentState, Plan
from tradebot.core.state.order_table import NO_SUCH_ORDER
from tradebot.core.state.orders import TrackedOrder
from tradebot.core.trading.exits import Exits
from tradebot.core.trading.shared import Shared

STOP_MS = 5_000
"""Milliseconds within which the venue must have a position's stop, or it is closed."""

MOST_LOST = 2
"""So many positions closed in an hour for want of a stop halt ``stop_path``."""

AGAIN_MS = 30_000
"""A stop younger than this is not taken for dropped: reads may show it late."""

UNPLANNED = Decimal("0.02")
"""How far from the price the stop of a position goes that nobody here planned: 2 %, or the loss limit of a trade."""


class Protection:
    """Keeps a stop, and a target, on every position.

    ``lost_at``: when positions were closed for want of a stop, in the last hour (UTC ms). ``drops_stops`` says that the
    venue is known to lose stops it has accepted, as Binance's Demo Trading does: then one that is gone is placed again.
    ``said_at`` is when that was last told.
    """

    def __init__(self, shared: Shared, exits: Exits, *, drops_stops: bool = False) -> None:
        self.lost_at: list[int] = []
        self.said_at = 0
        self._drops_stops = drops_stops
        self._shared = shared
        self._table = shared.table
        self._exits = exits

    # -- what a position should have -----------------------------------------------------------------

    def protect(self, book: InstrumentState) -> None:
        """Place stop and target for the whole position; older ones go once the new ones stand."""
        plan = book.plan
        if plan is None:
            return
        if plan.stop is not None:
            book.stop = self._guard(book, book.stop, Purpose.STOP, plan.stop)
            self._watch_cover(book)
        if plan.target is not None:
            book.target = self._guard(book, book.target, Purpose.TARGET, plan.target)

    def trail(self, book: InstrumentState, stop: Decimal | None) -> None:
        """Move the stop (USDT) if that is nearer: a stop never moves away."""
        plan = book.plan
        if plan is None or stop is None or book.closing:
            return
        price = book.exit_price()
        long = plan.side is Side.BUY
        nearer = plan.stop is None or (stop > plan.stop if long else stop < plan.stop)
        valid = stop < price if long else stop > price
        if nearer and valid:
            book.plan = replace(plan, stop=stop)
            book.stop = self._guard(book, book.stop, Purpose.STOP, stop)
            self._watch_cover(book)

    def grown(self, book: InstrumentState, tracked: TrackedOrder | None) -> None:
        """Protect what was filled; close what should not have been filled any more."""
        position = self._shared.position(book)
        side = Side.BUY if position > 0 else Side.SELL
        plan = book.plan
        if plan is None or plan.side is not side:
            self._cancel_closing(book, "it protects nothing now")
            book.plan = self._plan_for(book, position, tracked)
            book.stop = book.target = ""
        why = book.closing or self._shared.flattening
        if why:
            self._exits.close(book, why)
        self.protect(book)

    def stand_behind(self, book: InstrumentState, side: Side) -> None:
        """Take a stop that the venue has already as the plan of a position that is about to be taken over."""
        stops = [
            tracked
            for tracked in self._table.live.values()
            if tracked.order.symbol == book.symbol and tracked.order.purpose is Purpose.STOP
            if tracked.order.side is not side and tracked.order.trigger is not None
        ]
        if stops:
            best = max(stops, key=lambda tracked: tracked.left)
            book.stop = best.order.id
            book.plan = Plan(0, side, best.order.trigger, None)

    def rely_on(self, book: InstrumentState, found: TrackedOrder) -> bool:
        """Rely on a stop that was found at the venue where no other is in place; return whether it is needed."""
        if found.order.purpose is not Purpose.STOP:
            return False
        newest = self._table.live.get(book.stop)
        if newest is None or newest is found or newest.ended is not None or newest.cancel:
            book.stop = found.order.id
        elif newest.answered:
            return False
        else:  # it goes as soon as the newest stands
            book.retiring.append(found.order.id)
        self._watch_cover(book)
        return True

    def _plan_for(
        self, book: InstrumentState, position: Decimal, tracked: TrackedOrder | None
    ) -> Plan:
        """Return how a position is protected that the plan in force does not know of.

        An entry that was found on the account was none of this run's signals: what it was to have nobody knows.
        """
        side = Side.BUY if position > 0 else Side.SELL
        ours = tracked is not None and not tracked.order.reduce_only and tracked.signal
        if ours and tracked is not None and tracked.order.side is side:
            return Plan(tracked.signal, side, tracked.stop, tracked.target)
        price = book.price() or book.holding.entry
        distance = price * UNPLANNED
        if self._shared.limits.trade_loss is not None:
            most = quotient_at_8(self._shared.limits.trade_loss, abs(position), "ROUND_FLOOR")
            distance = min(distance, most)
        tick = book.instrument.tick
        distance = max(distance, tick)
        if side is Side.BUY:
            return Plan(0, side, floor_to(price - distance, tick), None)
        return Plan(0, side, ceil_to(price + distance, tick), None)

    def _guard(self, book: InstrumentState, old: str, purpose: Purpose, trigger: Decimal) -> str:
        """Send a stop or target for the position unless the one there is will do; return the newest's id."""
        position = self._shared.holds(book)
        standing = self._table.live.get(old)
        if not position or _is_other_side(book):
            return old
        if self._will_do(book, standing, abs(position), trigger):
            return old
        kind = OrderType.STOP_MARKET if purpose is Purpose.STOP else OrderType.TAKE_PROFIT_MARKET
        order = Order(
            id=self._table.next_id(purpose),
            symbol=book.symbol,
            side=Side.SELL if position > 0 else Side.BUY,
            type=kind,
            qty=abs(position),
            trigger=trigger,
            reduce_only=True,
            purpose=purpose,
        )
        verdict = gate.close(order, position, book.instrument, self._shared.halts.epoch)
        if isinstance(verdict, Refused):
            self._shared.warn_once(f"{purpose.name.lower()} refused: {verdict.reasons[0].text}")
            if purpose is Purpose.STOP and standing is None:
                self._exits.close(book, "stop_lost")
            return old
        if standing is not None:
            book.retiring.append(old)
        elif purpose is Purpose.STOP:
            self._shared.wake_at(f"stop:{book.symbol}", self._shared.now + STOP_MS)
        return self._table.send(verdict).order.id

    def _will_do(
        self,
        book: InstrumentState,
        standing: TrackedOrder | None,
        qty: Decimal,
        trigger: Decimal,
    ) -> bool:
        """Whether the newest order of its kind is enough for now, or must be answered first."""
        if standing is None or standing.ended is not None or standing.cancel:
            return False
        if standing.status is OrderStatus.PENDING:
            return True
        if standing.status is OrderStatus.UNKNOWN:
            if self._shared.now < book.renewed + RETRY_MS and book.renewed:
                return True
            book.renewed = self._shared.now
            return False
        fits = standing.left >= qty if book.held is None else standing.left == qty
        return fits and standing.order.trigger == trigger

    # -- what is in place ----------------------------------------------------------------------------

    def answered(self, book: InstrumentState, tracked: TrackedOrder) -> None:
        """The newest stop or target stands: what it replaces may go, and what filled meanwhile is covered."""
        if tracked.order.id in (book.stop, book.target):
            self._drop_retiring(book, tracked)
            self.protect(book)

    def lost(
        self,
        book: InstrumentState,
        tracked: TrackedOrder,
        status: OrderStatus,
        reason: str,
        code: int = 0,
    ) -> None:
        """A stop that ended while its position is open means close now; a target is only lost.

        One that nobody has looked at is sent again, once a second, as long as a position may be without.
        """
        newest = tracked.order.id == book.stop and status is not OrderStatus.FILLED
        self._watch_cover(book)
        if newest and self._shared.outside and status is OrderStatus.REJECTED and code in UNREAD:
            self._shared.warn(f"{book.symbol}: stop not taken ({reason}); sending it again")
            self.wake(book)
        elif newest and self._drops_stops and reason == NO_SUCH_ORDER:
            self.vanished(book, tracked)
        elif newest:
            self._give_up(book, f"{book.symbol}: stop {status.value} ({reason}); closing")

    def vanished(self, book: InstrumentState, tracked: TrackedOrder) -> None:
        """Two reads in a row did not show the stop: it may be there, but nothing says that it protects.

        Where that is known to happen another is placed, and told once a minute.
        """
        if tracked.order.id != book.stop or book.closing or not self._shared.position(book):
            return
        if not self._drops_stops:
            self._give_up(book, f"{book.symbol}: two reads did not show the stop; closing")
            return
        if not _is_dropped(tracked, self._shared.now):
            return
        if self._shared.now >= self.said_at + MINUTE_MS:
            self.said_at = self._shared.now
            self._shared.warn(f"{book.symbol}: the venue has dropped the stop; placing it again")
        if tracked.live:  # it may be there all the same: it goes when its replacement stands
            book.retiring.append(book.stop)
        book.stop = ""
        self.protect(book)

    def _give_up(self, book: InstrumentState, text: str) -> None:
        """Close a position whose stop is lost; where it is being closed already that need not be said."""
        if not book.closing:
            self._shared.warn(text)
        self._exits.close(book, "stop_lost")

    def left(self, book: InstrumentState, tracked: TrackedOrder | None) -> None:
        """A symbol is flat by this order; where that was for want of a stop twice in an hour, no stop can be relied on.

        A stop that ended because its position was gone already is none of these: no exit of ours has filled.
        """
        shared = self._shared
        by_exit = tracked is not None and tracked.order.purpose is Purpose.EXIT
        if shared.outside and by_exit and book.closing == "stop_lost":
            self.lost_at = [at for at in self.lost_at if shared.now - at < HOUR_MS]
            self.lost_at.append(shared.now)
            if len(self.lost_at) >= MOST_LOST:
                times = f"{len(self.lost_at)} positions in an hour"
                shared.halt("stop_path", f"{book.symbol}: closed without a stop ({times})")
        self.flat(book)

    def shrunk(self, book: InstrumentState) -> None:
        """A part of the position is gone; without a stop behind the rest it is closed."""
        if book.closing:  # an exit that was sent before the last of the entry filled
            self._exits.close(book, book.closing)
        elif _wants_stop(book) and book.stop not in self._table.live:
            left = plain(self._shared.position(book))
            self._give_up(book, f"{book.symbol}: the stop is gone, {left} is left; closing")
        self._watch_cover(book)

    def flat(self, book: InstrumentState) -> None:
        """Nothing is held: nothing of the symbol may rest."""
        book.plan = None
        if not self._shared.exposure.entries_of(book):
            book.closing = ""
        book.bare_since = 0
        self._shared.cancel_entries_of(book, "flat")
        self._cancel_closing(book, "flat")
        self._table.pace(book.symbol).refused = 0
        if not book.holding.qty:
            self._table.close_trade(book.symbol)

    def _cancel_closing(self, book: InstrumentState, why: str) -> None:
        """Cancel whatever closes or protects: those in use first, then what else there may be."""
        for order_id in (book.stop, book.target, *book.exits, *book.retiring):
            self._table.cancel(order_id, why)
        for tracked in tuple(self._table.live.values()):
            if tracked.order.symbol == book.symbol and tracked.order.reduce_only:
                self._table.cancel(tracked.order.id, why)
        book.retiring = []

    def _drop_retiring(self, book: InstrumentState, tracked: TrackedOrder) -> None:
        """The replacement stands: cancel the protective orders of its kind that it replaces."""
        keep = []
        for order_id in book.retiring:
            old = self._table.live.get(order_id)
            if old is not None and old.order.purpose is not tracked.order.purpose:
                keep.append(order_id)
            else:
                self._table.cancel(order_id, "replaced")
        book.retiring = keep

    def _watch_cover(self, book: InstrumentState) -> None:
        """Note since when the stops that are surely in place do not cover the position.

        What a stop of ours covers it covered when it was sent: what is bare beside it was filled after that.
        """
        if not self._shared.outside:
            return
        covered, since = self._covered(book)
        held = abs(self._shared.holds(book))
        if _wants_stop(book) and covered < held:
            book.bare_since = max(book.bare_since or self._shared.now, since)
        else:
            book.bare_since = 0
        if covered and covered >= held:
            self._shared.unproved = False

    def _covered(self, book: InstrumentState) -> tuple[Decimal, int]:
        """Return what the largest stop that surely stands would close (base units), and since when (``_covers_since``)."""
        most, since = ZERO, 0
        for tracked in self._table.live.values():
            order = tracked.order
            if order.symbol != book.symbol or order.purpose is not Purpose.STOP:
                continue
            if self._drops_stops and _is_dropped(tracked, self._shared.now):
                continue
            if tracked.answered and tracked.ended is None and not tracked.cancel:
                most, since = max((most, since), (tracked.left, _covers_since(tracked)))
        return most, since

    # -- time ----------------------------------------------------------------------------------------

    def check_stop(self, symbol: str) -> None:
        """Close a position whose stop the venue has not confirmed in time."""
        book = self._shared.books[symbol]
        if not _wants_stop(book) or book.closing:
            return
        if self._shared.position(book) and not self._in_place(book):
            self._give_up(book, f"{symbol}: no stop in place after {STOP_MS // 1000} s; closing")

    def _in_place(self, book: InstrumentState) -> bool:
        if self._shared.outside:
            return not book.bare_since or self._shared.now < book.bare_since + STOP_MS
        stop = self._table.live.get(book.stop)
        return stop is not None and stop.answered

    def wake(self, book: InstrumentState) -> None:
        """Do what time alone asks for: replace a stop of unknown fate, close what is uncovered for too long."""
        if self._needs_another(book) and self._shared.now >= book.renewed + RETRY_MS:
            self.protect(book)
            book.renewed = self._shared.now
        if book.bare_since:
            self.check_stop(book.symbol)

    def due(self, book: InstrumentState) -> int:
        """Return when ``wake`` next has something to do (UTC ms); ``FAR`` for never."""
        due = book.bare_since + STOP_MS if book.bare_since and not book.closing else FAR
        if self._needs_another(book):
            due = min(due, book.renewed + RETRY_MS)
        return due

    def _needs_another(self, book: InstrumentState) -> bool:
        """Whether the newest stop is of unknown fate, or was not taken."""
        if not self._shared.position(book):
            return False
        stop = self._table.live.get(book.stop)
        if stop is not None:
            return stop.status is OrderStatus.UNKNOWN
        return self._shared.outside and _wants_stop(book) and not book.closing


def _wants_stop(book: InstrumentState) -> bool:
    return book.plan is not None and book.plan.stop is not None


def _is_other_side(book: InstrumentState) -> bool:
    """Whether the venue holds the other side of what was planned: then there is nothing to protect."""
    if book.held is None or book.plan is None:
        return False
    return (book.held > 0) != (book.plan.side is Side.BUY)


def _covers_since(tracked: TrackedOrder) -> int:
    """When a stop was sent for all that was held then (UTC ms); 0 for one that was read from the venue, or was cut."""
    whole = tracked.left == tracked.order.qty and not tracked.adopted
    return tracked.sent_at if whole else 0


def _is_dropped(tracked: TrackedOrder, now: int) -> bool:
    """Whether a stop that reads have missed has been dropped, where that happens."""
    return not tracked.live or (bool(tracked.missed_at) and now >= tracked.sent_at + AGAIN_MS)
