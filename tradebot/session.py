"""The engine and the simulated exchange, coupled: what backtest and local paper have in common.

This is where an approved order is sent (``_place``) and where what comes back is queued as the next
event; ``Engine.process`` is never re-entered. Everything is synchronous and deterministic.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from tradebot.core.digest import Digest
from tradebot.core.effects import Cancel, Effect, Place, StopRun, WakeAt
from tradebot.core.engine import Engine
from tradebot.core.events import (
    AccountSnapshot,
    Event,
    MarketEvent,
    OrderUpdate,
    PriceSeen,
    WakeUp,
)
from tradebot.core.exchange import SimExchange
from tradebot.core.values import HOUR_MS, Bar, MarkBar, Order, OrderStatus, Purpose

Sink = Callable[[Event, Sequence[Effect]], None]

FAR = 1 << 62

LATENCIES = 10_000
"""Newest order latencies kept for the percentiles."""


class Session:
    """Feeds steps to the exchange, events to the engine, and orders back to the exchange.

    ``sink`` is told of every event the engine consumed, with the effects it had, before the effects are carried
    out; ``latched`` is asked right before an entry is sent. ``clock`` (seconds) measures what passes from
    the arrival of a step to each order's sending; ``latencies_ms`` keeps the newest of these.
    """

    def __init__(
        self,
        engine: Engine,
        exchange: SimExchange,
        *,
        sink: Sink | None = None,
        latched: Callable[[], bool] | None = None,
        clock: Callable[[], float] | None = None,
    ) -> None:
        self.engine = engine
        self.exchange = exchange
        self.digest = Digest()
        self.stopped: StopRun | None = None
        self.events = 0
        self.sink = sink
        self._latched = latched
        self._quotes = engine.config.quotes
        self._clock = clock
        self._arrived = 0.0
        self.latencies_ms: deque[float] = deque(maxlen=LATENCIES)
        self._queue: deque[Event] = deque()
        self._timers: dict[str, int] = {}
        self._next_timer = FAR
        self._next_check = 0

    def advance(self, step: Sequence[MarketEvent]) -> None:
        """Play all market events of one moment."""
        if self._next_timer != FAR:
            first = step[0]
            self._wake(getattr(first, "open_time", first.at))
        if self._clock is not None:
            self._arrived = self._clock()
        process = self.engine.process
        sink = self.sink
        events: Iterable[Event]
        if self._quotes and isinstance(step[0], Bar):
            # where there are quotes the bars are for the strategies only: nothing trades on them
            events = [bar for bar in step if isinstance(bar, Bar)]
        else:
            events = self.exchange.step(step)
        for event in events:
            effects = process(event)
            self.events += 1
            if sink is not None:
                sink(event, effects)
            if effects:
                self._carry_out(effects)
        if isinstance(step[0], MarkBar):
            self._mark(step)
        if self._next_timer != FAR:
            self._wake(self.engine.now + 1)
        if self.engine.now >= self._next_check:
            self._check()

    def _mark(self, step: Sequence[MarketEvent]) -> None:
        """Where there are mark bars their close, not the trade price, is what positions are valued at."""
        for bar in step:
            if isinstance(bar, MarkBar) and self.engine.holds(bar.symbol):
                self.deliver(PriceSeen(self.engine.now, bar.symbol, bar.exact_close))

    def _check(self) -> None:
        """Once an hour, tell the engine what the exchange's own account says."""
        now = self.engine.now
        self._next_check = now - now % HOUR_MS + HOUR_MS
        account = self.exchange
        self.deliver(AccountSnapshot(now, account.wallet, account.equity()))

    def deliver(self, event: Event) -> None:
        """Give the engine one event, and everything that follows from it at once."""
        effects = self.engine.process(event)
        self.events += 1
        if self.sink is not None:
            self.sink(event, effects)
        if effects:
            self._carry_out(effects)

    def _carry_out(self, effects: Sequence[Effect]) -> None:
        """Carry out effects, then the events they caused, until nothing is left."""
        queue = self._queue
        while True:
            for effect in effects:
                self._do(effect)
            effects = ()
            while queue and not effects:
                event = queue.popleft()
                effects = self.engine.process(event)
                self.events += 1
                if self.sink is not None:
                    self.sink(event, effects)
            if not effects:
                return

    def _do(self, effect: Effect) -> None:
        match effect:
            case Place(approved):
                self.digest.take(effect)
                self._place(approved.order, approved.epoch)
            case Cancel(symbol, order_id):
                self._queue.extend(self.exchange.cancel(symbol, order_id, self.engine.now))
            case WakeAt(key, at):
                self._timers[key] = at
                self._next_timer = min(self._next_timer, at)
            case StopRun():
                self.stopped = self.stopped or effect
            case _:
                self.digest.take(effect)

    def _place(self, order: Order, epoch: int) -> None:
        """Send an approved order, unless it is an entry and trading was halted since."""
        now = self.engine.now
        if order.purpose is Purpose.ENTRY:
            stale = epoch != self.engine.halts.epoch
            if stale or (self._latched is not None and self._latched()):
                reason = "halted before it was sent"
                rejected = OrderStatus.REJECTED
                self._queue.append(
                    OrderUpdate(now, order.symbol, order.id, rejected, now, reason=reason)
                )
                return
        if self._clock is not None:
            self.latencies_ms.append((self._clock() - self._arrived) * 1000)
        self._queue.extend(self.exchange.submit(order, now))

    def _wake(self, before: int) -> None:
        """Deliver the timers due before the given time, in order of time, then key."""
        while self._next_timer < before:
            key = min(self._timers, key=lambda k: (self._timers[k], k))
            at = self._timers.pop(key)
            self._next_timer = min(self._timers.values(), default=FAR)
            self.deliver(WakeUp(max(at, self.engine.now), key))

    def export_state(self) -> dict[str, Any]:
        """Return engine, exchange, timers and digest as JSON values; only between steps."""
        return {
            "engine": self.engine.export_state(),
            "exchange": self.exchange.export_state(),
            "timers": dict(self._timers),
            "next_check": self._next_check,
            "digest": self.digest.hashes(),
            "events": self.events,
        }

    def restore(self, state: dict[str, Any]) -> None:
        """Take over ``export_state``'s values."""
        self.engine.restore(state["engine"])
        self.exchange.restore(state["exchange"])
        self._timers = dict(state["timers"])
        self._next_timer = min(self._timers.values(), default=FAR)
        self._next_check = state["next_check"]
        self.digest.restore(state["digest"])
        self.events = state["events"]
