"""What a newcomer sees in the first wall minute: at 60x that is the first hour of the embedded market."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tradebot.app.build import make_session
from tradebot.config import Config
from tradebot.core.model.effects import Effect, FillBooked, SignalJudged, TradeClosed
from tradebot.core.model.events import Event, RunStarted
from tradebot.core.model.money import exact
from tradebot.core.model.values import MINUTE_MS
from tradebot.market.feed import SimulatedSource, step_time
from tradebot.plugins.strategies import load_strategy

SEEDS = [42, *range(12)]
"""42 is the default."""


@dataclass
class Seen:
    """Minutes from the start at which each thing happened."""

    start: int = 0
    signals: list[float] = field(default_factory=list)
    fills: list[float] = field(default_factory=list)
    trades: list[float] = field(default_factory=list)

    def take(self, event: Event, effects: Sequence[Effect]) -> None:
        minute = (event.at - self.start) / MINUTE_MS
        for effect in effects:
            match effect:
                case SignalJudged():
                    self.signals.append(minute)
                case FillBooked():
                    self.fills.append(minute)
                case TradeClosed():
                    self.trades.append(minute)
                case _:
                    pass


def first_hour(seed: int) -> Seen:
    """Play the default configuration's first hour through the real session."""
    config, seen = Config(), Seen()
    source = SimulatedSource(config.market.symbols, seed)
    spec = load_strategy(config.strategy.name, Path())
    with exact():
        session = make_session(
            config, spec.build, source.symbols, source.interval, quotes=True, sink=seen.take
        )
        for bar in source.history():
            session.deliver(bar)
        assert seen.signals == []
        for step in source.steps():
            at = step_time(step)
            if not seen.start:
                seen.start = at
                session.deliver(RunStarted(at, "paper-0001", "test", "0", config.digest()))
            if at >= seen.start + 60 * MINUTE_MS:
                return seen
            session.advance(step)
    raise AssertionError("the embedded market ended")


@pytest.mark.parametrize("seed", SEEDS)
def test_a_signal_a_position_and_a_closed_trade(seed: int) -> None:
    seen = first_hour(seed)
    assert seen.signals
    assert seen.fills
    assert seen.fills[0] < 45, "the first position comes too late to be seen for a while"
    assert seen.trades
