"""A session with hypothetical trades beside the account, mark bars, timers, a recorder and a stopwatch."""

from __future__ import annotations

import json
from collections.abc import Sequence
from itertools import count
from typing import Any

import pytest
from kits.engine_kit import OUT, XRP, D, Played, Scripted, a_config, long

from tradebot.broker.simulated import SimulatedBroker
from tradebot.core.ghost.ghosts import Ghosts
from tradebot.core.model.effects import (
    Effect,
    GhostClosed,
    GhostOpened,
    OrderChanged,
    Place,
    SignalJudged,
    WakeAt,
)
from tradebot.core.model.events import Command, Event, FundingRate, WakeUp
from tradebot.core.model.money import exact
from tradebot.core.model.values import MINUTE_MS, MarkBar
from tradebot.core.simulated import SimExchange
from tradebot.core.trading.engine import Engine
from tradebot.core.trading.session import Session, step_key


class Haunted(Played):
    """A played story with ghosts: what is noted of them, every batch that is recorded, a stopwatch in steps of 5 ms."""

    def __init__(
        self,
        config: Any,
        *,
        told: bool = True,
        sink: bool = True,
        timed: bool = True,
        haunted: bool = True,
    ) -> None:
        self.noted: list[tuple[int, Effect]] = []
        self.recorded: list[Effect] = []
        self._told, self._sink, self._timed, self._haunted = told, sink, timed, haunted
        super().__init__(config)

    def _new(self) -> Session:
        engine = Engine(self.config, lambda symbol: Scripted(self.script, symbol))
        self.exchange = SimExchange(self.rules, self.config.instruments)
        tick = count(0, 5)
        session = Session(
            engine,
            SimulatedBroker(self.exchange, self.config.leverage),
            sink=self._take if self._sink else None,
            record=self.recorded.extend,
            clock=(lambda: next(tick) / 1000) if self._timed else None,
            ghosts=Ghosts(D(1000), self.rules, self.config.instruments) if self._haunted else None,
        )
        if self._told:
            session.note = self._note
        return session

    def _note(self, at: int, effects: Sequence[Effect]) -> None:
        self.noted += [(at, effect) for effect in effects]

    def ghosts(self, kind: type[Effect]) -> list[Effect]:
        return [effect for _, effect in self.noted if isinstance(effect, kind)]


@pytest.fixture
def story() -> Haunted:
    return Haunted(a_config())


def test_a_signal_becomes_a_trade_beside_the_account_and_a_later_bar_ends_it(
    story: Haunted,
) -> None:
    story.say(long(1.9))
    story.bar()
    (opened,) = story.ghosts(GhostOpened)
    assert isinstance(opened, GhostOpened)
    assert story.ghosts(GhostClosed) == []
    story.bar("2 2 1.8 1.85")
    (closed,) = story.ghosts(GhostClosed)
    assert isinstance(closed, GhostClosed)
    assert (closed.symbol, closed.signal, closed.exit_reason) == (XRP, 1, "stop")
    assert closed.pnl < 0
    assert [at for at, _ in story.noted] == sorted(at for at, _ in story.noted)


def test_what_is_open_at_the_end_is_closed_and_said_so(story: Haunted) -> None:
    story.say(long(1.9))
    story.bars(2)
    with exact():
        story.session.finish()
    (closed,) = story.ghosts(GhostClosed)
    assert isinstance(closed, GhostClosed)
    assert story.held > 0, "the shadow account stays as it is"
    with exact():
        story.session.finish()
    assert len(story.ghosts(GhostClosed)) == 1, "there is nothing left to close"


def test_a_signal_that_is_judged_between_two_steps_reaches_the_ghosts_too(story: Haunted) -> None:
    """A reversal waits until its position is flat; a command may make it so."""
    story.say(long(1.9))
    story.bar()
    with exact():
        event = Command(story.engine.now, 1, "halt", "person", "because", "")
        story.session.deliver(event)
    before = len(story.found(SignalJudged))
    story.session._judged.append(story.found(SignalJudged)[0])
    story.command("status")
    assert story.session._judged == []
    assert len(story.found(SignalJudged)) == before
    assert len(story.ghosts(GhostOpened)) == 1, "the same signal twice is one trade"


def test_nobody_need_listen_and_a_session_without_ghosts_has_nothing_to_finish() -> None:
    silent = Haunted(a_config(), told=False, sink=False, timed=False)
    silent.say(long(1.9))
    silent.bars(3)
    silent.session.finish()
    assert silent.noted == []
    assert silent.held > 0
    assert not silent.session.latencies_ms
    plain = Played(a_config())
    plain.session.finish()


def test_orders_are_timed_without_ghosts_too() -> None:
    alone = Haunted(a_config(), haunted=False)
    alone.say(long(1.9))
    alone.bar()
    assert len(alone.session.latencies_ms) == len(alone.placed()) > 0
    assert alone.session.latencies_ms[0] == pytest.approx(5.0)


def test_every_batch_is_recorded_and_every_order_is_timed(story: Haunted) -> None:
    story.say(long(1.9))
    story.bar()
    places = [effect for effect in story.recorded if isinstance(effect, Place)]
    assert [place.approved.order.id for place in places] == [order.id for order in story.placed()]
    assert any(isinstance(effect, OrderChanged) for effect in story.recorded)
    latencies = list(story.session.latencies_ms)
    assert len(latencies) == len(places)
    assert latencies == [pytest.approx(5.0 * (n + 1)) for n in range(len(places))]


def test_ghosts_live_through_a_restart() -> None:
    story = Haunted(a_config())
    story.say(long(1.9))
    story.bar()
    story.restart()
    story.bar("2 2 1.8 1.85")
    (closed,) = story.ghosts(GhostClosed)
    assert isinstance(closed, GhostClosed)
    assert closed.signal == 1


def test_a_position_is_valued_at_the_mark_where_there_are_mark_bars() -> None:
    story = Played(a_config())

    def minute(mark: str) -> None:
        bar = story.a_bar()
        step = [MarkBar.of(XRP, bar.open_time, MINUTE_MS, (mark, mark, mark, mark, "0")), bar]
        story.time += MINUTE_MS
        with exact():
            story.session.advance(step)

    minute("1.99")
    flat = story.engine.equity()
    story.say(long(1.9))
    minute("1.99")
    assert flat == 10_000
    minute("1.97")
    with exact():
        assert story.engine.equity() == story.engine.portfolio.cash + story.held * D("1.97")
    assert story.engine.books[XRP].price() == D("1.97")


def test_a_timer_that_was_put_off_does_not_wake() -> None:
    story = Played(a_config())
    session = story.session
    story.bar()
    now = story.engine.now
    session._do(WakeAt("x", now + 10))
    session._timers["x"] = now + 90_000  # put off since, and the earliest known time is not
    heard: list[Any] = []
    session.sink = lambda event, effects: heard.append(event)
    with exact():
        session.wake(now + 20)
    assert not [event for event in heard if isinstance(event, WakeUp) and event.key == "x"]
    assert session.next_timer == min(session._timers.values())
    with exact():
        session.wake(now + 90_001)
    assert [event.at for event in heard if isinstance(event, WakeUp) and event.key == "x"] == [
        now + 90_000
    ]


def test_funding_comes_to_ghosts_as_to_the_account(story: Haunted) -> None:
    story.say(long(1.9))
    story.bars(2)
    bar = story.a_bar()
    with exact():
        rate = FundingRate(bar.open_time, XRP, D("0.001"), D(2))
        story.session.advance([rate, bar])
    story.time += MINUTE_MS
    story.say(OUT)
    story.bar()
    story.bar()
    (closed,) = story.ghosts(GhostClosed)
    assert isinstance(closed, GhostClosed)
    assert closed.funding < 0
    assert story.engine.portfolio.funding < 0


def test_the_whole_state_is_json(story: Haunted) -> None:
    story.say(long(1.9))
    story.bar()
    state = story.session.export_state()
    assert json.loads(json.dumps(state)) == state
    assert state["ghosts"] is not None


def test_steps_can_be_put_together_again_from_what_is_told() -> None:
    """Marks and funding are told of; two steps that look like one have a word between them."""
    story = Haunted(a_config())
    shown: list[object] = []
    told: list[Event] = []
    story.session.shown = shown.append
    story.session.sink = lambda event, _: told.append(event)
    with exact():
        bar = story.a_bar()
        mark = MarkBar.of(XRP, bar.open_time, MINUTE_MS, ("2", "2", "2", "2", "0"))
        story.session.advance([mark, bar])
        at = story.engine.now
        rates = [FundingRate(at, XRP, D("0.0001"), D(2)), FundingRate(at, "ADA/USDT", D("0.0001"))]
        story.session.advance(rates[:1])
        assert [type(event) for event in told if isinstance(event, WakeUp)] == []
        story.session.advance(rates[1:])
    assert shown == [mark, *rates]
    assert [event.key for event in told if isinstance(event, WakeUp)] == ["step"]
    assert step_key(mark) == step_key(bar) != step_key(rates[0])
