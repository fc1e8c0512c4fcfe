"""The deepest drawdown, worked out again from the points of the equity curve: the same to the last digit."""

from __future__ import annotations

import json
from collections.abc import Sequence
from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st
from kits.engine_kit import Bare, a_config
from kits.wandering import START, bars, quotes

from tradebot.app.build import make_session
from tradebot.config import load_config
from tradebot.core.model.effects import Effect, EquityPoint
from tradebot.core.model.events import Command, RunStarted
from tradebot.core.model.money import ZERO, exact, quotient_at_8
from tradebot.core.model.values import MINUTE_MS
from tradebot.core.strategy.ema_cross import EmaCross
from tradebot.core.trading.session import Session

SYMBOLS = ["BTC/USDT", "ETH/USDT"]
HUNDRED = Decimal(100)


def begun(points: list[EquityPoint], quoted: bool) -> Session:
    def keep(effects: Sequence[Effect]) -> None:
        points.extend(effect for effect in effects if isinstance(effect, EquityPoint))

    params = EmaCross.Params(fast=5, slow=15)
    session: Session = make_session(
        load_config(None, {}, ["risk.profile=bench"]),
        lambda symbol: EmaCross(params, symbol),
        SYMBOLS,
        MINUTE_MS,
        quotes=quoted,
        record=keep,
    )
    session.note = lambda _, effects: keep(effects)
    return session


def deepest(points: Sequence[EquityPoint]) -> tuple[Decimal, Decimal]:
    in_usdt = max((point.drawdown for point in points), default=ZERO)
    in_percent = max(
        (
            quotient_at_8(
                point.drawdown * HUNDRED, point.equity + point.drawdown, "ROUND_HALF_EVEN"
            )
            for point in points
        ),
        default=ZERO,
    )
    return in_usdt, in_percent


@given(
    seed=st.integers(0, 10_000),
    quoted=st.booleans(),
    stop=st.integers(0, 400),
    ended=st.booleans(),
)
def test_the_points_hold_the_deepest_fall(seed: int, quoted: bool, stop: int, ended: bool) -> None:
    """Wherever a run is stopped, killed and taken up again: the rows say what the summary says."""
    points: list[EquityPoint] = []
    session = begun(points, quoted)
    with exact():
        session.deliver(RunStarted(START, "run", "abcdef", "n", "hash"))
        steps = bars(seed, SYMBOLS, 120)
        for number, step in enumerate(quotes(steps) if quoted else steps):
            if number == stop:
                if seed % 2:  # the next start finds the state
                    state = json.loads(json.dumps(session.export_state()))
                    session = begun(points, quoted)
                    session.restore(state)
                else:
                    session.deliver(Command(session.engine.now, 1, "stop", "test", "for a while"))
                    assert deepest(points) == told(session)
            session.advance(step)
        if ended:
            session.finish()
        else:
            session.deliver(Command(session.engine.now, 2, "close-all", "test", "home"))
        assert deepest(points) == told(session)
        assert session.engine.reactions.take_lows() == []
        assert [point.at for point in points] == sorted(point.at for point in points)


def told(session: Session) -> tuple[Decimal, Decimal]:
    return session.engine.drawdown.deepest, session.engine.drawdown.deepest_pct


def test_a_fall_between_two_points_has_a_row_of_its_own() -> None:
    points: list[EquityPoint] = []
    session = begun(points, quoted=True)
    with exact():
        session.deliver(RunStarted(START, "run", "abcdef", "n", "hash"))
        for step in quotes(bars(9, SYMBOLS, 200)):
            session.advance(step)
        session.finish()
    lows = [point for point in points if point.why == "low"]
    others = [point for point in points if point.why != "low"]
    assert lows
    assert deepest(points) == told(session)
    assert deepest(others) < deepest(points)  # hours and trades alone say too little


def test_a_curve_ends_once_at_a_moment() -> None:
    """A run that is killed between its last point and its end goes on, and ends at the same moment again."""
    story = Bare(a_config())
    story.bar()
    assert [point.why for point in story.engine.end()] == ["end"]
    again = Bare(a_config())
    again.engine.restore(story.engine.export_state())
    assert again.engine.end() == []
    story.bar()
    assert [point.why for point in story.engine.end()] == ["end"]
