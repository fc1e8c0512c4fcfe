"""A paper run from start to end: lock, journal, the run to continue or a new one, and the runner."""

from __future__ import annotations

import asyncio
import json
import secrets
import threading
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tradebot import __version__
from tradebot.app.books import check_books
from tradebot.app.build import make_session
from tradebot.app.faults import bar_error
from tradebot.app.heartbeat import Heartbeat
from tradebot.app.runner import Ending, Hosted, Identity, Observer, Pace, Runner, shape, wall_ms
from tradebot.app.standing import database
from tradebot.clock import SYSTEM, Clock
from tradebot.config import Config
from tradebot.core.model.errors import TradebotError, UsageError
from tradebot.core.model.money import exact
from tradebot.core.model.values import Bar
from tradebot.core.trading.session import Session
from tradebot.guard.instance import instance_id
from tradebot.guard.latch import halt_present
from tradebot.guard.lock import InstanceLock
from tradebot.guard.notice import clear_notice
from tradebot.journal.audit import AuditKey
from tradebot.journal.paths import journal_path
from tradebot.journal.reader import Reader
from tradebot.journal.rows import NewRun, RunRow, StateRow
from tradebot.journal.view import as_json
from tradebot.journal.writer import Journal
from tradebot.market.feed import Source
from tradebot.plugins.strategies import StrategySpec

DECISIVE = ("sim", "execution", "risk")
"""Tables of the configuration that a run which goes on should not change unnoticed."""


@dataclass(frozen=True, slots=True)
class Setup:
    """What a paper run needs: configuration, prices, strategy, pace.

    ``modes`` are the runs hosted on one feed: paper, ghost, or both.
    ``new`` starts a run even where an interrupted one could go on. ``said`` is told in words what is about
    to happen, ``observe`` of every event with effects; both on the engine's thread.
    """

    config: Config
    source: Source
    spec: StrategySpec
    pace: Pace
    seed: int | None = None
    new: bool = False
    observe: Observer | None = None
    said: Callable[[str], None] | None = None
    max_pages: int | None = None
    modes: tuple[str, ...] = ("paper",)
    clock: Clock = SYSTEM


class PaperHost:
    """A paper run on an event loop in a thread of its own; the caller keeps the main thread."""

    def __init__(self, setup: Setup) -> None:
        self._setup = setup
        self._thread = threading.Thread(target=self._work, name="engine", daemon=True)
        self._loop: asyncio.AbstractEventLoop | None = None
        self._runner: Runner | None = None
        self._stop_why = ""
        self._ending: Ending | None = None
        self._error: BaseException | None = None
        self._heartbeat = Heartbeat(clock=setup.clock)

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

    @property
    def still(self) -> float:
        """Seconds since the engine's last progress."""
        return self._heartbeat.still

    @property
    def hung(self) -> float:
        """Seconds for which the engine has made no progress, where that is too long; else 0."""
        return self._heartbeat.hung

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

    def _work(self) -> None:
        try:
            with self._heartbeat:
                self._ending = asyncio.run(self._main())
        except BaseException as error:  # handed to the main thread by result()
            self._error = error

    async def _main(self) -> Ending:
        self._loop = asyncio.get_running_loop()
        async with opened(self._setup, self._heartbeat) as (runner, cursor):
            self._runner = runner
            if self._stop_why:
                runner.request_stop(self._stop_why)
            return await runner.main(cursor)


@asynccontextmanager
async def opened(
    setup: Setup, heartbeat: Heartbeat | None = None
) -> AsyncIterator[tuple[Runner, dict[str, Any] | None]]:
    """Take the lock, open the journal, choose the run; yield its runner and the source's cursor."""
    data_dir = setup.config.data_dir()
    with InstanceLock(data_dir):
        clear_notice(data_dir)
        key = AuditKey.load(data_dir)
        path = journal_path(data_dir)
        keep = setup.config.log.keep_days
        async with await Journal.open(
            path, key=key, keep_days=keep, max_pages=setup.max_pages
        ) as journal:
            previous = _previous(path, setup)
            beats = heartbeat or Heartbeat(clock=setup.clock)
            yield await _runner(setup, journal, path, data_dir, previous, beats)


@dataclass(slots=True)
class _Beginning:
    """A run about to be hosted: its mode, the run that goes on (None: a new one), and its session."""

    mode: str
    previous: RunRow | None
    session: Session
    state: StateRow | None = None
    words: list[str] = field(default_factory=list)


def _previous(path: Path, setup: Setup) -> list[RunRow | None]:
    """Return the interrupted run of each mode that can go on.

    Several go on together only if all stand at one place of the feed; else all begin anew.
    """
    nothing: list[RunRow | None] = [None] * len(setup.modes)
    if setup.new:
        return nothing
    with Reader(path) as reader:
        label, hashed = setup.source.label, setup.spec.hash
        found = [reader.resumable_run(mode, label, hashed) for mode in setup.modes]
        places = [_place(reader, run) for run in found]
    if all(place == places[0] for place in places):
        return found
    if setup.said is not None:
        names = ", ".join(run.id for run in found if run is not None)
        setup.said(f"{names} cannot go on together: they stopped at different places of the market")
    return nothing


def _place(reader: Reader, run: RunRow | None) -> dict[str, Any] | None:
    """Return where of the feed a run stands; None at its start."""
    try:
        state = None if run is None else reader.state(run.id)
        return None if state is None else dict(state.body["cursor"])
    except (ValueError, KeyError, TypeError):  # what is forged is told when the run is taken up
        return None


async def _runner(
    setup: Setup,
    journal: Journal,
    path: Path,
    data_dir: Path,
    previous: list[RunRow | None],
    heartbeat: Heartbeat,
) -> tuple[Runner, dict[str, Any] | None]:
    """Begin or take up the runs of all modes; return their runner and the source's cursor."""
    hosted: list[Hosted] = []
    states: list[dict[str, Any]] = []
    words: list[str] = []
    for mode, before in reversed(list(zip(setup.modes, previous, strict=True))):
        # the first mode is begun last: it is the newest run then, which is what people are shown
        start = _Beginning(mode, before, _session(setup, data_dir, mode))
        identity = await _begin(setup, journal, path, data_dir, start, heartbeat)
        beside = mode != setup.modes[0]
        hosted.insert(0, Hosted(identity, start.session, setup.observe, beside=beside))
        words = start.words + words
        if start.state is not None:
            states.insert(0, start.state.body)
    runner = Runner(
        hosted, journal, setup.source, data_dir, setup.pace, setup.clock, heartbeat, setup.said
    )
    cursor = runner.restore(states) if states else None
    if setup.said is not None:
        for line in words:
            setup.said(line)
    return runner, cursor


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
    previous = start.previous
    if previous is None:
        run = await journal.begin_run(_new_run(setup, start.mode, nonce, instance))
    else:
        run = previous.id
        await journal.vouch(run)
        start.state = _load(path, run, start.session, heartbeat)
        await journal.resume_run(run, nonce, wall_ms())
    start.words.append(_opening(run, start.state, setup.source))
    keys = [] if start.state is None or previous is None else _changed(previous, setup.config)
    if keys:
        start.words.append(f"configured otherwise than before: {', '.join(keys)}")
    digest, resumed = setup.config.digest(), start.state is not None
    return Identity(run, start.mode, setup.spec.name, digest, instance, nonce, resumed)


def _session(setup: Setup, data_dir: Path, mode: str) -> Session:
    return make_session(
        setup.config,
        setup.spec.build,
        setup.source.symbols,
        setup.source.interval,
        quotes=setup.source.quotes,
        latched=lambda: halt_present(data_dir),
        clock=setup.clock.monotonic,
        ghost=mode == "ghost",
    )


def _load(path: Path, run: str, session: Session, heartbeat: Heartbeat) -> StateRow | None:
    """Return the journalled state and feed the strategies the bars that led to it.

    None for a run that was killed before its first commit: it begins again from the start.
    """
    with Reader(path) as reader, exact():
        state = reader.state(run)
        if state is None:
            return None
        if state.body["shape"] != shape(session):
            raise UsageError(
                f"{run} was interrupted with another timeframe or other symbols",
                hint="use the same to go on with it, or --new to start another run",
            )
        check_books(reader, run, state.body)
        for bar in reader.bars(run):
            _warm(session, bar, run)
            heartbeat.beat()
        return state


def _warm(session: Session, bar: Bar, run: str) -> None:
    try:
        session.engine.warm(bar)
    except BaseException as error:
        hint = "mend it, or --new starts another run; `tradebot close-all` closes what is open"
        raise bar_error(error, bar, f"on a bar that {run} has seen: ", hint) from error


def _new_run(setup: Setup, mode: str, nonce: str, instance: str) -> NewRun:
    config = setup.config
    return NewRun(
        mode=mode,
        venue="none" if mode == "ghost" else "local",
        market=setup.source.label,
        seed=setup.seed,
        config=config.canonical_json(),
        config_hash=config.digest(),
        strategy=setup.spec.name,
        strategy_hash=setup.spec.hash,
        nonce=nonce,
        instance=instance,
        wall=wall_ms(),
        version=__version__,
    )


def _changed(previous: RunRow, config: Config) -> list[str]:
    """Return the keys that decide trades and are not what the run began with."""
    before, now = json.loads(previous.config), json.loads(config.canonical_json())
    tables = (*DECISIVE, "ghost") if previous.mode == "ghost" else DECISIVE
    return [
        f"{table}.{key}"
        for table in tables
        for key in sorted({*before.get(table, {}), *now.get(table, {})})
        if before.get(table, {}).get(key) != now.get(table, {}).get(key)
    ]


def _opening(run: str, state: StateRow | None, source: Source) -> str:
    if state is None:
        return f"{run} begins on {source.label}"
    return f"{run} was interrupted and goes on, on {source.label}; --new starts another"


def closed_trades(config: Config, run: str) -> list[dict[str, Any]]:
    """Return a run's closed trades from the journal as CONTRACT's JSON rows, oldest first."""
    with Reader(database(config)) as reader:
        return [as_json(row) for row in reader.trades(run)]
