"""The runner on a wall clock: one queue in, for prices, answers, timers and people.

Where prices come as they happen, or a broker outside answers when it likes, nothing can be made to wait. Tasks
of one group put what comes into the queue; one consumer stamps it with the engine's time, lets the runs decide
and hands what they want to their senders. A journal that fails is an event here: protection goes on.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Coroutine, Iterator, Sequence
from contextlib import suppress
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, cast

from tradebot.app.barred import Watcher
from tradebot.app.clock import EngineClock
from tradebot.app.ending import State
from tradebot.app.feed_watch import FeedWatch
from tradebot.app.links import links_of
from tradebot.app.outside import OutsideBroker, meant_error
from tradebot.app.record import RETRY_S
from tradebot.app.run import Hosted
from tradebot.app.runner import COMMIT_S, IDLE_COMMIT_S, POLL_S, Runner
from tradebot.app.sender import Sender
from tradebot.app.settle import OnStop, Settling, let_go
from tradebot.app.stamps import stamped_now, told_now
from tradebot.core.model.approved import Approved
from tradebot.core.model.errors import JournalError, RefusedError, TradebotError
from tradebot.core.model.events import (
    AccountRead,
    ClockChecked,
    Event,
    JournalBack,
    JournalFailed,
    VenueNote,
)
from tradebot.core.model.values import Bar
from tradebot.core.trading.session import FAR
from tradebot.guard.latch import halt_mark
from tradebot.guard.notice import clear_notice, write_notice
from tradebot.journal.side import SIDE_FILE
from tradebot.market.cursor import Cursor
from tradebot.market.feed import ExchangeSource, Step, WallSource

LATCH_S = 0.02
"""Seconds between two looks at the HALT files of an account: a close-all must not wait."""

WARM_SLICE = 200
"""Bars that strategies are fed between two looks at the queue."""

MENDED = "mend what is named; `tradebot live --check` says whether it is, and `tradebot live` trades again"

Work = Callable[[], object]


class QueueRunner(Runner):
    """Hosts runs on a source that the wall clock paces.

    ``warm`` feeds strategies of a resumed run, call by call, the bars they must see again before new ones; ``since`` is the
    open time of the newest of them. ``on_stop`` says whether what is open stays or is closed when somebody stops it.
    """

    warm: Iterator[Work] | None = None
    since: int | None = None
    on_stop: OnStop = "keep"

    def prepare(self) -> None:
        """Make the queue, the clock and the senders; call it once, inside the loop."""
        self._wall = cast("WallSource", self.source)
        self._queue: asyncio.Queue[Work] = asyncio.Queue()
        self.time = EngineClock(self._clock)
        self._settling = Settling(self.runs, self._breathe, self._clock)
        self._held: deque[Step] = deque()
        self._was_read = False
        self._ended = ""
        self._failed: TradebotError | None = None
        self._tasks: list[asyncio.Task[None]] = []
        self._exchange = self._wall if isinstance(self._wall, ExchangeSource) else None
        if self._exchange is not None:
            self.time.correct(self._exchange.offset_ms)
        side = Path(self._data_dir) / SIDE_FILE
        self.senders = {
            run.identity.run: Sender(
                run, self.record, side, partial(self.answer, run), self._say, self._clock
            )
            for run in self.runs
            if run.session.broker.outside
        }
        for run in self.runs:
            run.time = self.time.now
            run.links = links_of(self._wall, run.session.broker)

    # -- what comes in ------------------------------------------------------------------------------

    def put(self, step: Step) -> None:
        """Take a step of the market."""
        self._queue.put_nowait(partial(self._on_market, step))

    def answer(self, run: Hosted, event: Event) -> None:
        """Take a broker's word."""
        self._queue.put_nowait(partial(self._on_answer, run, event))

    def tell(self, event: Event) -> None:
        """Take a source's word that is no price."""
        self._queue.put_nowait(partial(self._on_word, event))

    def say(self, text: str) -> None:
        """Tell people what a source has to say."""
        self._say(text)

    def holds(self, symbol: str) -> bool:
        """Whether a run has a position open on a symbol."""
        return any(run.session.engine.holds(symbol) for run in self.runs)

    def permit(self, protect: str) -> None:
        """Let the first run trade, or only protect what is open and then end; to be called on the loop's thread."""
        self._queue.put_nowait(partial(self._permit, protect))

    def bar(self, who: Watcher, reasons: Sequence[str]) -> None:
        """Take why a watcher wants no entries on the account; to be called on the loop's thread.

        A run whose orders are simulated goes on: no money is at stake.
        """
        for run in self.runs:
            if run.session.broker.outside:
                self._queue.put_nowait(partial(run.bar, who, tuple(reasons)))

    def request_stop(self, why: str) -> None:
        """Ask for an orderly stop; to be called on the loop's thread."""
        super().request_stop(why)
        self._queue.put_nowait(_nothing)

    def keep(self) -> None:
        """End a stopping run at once, with all as it is; to be called on the loop's thread."""
        self._settling.kept.set()
        self._queue.put_nowait(_nothing)

    # -- the loop -----------------------------------------------------------------------------------

    async def _play(self, cursor: Cursor | None) -> tuple[State, str]:
        self._cursor = cursor or {}
        try:
            opened = await self._opened(cursor)
            if not opened and not self._closes_at_the_end():
                return "interrupted", self._stop_why
            return await self._host(opened)
        finally:
            if self._exchange is not None:
                await self._exchange.close()

    async def _opened(self, cursor: Cursor | None) -> bool:
        """Let an exchange's source connect, and read what it needs; False if the run is to stop meanwhile."""
        if self._exchange is None:
            return True
        opening = self.opening = asyncio.ensure_future(self._exchange.open(self, cursor))
        try:
            while not opening.done() and not self._stop.is_set():
                await asyncio.wait({opening}, timeout=POLL_S)
                self.heartbeat.beat()
            if not opening.done():
                return False
            opening.result()
            return True
        finally:
            opening.cancel()

    def _closes_at_the_end(self) -> bool:
        """Whether what is open is still to be closed when a run is stopped: that needs no prices, but its broker."""
        return self.on_stop == "flatten" and not self._settling.kept.is_set()

    async def _host(self, opened: bool) -> tuple[State, str]:
        """Feed the past, start the runs and let the tasks and the consumer work until the end.

        A source that was not ``opened`` before somebody stopped the run feeds nothing.
        """
        for run in self.runs:
            self.time.go_on_from(run.session.engine.now)
        if opened and not self.identity.resumed:
            self._feed_history()
        self._start(self.time.now())
        pause = 0 if self._wall.quotes else self._wall.interval
        watched = () if self._exchange is not None else self._wall.symbols
        self._watch = FeedWatch(watched, self.time.now(), pause)
        async with asyncio.TaskGroup() as group:
            for name, work in self._works(opened):
                self._tasks.append(group.create_task(self._guarded(work), name=name))
            try:
                ending = await self._consume()
                await self._settle()
            finally:
                await let_go(self._tasks, self.heartbeat)
        if self._failed is not None:
            raise self._failed
        return ending

    def _start(self, at: int) -> None:
        self.began = True
        if self.first is None:
            self.first = at
        for run in self.runs:
            run.start(at, passed=True)

    def _works(self, opened: bool) -> Iterator[tuple[str, Coroutine[Any, Any, None]]]:
        for run in self.runs:
            broker = run.session.broker
            if isinstance(broker, OutsideBroker):
                yield f"broker of {run.identity.run}", self._serve(run, broker)
        if opened:
            yield "market", self._feed()
        yield "commands", self._hear_commands()
        yield "HALT file", self._see_halts()
        yield "record", self._keep_record()

    async def _serve(self, run: Hosted, broker: OutsideBroker) -> None:
        """Hold a broker's connections. What nobody thought of halts entries and is no end: positions must stay protected."""
        while True:
            try:
                await broker.serve(partial(self.answer, run), partial(self._obstacle, run))
                return
            except Exception as error:
                if (meant := meant_error(error)) is not None:
                    raise meant from error
                text = f"{type(error).__name__}: {error}"
                self.answer(run, VenueNote(self.time.now(), "broker", text, "unexplained"))
                self._say(f"the broker failed and begins again: {text}")
            await asyncio.sleep(RETRY_S)

    def _obstacle(self, run: Hosted, approved: Approved) -> str:
        return run.session.obstacle(approved, self.time.now())

    async def _guarded(self, work: Coroutine[Any, Any, None]) -> None:
        """Run one of the tasks; what ends it on purpose ends the run in order, not the others in the middle."""
        try:
            await work
        except TradebotError as error:
            self._failed = self._failed or error
            self.request_stop(error.message)

    def _feed_history(self) -> None:
        for bar in self._wall.history():
            for run in self.runs:
                run.session.deliver(bar)
            self.heartbeat.beat()

    async def _consume(self) -> tuple[State, str]:
        """Take one thing after the other until the run is to end."""
        while True:
            self.heartbeat.beat()
            self._fire_timers()
            self._send_all()
            if self._stopping():
                return "interrupted", self._stop_why
            if self.protect and self.session.engine.is_flat():
                text = f"nothing is open any more, and live was not fit to trade: {self.protect}"
                self._failed = RefusedError(text, hint=MENDED)
                return "interrupted", text
            if self._ended or self._over(self.time.now()):
                return "ended", self._ended or "the time asked for has passed"
            with suppress(asyncio.QueueEmpty, TimeoutError):
                (await self._next())()

    async def _next(self) -> Work:
        """Return the next piece of work; QueueEmpty or TimeoutError when something else is due first."""
        if not self._queue.empty():
            if self._queue.qsize() % 64 == 0:
                await asyncio.sleep(0)  # a long queue must not starve those who fill it
            return self._queue.get_nowait()
        if self.warm is not None:
            await asyncio.sleep(0)
            return self._warm_on
        due = min(self._next_due(), self.time.now() + round(POLL_S * 1000))
        return await asyncio.wait_for(self._queue.get(), self.time.seconds_until(due))

    def _next_due(self) -> int:
        timers = [run.session.next_timer for run in self.runs]
        return min(*timers, self._watch.next_check, FAR)

    def _fire_timers(self) -> None:
        """Deliver the timers that are due, whatever the feed does, and tell of a feed that is silent."""
        now = self.time.now()
        for run in self.runs:
            run.session.wake(now + 1)
            run.heed_incidents()
        if now >= self._watch.next_check:
            self._tell_all(self._watch.check(now))

    def _send_all(self) -> None:
        """Hand what waits in the runs' outboxes to their senders."""
        for run in self.runs:
            if run.session.outbox:
                outbox, run.session.outbox = run.session.outbox, []
                self.senders[run.identity.run].take(outbox)

    # -- one thing at a time -------------------------------------------------------------------------

    def _on_market(self, step: Step) -> None:
        if self.warm is not None and any(isinstance(event, Bar) for event in step):
            self._held.append(step)  # the strategies are not there yet
            return
        for event in step:
            self.time.see(getattr(event, "exchange_time", 0))
        now = self.time.now()
        for event in step:
            self._tell_all(self._watch.see(event.symbol, now))
        stamped = [stamped_now(event, now) for event in step]
        for run in self.runs:
            run.session.advance(stamped)
        if self._exchange is not None:
            self._exchange.played(step)
        if self.processed is not None:
            self.processed()
        self._cursor = self._wall.cursor()

    def _on_answer(self, run: Hosted, event: Event) -> None:
        if isinstance(event, AccountRead) and not self._was_read:
            self._was_read = True  # the run's first state could not say from when on
            self.record.save_state()
        run.session.deliver(told_now(self._corrected(event), self.time.now()))

    def _on_word(self, event: Event) -> None:
        event = told_now(self._corrected(event), self.time.now())
        self._tell_all([event])

    def _permit(self, protect: str) -> None:
        self.protect = protect
        name, why = ("protect", protect) if protect else ("allow", "the checklist is in order")
        self.runs[0].command(0, name, "tradebot", why)

    def _corrected(self, event: Event) -> Event:
        """Take over a measurement of the exchange's clock; engines are told how far theirs was off until then."""
        if not isinstance(event, ClockChecked):
            return event
        return replace(event, offset_ms=self.time.correct(event.offset_ms))

    def _tell_all(self, events: Sequence[Event]) -> None:
        for event in events:
            for run in self.runs:
                run.session.deliver(event)

    def _warm_on(self) -> None:
        """Feed the strategies some more of the past; with the last of it, what was held back meanwhile."""
        assert self.warm is not None
        for _ in range(WARM_SLICE):
            found = next(self.warm, None)
            if found is None:
                self.warm = None
                break
            found()
        while self.warm is None and self._held:
            self._on_market(self._held.popleft())

    # -- the tasks ------------------------------------------------------------------------------------

    async def _feed(self) -> None:
        await self._wall.feed(self.put, self.since)
        self._queue.put_nowait(self._end_of_feed)

    def _end_of_feed(self) -> None:
        self._ended = "the data has ended"

    async def _hear_commands(self) -> None:
        while True:
            with suppress(JournalError):  # the record says what is wrong with it
                await self._poll()
            self._look_at_journal()  # one that is gone ends the run: a start afterwards keeps another
            self._queue.put_nowait(_nothing)
            await asyncio.sleep(POLL_S)

    async def _see_halts(self) -> None:
        """Look at the HALT file by itself: a journal that hangs holds the commands up."""
        seen, looked = None, 0.0
        pause = LATCH_S if any(run.standstill for run in self.runs) else POLL_S
        while True:
            marks = [halt_mark(latch) for run in self.runs for latch in run.latches]
            now = self._clock.monotonic()
            if (marks != seen or now - looked >= POLL_S) and any(r.is_latched for r in self.runs):
                looked = now
                self._heed_latches()
                self._queue.put_nowait(_nothing)
            seen = marks
            await asyncio.sleep(pause)

    async def _keep_record(self) -> None:
        """Commit what is due; while that fails, again every second."""
        while True:
            await asyncio.sleep(COMMIT_S if self.record.failing is None else RETRY_S)
            since = self._clock.monotonic() - self.record.committed
            if since >= IDLE_COMMIT_S or any(run.effects for run in self.runs):
                await self.record.commit()

    async def _commit(self, patience_s: float | None = None) -> None:
        """Write everything since the last commit; a failure is told as an event, and raised at the end only."""
        if patience_s is None:
            await self.record.commit()
            return
        self.record.save_state()
        await super()._commit(patience_s)

    def _journal_told(self, error: JournalError | None) -> None:
        """Tell engines and faces that the journal cannot be written, or that it can again."""
        now = self.time.now()
        word: Event = JournalBack(now) if error is None else JournalFailed(now, str(error))
        for run in self.runs:
            self.answer(run, word)
        if error is None:
            clear_notice(self._data_dir)
            self._say("the journal is written again")
            return
        text = f"the journal cannot be written: {error}"
        write_notice(self._data_dir, text, self._clock)
        self._say(f"{text}; no entries until it can, protection goes on")

    # -- the end --------------------------------------------------------------------------------------

    async def _settle(self) -> None:
        """Latch entries, give brokers outside the time to answer, and keep or close what is open."""
        why = self._stop_why or self._ended or "the time is up"
        for run in self.runs:
            if run.session.broker.outside:
                run.command(0, "stop", "tradebot", why)
        self._send_all()
        broken = self._failed is not None or any(_is_broken(run) for run in self.runs)
        error = await self._settling.run(self._is_idle, "keep" if broken else self.on_stop, why)
        self._failed = self._failed or error

    def _is_idle(self) -> bool:
        return all(sender.idle for sender in self.senders.values())

    async def _breathe(self, seconds: float) -> None:
        """Do what is due in the next seconds, one thing that comes at most."""
        self.heartbeat.beat()
        self._fire_timers()
        self._send_all()
        with suppress(TimeoutError):
            (await asyncio.wait_for(self._queue.get(), seconds))()
        self._send_all()


def _is_broken(run: Hosted) -> bool:
    """Whether a run ends for a fault of its own: then what is open keeps its stops, and nothing else is done."""
    return run.session.stopped is not None and run.session.stopped.failed


def _nothing() -> None:
    """Do nothing: whoever waits on the queue looks around."""
