"""The three walls hold whatever the market, the strategy, the user and the power supply do.

An independent checker (``wall_checker``) sees every event with its effects and works all limits out
again. A step is one moment of the market, a command, a silence, a funding or a restart.
"""

from __future__ import annotations

import os
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule
from kits.wall_checker import Record
from kits.wall_world import REVIEW, Setup, World, live_through

from tradebot.core.model.events import FundingRate, MarketEvent
from tradebot.core.model.money import exact
from tradebot.core.model.values import MINUTE_MS, Bar
from tradebot.core.risk.limits import Limits
from tradebot.core.strategy.protocol import Signal

FULL = os.environ.get("TRADEBOT_FULL") == "1"
CHUNKS = 4 if FULL else 2
WORLDS = 600 if FULL else 80
STEPS = 500

RULES = {
    "halted",
    "confidence",
    "blackout",
    "no_price",
    "paused",
    "leverage",
    "not_finite",
    "margin",
    "entry_interval",
    "max_positions",
    "liquidation",
    "day_loss",
    "week_loss",
    "signoff_loss",
    "stop_side",
}
"""Refusals that every chunk of worlds must have seen: else it proves nothing about them."""


@pytest.mark.parametrize("chunk", range(CHUNKS))
def test_the_walls_hold_in_random_worlds(chunk: int) -> None:
    first = chunk * 1_000_000
    with exact():
        record = live_through(range(first, first + WORLDS), STEPS)
    said(record)
    assert record.steps == WORLDS * STEPS  # four chunks: 160,000 steps, 1,200,000 with --full
    assert record.refused.keys() >= RULES
    assert record.halts.keys() >= {"user", "day_loss", "week_loss", "strategy"}
    assert record.exits.keys() >= {"stop", "target", "signal", "liquidation", "stop_lost"}
    assert min(record.approved, record.restarts, record.partial) > 20


def said(record: Record) -> None:
    print(f"{record}")  # noqa: T201 - the counts, for the note


# -- the same, with hypothesis choosing --------------------------------------------------------------

SYMBOL = st.sampled_from(["ADA/USDT", "XRP/USDT"])
NUMBERS = st.one_of(
    st.floats(0.2, 6.0),
    st.sampled_from([float("nan"), float("inf"), -1.0, 0.0, 1e300, 5e-324]),
    st.none(),
    st.just("nonsense"),
)
ANYTHING = st.one_of(
    st.builds(
        Signal,
        st.sampled_from(["long", "short", "exit", "up"]),
        st.sampled_from([1.0, 0.6, 0.1, -1.0, 7.0, float("nan"), None]),
        NUMBERS,
        NUMBERS,
        st.just("because"),
    ),
    st.integers(),
)
RATIO = st.sampled_from([0.7, 0.95, 0.99, 0.999, 1.0, 1.0, 1.001, 1.01, 1.05, 1.4])


class Told:
    """Says what it was told to say."""

    warmup = 0

    def __init__(self, wishes: dict[str, list[Any]], symbol: str) -> None:
        self._wishes = wishes
        self._symbol = symbol

    def on_bar(self, bar: Bar) -> Any:
        wishes = self._wishes.get(self._symbol)
        return wishes.pop() if wishes else None


class Walls(RuleBasedStateMachine):
    """Two symbols on minute bars; every rule is followed by the checker's comparison."""

    @initialize(
        profile=st.sampled_from([Limits.live(), Limits.paper()]),
        entry=st.sampled_from(["ioc", "market", "limit"]),
        leverage=st.sampled_from([1, 1, 20]),
        hour=st.integers(0, 23),
    )
    def begin(self, profile: Limits, entry: str, leverage: int, hour: int) -> None:
        setup = Setup(
            symbols=("ADA/USDT", "XRP/USDT"),
            limits=replace(profile, leverage=leverage),
            entry=entry,
            equity=Decimal(10_000),
            interval=MINUTE_MS,
            quotes=False,
            leverage=leverage,
            auto_resume=hour % 2 == 0,
            signoff=hour % 3 == 0,
            marks=False,
            latency_ms=250,
        )
        self.wishes: dict[str, list[Any]] = {}
        self.context = exact()
        self.context.__enter__()
        self.world = World(hour, setup, lambda symbol: Told(self.wishes, symbol))
        self.world.time += hour * 60 * MINUTE_MS

    def teardown(self) -> None:
        if hasattr(self, "context"):
            self.context.__exit__(None, None, None)

    def settle(self) -> None:
        self.world.session.stopped = None
        self.world.checker.settle(self.world.session)

    @rule(
        moves=st.lists(st.tuples(RATIO, RATIO, RATIO, RATIO), min_size=2, max_size=2),
        volume=st.sampled_from(["0", "700", "1000000"]),
        missing=st.sampled_from([None, None, None, 0, 1]),
        wish=st.none() | st.tuples(SYMBOL, ANYTHING),
    )
    def bars(
        self,
        moves: list[tuple[float, ...]],
        volume: str,
        missing: int | None,
        wish: tuple[str, Any] | None,
    ) -> None:
        world = self.world
        if wish is not None:
            self.wishes[wish[0]] = [wish[1]]
        step: list[MarketEvent] = []
        for i, (symbol, ratios) in enumerate(zip(world.setup.symbols, moves, strict=True)):
            if i == missing:
                continue
            path = [world.prices[symbol] * ratios[0]]
            for ratio in ratios[1:]:
                path.append(path[-1] * ratio)
            text = [world._text(symbol, x) for x in (path[0], max(path), min(path), path[-1])]
            step.append(Bar.of(symbol, world.time, MINUTE_MS, (*text, volume)))
            world.prices[symbol] = world._tame(symbol, path[-1])
        world.time += MINUTE_MS
        world.session.advance(step)
        self.settle()

    @rule(
        symbol=SYMBOL, side=st.sampled_from(["long", "short"]), away=st.sampled_from([0.002, 0.05])
    )
    def a_sound_signal(self, symbol: str, side: Any, away: float) -> None:
        price = self.world.prices[symbol]
        sign = 1 if side == "long" else -1
        stop, target = price * (1 - sign * away), price * (1 + sign * away)
        self.wishes[symbol] = [Signal(side, 1.0, stop, target)]

    @rule(name=st.sampled_from(["halt", "close-all", "stop", "nonsense"]))
    def command(self, name: str) -> None:
        self.world.command(name)
        self.settle()

    @rule(review=st.sampled_from(["", REVIEW]))
    def resume(self, review: str) -> None:
        self.world.command("resume", review)
        self.settle()

    @rule()
    def restart(self) -> None:
        self.world.restart()
        self.settle()

    @rule(live=st.booleans())
    def feed(self, live: bool) -> None:
        self.world.feed(live=live)
        self.settle()

    @rule(minutes=st.sampled_from([1, 7, 61, 600, 1440, 9000]))
    def silence(self, minutes: int) -> None:
        self.world.jump(minutes)

    @rule(symbol=SYMBOL, rate=st.sampled_from(["0.03", "-0.03", "0.0001"]))
    def funding(self, symbol: str, rate: str) -> None:
        if symbol in self.world.exchange.positions:
            at = max(self.world.time, self.world.session.engine.now)
            self.world.session.advance([FundingRate(at, symbol, Decimal(rate))])
            self.settle()


TestWalls = Walls.TestCase
TestWalls.settings = settings(
    max_examples=2000 if FULL else 60,
    stateful_step_count=60,
    deadline=None,
    derandomize=not FULL,
)
