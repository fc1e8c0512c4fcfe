"""The log's tail with the strategies off: the engine is the same as if it had never stopped."""

from __future__ import annotations

import json
from collections.abc import Sequence
from math import nan
from random import Random
from typing import Any

import pytest
from kits.engine_kit import ADA, OUT, XRP, Played, Scripted, a_config, long, short

from tradebot.core.model.effects import Effect, SignalJudged
from tradebot.core.model.events import Event
from tradebot.core.model.money import exact
from tradebot.core.model.values import MINUTE_MS
from tradebot.core.strategy.protocol import Signal
from tradebot.core.trading.engine import Engine
from tradebot.core.trading.replay import replay
from tradebot.core.trading.session import Session

FAULTY = (
    Signal("long", 1.0, nan, None, "no stop"),
    Signal("long", 1.0, 1.9, -1.0, "no target"),
    Signal("long", 7.0, 1.9, None, "too sure"),
)


class Logged(Played):
    """A session whose log is kept, and a state of it from the middle."""

    def __init__(self, config: Any, **named: Any) -> None:
        self.log: list[Event] = []
        self.judged: list[SignalJudged] = []
        super().__init__(config, **named)

    def _take(self, event: Event, effects: Sequence[Effect]) -> None:
        super()._take(event, effects)
        self.log.append(event)
        self.judged += [effect for effect in effects if isinstance(effect, SignalJudged)]

    def save(self) -> None:
        self.state = json.dumps(self.session.export_state())
        self.log.clear()
        self.judged.clear()

    def again(self) -> Session:
        """Return a session that was restored from the saved state and has lived through the tail."""
        engine = Engine(self.config, lambda symbol: Scripted({}, symbol))
        session = Session(engine, self._new().broker)
        with exact():
            session.restore(json.loads(self.state))
            strategies = {name: book.strategy for name, book in engine.books.items()}
            replay(session, list(self.log), self.judged)
        assert {name: book.strategy for name, book in engine.books.items()} == strategies
        return session


def same(one: Session, other: Session) -> None:
    for part in ("engine", "digest", "timers"):
        assert one.export_state()[part] == other.export_state()[part]
    assert one.next_timer == other.next_timer


@pytest.mark.parametrize("minutes", [1, 5])
@pytest.mark.parametrize("seed", range(6))
def test_it_comes_to_the_same(seed: int, minutes: int) -> None:
    draw = Random(seed)
    config = a_config((XRP, ADA), timeframe=minutes * MINUTE_MS)
    story = Logged(config, latency_ms=draw.choice((0, 250, 60_000)))
    story.save()
    stop = draw.randrange(5, 80)
    prices = {XRP: 2.0, ADA: 0.7}
    for minute in range(100):
        if draw.random() < 0.5:
            symbol = draw.choice((XRP, ADA))
            price = prices[symbol]
            wishes = [
                Signal("long", draw.random(), price * 0.97, price * 1.01, "up", {"x": 1.5}),
                Signal("short", draw.random(), price * 1.03, None, "down"),
                OUT,
                *FAULTY,
            ]
            story.say(draw.choice(wishes), symbol=symbol)
        rows = {}
        for symbol, digits in ((XRP, 4), (ADA, 5)):
            before = prices[symbol]
            prices[symbol] = close = before * (1 + draw.gauss(0, 0.01))
            high, low = max(before, close) * 1.001, min(before, close) * 0.999
            rows[symbol] = " ".join(f"{value:.{digits}f}" for value in (before, high, low, close))
        story.bar(rows[XRP], ada=rows[ADA])
        if minute == stop:
            story.save()
    assert story.judged
    same(story.again(), story.session)


def test_a_reversal_that_is_judged_again_is_no_second_signal() -> None:
    story = Logged(a_config())
    story.say(long(), short())
    story.bar()
    story.bar()
    story.save()  # the way out is on its way, and the other side will be judged when it is flat
    story.bars(3)
    assert [signal.verdict for signal in story.judged] == ["approved"]
    same(story.again(), story.session)


def test_a_run_that_was_stopped_in_the_tail_may_go_on() -> None:
    story = Logged(a_config())
    story.save()
    story.say(long())
    story.bar()
    story.command("stop")
    session = story.again()
    assert session.stopped is None
    same(session, story.session)


def test_a_symbol_the_run_does_not_trade_is_left_alone() -> None:
    story = Logged(a_config())
    story.save()
    story.bar()
    with exact():
        story.session.deliver(story.a_bar(symbol=ADA))
    same(story.again(), story.session)
