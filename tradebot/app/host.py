"""A paper run from start to end: lock, journal, the run to continue or a new one, and the runner."""

from __future__ import annotations

import asyncio
import secrets
import threading
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager, nullcontext, suppress
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tradebot.app.barred import Watcher
from tradebot.app.heartbeat import Heartbeat
from tradebot.app.hosting import (
    doubt_said,
    hosted_run,
    session_of,
    statement_taker,
    take_record,
    witness_of,
)
from tradebot.app.provenance import WEAK_KEY_WORDS, Connected
from tradebot.app.queued import QueueRunner
from tradebot.app.resume import (
    changed_keys,
    check_account,
    import_diary,
    import_side,
    last_bar,
    last_nonces,
    load_state,
    opening_words,
    previous_runs,
    replay_tail,
    try_tail,
    warm_all,
    warm_bars,
)
from tradebot.app.runner import Ending, Hosted, Identity, Runner
from tradebot.app.setup import Setup
from tradebot.app.start_rows import gone_on, new_run
from tradebot.app.starting import StartShown
from tradebot.app.target import PROBE
from tradebot.clock import SYSTEM
from tradebot.core.model.errors import JournalError, TradebotError
from tradebot.core.trading.session import Session
from tradebot.guard.instance import instance_id
from tradebot.guard.lock import InstanceLock, Traded
from tradebot.guard.notice import clear_notice
from tradebot.journal.audit import AuditKey
from tradebot.journal.facts import SignedOff
from tradebot.journal.paths import journal_path
from tradebot.journal.rows import RunRow, StateRow
from tradebot.journal.writer import Journal
from tradebot.market.cursor import Cursor
from tradebot.market.feed import is_wall

if TYPE_CHECKING:
    from tradebot.app.account import TradedAccount
    from tradebot.app.supervision import Supervision

LOOK_S = 0.1
"""Seconds between two looks at whether the engine works yet."""


class PaperHost:
    """A paper run on an event loop in a thread of its own; the caller keeps the main thread."""

    def __init__(self, setup: Setup) -> None:
        self._setup = setup
        self._thread = threading.Thread(target=self._work, name="engine", daemon=True)
        self._loop: asyncio.AbstractEventLoop | None = None
        self._runner: Runner | None = None
        self._stop_why = ""
        self._kept = False
        self._ending: Ending | None = None
        self._error: BaseException | None = None
        self._start = StartShown(setup.config.data_dir(), setup.clock)
        self._heartbeat = Heartbeat(self._tell_hung, clock=setup.clock, looked=self._show_start)

    def start(self) -> None:
        """Start the engine's thread."""
        self._thread.start()

    def wait(self, timeout: float) -> bool:
        """Wait up to ``timeout`` seconds; True when the run has ended."""
        self._thread.join(timeout)
        return not self._thread.is_alive()

    def stop(self, why: str) -> None:
        """Ask for an orderly stop; safe from any thread and from a signal handler."""
        self._stop_why = why
        loop, runner = self._loop, self._runner
        if loop is not None and runner is not None and not loop.is_closed():
            loop.call_soon_threadsafe(runner.request_stop, why)

    def keep(self) -> None:
        """End a run that stops at once, with all as it is; safe from any thread and from a signal handler."""
        self._kept = True
        loop, runner = self._loop, self._runner
        if loop is not None and isinstance(runner, QueueRunner) and not loop.is_closed():
            loop.call_soon_threadsafe(runner.keep)

    def permit(self, protect: str) -> None:
        """Say what a start may do whose checklist was gone through beside it, once it works; safe from any thread."""
        self._once_it_works(lambda runner: runner.permit(protect))

    def bar(self, who: Watcher, reasons: Sequence[str]) -> None:
        """Say why a watcher wants no entries, none where it minds none, once it works; safe from any thread."""
        self._once_it_works(lambda runner: runner.bar(who, reasons))

    def _once_it_works(self, tell: Callable[[QueueRunner], None]) -> None:
        while self._thread.is_alive():
            loop, runner = self._loop, self._runner
            if loop is not None and isinstance(runner, QueueRunner):
                with suppress(RuntimeError):  # the loop has closed: it is over
                    loop.call_soon_threadsafe(tell, runner)
                return
            SYSTEM.sleep(LOOK_S)

    @property
    def traded(self) -> Traded | None:
        """The account at an exchange that it trades; None where all orders are simulated."""
        account = self._setup.account
        return None if account is None else account.access.traded

    @property
    def supervision(self) -> Supervision | None:
        """What asks whether somebody is there; None where nobody has to be."""
        return self._setup.supervision

    @property
    def still(self) -> float:
        """Seconds since the engine's last progress."""
        return self._heartbeat.still

    @property
    def hung(self) -> float:
        """Seconds without progress, where that is too long; else 0."""
        return self._heartbeat.hung

    @property
    def working(self) -> bool:
        """Whether the engine has begun: what comes before, such as opening a large journal, may take long."""
        return self._runner is not None

    @property
    def progress(self) -> float | None:
        """The share of the source that has passed, 0 to 1; None when unknown."""
        setup, runner = self._setup, self._runner
        if runner is None:
            return 0.0
        if setup.pace.for_ms is not None and runner.first is not None:
            return min(1.0, (runner.session.engine.now - runner.first) / setup.pace.for_ms)
        return setup.source.progress()

    def result(self) -> Ending:
        """Return how the run ended, or raise what ended it."""
        if self._error is not None:
            raise self._error
        if self._ending is None:
            raise TradebotError("the engine's thread ended without a word")
        return self._ending

    def _tell_hung(self, seconds: float) -> None:
        """Tell the watchdog; what comes before the engine works may take long."""
        if self.working and self._setup.watchdog is not None:
            self._setup.watchdog(seconds)

    def _show_start(self, moved: bool) -> None:
        """Show from outside that the start goes on; what has begun is seen by its journal."""
        runner = self._runner
        if runner is None or not runner.began:
            connects = None if runner is None else runner.opening
            connecting = connects is not None and not connects.done()
            self._start.look(moved, opening=runner is None, connecting=connecting)

    def _work(self) -> None:
        from tradebot.app.alerts_beside import AlertsBeside

        try:
            beside = AlertsBeside(self._setup.config, lambda: self.working or self._start.is_told)
            with self._heartbeat, beside:
                self._ending = asyncio.run(self._main())
        except BaseException as error:  # handed to the main thread by result()
            self._error = error

    async def _main(self) -> Ending:
        self._loop = asyncio.get_running_loop()
        begun = opened(self._setup, self._heartbeat, lambda: self._stop_why, self._start.stand)
        turning = asyncio.ensure_future(self._start.turn())
        async with begun as (runner, cursor):
            turning.cancel()
            self._runner = runner
            if self._stop_why:
                runner.request_stop(self._stop_why)
            if self._kept and isinstance(runner, QueueRunner):
                runner.keep()
            return await runner.main(cursor)


@asynccontextmanager
async def opened(
    setup: Setup,
    heartbeat: Heartbeat | None = None,
    stopping: Callable[[], str] = lambda: "",
    stands: Callable[[], None] = lambda: None,
) -> AsyncIterator[tuple[Runner, Cursor | None]]:
    """Take the lock, open the journal, choose the run; yield its runner and the source's cursor.

    ``stopping`` says why a start that waits for a resume (``stands`` hears of it) is to be given up, "" while it is not.
    """
    data_dir = setup.config.data_dir()
    account = setup.account
    traded = None if account is None else account.access.traded
    with (
        InstanceLock(data_dir, traded=traded),
        nullcontext() if account is None else account.lock(),
    ):
        clear_notice(data_dir)
        key = AuditKey.load(data_dir)
        if key.is_weak and isinstance(setup.source, Connected) and setup.said is not None:
            setup.said(WEAK_KEY_WORDS)
        path = journal_path(data_dir)
        keep = setup.config.log.keep_days
        async with await Journal.open(
            path,
            key=key,
            keep_days=keep,
            max_pages=setup.max_pages,
            clock=setup.clock,
            strict=not setup.outside,
        ) as journal:
            previous: list[RunRow | None] = [None] * len(setup.modes)
            if not setup.new:
                hashed = setup.spec.hash
                modes = {mode: setup.venue_of(mode) for mode in setup.modes}
                previous = previous_runs(path, setup.source, hashed, modes, setup.said)
            beats = heartbeat or Heartbeat(clock=setup.clock)
            born, waited = setup.clock.wall_ms(), 0
            if account is not None:
                from tradebot.app.standstill import stand_still

                run = "" if previous[0] is None else previous[0].id
                latches = setup.latches(setup.modes[0])
                still = stand_still(account, latches, run, setup.said, setup.clock)
                waited = await still.wait_for_resume(
                    data_dir, journal, beats.beat, stopping, stands
                )
            async with account or nullcontext():
                runner, cursor = await _runner(setup, journal, path, data_dir, previous, beats)
                runner.born, runner.waited = born, waited
                yield runner, cursor


@dataclass(slots=True)
class _Beginning:
    """A run about to be hosted: its mode, the run that goes on (None: a new one), and its session.

    ``aside`` says what the side file had of it.
    """

    mode: str
    previous: RunRow | None
    session: Session
    state: StateRow | None = None
    aside: str = ""
    words: list[str] = field(default_factory=list)


async def _runner(
    setup: Setup,
    journal: Journal,
    path: Path,
    data_dir: Path,
    previous: list[RunRow | None],
    heartbeat: Heartbeat,
) -> tuple[Runner, Cursor | None]:
    """Begin or take up the runs of all modes; return their runner and the source's cursor."""
    hosted: list[Hosted] = []
    starts: list[_Beginning] = []
    states: list[dict[str, Any] | None] = []
    words: list[str] = []
    for mode, before in reversed(list(zip(setup.modes, previous, strict=True))):
        # the first mode is begun last: it is the newest run then, which is what people are shown
        start = _Beginning(mode, before, session_of(setup, mode))
        identity = await _begin(setup, journal, path, data_dir, start, heartbeat)
        beside = mode != setup.modes[0]
        starts.insert(0, start)
        hosted.insert(0, hosted_run(setup, identity, start.session, beside=beside))
        words = start.words + words
        states.insert(0, None if start.state is None else start.state.body)
    wall = is_wall(setup.source)
    make = QueueRunner if wall else Runner
    runner = make(
        hosted, journal, setup.source, data_dir, setup.pace, setup.clock, heartbeat, setup.said
    )
    runner.protect = "" if setup.pending else setup.protect
    runner.processed = setup.processed
    runner.months.config = setup.config.file
    runner.statements = statement_taker(setup, path, hosted, journal.key)
    runner.witness = witness_of(setup, runner, journal.key)
    cursor = runner.restore(states)
    words += take_record(setup, path, hosted)
    if isinstance(runner, QueueRunner):
        if setup.account is not None and setup.modes[0] == "live":
            runner.on_stop = setup.config.live.on_stop
        _prepare(runner, path, [start.state for start in starts])
    for run, start in zip(hosted, starts, strict=True):
        if start.aside:
            run.incident("side_file", start.aside)
    if setup.said is not None:
        for line in words:
            setup.said(line)
    return runner, cursor


def _prepare(runner: QueueRunner, path: Path, states: Sequence[StateRow | None]) -> None:
    """Bring a runner on a wall clock to where its runs stood.

    Where an account outside is traded its strategies are fed while it runs: it must be protected at once.
    """
    for run, state in zip(runner.runs, states, strict=True):
        if state is not None and run.session.broker.outside:
            replay_tail(path, run.identity.run, run.session, state)
    runner.prepare()
    if runner.identity.resumed:
        if any(run.session.broker.outside for run in runner.runs):
            runner.warm = warm_bars(path, runner.runs)
        runner.since = last_bar(path, runner.runs)


async def _begin(
    setup: Setup,
    journal: Journal,
    path: Path,
    data_dir: Path,
    start: _Beginning,
    heartbeat: Heartbeat,
) -> Identity:
    """Make a run current: a new one, or an interrupted one with its state loaded."""
    nonce, instance = secrets.token_hex(4), instance_id(data_dir)
    doubts = [error.message for error in journal.doubts] if start.session.broker.outside else []
    if start.previous is not None:
        doubts += await _take_up(setup, journal, path, start)
    previous = start.previous
    if previous is None and setup.protect and start.session.broker.outside:
        doubts.append("no run of this journal can go on")
    if start.state is None and setup.account is not None and start.session.broker.outside:
        start.session = await _first_session(setup, setup.account, start.mode)
    if previous is None:
        run = await journal.begin_run(new_run(setup, start.mode, start.session, nonce, instance))
    else:
        run = previous.id
        if start.state is not None and not (is_wall(setup.source) and setup.outside):
            warm_all(path, run, start.session, heartbeat)
        await journal.resume_run(
            run, gone_on(setup, previous, start.state, start.session, nonce), setup.clock.wall_ms()
        )
        aside = await import_side(journal, path, run, setup.clock.wall_ms())
        start.words += aside
        start.aside = "; ".join(aside)
    if setup.account is not None and start.session.broker.outside:
        start.words += await import_diary(
            journal, run, setup.latches(start.mode), setup.clock.wall_ms(), setup.venue
        )
    start.words.append(opening_words(run, start.state, setup.source))
    keys = [] if start.state is None or previous is None else changed_keys(previous, setup.config)
    if keys:
        start.words.append(f"configured otherwise than before: {', '.join(keys)}")
    start.words += map(doubt_said, doubts)
    digest, resumed = setup.config.digest(), start.state is not None
    return Identity(
        *(run, start.mode, setup.spec.name, digest, instance, nonce, resumed),
        doubt="; ".join(doubts),
        nonces=(PROBE, *last_nonces(path)) if start.session.broker.outside else (),
        protect=setup.protect if start.session.broker.outside else "",
        restarts=setup.restarts if start.session.broker.outside else "",
        approval=_approval(setup, start.mode, _approved_in(start.state)),
    )


def _approved_in(state: StateRow | None) -> str:
    """Return the sign-off that a state's approved loss counts from."""
    watch = {} if state is None else state.body["session"]["engine"]["watch"]
    return str(watch.get("approved", ""))


def _approval(setup: Setup, mode: str, approved: str) -> SignedOff | None:
    """Return the sign-off of a live run that was completed since the one it counts from."""
    if setup.account is None or mode != "live":
        return None
    from tradebot.app.approved_anew import new_approval

    return new_approval(setup.config, setup.spec, approved, setup.clock)


async def _take_up(setup: Setup, journal: Journal, path: Path, start: _Beginning) -> list[str]:
    """Load the state of the run that is to go on; return why that cannot be done where an account is traded.

    Then another run begins, and what is held is what the exchange says. Raises JournalError for a simulated run.
    """
    assert start.previous is not None
    run = start.previous.id
    try:
        await journal.vouch(run)
        start.state = load_state(path, run, start.session)
        key = None if setup.account is None else setup.account.access.fingerprint
        check_account(run, start.state, key)
        if start.state is not None and start.session.broker.outside:
            try_tail(path, run, session_of(setup, start.mode), start.state)
    except JournalError as error:
        if not start.session.broker.outside:
            raise
        start.previous = start.state = None
        return [error.message]
    return []


async def _first_session(setup: Setup, account: TradedAccount, mode: str) -> Session:
    """Return the session of a run that begins on an account, with what the one before it left.

    One that is to protect what is open does not wait to be told what money came in meanwhile: it makes no entry.
    """
    from tradebot.app.approved_loss import counted_from  # with it comes the client

    wallet = await account.read_wallet()
    if mode != "live":
        return session_of(setup, mode, wallet, wallet)
    data_dir, protect = setup.config.data_dir(), bool(setup.protect)
    first, reached = await counted_from(
        *(account, data_dir, wallet), protect=protect, find=partial(_approval, setup, mode)
    )
    return session_of(setup, mode, wallet, first, reached)


__all__ = ["PaperHost", "Setup", "opened"]
