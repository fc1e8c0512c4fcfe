"""The approved loss: from the equity it was approved at, over restarts and days, and transfers are none of it."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

import pytest
from kits.engine_kit import DAY, LIVE, NOON, XRP, Bare, a_config, long

from tradebot.core.model.effects import CommandDone
from tradebot.core.model.events import Baseline, CashMoved, Command, PriceSeen
from tradebot.core.risk.monitor import Reached, approved_base

D = Decimal
LIMITS = replace(LIVE, trade_loss=None, day_loss=None, week_loss=None, since_signoff_loss=D(20))


def used(story: Bare) -> Decimal:
    """What is lost of it (USDT)."""
    ((rule, room, cap),) = story.engine.watch.rooms(story.engine.equity())
    assert rule == "signoff_loss"
    return cap - room


@pytest.mark.parametrize("moved", ["500", "-500"])
def test_what_comes_in_or_goes_out_is_no_loss(moved: str) -> None:
    story = Bare(a_config(limits=LIMITS, signoff_equity=D(10_003)))
    assert used(story) == 3
    assert approved_base(story.engine.watch.export_state()) == 10_003
    at = story.now
    story.tell(CashMoved(at, "t1", "transfer", "", D(moved), at))
    assert story.engine.equity() == 10_000 + D(moved)
    assert used(story) == 3
    story.restart()
    assert used(story) == 3
    assert story.halted() == []


def test_a_restart_forgets_nothing_of_it() -> None:
    story = Bare(a_config(limits=LIMITS, signoff_equity=D(10_000)))
    story.opened(long(1.5))
    story.tell(PriceSeen(story.now, XRP, D("1.7")))
    lost = used(story)
    assert lost > 5
    story.restart()
    assert used(story) == lost
    story.tell(PriceSeen(story.now, XRP, D("1.1")))
    assert "signoff_loss" in story.halted()


@pytest.mark.parametrize("name", ["day_loss", "week_loss", "signoff_loss"])
def test_another_run_begins_with_what_nobody_has_resumed(name: str) -> None:
    """It was reached, and the flattening brought a little back: another strategy is no way around the halt."""
    limits = replace(LIVE, trade_loss=None)
    reached = (Reached(name, "$50 of $50", NOON - 1000),)
    story = Bare(a_config(limits=limits, signoff_equity=D(10_040), reached=reached))
    assert story.halted() == [name]
    story.say(long())
    story.bar()
    assert story.verdicts() == ["refused"]
    watch = story.engine.watch
    story.tell(Baseline(story.now, watch.day_start, D(10_020), watch.week_start, D(10_020), ""))
    assert "stays" in resumed(story)
    story.restart()
    assert "stays" in resumed(story)
    assert story.placed() == []


def test_one_of_a_day_that_is_over_waits_for_a_person_only() -> None:
    reached = (Reached("day_loss", "$25 of $25", NOON - DAY),)
    story = Bare(a_config(limits=replace(LIVE, trade_loss=None), reached=reached))
    assert story.halted() == ["day_loss"]
    assert resumed(story) == "resumed: day_loss"


def resumed(story: Bare) -> str:
    story.tell(Command(story.now, 1, "resume", "me", "go on", "a review"))
    return story.found(CommandDone)[-1].result
