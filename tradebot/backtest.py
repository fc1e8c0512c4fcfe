"""A backtest: files through the session, as fast as they can be read."""

from __future__ import annotations

import gc
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from tradebot.core.effects import Effect, EquityPoint, SignalJudged, StopRun, TradeClosed
from tradebot.core.events import MarketEvent, RunStarted
from tradebot.core.money import exact
from tradebot.report import Heading, position_rows, summarise
from tradebot.session import Session

PROGRESS_EVERY = 2_000
"""Steps between two looks at the progress bar."""


@dataclass(slots=True)
class Notebook:
    """What a backtest remembers: closed trades, signals and the equity curve."""

    trades: dict[int, TradeClosed] = field(default_factory=dict)
    signals: dict[int, SignalJudged] = field(default_factory=dict)
    equity: list[EquityPoint] = field(default_factory=list)

    def take(self, effects: Sequence[Effect]) -> None:
        """Note what is worth keeping of an event's effects."""
        for effect in effects:
            match effect:
                case TradeClosed():
                    self.trades[effect.id] = effect
                case SignalJudged():
                    self.signals[effect.id] = effect
                case EquityPoint():
                    self.equity.append(effect)
                case _:
                    pass


@dataclass(frozen=True, slots=True)
class Outcome:
    """A finished backtest."""

    summary: dict[str, Any]
    positions: list[dict[str, Any]]
    notebook: Notebook
    hashes: dict[str, str]
    stopped: StopRun | None


def run_backtest(
    session: Session,
    steps: Iterable[Sequence[MarketEvent]],
    heading: Callable[[int | None, int | None], Heading],
    notebook: Notebook,
    config_hash: str,
    on_progress: Callable[[], None] | None = None,
) -> Outcome:
    """Play all steps and add up. ``heading`` is given the first and last moment, UTC milliseconds.

    The session's ``record`` should be ``notebook.take``. Errors of the data pass through.
    """
    with exact(), _quiet_collector():
        first = _play(session, iter(steps), config_hash, on_progress)
        last = session.engine.now if first is not None else None
        return Outcome(
            summary=summarise(heading(first, last), session.engine),
            positions=position_rows(session.engine),
            notebook=notebook,
            hashes=session.digest.hashes(),
            stopped=session.stopped,
        )


def _play(
    session: Session,
    steps: Iterable[Sequence[MarketEvent]],
    config_hash: str,
    on_progress: Callable[[], None] | None,
) -> int | None:
    """Advance the session step by step; return the first moment, None if there was none."""
    stream = iter(steps)
    head = next(stream, None)
    if head is None:
        return None
    first = getattr(head[0], "open_time", head[0].at)
    session.deliver(RunStarted(first, "backtest", "bt", "0", config_hash))
    session.advance(head)
    advance = session.advance
    count = 0
    for step in stream:
        advance(step)
        count += 1
        if count == PROGRESS_EVERY:
            count = 0
            if on_progress is not None:
                on_progress()
        if session.stopped is not None:
            break
    return int(first)


class _quiet_collector:  # noqa: N801 - reads as the statement it is used in
    """Keep the cycle collector from walking what was imported while millions of bars pass."""

    def __enter__(self) -> None:
        gc.collect()
        gc.freeze()

    def __exit__(self, *_: object) -> None:
        gc.unfreeze()
