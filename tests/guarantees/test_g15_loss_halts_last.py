"""Guarantee 15: day and week count open PnL, fees and funding; the halt outlives restart and midnight."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from kits.engine_kit import DAY, HOUR, LIVE, NOON, XRP, Bare, Played, a_config, long

from tradebot.core.model.events import Command, FundingPaid, PriceSeen
from tradebot.core.model.values import Purpose

D = Decimal
LIMITS = replace(LIVE, trade_loss=None)


@given(
    price=st.decimals("1.2", "2.4", places=3),
    funding=st.decimals(-20, 20, places=2),
    cap=st.sampled_from([D(5), D(10), D(25)]),
)
def test_the_day_is_the_change_of_equity_open_pnl_fees_and_funding_included(
    price: Decimal, funding: Decimal, cap: Decimal
) -> None:
    story = Bare(a_config(limits=replace(LIMITS, day_loss=cap)))
    story.opened(long(1.95))
    qty, fee = story.held, story.held * 2 * D("0.0005")
    story.tell(FundingPaid(story.now, XRP, funding, D("0.1"), D(2), qty, story.now))
    story.tell(PriceSeen(story.now, XRP, price))
    change = qty * (price - 2) - fee + funding
    reached = min(change, funding - fee) <= -cap
    assert ("day_loss" in story.halted()) == reached
    assert bool(story.placed(Purpose.EXIT)) == reached


@pytest.mark.parametrize("days", [0, 1, 6, 7, 30])
def test_no_time_and_no_restart_re_arms(days: int) -> None:
    story = Played(a_config(limits=replace(LIMITS, day_loss=D(5), week_loss=D(6))))
    story.say(long(1.9))
    story.bars(2)
    story.bar("1.7 1.7 1.7 1.7")
    assert set(story.halted()) == {"day_loss", "week_loss"} or story.halted() == ["day_loss"]
    halted = set(story.engine.halts.reasons)
    for _ in range(2):
        story.restart()
        story.time += days * DAY
        story.say(long(1.6))
        story.bar("1.7 1.7 1.7 1.7")
    assert set(story.engine.halts.reasons) == halted
    assert len(story.placed(Purpose.ENTRY)) == 1


def test_only_a_person_s_recorded_command_re_arms() -> None:
    story = Bare(a_config(limits=replace(LIMITS, day_loss=D(5))))
    story.opened(long(1.95))
    story.tell(PriceSeen(story.now, XRP, D("1.7")))
    story.fill(story.placed(Purpose.EXIT)[0], price="1.7")
    story.time = NOON + 14 * HOUR
    story.bar("1.7 1.7 1.7 1.7")
    assert story.engine.halts.reasons
    story.tell(Command(story.now, 5, "resume", "ann", "looked into it"))
    assert story.engine.halts.reasons == {}
    said = [e for e in story.effects if type(e).__name__ == "Resumed"]
    assert [(e.who, e.detail) for e in said] == [("ann", "looked into it")]  # type: ignore[union-attr]
