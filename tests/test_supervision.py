"""Supervision by a clock of the test's: asked every five minutes of the first half hour, and halted after six without an answer."""

from __future__ import annotations

import pytest
from kits.engine_kit import long
from kits.watched import Watched

from tradebot.core.model.events import Command


@pytest.fixture
def world() -> Watched:
    found = Watched()
    found.supervision.look(found.run)
    return found


def test_it_asks_after_five_minutes_and_halts_after_six(world: Watched) -> None:
    world.at(4.99)
    assert world.supervision.asks_s is None
    world.at(5)
    assert world.supervision.asks_s == 60
    world.at(5.99)
    assert not world.halted
    world.at(6)
    assert world.halted
    assert world.story.halted() == ["unsupervised"]
    world.story.say(long())
    world.story.bar()
    assert world.story.placed() == []


def test_an_answer_holds_for_six_minutes_more(world: Watched) -> None:
    world.at(5.5)
    world.supervision.answer()
    assert world.supervision.asks_s is None
    world.at(10.49)
    assert world.supervision.asks_s is None
    world.at(10.5)
    assert world.supervision.asks_s == 60
    world.at(11.5)
    assert world.halted


def test_half_an_hour_with_answers_is_enough(world: Watched) -> None:
    for minute in (5, 10, 15, 20, 25):
        world.at(minute)
        assert world.supervision.asks_s is not None
        world.supervision.answer()
    world.at(29.9)
    assert world.supervision.asks_s is None
    world.at(120)
    assert world.supervision.asks_s is None
    assert not world.halted


@pytest.mark.parametrize(("minute", "halted"), [(23.9, True), (24, False), (24.1, False)])
def test_the_last_minutes_of_it(world: Watched, minute: float, halted: bool) -> None:
    """Six minutes without an answer have to be over within the half hour."""
    for answer in (5.0, 10.0, 15.0, 20.0, minute):
        world.at(answer)
        world.supervision.answer()
    world.at(60)
    assert world.halted is halted


def test_a_resume_is_a_sign_that_somebody_is_there(world: Watched) -> None:
    world.at(8)
    assert world.halted
    world.story.tell(Command(world.story.now, 1, "resume", "Ada", "I am back"))
    assert not world.halted
    world.at(12.9)
    assert world.supervision.asks_s is None
    world.at(13.1)
    assert world.supervision.asks_s == pytest.approx(60, abs=6)
    world.at(15)
    assert world.halted


def test_an_answer_alone_does_not_resume(world: Watched) -> None:
    world.at(7)
    world.supervision.answer()
    world.at(8)
    assert world.halted


def test_it_begins_with_the_engine() -> None:
    world = Watched()
    world.story.engine.started = False
    world.at(20)
    assert world.supervision.asks_s is None
    assert not world.halted
    world.story.engine.started = True
    world.at(25.1)
    assert world.supervision.asks_s is not None
