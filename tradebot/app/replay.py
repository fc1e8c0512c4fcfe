"""``tradebot replay``: a run's log through a fresh engine, and every effect compared byte for byte with what is on record.

``replay_run`` is the verdict, a plain function of a journal: the gate *parity* asks it too.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

from tradebot import __version__
from tradebot.app.build import make_session
from tradebot.app.playback import Playback, Wanted
from tradebot.app.standing import Idle
from tradebot.broker.mute import MuteBroker
from tradebot.config import Config
from tradebot.core.model.digest import order_line, signal_line
from tradebot.core.model.effects import Effect, Place, SignalJudged
from tradebot.core.model.errors import ConfigError, JournalError, TradebotError, UsageError
from tradebot.core.model.events import RunStarted
from tradebot.core.model.frozen import frozen
from tradebot.core.model.money import exact
from tradebot.core.model.times import iso
from tradebot.core.trading.engine import EngineConfig
from tradebot.journal.flight import (
    EffectRow,
    Extent,
    StartRow,
    engine_told,
    event_text,
    extent,
    hypothetical,
    starts,
    wanted,
)
from tradebot.journal.projection import fact_body
from tradebot.journal.reader import Reader
from tradebot.journal.rows import IN_PROCESS, LoggedEvent, RunRow, StateRow
from tradebot.plugins.strategies import StrategySpec, load_strategy

LOOK_EVERY = 5_000
"""Events between two words about how far it is."""

Progress = Callable[[float], None]
"""Told which share of the log has been played, 0 to 1."""


@frozen
class Deviation:
    """The first effect that is not what it was. ``was`` None: nothing is on record; ``now`` None: the engine wants nothing.

    Both are an effect's kind and canonical JSON. ``event`` is the number of the event that led to it (0: the run's end)
    and ``at`` its time (UTC ms), ``told`` its kind and text; ``audit`` is the number of the audit row.
    """

    event: int
    at: int
    told: str
    audit: int | None
    was: str | None
    now: str | None


@frozen
class Replayed:
    """What came of playing a run again: how much was compared, and the first difference, None where there is none.

    ``decisions`` says that only signals and orders were compared; ``last`` is the time of the last event (UTC ms).
    """

    run: str
    version: str
    events: int
    effects: int
    starts: int
    last: int
    decisions: bool
    difference: Deviation | None

    @property
    def equal(self) -> bool:
        """Whether every effect is what it was."""
        return self.difference is None


def replay_run(
    path: Path,
    run: str,
    strategy_dir: Path,
    *,
    until: int | None = None,
    anyway: bool = False,
    strategy: str | None = None,
    progress: Progress | None = None,
) -> Replayed:
    """Play a run of a journal again, up to a time (UTC ms, with it), and compare.

    A strategy's file is looked for in ``strategy_dir``, or where ``strategy`` (FILE:CLASS) of the same name says: runs do
    not tell where people keep things. ``anyway`` plays what another version, or another strategy, decided:
    then only signals and orders are compared. Raises UsageError for an unknown run, and for one that needs ``anyway``; JournalError for a log that
    has not all of it.
    """
    with Reader(path) as reader, exact():
        row = reader.run(run)
        begun = starts(reader, row)
        spec = _strategy(row, strategy_dir, strategy, anyway=anyway)
        if not anyway:
            _check_version(row, begun)
        told = {nonce: _told(reader, row, start) for nonce, start in begun.items()}
        playback = Playback(reader, run, begun, told, spec.build, ghost=row.mode == "ghost")
        player = _Player(reader, row, playback, extent(reader, run), until, anyway, progress)
        return player.play(len(begun))


class _Track:
    """What is on record of one kind, beside what is wanted now."""

    def __init__(self, rows: Generator[EffectRow], decisions: bool) -> None:
        self.compared = 0
        self._decisions = decisions
        self._rows = rows

    def check(self, at: int, effect: Effect) -> tuple[EffectRow | None, str | None] | None:
        """Compare an effect with the next one on record; return both where they differ."""
        if self._decisions and type(effect) not in _LINES:
            return None
        row = self._next()
        kind = type(effect).__name__
        if self._decisions:
            said = _line(effect)
            same = row is not None and _line_of(row) == (kind, said)
        else:
            said = fact_body(effect)
            same = row is not None and row[1:] == (at, kind, said)
        self.compared += 1
        return None if same else (row, f"{kind} {said}")

    def left(self, until: int | None) -> EffectRow | None:
        """Return what is on record, up to a time, and was not wanted now."""
        row = self._next()
        return None if row is None or (until is not None and row.ts > until) else row

    def _next(self) -> EffectRow | None:
        return next((r for r in self._rows if not self._decisions or r.kind in DECISIONS), None)

    def close(self) -> None:
        """Let go of the journal."""
        self._rows.close()


class _Player:
    """Plays a log to its end, or to the first difference."""

    def __init__(
        self,
        reader: Reader,
        run: RunRow,
        playback: Playback,
        extent: Extent,
        until: int | None,
        decisions: bool,
        progress: Progress | None,
    ) -> None:
        self._reader = reader
        self._run = run
        self._playback = playback
        self._extent = extent
        self._until = until
        self._decisions = decisions
        self._progress = progress
        self._engine = _Track(wanted(reader, run.id, extent.audit), decisions)
        self._ghosts = _Track(hypothetical(reader, run.id, extent.audit), decisions)
        self._row: LoggedEvent | None = None
        self._played = 0

    def play(self, starts: int) -> Replayed:
        """Play, compare, and say what came of it."""
        with closing(self._engine), closing(self._ghosts):
            difference = self._compare()
        row = self._row
        return Replayed(
            run=self._run.id,
            version=self._run.version,
            events=self._played,
            effects=self._engine.compared + self._ghosts.compared,
            starts=starts,
            last=0 if row is None else row.at,
            decisions=self._decisions,
            difference=difference,
        )

    def _compare(self) -> Deviation | None:
        take, check = self._playback.take, self._engine.check
        spectators = self._run.mode == "ghost"
        for row in self._events():
            self._row = row
            try:
                effects = take(row.seq, row.event)
            except (TradebotError, KeyboardInterrupt):
                raise
            except Exception as error:
                words = f"event {row.seq} of {self._run.id} cannot be played ({type(error).__name__}: {error})"
                raise JournalError(words, hint="tradebot db verify tells more") from error
            for effect in effects:
                if (found := check(row.at, effect)) is not None:
                    return self._difference(row, *found)
            if spectators and (differs := self._compare_told(row)) is not None:
                return differs
        return self._compare_end()

    def _compare_told(self, row: LoggedEvent | None) -> Deviation | None:
        """Compare what became of hypothetical trades since the last time."""
        spectators = self._playback.spectators
        if spectators is None or not spectators.told:
            return None
        told, spectators.told = spectators.told, []
        return self._check_all(self._ghosts, told, row)

    def _check_all(
        self, track: _Track, told: Sequence[Wanted], row: LoggedEvent | None
    ) -> Deviation | None:
        for at, effect in told:
            if (found := track.check(at, effect)) is not None:
                return self._difference(row, *found)
        return None

    def _compare_end(self) -> Deviation | None:
        """Compare how the run ended, and find what is on record beyond."""
        whole = self._played == self._extent.event
        if self._extent.ended and whole and self._row is not None:
            ending = self._playback.end()
            if (differs := self._check_all(self._engine, ending, None)) is not None:
                return differs
        elif self._playback.spectators is not None:
            self._playback.spectators.end_step()
        if (differs := self._compare_told(None)) is not None:
            return differs
        for track in (self._engine, self._ghosts):
            if (row := track.left(self._until)) is not None:
                return self._difference(self._row, row, None)
        return None

    def _events(self) -> Iterator[LoggedEvent]:
        """Yield the events that are recorded, from the first one on; the engine is made for them."""
        last, until = self._extent.event, self._until
        history: list[LoggedEvent] | None = []
        for row in self._reader.events(self._run.id):
            if row.seq > last or (until is not None and row.at > until):
                break
            self._played += 1
            if row.seq != self._played:
                raise self._missing(row)
            if history is None:
                yield row
            else:
                history.append(row)
                if type(row.event) is RunStarted:
                    self._playback.begin(row.event.nonce)
                    yield from history
                    history = None
            if self._progress is not None and self._played % LOOK_EVERY == 0:
                self._progress(self._played / last)

    def _missing(self, row: LoggedEvent) -> JournalError:
        first = self._played
        return JournalError(
            f"events {first} to {row.seq - 1} of {self._run.id} are gone from the log, which has the next one at {iso(row.at)}",
            hint="a log is dropped after log.keep_days (30): `tradebot db export` keeps a run for longer",
        )

    def _difference(
        self, row: LoggedEvent | None, was: EffectRow | None, now: str | None
    ) -> Deviation:
        if was is not None and (row is None or was.ts < row.at):
            row = self._event_at(was.ts) or row
        told = "the end of the run" if row is None else event_text(row)
        return Deviation(
            event=0 if row is None else row.seq,
            at=(self._playback.engine.now if was is None else was.ts) if row is None else row.at,
            told=told,
            audit=None if was is None else was.seq,
            was=None if was is None else str(was),
            now=now,
        )

    def _event_at(self, at: int) -> LoggedEvent | None:
        """Return the first event of a time: what is on record of it was not wanted now."""
        for row in self._reader.events(self._run.id):
            if row.at >= at:
                return row if row.at == at else None
        return None


_LINES: dict[type, Callable[[Any], str]] = {
    SignalJudged: signal_line,
    Place: lambda place: order_line(place.approved.order),
}
DECISIONS = tuple(kind.__name__ for kind in _LINES)


def _line(effect: Any) -> str:
    return _LINES[type(effect)](effect)


def _line_of(row: EffectRow) -> tuple[str, str]:
    return row.kind, _line(row.effect)


def _check_version(run: RunRow, begun: dict[str, StartRow]) -> None:
    """Raise UsageError unless this very version can play all of a run."""
    for start in begun.values():
        if start.version not in ("", __version__):
            raise UsageError(
                f"{run.id} is a run of tradebot {start.version}, and this is {__version__}: only the same version does the same",
                hint=f"install tradebot {start.version}, or --anyway compares signals and orders only",
            )
        if not start.engine:
            raise UsageError(
                f"{run.id} was started by a tradebot that did not yet record how its engine was set up",
                hint="--anyway compares signals and orders only",
            )


def _strategy(run: RunRow, folder: Path, place: str | None, *, anyway: bool) -> StrategySpec:
    """Return the run's strategy, which must be the very same one unless ``anyway``."""
    chosen = _config(run, run.config).strategy
    known = place is not None and Path(place).name == Path(chosen.name).name
    try:
        spec = load_strategy(place if known and place else chosen.name, folder, chosen.params)
    except ConfigError as error:
        hint = "--strategy FILE:CLASS says where it is"
        raise UsageError(f"the strategy of {run.id}: {error.message}", hint=hint) from error
    if spec.hash != run.strategy_hash and not anyway:
        raise UsageError(
            f"the strategy {run.strategy} is not what it was in {run.id} (hash {spec.hash[:12]}, then {run.strategy_hash[:12]})",
            hint="put its file back as it was, or --anyway compares signals and orders only",
        )
    return spec


def strategy_source(run: RunRow, folder: Path, place: str | None) -> tuple[str, bytes] | None:
    """Return name and text of the file of a run's strategy; None for one that is installed.

    UsageError where it is not what it was in the run.
    """
    if ":" not in _config(run, run.config).strategy.name:
        return None
    spec = _strategy(run, folder, place, anyway=False)
    return spec.file.name, spec.file.read_bytes()


def _told(reader: Reader, run: RunRow, start: StartRow) -> tuple[Config, EngineConfig]:
    """Return configuration and engine's set-up of a start; in old rows that follows from the configuration."""
    config = _config(run, start.config)
    state = None if start.engine else reader.state(run.id)
    if state is not None:
        return config, _guessed(run, config, state)
    try:
        return config, engine_told(start.engine)
    except ValueError as error:
        raise JournalError(
            f"how the engine of {run.id} was set up cannot be read ({error})",
            hint="tradebot db verify tells more",
        ) from error


def _guessed(run: RunRow, config: Config, state: StateRow) -> EngineConfig:
    symbols, interval, timeframe, quotes = state.body["shape"]
    session = make_session(
        *(config, lambda _: Idle(), symbols, interval),
        quotes=quotes,
        timeframe=timeframe,
        broker=None if run.venue in IN_PROCESS else MuteBroker(),
    )
    return session.engine.config


def _config(run: RunRow, text: str) -> Config:
    try:
        return Config.model_validate(json.loads(text))
    except (ValueError, TypeError) as error:
        raise JournalError(
            f"the configuration of {run.id} cannot be used: {error}",
            hint="tradebot db verify tells more",
        ) from error


__all__ = ["Deviation", "Replayed", "replay_run", "strategy_source"]
