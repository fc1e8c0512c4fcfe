"""A run's engine, lived through again from the journalled events: what it wants now, event by event.

Nothing carries the effects out: what a broker answered is in the log, as every event is. At each start the engine is
made anew, from the same state, as it was then.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from itertools import islice, takewhile
from typing import Any, NamedTuple

from tradebot.app.build import make_ghosts
from tradebot.app.resume import warm
from tradebot.broker.mute import MuteBroker
from tradebot.config import Config
from tradebot.core.ghost.ghosts import Ghosts
from tradebot.core.model.effects import Effect, SignalJudged
from tradebot.core.model.errors import JournalError
from tradebot.core.model.events import FundingRate, MarketEvent, RunStarted, WakeUp
from tradebot.core.model.values import Bar, MarkBar, Quote
from tradebot.core.strategy.protocol import Strategy
from tradebot.core.trading.engine import Engine, EngineConfig
from tradebot.core.trading.replay import replay
from tradebot.core.trading.session import STEP, Session, step_key
from tradebot.journal.flight import StartRow, as_stored
from tradebot.journal.reader import Reader

NOTHING: tuple[Effect, ...] = ()

Wanted = tuple[int, Effect]
"""An effect with the time it is recorded under (UTC ms)."""


class Spectators:
    """The hypothetical trades of a ghost's run, shown the steps that the log's events made.

    ``told`` collects what became of them. A step is over when an event cannot belong to it.
    """

    def __init__(self, ghosts: Ghosts) -> None:
        self.ghosts = ghosts
        self.told: list[Wanted] = []
        self._key: tuple[type, int] | None = None
        self._step: list[MarketEvent] = []
        self._now = 0
        self._judged: list[tuple[int, SignalJudged]] = []

    def see(self, event: MarketEvent, now: int) -> None:
        """Take an event of the market; ``now`` is the engine's clock behind it."""
        key = step_key(event)
        if key != self._key:
            self.end_step()
        self._key, self._now = key, now
        self._step.append(event)

    def hear(self, effects: Sequence[Effect], now: int) -> None:
        """Take the signals among what the engine wants."""
        self._judged += [(now, effect) for effect in effects if isinstance(effect, SignalJudged)]

    def end_step(self) -> None:
        """Show the step whole, then begin the trades of the signals it led to, as it was then."""
        if self._step:
            self._step.sort(
                key=lambda event: not isinstance(event, MarkBar)
            )  # they travel before their bars
            self._tell(self._now, self.ghosts.advance(self._step, self._now))
            self._step = []
        self._key = None
        for now, signal in self._judged:
            self._tell(now, self.ghosts.judge(signal))
        self._judged = []

    def finish(self, now: int) -> None:
        """Close what is open: the run is over."""
        self.end_step()
        self._tell(now, self.ghosts.finish(now))

    def _tell(self, now: int, effects: Sequence[Effect]) -> None:
        self.told += [(now, effect) for effect in effects]


class _Saved(NamedTuple):
    """An engine's state as the journal had it, behind an event of the log."""

    engine: dict[str, Any]
    ghosts: dict[str, Any] | None


class Playback:
    """Plays a run's log, from its first event on.

    ``configs`` are the starts' configurations by nonce, ``told`` what their engines were told, ``make_strategy`` makes a
    symbol's. ``reader`` is asked for bars and signals again at each start but the first.
    """

    def __init__(
        self,
        reader: Reader,
        run: str,
        starts: Mapping[str, StartRow],
        told: Mapping[str, tuple[Config, EngineConfig]],
        make_strategy: Callable[[str], Strategy],
        *,
        ghost: bool,
    ) -> None:
        self._reader = reader
        self._run = run
        self._starts = starts
        self._told = told
        self._make_strategy = make_strategy
        self._ghost = ghost
        self._keep = {start.after for start in starts.values()}
        self._saved: dict[int, _Saved] = {}
        self._began = False
        self._bars = 0
        self._judged: list[SignalJudged] = []
        self.engine: Engine
        self.spectators: Spectators | None = None

    def begin(self, nonce: str) -> None:
        """Make the engine of the run's first start, which the events before it are for."""
        self._make(self._start(nonce))

    def take(self, seq: int, event: Any) -> Sequence[Effect]:
        """Take the log's next event; return what the engine wants of it."""
        kind = type(event)
        if kind is Bar:
            self._bars += 1
        elif kind is RunStarted:
            self._go_on(seq, event)
        if (
            kind is FundingRate or kind is MarkBar
        ):  # shown to hypothetical trades, and to nobody else
            effects: Sequence[Effect] = NOTHING
        else:
            effects = self.engine.process(event)
        if effects and self.engine.config.outside:
            self._judged += [effect for effect in effects if isinstance(effect, SignalJudged)]
        if self.spectators is not None and self._began:
            self._show(self.spectators, event, effects)
        if seq in self._keep:
            self._save(seq)
        return effects

    def end(self) -> list[Wanted]:
        """Return how the curve of a run ends that is over; its hypothetical trades are closed."""
        now = self.engine.now
        if self.spectators is not None:
            self.spectators.finish(now)
        return [(now, point) for point in self.engine.end()]

    def _show(self, spectators: Spectators, event: Any, effects: Sequence[Effect]) -> None:
        now = self.engine.now
        if isinstance(event, Bar | Quote | FundingRate):
            spectators.see(event, now)
        elif type(event) is WakeUp and event.key == STEP:
            spectators.end_step()
        spectators.hear(effects, now)

    def _start(self, nonce: str) -> StartRow:
        try:
            return self._starts[nonce]
        except KeyError:
            raise JournalError(
                f"{self._run} was started under the nonce {nonce}, which the audit trail does not know",
                hint="tradebot db verify tells more",
            ) from None

    def _make(self, start: StartRow) -> Session:
        config, told = self._told[start.nonce]
        self.engine = Engine(told, self._make_strategy)
        self.spectators = Spectators(make_ghosts(config, told)) if self._ghost else None
        return Session(self.engine, MuteBroker())

    def _go_on(self, seq: int, event: RunStarted) -> None:
        """Make the engine anew at a start that goes on, as it was done then."""
        start, self._began = self._start(event.nonce), True
        if not event.resumed:
            return
        saved = self._saved.get(start.after)
        if saved is None:
            raise JournalError(
                f"{self._run} goes on behind event {start.after}, which is not in its log"
            )
        session = self._make(start)
        self.engine.restore(saved.engine)
        if self.spectators is not None and saved.ghosts is not None:
            self.spectators.ghosts.restore(saved.ghosts)
        if session.engine.config.outside:
            tail = self._reader.events(self._run, start.after)
            replay(
                session,
                (row.event for row in takewhile(lambda row: row.seq < seq, tail)),
                self._judged,
            )
        for bar in islice(self._reader.stream_bars(self._run), self._bars):
            warm(session, bar, self._run)
        self._saved = {kept: state for kept, state in self._saved.items() if kept >= start.after}

    def _save(self, seq: int) -> None:
        ghosts = None
        if self.spectators is not None:
            self.spectators.end_step()
            ghosts = self.spectators.ghosts.export_state()
        state = {"engine": self.engine.export_state(), "ghosts": ghosts}
        self._saved[seq] = _Saved(**as_stored(state))
