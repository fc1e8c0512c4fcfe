"""From signal to order to protection: what the engine does for one symbol at a time.

The trader writes what it wants to ``out``; nothing here talks to a venue. An order is decided in
``Trader.act`` (entries) and ``Trader.close`` (exits), and guarded in ``Trader.protect`` (stop and target).
"""

from __future__ import annotations

from collections import Counter, OrderedDict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any, Literal

from tradebot.core.model.approved import Approved, Refusal, Refused
from tradebot.core.model.effects import (
    Cancel,
    Effect,
    Notify,
    OrderChanged,
    Place,
    SignalJudged,
    WakeAt,
)
from tradebot.core.model.events import OrderUpdate
from tradebot.core.model.money import ONE, ZERO, ceil_to, floor_to, plain
from tradebot.core.model.values import (
    HOUR_MS,
    Fees,
    Fill,
    Order,
    OrderStatus,
    OrderType,
    Purpose,
    Side,
    TimeInForce,
)
from tradebot.core.risk import gate
from tradebot.core.risk.exposure import Exposure
from tradebot.core.risk.limits import UNBOUND, Limits
from tradebot.core.risk.monitor import Monitor
from tradebot.core.risk.sizing import size, smallest, tier_of
from tradebot.core.state.halts import Halts
from tradebot.core.state.instrument import InstrumentState, Plan, Wish
from tradebot.core.state.orders import TrackedOrder
from tradebot.core.state.portfolio import Portfolio
from tradebot.core.strategy.fault import too_early

TEN_THOUSAND = Decimal(10_000)

STOP_MS = 5_000
"""Milliseconds within which the venue must have a position's first stop, or it is closed."""

REMEMBERED = 32
"""Finished orders kept for a fill that arrives after the end."""

EXIT_WORDS = {Purpose.STOP: "stop", Purpose.TARGET: "target"}


@dataclass(frozen=True, slots=True)
class Execution:
    """How entries are sent: ``ioc`` (limit, immediate or cancel), ``market`` or ``limit`` (resting).

    ``slippage_bps`` is the price protection of an ioc entry in basis points, ``ttl_s`` the life of a
    resting one in seconds.
    """

    entry: Literal["ioc", "market", "limit"] = "ioc"
    slippage_bps: Decimal = Decimal(20)
    ttl_s: int = 60


class Trader:
    """Orders, positions and plans of all symbols of a run.

    ``entries`` are the live entries by order id. ``flattening`` is why everything is being closed ("" while
    it is not): what an entry in flight still fills is closed too, until trading is armed again.
    """

    def __init__(
        self,
        books: Mapping[str, InstrumentState],
        portfolio: Portfolio,
        halts: Halts,
        limits: Limits,
        fees: Fees,
        execution: Execution,
        watch: Monitor,
    ) -> None:
        self.watch = watch
        self.books = books
        self.portfolio = portfolio
        self.halts = halts
        self.limits = limits
        self.fees = fees
        self.execution = execution
        self.orders: dict[str, TrackedOrder] = {}
        self.entries: dict[str, InstrumentState] = {}
        slip = execution.slippage_bps / TEN_THOUSAND
        self.exposure = Exposure(books, self.orders, portfolio, halts, watch, limits, fees, slip)
        self.flattening = ""
        self._approved: InstrumentState | None = None
        self.finished: OrderedDict[str, TrackedOrder] = OrderedDict()
        self.last_entry: int | None = None
        self.prefix = "tb"
        self.orders_sent = 0
        self.signals = 0
        self.refusals = 0
        self.refused: Counter[str] = Counter()
        self.paused: dict[str, str] = {}
        self.warned: set[str] = set()
        self.now = 0
        self.out: list[Effect] = []

    # -- signals ------------------------------------------------------------------------------

    def act(self, book: InstrumentState, wish: Wish, faults: tuple[Refusal, ...] = ()) -> None:
        """Judge a signal and do what it leads to; ``faults`` are reasons found before."""
        side = book.holding.qty
        if faults:
            self._record(book, wish, "refused", faults)
        elif wish.side == "exit":
            self._leave(book, wish)
        elif side and (side > 0) == (wish.side == "long"):
            self._record(book, wish, "held")
            self._trail(book, wish)
        elif side:
            book.reverse = wish
            self._record(book, wish, "exit")
            self.close(book, "signal")
        elif self._live(book.entry):
            self._replace_entry(book, wish)
        else:
            self._enter(book, wish)

    def hush(self, book: InstrumentState) -> None:
        """A signal before the strategy's warm-up is over is not judged: say so once for each symbol."""
        text = too_early(book.symbol, book.strategy.warmup)
        if text not in self.warned:
            self.warned.add(text)
            self.out.append(Notify(self.now, "warning", text))

    def _leave(self, book: InstrumentState, wish: Wish) -> None:
        book.reverse = None
        if not book.holding.qty and not self._live(book.entry):
            self._record(book, wish, "ignored")
            return
        self._record(book, wish, "exit")
        self.close(book, "signal")

    def _trail(self, book: InstrumentState, wish: Wish) -> None:
        """Move the stop where the strategy wants it, if that is nearer: a stop never moves away."""
        plan = book.plan
        if plan is None or wish.stop is None or book.closing:
            return
        stop = self._plan(book, wish, plan.side).stop
        assert stop is not None
        price = book.exit_price()
        long = plan.side is Side.BUY
        nearer = plan.stop is None or (stop > plan.stop if long else stop < plan.stop)
        valid = stop < price if long else stop > price
        if nearer and valid:
            book.plan = replace(plan, stop=stop)
            book.stop = self._guard(book, book.stop, Purpose.STOP, stop)

    def _replace_entry(self, book: InstrumentState, wish: Wish) -> None:
        """A signal while an entry works: the same side keeps it, the other side cancels it."""
        entry = self.orders[book.entry].order
        if (entry.side is Side.BUY) == (wish.side == "long"):
            self._record(book, wish, "held")
            return
        self._record(book, wish, "exit")
        self._cancel(book.entry, "opposite signal")

    def _enter(self, book: InstrumentState, wish: Wish) -> None:
        """Size, round and judge an entry, and send it if the gate approves."""
        book.reverse = None
        if book.last is None:
            unknown = Refusal("stale", f"{book.symbol}: no price has been seen yet")
            self._record(book, wish, "refused", (unknown,))
            return
        side = Side.BUY if wish.side == "long" else Side.SELL
        plan = self._plan(book, wish, side)
        desk = self.exposure.desk(
            book, self.now, self.last_entry, self._pause(book), self.now - wish.closed
        )
        price = self._entry_price(book, side)
        qty = size(side, tier_of(wish.confidence), price, plan.stop, desk)
        if isinstance(qty, Refusal):
            least = self._entry_order(book, side, smallest(price, desk), price)
            rest = gate.check(least, plan.stop, desk)
            more = rest.reasons if isinstance(rest, Refused) else ()
            said = ("position_value", "trade_loss")  # what the size was refused for
            reasons = (qty, *(r for r in more if r.rule not in said))
            self._record(book, wish, "refused", reasons)
            return
        verdict = gate.check(self._entry_order(book, side, qty, price), plan.stop, desk)
        if isinstance(verdict, Refused):
            self._record(book, wish, "refused", verdict.reasons)
            return
        self._record(book, wish, "approved")
        book.plan = plan
        book.entry = self._send(verdict, wish.id)
        self.entries[book.entry] = book
        self._approved = book
        self.last_entry = self.now
        self._expect_price(book)
        if self.execution.entry == "limit":
            self.out.append(WakeAt(f"ttl:{book.entry}", self.now + self.execution.ttl_s * 1000))

    def _pause(self, book: InstrumentState) -> str:
        """Return why entries on the symbol wait, "" if they do not."""
        faulty = "its last price makes no sense" if book.faulty else ""
        return self.paused.get(book.symbol, faulty)

    def _plan(self, book: InstrumentState, wish: Wish, side: Side) -> Plan:
        """Round stop and target to the tick towards the entry: the risk is no larger than asked for."""
        tick = book.instrument.tick
        up, down = (ceil_to, floor_to) if side is Side.BUY else (floor_to, ceil_to)
        stop = None if wish.stop is None else up(wish.stop, tick)
        target = None if wish.target is None else down(wish.target, tick)
        return Plan(wish.id, side, stop, target)

    def _entry_price(self, book: InstrumentState, side: Side) -> Decimal | None:
        """Return the limit price of an entry: protected, passive, or None for a market order."""
        kind = self.execution.entry
        if kind == "market":
            return None
        _, bid, ask = book.touch()
        tick = book.instrument.tick
        if kind == "limit":
            return floor_to(bid, tick) if side is Side.BUY else ceil_to(ask, tick)
        if side is Side.BUY:
            return floor_to(ask * (ONE + self.exposure.slip), tick)
        return ceil_to(bid * (ONE - self.exposure.slip), tick)

    def _entry_order(
        self, book: InstrumentState, side: Side, qty: Decimal, price: Decimal | None
    ) -> Order:
        ioc = self.execution.entry == "ioc"
        return Order(
            id=self._next_id(Purpose.ENTRY),
            symbol=book.symbol,
            side=side,
            type=OrderType.MARKET if price is None else OrderType.LIMIT,
            qty=qty,
            price=price,
            tif=TimeInForce.IOC if ioc else TimeInForce.GTC,
            purpose=Purpose.ENTRY,
        )

    # -- protection and exits ------------------------------------------------------------------

    def protect(self, book: InstrumentState) -> None:
        """Place stop and target for the whole position; older ones go once the new ones stand."""
        plan = book.plan
        if plan is None:
            return
        if plan.stop is not None:
            book.stop = self._guard(book, book.stop, Purpose.STOP, plan.stop)
        if plan.target is not None:
            book.target = self._guard(book, book.target, Purpose.TARGET, plan.target)

    def _guard(self, book: InstrumentState, old: str, purpose: Purpose, trigger: Decimal) -> str:
        qty = book.holding.qty
        kind = OrderType.STOP_MARKET if purpose is Purpose.STOP else OrderType.TAKE_PROFIT_MARKET
        order = Order(
            id=self._next_id(purpose),
            symbol=book.symbol,
            side=Side.SELL if qty > 0 else Side.BUY,
            type=kind,
            qty=abs(qty),
            trigger=trigger,
            reduce_only=True,
            purpose=purpose,
        )
        verdict = gate.close(order, qty, book.instrument, self.halts.epoch)
        if isinstance(verdict, Refused):
            self._warn(f"{purpose.name.lower()} refused: {verdict.reasons[0].text}")
            return old
        if self._live(old):
            book.retiring.append(old)
        elif purpose is Purpose.STOP:
            self.out.append(WakeAt(f"stop:{book.symbol}", self.now + STOP_MS))
        return self._send(verdict, 0)

    def check_stop(self, symbol: str) -> None:
        """Close a position whose stop the venue has not confirmed in time."""
        book = self.books[symbol]
        if not book.holding.qty or book.plan is None or book.plan.stop is None or book.closing:
            return
        stop = self.orders.get(book.stop)
        if stop is None or stop.status in (OrderStatus.PENDING, OrderStatus.UNKNOWN):
            self._warn(f"{symbol}: no stop in place after {STOP_MS // 1000} s; closing")
            self.close(book, "stop_lost")

    def close(self, book: InstrumentState, why: str) -> None:
        """Close the position at market, reduce-only; a working entry is cancelled first.

        What that entry still fills before the cancel takes effect is closed as well.
        """
        self._cancel(book.entry, why)
        qty = book.holding.qty
        if not qty and not self._live(book.entry):
            return
        book.closing = book.closing or why
        # an exit whose fate is unknown does not hold up the next: both only reduce
        known = book.exit in self.orders and not self._unknown(book.exit)
        if not qty or known:
            return
        order = Order(
            id=self._next_id(Purpose.EXIT),
            symbol=book.symbol,
            side=Side.SELL if qty > 0 else Side.BUY,
            type=OrderType.MARKET,
            qty=min(abs(qty), book.instrument.market_max_qty),
            reduce_only=True,
            purpose=Purpose.EXIT,
        )
        verdict = gate.close(order, qty, book.instrument, self.halts.epoch)
        if isinstance(verdict, Refused):
            self._warn_once(f"exit refused: {verdict.reasons[0].text}")
            return
        book.exit = self._send(verdict, 0)

    def cancel_entries(
        self, why: str, symbols: Iterable[str] | None = None, *, flat_only: bool = False
    ) -> None:
        """Cancel working entries: what blocks new entries does not leave old ones standing.

        ``symbols`` None means all; with ``flat_only`` those that add to a position are left.
        """
        for symbol in self.books if symbols is None else symbols:
            book = self.books.get(symbol)
            if book is None or (flat_only and book.holding.qty):
                continue
            book.reverse = None
            self._cancel(book.entry, why)

    def heed_blackout(self, at: int) -> None:
        """Cancel entries in a blackout hour, and in the last instant before one: none fills in it."""
        hour = at // HOUR_MS
        blackout = self.limits.blackout_hours
        if hour % 24 in blackout:
            self.cancel_entries("blackout")
        elif (hour + 1) % 24 in blackout:
            self.out.append(WakeAt("blackout", (hour + 1) * HOUR_MS - 1))

    def expire(self, order_id: str) -> None:
        """End a resting entry whose time is up."""
        self._cancel(order_id, "time to live is over")

    def _expect_price(self, book: InstrumentState) -> None:
        """Ask to be woken when the symbol's price is too old for the entry that works on it."""
        stale_s = self.limits.stale_s
        if stale_s is not None and stale_s < UNBOUND:  # else it cannot come to that
            seen, pause = book.seen()
            self.out.append(WakeAt(f"stale:{book.symbol}", seen + pause + stale_s * 1000 + 1))

    def check_price(self, symbol: str) -> None:
        """Ask again while an entry works; that its price is too old is found by ``review_entries``."""
        book = self.books[symbol]
        if self._live(book.entry) and not self._stale(book):
            self._expect_price(book)

    def _stale(self, book: InstrumentState) -> bool:
        """Whether the symbol has shown no price for too long."""
        seen, pause = book.seen()
        stale_s = self.limits.stale_s
        return stale_s is not None and self.now - seen - pause > stale_s * 1000

    def review_entries(self) -> None:
        """Cancel working entries that limits, or the age of their price, would now refuse.

        In the call that approved one, the gate has just held it, and the account with it, to the same limits.
        """
        approved, self._approved = self._approved, None
        overdrawn = self.exposure.overdrawn() if approved is None else ""
        for book in tuple(self.entries.values()):
            if book is approved:
                continue
            why = overdrawn or ("stale data" if self._stale(book) else self.exposure.unfit(book))
            if why:
                self._cancel(book.entry, why)

    # -- what comes back -----------------------------------------------------------------------

    def tracked(self, order_id: str) -> TrackedOrder | None:
        """Return the order a fill belongs to, live or finished; None if it is none of ours."""
        return self.orders.get(order_id) or self.finished.get(order_id)

    def why(self, book: InstrumentState, fill: Fill, tracked: TrackedOrder | None) -> str:
        """Return why a fill happened, in the words of an exit reason."""
        if tracked is None:
            return "liquidation" if fill.liquidation else "external"
        return EXIT_WORDS.get(tracked.order.purpose) or book.closing or "exit"

    def take_fill(self, tracked: TrackedOrder, fill: Fill) -> None:
        """Count a fill on its order."""
        tracked.fill(fill)
        self._changed(tracked, "")
        self._retire(tracked)

    def settle(self, book: InstrumentState, before: Decimal) -> None:
        """Bring protection in line with the position after a fill; ``before`` is the quantity before it."""
        qty = book.holding.qty
        if not qty:
            self._flat(book)
        elif abs(qty) > abs(before) or (qty > 0) != (before > 0):
            self._grown(book)
        elif book.closing:  # an exit that was sent before the last of the entry filled
            self.close(book, book.closing)
        elif book.plan is not None and book.plan.stop is not None and not self._live(book.stop):
            self._warn(f"{book.symbol}: the stop is gone, {plain(qty)} is left; closing")
            self.close(book, "stop_lost")

    def _grown(self, book: InstrumentState) -> None:
        """Protect what an entry filled; close what should not have been filled any more."""
        plan = book.plan
        planned = plan is not None and (plan.side is Side.BUY) == (book.holding.qty > 0)
        why = book.closing or self.flattening or ("" if planned else "late_fill")
        if why:
            self.close(book, why)
        if planned:
            self.protect(book)

    def take_update(self, book: InstrumentState, update: OrderUpdate) -> None:
        """Take the venue's word on an order, and mend what it broke."""
        tracked = self.orders.get(update.order_id)
        if tracked is None or not tracked.move(update.status, update.qty):
            return
        self._changed(tracked, update.reason)
        if tracked.live:
            self._stand(book, tracked)
            return
        self._retire(tracked)
        if book.holding.qty:
            self._mend(book, tracked, update)
        elif tracked.order.purpose is Purpose.ENTRY:
            book.closing = ""
        self._turn(book)

    def _stand(self, book: InstrumentState, tracked: TrackedOrder) -> None:
        """An order works: what it replaces may go. Or nobody knows: then another one is sent."""
        order_id = tracked.order.id
        if tracked.status is OrderStatus.UNKNOWN:
            if order_id == book.stop and book.holding.qty:
                self.protect(book)
            elif order_id == book.exit:
                self.close(book, book.closing)
        elif order_id in (book.stop, book.target) and tracked.status is not OrderStatus.PENDING:
            self._drop_retiring(book, tracked)

    def _mend(self, book: InstrumentState, tracked: TrackedOrder, update: OrderUpdate) -> None:
        """A stop that ended while its position is open means close now; a refused target is only lost."""
        order = tracked.order
        if order.id == book.stop and update.status is not OrderStatus.FILLED:
            self._warn(f"{order.symbol}: stop {update.status.value} ({update.reason}); closing")
            self.close(book, "stop_lost")

    def _flat(self, book: InstrumentState) -> None:
        book.plan = None
        book.closing = ""
        for order_id in (book.entry, book.stop, book.target, book.exit, *book.retiring):
            self._cancel(order_id, "flat")
        book.retiring = []
        self._turn(book)

    def _turn(self, book: InstrumentState) -> None:
        """Take the other side once the symbol is flat and nothing of what was there still rests."""
        wish = book.reverse
        if wish is None or book.holding.qty or self._live(book.entry):
            return
        if not self.exposure.orphans(book):
            self._enter(book, wish)

    def _drop_retiring(self, book: InstrumentState, tracked: TrackedOrder) -> None:
        """The replacement stands: cancel the protective orders of its kind that it replaces."""
        keep = []
        for order_id in book.retiring:
            old = self.orders.get(order_id)
            if old is not None and old.order.purpose is not tracked.order.purpose:
                keep.append(order_id)
            else:
                self._cancel(order_id, "replaced")
        book.retiring = keep

    # -- small parts ---------------------------------------------------------------------------

    def _send(self, approved: Approved, signal: int) -> str:
        order = approved.order
        self.orders_sent += 1
        self.orders[order.id] = TrackedOrder.sent(order, signal)
        self.out.append(Place(approved, signal))
        return order.id

    def _cancel(self, order_id: str, why: str) -> None:
        tracked = self.orders.get(order_id)
        if tracked is None or not tracked.move(OrderStatus.CANCELLING):
            return
        self.out.append(Cancel(tracked.order.symbol, order_id, why))

    def _live(self, order_id: str) -> bool:
        return order_id in self.orders

    def _unknown(self, order_id: str) -> bool:
        return self.orders[order_id].status is OrderStatus.UNKNOWN

    def _next_id(self, purpose: Purpose) -> str:
        return f"{self.prefix}-{self.orders_sent + 1}{purpose.value}"

    def _retire(self, tracked: TrackedOrder) -> None:
        """Move a finished order out of the live table; remember the newest few for late fills."""
        if tracked.live:
            return
        self.orders.pop(tracked.order.id, None)
        self.entries.pop(tracked.order.id, None)
        self.finished[tracked.order.id] = tracked
        if len(self.finished) > REMEMBERED:
            self.finished.popitem(last=False)

    def _changed(self, tracked: TrackedOrder, reason: str) -> None:
        self.out.append(
            OrderChanged(
                at=self.now,
                symbol=tracked.order.symbol,
                order_id=tracked.order.id,
                status=tracked.status,
                filled=tracked.filled,
                average=tracked.average,
                qty=tracked.qty,
                reason=reason,
            )
        )

    def _record(
        self, book: InstrumentState, wish: Wish, verdict: str, refusals: tuple[Refusal, ...] = ()
    ) -> None:
        if verdict == "refused":
            self.refusals += 1
            self.refused.update({refusal.rule for refusal in refusals})
        self.out.append(
            SignalJudged(
                id=wish.id,
                at=self.now,
                symbol=book.symbol,
                side=wish.side,
                confidence=wish.confidence,
                price=book.price() or ZERO,
                stop=wish.stop,
                target=wish.target,
                reason=wish.reason,
                verdict=verdict,
                refusals=tuple(refusal.text for refusal in refusals),
                indicators=wish.indicators,
            )
        )

    def _warn(self, text: str) -> None:
        self.out.append(Notify(self.now, "critical", text))

    def _warn_once(self, text: str) -> None:
        """Say what would be said again with every price."""
        if text not in self.warned:
            self.warned.add(text)
            self._warn(text)

    def export_state(self) -> dict[str, Any]:
        """Return orders and counters as JSON values."""
        return {
            "orders": [tracked.export_state() for tracked in self.orders.values()],
            "finished": [tracked.export_state() for tracked in self.finished.values()],
            "last_entry": self.last_entry,
            "orders_sent": self.orders_sent,
            "signals": self.signals,
            "refusals": self.refusals,
            "refused": dict(self.refused),
            "paused": dict(self.paused),
            "flattening": self.flattening,
        }

    def restore(self, state: dict[str, Any]) -> None:
        """Take over ``export_state``'s values."""
        for item in map(TrackedOrder.restored, state["orders"]):
            self.orders[item.order.id] = item
            if item.order.purpose is Purpose.ENTRY:
                self.entries[item.order.id] = self.books[item.order.symbol]
        for item in map(TrackedOrder.restored, state["finished"]):
            self.finished[item.order.id] = item
        self.last_entry = state["last_entry"]
        self.orders_sent = state["orders_sent"]
        self.signals = state["signals"]
        self.refusals = state["refusals"]
        self.refused = Counter(state["refused"])
        self.paused = dict(state["paused"])
        self.flattening = state["flattening"]
