"""Runs a session against a source and keeps the journal: what ``tradebot paper`` does.

One asyncio loop, one writer. The loop takes a step from the source, lets the session decide, and
commits everything that happened (events, effects, engine and exchange state, the source's cursor)
in one transaction per batch. A kill loses at most the batch that was not committed, and the next
start goes on from there. Commands of other processes are rows the loop polls.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

from tradebot.core.effects import CommandDone, Effect
from tradebot.core.errors import JournalError, StrategyError, TradebotError
from tradebot.core.events import Command, Event, RunStarted
from tradebot.core.money import exact
from tradebot.journal.rows import Batch
from tradebot.journal.writer import Journal
from tradebot.lock import clear_halt, halt_present
from tradebot.report import Heading, position_rows, snapshot, summarise
from tradebot.session import Session
from tradebot.sources import Source, Step, step_time

POLL_S = 0.25
"""Wall seconds between two looks at the commands and the HALT file."""

COMMIT_S = 0.25
IDLE_COMMIT_S = 1.0
"""Wall seconds after which a batch is committed: with effects in it, and without."""

BATCH_EVENTS = 4_000
"""Events after which a batch is committed whatever the clock says."""

MEND = (
    "mend it: `tradebot paper` then starts a run with it; `tradebot close-all` closes what is open"
)

STALE = ("resume", "stop")
"""Commands that meant the engine of their time: one that starts later does not carry them out."""

BEHIND_S = 1.0
"""Further behind its schedule than this, a run does not rush to catch up."""

Observer = Callable[[Event, Sequence[Effect]], None]
State = Literal["ended", "interrupted"]


@dataclass(frozen=True, slots=True)
class Pace:
    """How fast market time passes and for how long.

    ``speed`` in market minutes per wall minute, None for as fast as possible; ``for_ms`` the market
    time of the whole run, restarts included, None for no end.
    """

    speed: float | None
    for_ms: int | None


@dataclass(frozen=True, slots=True)
class Identity:
    """Who runs: the run, its strategy in words, and what goes into ``RunStarted``."""

    run: str
    mode: str
    strategy: str
    config_hash: str
    instance: str
    nonce: str
    resumed: bool


@dataclass(frozen=True, slots=True)
class Ending:
    """How a run stopped: ``ended`` for good, or ``interrupted`` and to be continued."""

    state: State
    why: str
    error: TradebotError | None
    summary: dict[str, Any]
    positions: list[dict[str, Any]]
    hashes: dict[str, str]


class Runner:
    """One run of a session. ``observe`` sees every event that had effects, on the engine's thread."""

    def __init__(
        self,
        identity: Identity,
        journal: Journal,
        session: Session,
        source: Source,
        data_dir: Path,
        pace: Pace,
        observe: Observer | None = None,
    ) -> None:
        self.identity = identity
        self.journal = journal
        self.session = session
        self.source = source
        self.pace = pace
        self.first: int | None = None
        self._data_dir = data_dir
        self._observe = observe
        self._events: list[Event] = []
        self._effects: list[tuple[int, Effect]] = []
        self._stop = asyncio.Event()
        self._stop_why = ""
        self._last_command = 0
        self._cursor: dict[str, Any] = {}
        self._born = wall_ms()
        self._committed = self._polled = time.monotonic()
        self._anchor: tuple[float, int] | None = None

    def take(self, event: Event, effects: Sequence[Effect]) -> None:
        """Note an event and its effects for the next commit (the session's sink)."""
        self._events.append(event)
        if effects:
            at = event.at
            self._effects.extend((at, effect) for effect in effects)
            if self._observe is not None:
                self._observe(event, effects)

    def request_stop(self, why: str) -> None:
        """Ask for an orderly stop; to be called on the loop's thread."""
        self._stop_why = self._stop_why or why
        self._stop.set()

    def restore(self, state: dict[str, Any]) -> dict[str, Any]:
        """Take over the journalled state of an interrupted run; return the source's cursor."""
        with exact():
            self.session.restore(state["session"])
        self.first = state["first"]
        return dict(state["cursor"])

    # -- the loop -----------------------------------------------------------------------------------

    async def main(self, cursor: dict[str, Any] | None = None) -> Ending:
        """Run until the source ends, the time is up, or somebody stops it; journal how it ended.

        A failing source, strategy or journal interrupts the run; the error is in the ending.
        """
        with exact():
            error: TradebotError | None = None
            try:
                state, why = await self._play(cursor)
                if self.session.stopped is not None and self.session.stopped.failed:
                    error = StrategyError(why, hint=MEND)
            except TradebotError as caught:
                state, why, error = "interrupted", caught.message, caught
            return await self._end(state, why, error)

    async def _play(self, cursor: dict[str, Any] | None) -> tuple[State, str]:
        started = False
        steps = self._steps(cursor)
        self._cursor = self.source.cursor() if cursor is None else cursor
        for step in steps:
            # until the step is played, a commit must say that it is still to come
            at = step_time(step)
            if not started:
                self._start(at)
                started = True
                await self._poll()
            if self._over(at):
                return "ended", "the time asked for has passed"
            if not await self._wait_for(at):
                return "interrupted", self._stop_why
            self.session.advance(step)
            self._cursor = self.source.cursor()
            if await self._attend():
                return "interrupted", self._stop_why
        return "ended", "the data has ended"

    def _steps(self, cursor: dict[str, Any] | None) -> Iterator[Step]:
        """Feed the history to the strategies of a new run, then give the steps."""
        if not self.identity.resumed:
            for bar in self.source.history():
                self.session.deliver(bar)
        return self.source.steps(cursor)

    def _start(self, at: int) -> None:
        if self.first is None:
            self.first = at
        who = self.identity
        at = max(at, self.session.engine.now)
        self.session.deliver(
            RunStarted(at, who.run, who.instance, who.nonce, who.config_hash, who.resumed)
        )

    def _over(self, at: int) -> bool:
        limit = self.pace.for_ms
        return limit is not None and self.first is not None and at >= self.first + limit

    async def _attend(self) -> bool:
        """After a step: look at the clock, commit and poll when due; True if the run is to stop."""
        if self.session.stopped is not None:
            self._stop_why = self.session.stopped.reason
            return True
        now = time.monotonic()
        due = COMMIT_S if self._effects else IDLE_COMMIT_S
        if len(self._events) >= BATCH_EVENTS or now - self._committed >= due:
            await self._commit()
            await asyncio.sleep(0)  # let a signal in
        if now - self._polled >= POLL_S:
            await self._poll()
        return self._stop.is_set() or self.session.stopped is not None

    async def _wait_for(self, at: int) -> bool:
        """Sleep until the wall clock has come to a market time; False if the run is to stop."""
        speed = self.pace.speed
        if speed is None:
            return not self._stop.is_set()
        while True:
            now = time.monotonic()
            if self._anchor is None:
                self._anchor = (now, at)
            wall, market = self._anchor
            left = wall + (at - market) / 1000 / speed - now
            if left < -BEHIND_S:
                self._anchor = (now, at)
            if left <= 0:
                return not self._stop.is_set()
            try:
                await asyncio.wait_for(self._stop.wait(), min(left, POLL_S))
            except TimeoutError:
                if left > POLL_S and await self._attend():
                    return False
                continue
            return False

    # -- commands -----------------------------------------------------------------------------------

    async def _poll(self) -> None:
        """Carry out what other processes have asked for, and the HALT file."""
        self._polled = time.monotonic()
        engine = self.session.engine
        if halt_present(self._data_dir) and "user" not in engine.halts.reasons:
            self._command(0, "halt", "HALT file", "the HALT file is there")
        commands = await self.journal.pending_commands(self._last_command)
        for row in commands:
            self._last_command = row.id
            if row.run not in (None, self.identity.run):
                continue
            if row.name in STALE and row.wall < self._born:
                self._refuse(row.id, "its engine ended before it could answer")
            else:
                self._command(row.id, row.name, row.who, row.reason, row.review)
        if commands:
            await self._commit()

    def _command(self, number: int, name: str, who: str, reason: str, review: str = "") -> None:
        if name == "resume":  # before the engine is armed again, or the next poll would halt it
            clear_halt(self._data_dir)
        self.session.deliver(Command(self.session.engine.now, number, name, who, reason, review))

    def _refuse(self, number: int, why: str) -> None:
        """Answer a command without carrying it out."""
        now = self.session.engine.now
        self._effects.append((now, CommandDone(now, number, False, why)))

    # -- the journal --------------------------------------------------------------------------------

    async def _commit(self) -> None:
        """Write everything since the last commit in one transaction."""
        batch = Batch(
            run=self.identity.run,
            wall=wall_ms(),
            events=self._events,
            effects=self._effects,
            state={
                "session": self.session.export_state(),
                "shape": shape(self.session),
                "cursor": self._cursor,
                "first": self.first,
            },
            snapshot=snapshot(self.session.engine, self.source.label, self.pace.speed),
        )
        await self.journal.commit(batch)
        self._events, self._effects = [], []
        self._committed = time.monotonic()

    async def _end(self, state: State, why: str, error: TradebotError | None) -> Ending:
        """Cancel entries, write the last batch and how the run ended."""
        if state == "interrupted" and self.session.engine.started:
            self._command(0, "stop", "tradebot", why)
        engine = self.session.engine
        heading = Heading(
            run=self.identity.run,
            mode=self.identity.mode,
            market=self.source.label,
            strategy=self.identity.strategy,
            first=self.first,
            last=engine.now if self.first is not None else None,
            funding_known=self.source.funding_known,
        )
        summary = summarise(heading, engine, self.session.latencies_ms)
        ending = Ending(
            state, why, error, summary, position_rows(engine), self.session.digest.hashes()
        )
        return await self._write_end(ending)

    async def _write_end(self, ending: Ending) -> Ending:
        """Journal the last batch and the ending; return the ending as it came out."""
        stored: dict[str, Any] | None = {**ending.summary, "hashes": ending.hashes}
        try:
            await self._commit()
        except JournalError as failure:
            # what could not be written did not happen: the next start goes on from the last commit
            ending, stored = _failed(ending, failure), None
        text = None if ending.error is None else str(ending.error)
        try:
            await self.journal.end_run(self.identity.run, ending.state, text, stored, wall_ms())
        except JournalError as failure:  # then the next start finds the run dead, and says so
            ending = _failed(ending, failure)
        return ending


def _failed(ending: Ending, failure: JournalError) -> Ending:
    """Return the ending of a run whose journal could not be written; the first error counts."""
    if ending.error is not None:
        return ending
    return replace(ending, state="interrupted", why=failure.message, error=failure)


def shape(session: Session) -> list[Any]:
    """Return what must be equal for one session's state to fit another (JSON values)."""
    config = session.engine.config
    return [list(config.symbols), config.interval, config.timeframe, config.quotes]


def wall_ms() -> int:
    """Return the real clock in UTC milliseconds."""
    return time.time_ns() // 1_000_000
