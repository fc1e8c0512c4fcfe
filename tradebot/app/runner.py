"""Runs sessions against a source and keeps the journal: what ``tradebot paper`` and ``ghost`` do.

One asyncio loop, one writer. The loop takes a step from the source, lets every hosted run decide, and
commits everything that happened (events, effects, engine and exchange state, the source's cursor)
in one transaction per batch, for all runs. A kill loses at most the batch that was not committed, and the next
start goes on from there. Commands of other processes are rows the loop polls.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, cast

from tradebot.app.ending import Ending, State, as_failed, end_of
from tradebot.app.faults import stop_error
from tradebot.app.heartbeat import Heartbeat
from tradebot.app.month_end import MonthEnd
from tradebot.app.provenance import Witness
from tradebot.app.record import RETRY_S, Record
from tradebot.app.run import Hosted, Identity, Observer, shape, wall_ms
from tradebot.clock import SYSTEM, Clock
from tradebot.core.model.errors import JournalError, StrategyError, TradebotError
from tradebot.core.model.money import exact
from tradebot.core.trading.session import Session
from tradebot.core.trading.snapshot import position_rows, run_warnings
from tradebot.guard.latch import HaltRow, clear_halt, write_halt
from tradebot.guard.notice import clear_notice, write_notice
from tradebot.journal.commands import CLOSE_INCIDENT, RECORDS, STATE
from tradebot.journal.identity import FileWatch
from tradebot.journal.rows import Batch, CommandRow
from tradebot.journal.writer import Journal
from tradebot.market.cursor import Cursor
from tradebot.market.feed import Prices, Source, Step, step_time

POLL_S = 0.25
"""Wall seconds between two looks at the commands and the HALT file."""

COMMIT_S = 0.25
IDLE_COMMIT_S = 1.0
"""Wall seconds after which a batch is committed: with effects in it, and without."""

PATIENCE_S = 60.0
"""Seconds for which a commit that fails is tried again, while the market stands still."""

END_PATIENCE_S = 3.0
"""The same for the last commit of a run: somebody waits for the end."""

BATCH_EVENTS = 4_000
"""Events after which a batch is committed whatever the clock says."""

MEND = "mend it: the command that started this run then starts one with it; `tradebot close-all` closes what is open"

BEHIND_S = 1.0
"""Further behind its schedule than this, a run does not rush to catch up."""


@dataclass(frozen=True, slots=True)
class Pace:
    """How fast market time passes and for how long.

    ``speed`` in market minutes per wall minute, None for as fast as possible; ``for_ms`` the market
    time of the whole run, restarts included, None for no end.
    """

    speed: float | None
    for_ms: int | None


class Runner:
    """One or several runs on one source; the first one is the one that is looked at and asked for.

    ``protect`` says why its runs may only protect what is open: they end when nothing is.
    """

    def __init__(
        self,
        runs: Sequence[Hosted],
        journal: Journal,
        source: Prices,
        data_dir: Path,
        pace: Pace,
        clock: Clock = SYSTEM,
        heartbeat: Heartbeat | None = None,
        said: Callable[[str], None] | None = None,
    ) -> None:
        self._clock = clock
        self.heartbeat = heartbeat or Heartbeat(clock=clock)
        self._said = said
        self.runs = tuple(runs)
        self.journal = journal
        self.source = source
        self.pace = pace
        self.first: int | None = None
        self.began = False
        self.opening: asyncio.Future[None] | None = None
        self.protect = ""
        self.processed: Callable[[], None] | None = None
        self._data_dir = data_dir
        self._stop = asyncio.Event()
        self._stop_why = ""
        self._last_command = 0
        self._told: set[tuple[str, HaltRow]] = set()
        self._files = FileWatch(journal.path)
        self._cursor: Cursor = {}
        self.born, self.waited = clock.wall_ms(), 0
        self._polled = self._clock.monotonic()
        self.record = Record(journal, self.runs, self._batch, clock, self._journal_told)
        self._anchor: tuple[float, int] | None = None
        self.months = MonthEnd(data_dir, self._say, clock)
        self.witness: Witness | None = None
        self.statements: Callable[[CommandRow], None] | None = None

    @property
    def identity(self) -> Identity:
        """Who the first run is."""
        return self.runs[0].identity

    @property
    def session(self) -> Session:
        """The first run's session."""
        return self.runs[0].session

    def request_stop(self, why: str) -> None:
        """Ask for an orderly stop; to be called on the loop's thread."""
        self._stop_why = self._stop_why or why
        self._stop.set()

    def restore(self, states: Sequence[dict[str, Any] | None]) -> dict[str, Any] | None:
        """Take over the journalled states of the runs that go on; return the source's cursor of the first of them."""
        cursor: Cursor | None = None
        for run, state in zip(self.runs, states, strict=True):
            if state is None:
                continue
            run.restore(state)
            if cursor is None:
                self.first, cursor = state["first"], dict(state["cursor"])
        return cursor

    def _say(self, text: str) -> None:
        if self._said is not None:
            self._said(text)

    # -- the loop -----------------------------------------------------------------------------------

    async def main(self, cursor: Cursor | None = None) -> Ending:
        """Run until the source ends, the time is up, or somebody stops it; journal how it ended.

        A failing source, strategy or journal interrupts the run; the error is in the ending.
        """
        with exact():
            error: TradebotError | None = None
            try:
                state, why = await self._play(cursor)
                failed = (stop_error(run.session.stopped, MEND) for run in self.runs)
                error = next(filter(None, failed), None)
            except TradebotError as caught:
                state, why, error = "interrupted", caught.message, caught
            except KeyboardInterrupt:  # no real one comes to this thread: the strategy raised it
                error = StrategyError("the strategy raised KeyboardInterrupt", hint=MEND)
                state, why = "interrupted", error.message
            return await self._end(state, why, error)

    async def _play(self, cursor: Cursor | None) -> tuple[State, str]:
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
            for run in self.runs:
                run.session.advance(step)
            self._cursor = self.source.cursor()
            if await self._attend():
                return "interrupted", self._stop_why
        return "ended", "the data has ended"

    def _steps(self, cursor: Cursor | None) -> Iterator[Step]:
        """Feed the history to the strategies of new runs, then give the steps."""
        if not self.identity.resumed:
            for bar in self.source.history():
                for run in self.runs:
                    run.session.deliver(bar)
                self.heartbeat.beat()
        return cast("Source", self.source).steps(cursor)

    def _start(self, at: int) -> None:
        self.began = True
        if self.first is None:
            self.first = at
        for run in self.runs:
            run.start(at)

    def _over(self, at: int) -> bool:
        limit = self.pace.for_ms
        return limit is not None and self.first is not None and at >= self.first + limit

    async def _attend(self) -> bool:
        """After a step: look at the clock, commit and poll when due; True if the run is to stop."""
        self.heartbeat.beat()
        if self._stopping():
            return True
        now = self._clock.monotonic()
        due = COMMIT_S if any(run.effects for run in self.runs) else IDLE_COMMIT_S
        events = max(len(run.events) for run in self.runs)
        if events >= BATCH_EVENTS or now - self.record.committed >= due:
            await self._commit()
            await asyncio.sleep(0)  # let a signal in
        if now - self._polled >= POLL_S:
            await self._poll()
        return self._stopping()

    def _stopping(self) -> bool:
        """Whether an engine, or somebody else, wants all to stop; keeps the first reason."""
        for run in self.runs:
            if run.session.stopped is not None:
                self.request_stop(run.session.stopped.reason)
        return self._stop.is_set()

    async def _wait_for(self, at: int) -> bool:
        """Sleep until the wall clock has come to a market time; False if the run is to stop."""
        speed = self.pace.speed
        if speed is None:
            return not self._stop.is_set()
        while True:
            now = self._clock.monotonic()
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
        self._polled = self._clock.monotonic()
        if self.witness is not None:
            self.witness.look()
        self._look_at_journal()
        for run in self.runs:
            run.find_incidents(self._data_dir)
            run.look_after()
        commands = await self.journal.pending_commands(self._last_command)
        for row in commands:
            self._last_command = row.id
            if row.name in (STATE, *RECORDS, CLOSE_INCIDENT):
                self._put_on_record(row)
                continue
            asked = [run for run in self.runs if row.run in (None, run.identity.run)]
            for run in asked:
                self._carry_out(run, row)
            if not asked:
                self.runs[0].refuse(row.id, f"{row.run} does not run here")
        self._heed_latches()
        if commands:
            await self._commit()
        if self.pace.speed is not None and self.session.engine.started:
            self.months.look(self.session.engine.now)

    def _put_on_record(self, row: CommandRow) -> None:
        """Take a command that asks for a row of the chain. One that makes no sense, in whatever way, is refused and ends no run."""
        try:
            if row.name in RECORDS:
                self.runs[0].record_row(row, self.journal.key, self.born)
            elif row.name == CLOSE_INCIDENT:
                self.runs[0].close_incident(row)
            elif self.statements is not None:
                self.statements(row)
        except Exception as error:  # anybody who can write the file can post one
            self.runs[0].refuse(row.id, f"it makes no sense: {type(error).__name__}")

    def _look_at_journal(self) -> None:
        """Halt and raise JournalError when the journal is not the file any more that was opened."""
        became = self._files.look()
        if became is not None:
            with suppress(JournalError):
                write_halt(self._data_dir, became, "tradebot", clock=self._clock)
            words = f"{became} while the engine ran: it halts and stops, since nothing it writes is kept"
            self._say(words)
            raise JournalError(
                words,
                hint="tradebot db restore FILE puts a backup back; without one move the rest away",
                file=str(self.journal.path),
            )

    def _carry_out(self, run: Hosted, row: CommandRow) -> None:
        if stale := run.staleness(row) if row.wall < self.born else "":
            run.refuse(row.id, stale)
            return
        still = [one.standstill for one in self.runs if one.standstill is not None]
        if row.name == "resume" and any(one.closing for one in still):  # no run's latch goes then
            run.refuse(row.id, "a close-all is under way: resume when it has ended")
            return
        if row.name == "resume":  # before the engine is armed again, or the next poll would halt it
            for latch in run.latches:
                clear_halt(latch, row.wall)
            if run.standstill is not None:
                run.standstill.resume(row.wall)
        if row.name == "close-all" and run.standstill is not None and row.wall <= self.waited:
            run.refuse(row.id, "the engine waited for a resume and sent nothing")
            return
        if row.name == "close-all" and run.standstill is not None:
            asked = HaltRow(row.reason, row.who, row.wall, "close-all", row.run, run.account)
            run.standstill.ask(asked, run.session)
            run.command(row.id, "halt", row.who, f"close-all, {row.reason}")
            return
        if row.name == "close-all":  # the file says it too
            self._told.update((run.identity.run, said) for said in run.halt_rows())
        run.command(row.id, row.name, row.who, row.reason, row.review)

    def _heed_latches(self) -> None:
        """Halt the runs that do not know of their HALT file yet, and close those that it tells to close."""
        for run in self.runs:
            if run.is_latched:
                self._halt(run)

    def _halt(self, run: Hosted) -> None:
        said = run.halt_rows()
        who, why = (said[-1].who, said[-1].reason) if said else ("HALT file", "it is there")
        if "user" not in run.session.engine.halts.reasons:
            run.command(0, "halt", who, why)
        if run.standstill is not None:
            run.standstill.heed(said, run.session)
            return
        for row in said:
            told = (run.identity.run, row)
            if told not in self._told:
                self._told.add(told)
                if row.closes(run.identity.run, run.account):
                    run.command(0, "close-all", row.who, row.reason)

    # -- the journal --------------------------------------------------------------------------------

    async def _commit(self, patience_s: float | None = None) -> None:
        """Write everything since the last commit in one transaction.

        While that fails the market stands still: it is tried again and again for ``PATIENCE_S`` seconds (or
        until the run is to stop), then JournalError ends the run. What was not written has not happened.
        """
        tries = 0
        until = self._clock.monotonic() + (PATIENCE_S if patience_s is None else patience_s)
        while not await self.record.commit():
            error = self.record.failing
            assert error is not None
            if self._clock.monotonic() >= until or (tries and self._stop.is_set()):
                raise error
            tries += 1
            self.heartbeat.beat()
            with suppress(TimeoutError):
                await asyncio.wait_for(self._stop.wait(), RETRY_S)
        self._anchor = None if tries else self._anchor  # the time that was lost is not caught up

    def _batch(self, run: Hosted, with_state: bool) -> Batch:
        label, speed = self.source.label, self.pace.speed
        wall = self._clock.wall_ms()
        return run.take_batch(self._cursor, self.first, label, speed, wall, with_state=with_state)

    def _journal_told(self, error: JournalError | None) -> None:
        """Say on every face that the journal cannot be written, or that it can again."""
        if error is None:
            clear_notice(self._data_dir)
            self._say("the journal is written again; the run goes on")
            return
        text = f"the journal cannot be written: {error}"
        write_notice(self._data_dir, text, self._clock)
        self._say(f"{text}; the market stands still until it can, for {PATIENCE_S:g} s at most")

    async def _end(self, state: State, why: str, error: TradebotError | None) -> Ending:
        """Cancel entries, write the last batch and how the runs ended."""
        for run in self.runs:
            if state == "ended":
                run.session.finish()
            elif run.session.engine.started:
                run.command(0, "stop", "tradebot", why)
        if self.witness is not None and self.began:
            self.witness.end()
        endings = [self._ending(run, state, why, error) for run in self.runs]
        return await self._write_end(endings)

    def _ending(self, run: Hosted, state: State, why: str, error: TradebotError | None) -> Ending:
        session = run.session
        summary = run.summary(self.source.label, self.first, self.source.funding_known)
        positions = position_rows(session.engine)
        lacking = run_warnings(session.engine)
        hashes = session.digest.hashes()
        return Ending(state, why, error, summary, positions, hashes, self.began, lacking)

    async def _write_end(self, endings: list[Ending]) -> Ending:
        """Journal the last batch and the endings; return the first as it came out, with the others."""
        written = True
        try:
            await self._commit(END_PATIENCE_S)
        except JournalError as failure:
            # what could not be written did not happen: the next start goes on from the last commit
            endings, written = [as_failed(ending, failure) for ending in endings], False
        # the first run is written last: it is the newest then, which is what people are shown
        pairs = list(zip(self.runs, endings, strict=True))
        ends = [end_of(run, ending, written) for run, ending in reversed(pairs)]
        try:
            await self.journal.end_runs(ends, self._clock.wall_ms())
        except JournalError as failure:  # then the next start finds the runs dead, and says so
            endings = [as_failed(ending, failure) for ending in endings]
        first, *others = endings
        return replace(first, beside=tuple(others))


__all__ = ["Ending", "Hosted", "Identity", "Observer", "Pace", "Runner", "shape", "wall_ms"]
