"""The engine and the simulated exchange, coupled: what backtest and local paper have in common.

This is where an approved order is sent (``_place``) and where what comes back is queued as the next
event; ``Engine.process`` is never re-entered. Everything is synchronous and deterministic.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Sequence
from decimal import Decimal
from typing import Any

from tradebot.core.ghost.ghosts import Ghosts
from tradebot.core.model.digest import Digest
from tradebot.core.model.effects import (
    Cancel,
    Effect,
    EquityPoint,
    OrderChanged,
    Place,
    SignalJudged,
    StopRun,
    TradeClosed,
    WakeAt,
)
from tradebot.core.model.events import (
    AccountSnapshot,
    Event,
    MarketEvent,
    OrderUpdate,
    PriceSeen,
    WakeUp,
)
from tradebot.core.model.values import HOUR_MS, Bar, MarkBar, Order, OrderStatus, Purpose
from tradebot.core.simulated import SimExchange
from tradebot.core.trading.engine import Engine

Sink = Callable[[Event, Sequence[Effect]], None]
Record = Callable[[Sequence[Effect]], None]
Note = Callable[[int, Sequence[Effect]], None]

_MERE_RECORDS = frozenset({OrderChanged, TradeClosed, EquityPoint})
"""Effects with nothing to carry out and no part in the digest: most of all there are."""

FAR = 1 << 62

LATENCIES = 10_000
"""Newest order latencies kept for the percentiles."""


class Session:
    """Feeds steps to the exchange, events to the engine, and orders back to the exchange.

    ``sink`` is told of every event the engine consumed, with the effects it had, before the effects are carried
    out; ``record`` of the effects alone, where there are any; ``latched`` is asked right before an entry is sent. ``clock`` (seconds) measures what passes from
    the arrival of a step to each order's sending; ``latencies_ms`` keeps the newest of these.

    ``ghosts`` makes it a ghost's: then the account beside them is a shadow, and ``note`` is told of what
    became of hypothetical trades, with the time of it. They see what the engine said, and tell it nothing.
    """

    def __init__(
        self,
        engine: Engine,
        exchange: SimExchange,
        *,
        sink: Sink | None = None,
        record: Record | None = None,
        latched: Callable[[], bool] | None = None,
        clock: Callable[[], float] | None = None,
        ghosts: Ghosts | None = None,
    ) -> None:
        self.engine = engine
        self.exchange = exchange
        self.digest = Digest()
        self.stopped: StopRun | None = None
        self.sink = sink
        self.record = record
        self.ghosts = ghosts
        self.note: Note | None = None
        self._judged: list[SignalJudged] = []
        self._latched = latched
        self._quotes = engine.config.quotes
        self._clock = clock
        self._arrived = 0.0
        self.latencies_ms: deque[float] = deque(maxlen=LATENCIES)
        self._queue: deque[Event] = deque()
        self._timers: dict[str, int] = {}
        self._next_timer = FAR
        self._next_check = 0
        self._checked: Decimal | None = None

    def advance(self, step: Sequence[MarketEvent]) -> None:
        """Play all market events of one moment."""
        if self._next_timer != FAR:
            first = step[0]
            self._wake(getattr(first, "open_time", first.at))
        if self._clock is not None:
            self._arrived = self._clock()
        engine = self.engine
        process = engine.process
        sink = self.sink
        # where there are quotes the bars are for the strategies only: nothing trades on them
        only_bars = self._quotes and isinstance(step[0], Bar)
        events = _bars(step) if only_bars else self.exchange.step(step)
        for event in events:
            effects = process(event)
            if sink is not None:
                sink(event, effects)
            if effects:
                self._carry_out(effects)
        if self.ghosts is not None:
            self._haunt(self.ghosts, step)
        if type(step[0]) is MarkBar:
            self._mark(step)
        if self._next_timer != FAR:
            self._wake(engine.now + 1)
        if engine.now >= self._next_check:
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
        if account.cash == self._checked:  # nothing was traded or paid since
            return
        self._checked = account.cash
        self.deliver(AccountSnapshot(now, account.wallet, account.equity()))

    def deliver(self, event: Event) -> None:
        """Give the engine one event, and everything that follows from it at once."""
        effects = self.engine.process(event)
        if self.sink is not None:
            self.sink(event, effects)
        if effects:
            self._carry_out(effects)
        if self._judged and self.ghosts is not None:
            self._judge(self.ghosts)

    def finish(self) -> None:
        """Close what is hypothetical: the run is over for good. The shadow account stays as it is."""
        if self.ghosts is not None:
            self._tell(self.ghosts.finish(self.engine.now))

    def _haunt(self, ghosts: Ghosts, step: Sequence[MarketEvent]) -> None:
        """Let hypothetical trades see the step, then begin those of the signals it has led to."""
        if not (self._quotes and isinstance(step[0], Bar)):
            self._tell(ghosts.advance(step, self.engine.now))
        if self._judged:
            self._judge(ghosts)

    def _judge(self, ghosts: Ghosts) -> None:
        judged, self._judged = self._judged, []
        for signal in judged:
            self._tell(ghosts.judge(signal))

    def _tell(self, effects: Sequence[Effect]) -> None:
        if effects and self.note is not None:
            self.note(self.engine.now, effects)

    def _carry_out(self, effects: Sequence[Effect]) -> None:
        """Carry out effects, then the events they caused, until nothing is left."""
        queue = self._queue
        while True:
            if self.record is not None:
                self.record(effects)
            for effect in effects:
                if type(effect) not in _MERE_RECORDS:
                    self._do(effect)
            effects = ()
            while queue and not effects:
                event = queue.popleft()
                effects = self.engine.process(event)
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
                self._next_timer = min(
                    self._timers.values()
                )  # the key may have had an earlier time
            case StopRun():
                self.stopped = self.stopped or effect
            case SignalJudged():
                self.digest.take(effect)
                if self.ghosts is not None:
                    self._judged.append(effect)
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
            if self._timers[key] >= before:  # the one that was due has been put off since
                self._next_timer = self._timers[key]
                return
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
            "checked": None if self._checked is None else str(self._checked),
            "digest": self.digest.hashes(),
            "ghosts": None if self.ghosts is None else self.ghosts.export_state(),
        }

    def restore(self, state: dict[str, Any]) -> None:
        """Take over ``export_state``'s values."""
        self.engine.restore(state["engine"])
        self.exchange.restore(state["exchange"])
        self._timers = dict(state["timers"])
        self._next_timer = min(self._timers.values(), default=FAR)
        self._next_check = state["next_check"]
        self._checked = None if state["checked"] is None else Decimal(state["checked"])
        self.digest.restore(state["digest"])
        if self.ghosts is not None:
            self.ghosts.restore(state["ghosts"])


def _bars(step: Sequence[MarketEvent]) -> Iterable[Event]:
    return [bar for bar in step if isinstance(bar, Bar)]
