"""The session with a broker outside: nothing leaves by itself, and everything waits to be put on record."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from kits.engine_kit import NOON, XRP, Played, Scripted, a_config, long

from tradebot.core.model.approved import SEAL, Approved
from tradebot.core.model.effects import (
    Cancel,
    Countdown,
    LookUp,
    Place,
    ReadBack,
    Reconcile,
    WakeAt,
)
from tradebot.core.model.events import Event, Filled, MarketEvent, OrderUpdate, RunStarted
from tradebot.core.model.money import exact
from tradebot.core.model.values import Bar, Fill, Order, OrderStatus
from tradebot.core.trading.engine import Engine
from tradebot.core.trading.session import FAR, Session


class Outside:
    """Notes what it is asked; answers nothing, as a broker outside does."""

    outside = True

    def __init__(self) -> None:
        self.asked: list[tuple[Any, ...]] = []

    def on_market(self, step: Sequence[MarketEvent]) -> Iterable[Event]:
        return [event for event in step if isinstance(event, Bar)]

    def send(self, approved: Approved, at: int) -> Sequence[Event]:
        self.asked.append(("send", approved.order.id, at))
        return ()

    def cancel(self, order: Order, at: int) -> Sequence[Event]:
        self.asked.append(("cancel", order.id, at))
        return ()

    def look_up(self, asked: LookUp, at: int) -> Sequence[Event]:
        self.asked.append(("look_up", asked.order_id, at))
        return ()

    def read_back(self, symbol: str, at: int, trade_id: int = 0) -> Sequence[Event]:
        self.asked.append(("read_back", symbol, at))
        return ()

    def read_account(self, at: int) -> Sequence[Event]:
        self.asked.append(("read_account", at))
        return ()

    def set_leverage(self, symbol: str, leverage: int, at: int) -> Sequence[Event]:
        return ()

    def set_margin(self, symbol: str, isolated: bool, at: int) -> Sequence[Event]:
        return ()

    def countdown(self, symbol: str, ms: int, at: int) -> Sequence[Event]:
        self.asked.append(("countdown", symbol, ms, at))
        return ()

    def hourly(self, at: int) -> Sequence[Event]:
        return ()

    def export_state(self) -> dict[str, Any]:
        return {}

    def restore(self, state: dict[str, Any]) -> None:
        assert state["engine"]


class Far:
    """A session whose broker is outside, and the orders that wait to leave it."""

    def __init__(self, latched: bool = False) -> None:
        self.script: dict[str, list[Any]] = {}
        self.broker = Outside()
        config = a_config()
        engine = Engine(config, lambda symbol: Scripted(self.script, symbol))
        self.session = Session(engine, self.broker, latched=lambda: latched)
        self.time = NOON
        with exact():
            self.session.deliver(RunStarted(NOON, "run", "abcdef", "n1", "hash"))

    def bar(self) -> None:
        with exact():
            self.session.advance([Bar.of(XRP, self.time, 60_000, ("2", "2", "2", "2", "9"))])
        self.time += 60_000

    def entered(self) -> Place:
        self.script.setdefault(XRP, []).append(long())
        self.bar()
        (place,) = (effect for effect in self.session.outbox if isinstance(effect, Place))
        return place


def test_nothing_leaves_by_itself() -> None:
    far = Far()
    place = far.entered()
    assert far.broker.asked == []
    now = far.session.engine.now
    assert far.session.hand_over(place) == ()
    assert far.broker.asked == [("send", place.approved.order.id, now)]


def test_what_is_asked_is_handed_over_as_it_was_said() -> None:
    far = Far()
    place = far.entered()
    order, now = place.approved.order, far.session.engine.now
    for effect in (
        Cancel(XRP, order.id, "why"),
        Cancel(XRP, "nobody's", "why"),
        LookUp(XRP, order.id),
        ReadBack(XRP, "why"),
        Reconcile("why"),
        Countdown(XRP, 30_000),
    ):
        assert far.session.hand_over(effect) == ()
    assert far.broker.asked == [
        ("cancel", order.id, now),
        ("look_up", order.id, now),
        ("read_back", XRP, now),
        ("read_account", now),
        ("countdown", XRP, 30_000, now),
    ]


def test_an_entry_of_an_older_epoch_is_dropped_and_a_stop_is_not() -> None:
    far = Far()
    place = far.entered()
    entry = place.approved.order
    with exact():
        fill = Fill(XRP, 1, entry.id, entry.side, entry.qty, entry.qty / entry.qty * 2, 0, False, 0)  # type: ignore[arg-type]
        far.session.deliver(Filled(far.session.engine.now, fill))
    far.session.engine.halts.add("user", "a test", far.session.engine.now)
    (word,) = far.session.hand_over(place)
    assert isinstance(word, OrderUpdate)
    assert (word.status, word.reason) == (OrderStatus.REJECTED, "halted before it was sent")
    stops = [e for e in far.session.outbox if isinstance(e, Place) and e is not place]
    assert stops
    for stop in stops:
        assert far.session.hand_over(stop) == ()
    assert [asked[0] for asked in far.broker.asked] == ["send"] * len(stops)


def test_an_entry_that_could_not_leave_for_a_second_stays_and_a_stop_does_not() -> None:
    far = Far()
    place = far.entered()
    entry, now = place.approved, far.session.engine.now
    assert far.session.obstacle(entry, now + 1_000) == ""
    assert "more than 1 s" in far.session.obstacle(entry, now + 1_001)
    stop = replace(entry.order, reduce_only=True)
    assert far.session.obstacle(Approved(stop, 0, SEAL), now + 60_000) == ""


def test_an_entry_that_was_cancelled_while_it_waited_stays_and_is_over_at_once() -> None:
    far = Far()
    place = far.entered()
    order, table = place.approved.order, far.session.engine.table
    assert far.session.obstacle(place.approved, far.session.engine.now) == ""
    table.cancel(order.id, "a test")
    (word,) = far.session.hand_over(place)
    assert isinstance(word, OrderUpdate)
    assert (word.status, word.reason) == (OrderStatus.REJECTED, "cancelled before it was sent")
    assert far.broker.asked == []
    far.session.deliver(word)
    assert order.id not in table.live


def test_the_latch_is_looked_at_right_before_an_entry_leaves() -> None:
    far = Far(latched=True)
    place = far.entered()
    (word,) = far.session.hand_over(place)
    assert isinstance(word, OrderUpdate)
    assert word.status is OrderStatus.REJECTED
    assert far.broker.asked == []


def test_the_next_timer_is_told() -> None:
    far = Far()
    far.session._timers.clear()
    far.session._next_timer = FAR
    assert far.session.next_timer == FAR
    far.session._do(WakeAt("stop:XRP/USDT", NOON + 90_000))
    assert far.session.next_timer == NOON + 90_000
    state = far.session.export_state()
    again = Far()
    with exact():
        again.session.restore(state)
    assert again.session.next_timer == NOON + 90_000


def test_a_simulated_broker_answers_in_the_same_call() -> None:
    story = Played(a_config())
    story.say(long())
    story.bar()
    with exact():
        for effect in (Reconcile("why"), ReadBack(XRP, "why"), LookUp(XRP, "nobody's")):
            assert len(story.session.hand_over(effect)) == 1
    assert story.session.outbox == []


TIMES = st.integers(0, 9)
KEYS = st.sampled_from("abc")


@given(st.lists(st.one_of(st.tuples(KEYS, TIMES), TIMES), max_size=30))
def test_the_next_timer_is_the_earliest_whatever_is_put_off_or_forward(
    steps: list[tuple[str, int] | int],
) -> None:
    """A timer that is set has a key and a time; a bare number is how far it is waked."""
    session = Session(Played(a_config()).session.engine, Outside())
    session._next_check = NOON + 20
    session._aim()
    timers: dict[str, int] = {}
    for step in steps:
        if isinstance(step, tuple):
            key, ahead = step
            timers[key] = NOON + ahead
            session._do(WakeAt(key, NOON + ahead))
        else:
            session.wake(NOON + step)
            timers = {key: at for key, at in timers.items() if at >= NOON + step}
        assert session._timers.keys() >= timers.keys()
        assert session.next_timer == min(session._timers.values(), default=FAR)
        assert session._next_look == min(session.next_timer, session._next_check)
