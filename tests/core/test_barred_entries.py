"""Entries barred from outside: refused with every reason, working ones taken back, and what is open protected all the same."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from kits.engine_kit import ADA, OUT, XRP, Bare, Played, a_config, long, short

from tradebot.core.model.effects import Notify, Place
from tradebot.core.model.events import EntriesBarred, RunStarted
from tradebot.core.model.values import OrderStatus, Purpose
from tradebot.core.trading.shared import Execution
from tradebot.core.trading.snapshot import risk_view

D = Decimal
LOST = "gates: walls does not pass"
DUE = "review: the week of 2025-05-26 has not been reviewed"


def bar_entries(story: Bare | Played, *reasons: str) -> list[Any]:
    if isinstance(story, Bare):
        return story.tell(EntriesBarred(story.now, reasons))
    before = len(story.effects)
    story.session.deliver(EntriesBarred(story.engine.now, reasons))
    return story.effects[before:]


def a_story(**changes: Any) -> Bare:
    story = Bare(a_config((XRP, ADA), **changes))
    story.later(100)
    return story


def test_an_entry_is_refused_with_every_reason() -> None:
    story = a_story()
    bar_entries(story, LOST, DUE)
    story.say(long())
    story.bar()
    assert story.placed() == []
    assert f"entries are barred: {LOST}; {DUE}" in story.refusals()
    assert story.engine.entries.refused["barred"] == 1
    assert story.engine.halts.reasons == {}


def test_they_come_back_with_the_next_good_word() -> None:
    story = a_story()
    bar_entries(story, LOST)
    assert [e for e in bar_entries(story) if isinstance(e, Notify)] == [
        Notify(story.now, "info", f"entries are not barred any more: {LOST}")
    ]
    story.say(long())
    story.bar()
    assert len(story.placed()) == 1


def test_only_what_changed_is_said() -> None:
    story = a_story()
    (first,) = bar_entries(story, LOST)
    assert first == Notify(story.now, "warning", f"entries are barred: {LOST}")
    assert bar_entries(story, LOST) == []
    (second,) = bar_entries(story, LOST, DUE)
    assert second == Notify(story.now, "warning", f"entries are barred: {DUE}")
    (third,) = bar_entries(story, DUE)
    assert third == Notify(story.now, "info", f"entries are not barred any more: {LOST}")
    assert story.engine.shared.barred == (DUE,)


def test_entries_that_work_are_taken_back_and_none_waits_for_its_turn() -> None:
    story = a_story(execution=Execution("limit", D(20), 60, countdown=True))
    story.say(long())
    story.bar()
    (entry,) = story.placed()
    story.update(entry, OrderStatus.WORKING)
    bar_entries(story, LOST)
    assert story.cancelled() == ["entries are barred"]
    story.fill(entry)  # it had filled before the cancel came: protected like any other
    (stop,) = story.placed(Purpose.STOP)
    assert stop.reduce_only


def test_exits_and_stops_go_on() -> None:
    story = Played(a_config((XRP,)))
    story.say(long())
    story.bars(2)
    assert story.held > 0
    bar_entries(story, LOST)
    assert story.resting() == ["s"]
    story.say(OUT)
    story.bars(2)
    assert story.held == 0


def test_a_reversal_closes_and_does_not_come_again() -> None:
    story = Played(a_config((XRP,)))
    story.say(long())
    story.bars(2)
    bar_entries(story, LOST)
    story.say(short())
    story.bars(2)
    assert story.held == 0
    assert len(story.placed(Purpose.ENTRY)) == 1
    assert f"entries are barred: {LOST}" in story.refusals()


def test_a_reversal_that_waits_for_its_exit_is_dropped() -> None:
    story = a_story()
    story.say(long())
    story.bar()
    story.fill(story.placed()[0])
    story.say(short())
    story.bar()
    assert story.engine.books[XRP].reverse is not None
    bar_entries(story, LOST)
    assert story.engine.books[XRP].reverse is None


@pytest.mark.parametrize("resumed", [True, False])
def test_it_outlives_the_process(resumed: bool) -> None:
    """Nothing but the next word lifts it: not a restart, and not a resume."""
    story = a_story()
    bar_entries(story, LOST)
    if resumed:
        story.restart()
    else:
        story.tell(RunStarted(story.now, "run", "abcdef", "n9", "hash"))
    story.say(long())
    story.bar()
    assert story.engine.shared.barred == (LOST,)
    assert not story.found(Place)


def test_readers_see_why() -> None:
    story = a_story()
    assert "barred" not in risk_view(story.engine)
    bar_entries(story, LOST, DUE)
    assert risk_view(story.engine)["barred"] == [LOST, DUE]


def test_a_state_from_before_it_was_known_bars_nothing() -> None:
    story = a_story()
    state = story.engine.export_state()
    assert "barred" not in state["shared"]  # what a run without it wrote stays what it was
    story.engine.restore(state)
    assert story.engine.shared.barred == ()
