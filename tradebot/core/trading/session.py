"""The engine and its broker, coupled: what all modes have in common.

A broker in this process is sent approved orders at once (``_place``), and what it answers is queued as the next
event; ``Engine.process`` is never re-entered. What is meant for a broker outside waits in ``outbox`` until
the runner has put it on record. Everything is synchronous and deterministic.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from typing import Any, assert_never

from tradebot.core.model.approved import Approved
from tradebot.core.model.digest import Digest
from tradebot.core.model.effects import (
    Cancel,
    Countdown,
    Effect,
    EquityPoint,
    FillBooked,
    LookUp,
    OrderChanged,
    Place,
    ReadBack,
    Reconcile,
    SignalJudged,
    StopRun,
    TradeClosed,
    WakeAt,
)
from tradebot.core.model.events import (
    Event,
    FundingRate,
    MarketEvent,
    OrderUpdate,
    PriceSeen,
    WakeUp,
)
from tradebot.core.model.values import HOUR_MS, Bar, MarkBar, Order, OrderStatus
from tradebot.core.trading.broker import Broker
from tradebot.core.trading.engine import Engine
from tradebot.core.trading.hypothetical import Hypothetical

Sink = Callable[[Event, Sequence[Effect]], None]
Shown = Callable[[FundingRate | MarkBar], None]
Record = Callable[[Sequence[Effect]], None]
Note = Callable[[int, Sequence[Effect]], None]

_MERE_RECORDS = frozenset({OrderChanged, TradeClosed, EquityPoint})
"""Effects with nothing to carry out and no part in the digest: most of all there are."""

Outgoing = Place | Cancel | LookUp | ReadBack | Reconcile | Countdown
"""What leaves for the broker."""

FAR = 1 << 62

STALE_MS = 1000
"""An entry that could not leave for so long after it was decided stays here: its price is old."""

LATENCIES = 10_000
"""Newest order latencies kept for the percentiles."""


STEP = "step"
"""The key of a wake-up that says that the step before it is over."""


def step_key(event: MarketEvent) -> tuple[type, int]:
    """Return what all events of a step have in common: their kind (mark bars go with bars) and time."""
    return Bar if isinstance(event, Bar) else type(event), event.at


class Session:
    """Feeds steps to the broker, events to the engine, and orders back to the broker.

    ``sink`` is told of every event the engine consumed, with the effects it had, before the effects are carried
    out; ``record`` of the effects alone, where there are any; ``latched`` is asked right before an entry is sent. ``clock`` (seconds) measures what passes from
    the arrival of a step to each order's sending; ``latencies_ms`` keeps the newest of these.

    ``ghosts`` makes it a ghost's: then the account beside them is a shadow, and ``note`` is told of what
    became of hypothetical trades, with the time of it. They see what the engine said, and tell it nothing. ``shown`` is told
    of what only they are shown: with that and what ``sink`` is told, steps can be put together again (``step_key``).
    """

    def __init__(
        self,
        engine: Engine,
        broker: Broker,
        *,
        sink: Sink | None = None,
        record: Record | None = None,
        latched: Callable[[], bool] | None = None,
        clock: Callable[[], float] | None = None,
        ghosts: Hypothetical | None = None,
    ) -> None:
        self.engine = engine
        self.broker = broker
        self.outbox: list[Outgoing] = []
        self.digest = Digest()
        self.stopped: StopRun | None = None
        self.sink = sink
        self.record = record
        self.ghosts = ghosts
        self.note: Note | None = None
        self.shown: Shown | None = None
        self._judged: list[SignalJudged] = []
        self._latched = latched
        self._clock = clock
        self._watched = clock is not None or ghosts is not None
        self._arrived = 0.0
        self.latencies_ms: deque[float] = deque(maxlen=LATENCIES)
        self._queue: deque[Event] = deque()
        self._step: tuple[type, int] | None = None
        self._timers: dict[str, int] = {}
        self._next_timer = FAR
        self._next_check = 0
        self._next_look = 0
        self._process = engine.process  # the hot path: bound once, not once a step
        self._on_market = broker.on_market
        self._outside = broker.outside

    def advance(self, step: Sequence[MarketEvent]) -> None:
        """Play all market events of one moment."""
        if self._watched:
            self._arrive(step[0])
        if self._next_timer is not FAR:  # as ``_aim`` leaves it: comparing two such numbers is dear
            first = step[0]
            self.wake(getattr(first, "open_time", first.at))
        told = self._on_market(step)
        for event in told:
            effects = self._process(event)
            if self.sink is not None:
                self.sink(event, effects)
            if effects:
                self._carry_out(effects)
        if self.ghosts is not None:
            self._show_ghosts(self.ghosts, step)
        if told is not step and type(step[0]) is MarkBar:  # no engine is told of those
            self._mark(step)
        if self.engine.now >= self._next_look:
            self.wake(self.engine.now + 1)
            self._check()

    def _mark(self, step: Sequence[MarketEvent]) -> None:
        """Where there are mark bars their close, not the trade price, is what positions are valued at."""
        for bar in step:
            if isinstance(bar, MarkBar) and self.engine.holds(bar.symbol):
                self.deliver(PriceSeen(self.engine.now, bar.symbol, bar.exact_close))

    def _check(self) -> None:
        """Once an hour, tell the engine what the broker's own account says."""
        now = self.engine.now
        if now < self._next_check:
            return
        self._next_check = now - now % HOUR_MS + HOUR_MS
        self._aim()
        for event in self.broker.hourly(now):
            self.deliver(event)

    def deliver(self, event: Event) -> None:
        """Give the engine one event, and everything that follows from it at once."""
        effects = self.engine.process(event)
        if self.sink is not None:
            self.sink(event, effects)
        if effects:
            self._carry_out(effects)
        if self._judged and self.ghosts is not None:
            self._judge(self.ghosts)

    def replay(self, event: Event) -> None:
        """Take an event of the log again. What it led to then is done: timers and fingerprints remain.

        That of signals goes by what was journalled.
        """
        if isinstance(event, WakeUp):
            self._timers.pop(event.key, None)
        for effect in self.engine.process(event):
            if isinstance(effect, WakeAt):
                self._timers[effect.key] = effect.at
            elif not isinstance(effect, StopRun | SignalJudged):
                self.digest.take(effect)
        self._aim()

    @property
    def signals(self) -> int:
        """How many signals the run's strategies have given."""
        return self.engine.entries.signals

    def finish(self) -> None:
        """The run is over for good: tell how the curve ends, and close what is hypothetical.

        The shadow account stays as it is.
        """
        self._tell(self.engine.end())
        if self.ghosts is not None:
            self._tell(self.ghosts.finish(self.engine.now))

    def _arrive(self, first: MarketEvent) -> None:
        """Note when a step came; put a word between two of a ghost's that nobody could tell from one."""
        if self._clock is not None:
            self._arrived = self._clock()
        if self.ghosts is None:
            return
        key = step_key(first)
        if key == self._step:
            self.deliver(WakeUp(self.engine.now, STEP))
        self._step = key

    def _show_ghosts(self, ghosts: Hypothetical, step: Sequence[MarketEvent]) -> None:
        """Let hypothetical trades see the step, then begin those of the signals it has led to."""
        if self.shown is not None:
            for event in step:
                if isinstance(event, MarkBar | FundingRate):
                    self.shown(event)
        self._tell(ghosts.advance(step, self.engine.now))
        if self._judged:
            self._judge(ghosts)

    def _judge(self, ghosts: Hypothetical) -> None:
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
            case FillBooked():  # those of every trade first: each class that is tried costs
                self.digest.take(effect)
            case Place():
                self.digest.take(effect)
                self._send(effect)
            case SignalJudged():
                self.digest.take(effect)
                if self.ghosts is not None:
                    self._judged.append(effect)
            case WakeAt(key, at):
                before = self._timers.get(key, FAR)
                self._timers[key] = at
                if at <= self._next_timer:
                    self._next_timer = at
                    self._next_look = min(at, self._next_look)
                elif before == self._next_timer:
                    self._aim()
            case Cancel() | LookUp() | ReadBack() | Reconcile() | Countdown():
                self._send(effect)
            case StopRun():
                self.stopped = self.stopped or effect
            case _:  # all others are for the record
                pass

    def _send(self, effect: Outgoing) -> None:
        """Hand an effect to a broker in this process; for one outside it waits to be put on record."""
        if self._outside:
            self.outbox.append(effect)
        else:
            self._queue.extend(self.hand_over(effect))

    def hand_over(self, effect: Outgoing) -> Sequence[Event]:
        """Hand an effect to the broker; return what it answers at once."""
        broker, now = self.broker, self.engine.now
        match effect:
            case Place(approved):
                return self._place(approved)
            case Cancel(order_id=order_id):
                tracked = self.engine.table.find(order_id)
                return () if tracked is None else broker.cancel(tracked.order, now)
            case LookUp():
                return broker.look_up(effect, now)
            case ReadBack(symbol, trade_id=trade_id):
                return broker.read_back(symbol, now, trade_id)
            case Reconcile():
                return broker.read_account(now)
            case Countdown(symbol, ms):
                return broker.countdown(symbol, ms, now)
            case _:
                assert_never(effect)

    def _place(self, approved: Approved) -> Sequence[Event]:
        """Send an approved order, unless it may open something and trading was halted since."""
        now, order = self.engine.now, approved.order
        if why := self.obstacle(approved, now):
            return (self.unsent(order, why),)
        if self._clock is not None:
            self.latencies_ms.append((self._clock() - self._arrived) * 1000)
        return self.broker.send(approved, now)

    def obstacle(self, approved: Approved, now: int) -> str:
        """Return why an approved order may not leave any more at an engine time, "" if it may.

        What only reduces always may. A broker outside asks again right before the first byte.
        """
        order = approved.order
        if order.reduce_only:
            return ""
        if self._is_halted(approved.epoch):
            return "halted before it was sent"
        tracked = self.engine.table.find(order.id)
        if not self._outside or tracked is None:
            return ""
        if tracked.cancel:
            return "cancelled before it was sent"
        if now - tracked.sent_at > STALE_MS:
            return f"it was decided more than {STALE_MS // 1000} s before it could leave"
        return ""

    def _is_halted(self, epoch: int) -> bool:
        """Whether what was approved in an epoch may not leave any more: a halt came in between."""
        if epoch != self.engine.halts.epoch:
            return True
        return self._latched is not None and self._latched()

    def unsent(self, order: Order, why: str) -> OrderUpdate:
        """Return the word on an order that never left: nobody has it, and nobody will."""
        now, rejected = self.engine.now, OrderStatus.REJECTED
        return OrderUpdate(now, order.symbol, order.id, rejected, now, reason=why)

    def wake(self, before: int) -> None:
        """Deliver the timers due before the given time, in order of time, then key."""
        while self._next_timer < before:
            key = min(self._timers, key=lambda k: (self._timers[k], k))
            if self._timers[key] >= before:  # the one that was due has been put off since
                self._aim()
                return
            at = self._timers.pop(key)
            self._aim()
            self.deliver(WakeUp(max(at, self.engine.now), key))

    def _aim(self) -> None:
        """Work out when the next timer may be due, and at what time a step has to look after more than events."""
        self._next_timer = min(self._timers.values(), default=FAR)
        self._next_look = min(self._next_timer, self._next_check)

    @property
    def next_timer(self) -> int:
        """When the next timer may be due (UTC ms, never too late), ``FAR`` without any."""
        return self._next_timer

    def export_state(self) -> dict[str, Any]:
        """Return engine, broker, timers and digest as JSON values; only between steps."""
        return {
            "engine": self.engine.export_state(),
            **self.broker.export_state(),
            "timers": dict(self._timers),
            "next_check": self._next_check,
            "digest": self.digest.hashes(),
            "ghosts": None if self.ghosts is None else self.ghosts.export_state(),
        }

    def restore(self, state: dict[str, Any]) -> None:
        """Take over ``export_state``'s values."""
        self.engine.restore(state["engine"])
        self.broker.restore(state)
        self._timers = dict(state["timers"])
        self._next_check = state["next_check"]
        self._aim()
        self.digest.restore(state["digest"])
        if self.ghosts is not None:
            self.ghosts.restore(state["ghosts"])
