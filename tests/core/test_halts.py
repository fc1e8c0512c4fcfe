"""Loss limits: when they halt, what they close, and what it takes to trade again."""

from __future__ import annotations

import re
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from kits.engine_kit import (
    ADA,
    DAY,
    HOUR,
    LIVE,
    NOON,
    XRP,
    Bare,
    Played,
    a_config,
    long,
)

import tradebot.core
from tradebot.core.model.effects import CommandDone, Halted, Place, Resumed
from tradebot.core.model.events import Command, Filled, FundingPaid, FundingRate, PriceSeen
from tradebot.core.model.money import exact
from tradebot.core.model.values import Purpose
from tradebot.core.state.halts import HALTS, Clears, Halts, Standing, obstacle
from tradebot.core.trading.answers import OWN_FILLS
from tradebot.core.trading.reconcile import TABLE

D = Decimal
X = Purpose.EXIT
HURT = replace(LIVE, trade_loss=None, day_loss=D(10), week_loss=D(20), since_signoff_loss=D(30))


def hurt(story: Bare, price: str = "1.5") -> list[Any]:
    """Open a long of some 24.9 XRP at 2 and show a price; return the effects of that."""
    story.opened()
    return story.tell(PriceSeen(story.now, XRP, D(price)))


def test_the_set_of_reasons_and_its_epoch() -> None:
    halts = Halts()
    assert halts.add("user", "enough", 5)
    assert not halts.add("user", "again", 6)
    assert halts.add("day_loss", "too much", 7)
    assert (list(halts.reasons), halts.epoch) == (["user", "day_loss"], 2)
    other = Halts()
    other.restore(halts.export_state())
    assert (other.reasons, other.epoch) == (halts.reasons, 2)
    assert other.clear("user")
    assert not other.clear("user")
    assert other.epoch == 3


def test_each_reason_has_one_condition_of_its_own() -> None:
    nothing = Standing()
    for name, reason in HALTS.items():
        assert reason.name == name
        assert reason.meaning
        if reason.clears is Clears.SIGN_OFF:
            assert "new sign-off" in obstacle(name, nothing)
        elif not reason.review:
            assert obstacle(name, nothing) == ""
        if reason.until:
            assert obstacle(name, Standing({name: "5 > 4"})) == f"{reason.until}: 5 > 4"
    assert obstacle("somebody else's", nothing) == ""


def test_every_reason_the_core_halts_for_is_in_the_table() -> None:
    core = Path(tradebot.core.__file__).parent
    said = {
        reason
        for path in core.rglob("*.py")
        for reason in re.findall(r"\.halt\(\s*\"(\w+)\"", path.read_text())
    }
    said |= {remedy.halt for remedy in TABLE.values()} - {""}
    assert {"ledger", "account", "exit", "foreign", "journal", "user"} <= said
    assert said <= HALTS.keys()
    assert {own.halt for own in OWN_FILLS} - {""} <= HALTS.keys()


def test_readme_says_what_each_halt_means() -> None:
    readme = (Path(__file__).parents[2] / "README.md").read_text(encoding="utf-8")
    assert [name for name in HALTS if f"`{name}`" not in readme] == []


def test_halt_and_close_leave_in_the_call_that_sees_the_limit_reached() -> None:
    story = Bare(a_config(limits=HURT))
    story.opened()
    assert story.tell(PriceSeen(story.now, XRP, D("1.76"))) != []  # alerts at 60 %
    assert "day loss: $6" in story.told()
    assert story.halted() == []
    effects = story.tell(PriceSeen(story.now, XRP, D("1.5")))
    assert [e.reason for e in effects if isinstance(e, Halted)] == ["day_loss"]
    (exit_,) = [e.approved.order for e in effects if isinstance(e, Place)]
    assert (exit_.purpose, exit_.qty) == (X, story.held)
    assert story.tell(PriceSeen(story.now, XRP, D("1.4"))) == []  # said once, sent once


def test_a_fill_can_be_what_reaches_a_limit() -> None:
    limits = replace(HURT, day_loss=D("0.02"))
    story = Bare(a_config(limits=limits))
    story.bar()
    story.tell(Command(story.now, 1, "resume", "x", "y"))
    effects = story.tell(Filled(story.now, replace(story.lost(), fee=D("0.03"))))
    assert [e.reason for e in effects if isinstance(e, Halted)] == ["day_loss"]
    assert [e.approved.order.purpose for e in effects if isinstance(e, Place)] == [X, Purpose.STOP]


def test_the_trade_s_own_limit_closes_the_trade_alone() -> None:
    story = Bare(a_config((ADA, XRP), limits=replace(LIVE, day_loss=None, week_loss=None)))
    story.opened()
    story.say(long(0.65), symbol=ADA)
    story.bar("0.7 0.7 0.7 0.7", ADA)
    story.fill(story.placed(Purpose.ENTRY)[-1], price="0.7")
    story.tell(PriceSeen(story.now, XRP, D("1.84")))
    assert "XRP/USDT trade loss: $4.0" in story.told()
    assert story.placed(X) == []
    story.tell(PriceSeen(story.now, XRP, D("1.75")))
    assert [order.symbol for order in story.placed(X)] == [XRP]
    assert story.halted() == []


@pytest.mark.parametrize(
    ("cap", "price", "reason"),
    [("day_loss", "1.5", "day_loss"), ("week_loss", "1.5", "week_loss")],
)
def test_a_loss_halt_survives_a_restart_and_the_day(cap: str, price: str, reason: str) -> None:
    day, week = (D(10), None) if cap == "day_loss" else (None, D(10))
    limits = replace(HURT, day_loss=day, week_loss=week)
    story = Bare(a_config(limits=limits))
    hurt(story, price)
    assert story.halted() == [reason]
    again = Bare(a_config(limits=limits))
    again.engine.restore(story.engine.export_state())
    assert list(again.engine.halts.reasons) == [reason]
    again.time = story.time + DAY
    again.bar("1.5 1.5 1.5 1.5")
    assert list(again.engine.halts.reasons) == [reason]


def resumed(story: Bare, review: str = "") -> str:
    effects = story.tell(Command(story.now, 9, "resume", "person", "reason", review))
    (done,) = [effect for effect in effects if isinstance(effect, CommandDone)]
    return done.result


def test_a_day_s_loss_resumes_by_an_explicit_command_on_the_next_day_only() -> None:
    story = Bare(a_config(limits=HURT))
    hurt(story)
    assert resumed(story) == "day_loss stays: not before the next UTC day"
    story.fill(story.placed(X)[0], price="1.5")
    story.time = NOON + 12 * HOUR - 60_000
    story.bar("1.5 1.5 1.5 1.5")  # closes at 23:59:59.999
    assert "not before the next UTC day" in resumed(story)
    story.bar("1.5 1.5 1.5 1.5")
    assert resumed(story) == "resumed: day_loss"
    (said,) = story.found(Resumed)
    assert (said.who, said.detail) == ("person", "reason")
    assert story.engine.watch.day.base == story.engine.equity()


def test_a_week_s_loss_needs_monday_and_a_written_review() -> None:
    story = Bare(a_config(limits=replace(HURT, day_loss=None)))
    hurt(story, "1.1")
    story.fill(story.placed(X)[0], price="1.1")
    assert "not before the next UTC week" in resumed(story, "read this")
    story.time = NOON + 6 * DAY
    story.bar("1.1 1.1 1.1 1.1")  # Sunday
    assert "not before the next UTC week" in resumed(story, "read this")
    story.time = NOON + 7 * DAY
    story.bar("1.1 1.1 1.1 1.1")
    assert "needs a written review" in resumed(story)
    assert "needs a written review" in resumed(story, "  \n")
    assert resumed(story, "what was learnt") == "resumed: week_loss"


def test_the_approved_loss_never_resumes() -> None:
    story = Bare(a_config(limits=HURT, signoff_equity=D(10_020)))
    hurt(story)
    assert set(story.halted()) == {"day_loss", "signoff_loss"}
    story.time = NOON + 8 * DAY
    story.bar("1.5 1.5 1.5 1.5")
    assert resumed(story, "review") == (
        "resumed: day_loss; signoff_loss stays: the approved loss is used up; it needs a new sign-off"
    )
    assert list(story.engine.halts.reasons) == ["signoff_loss"]


def test_a_user_s_halt_is_the_user_s_to_clear_and_halting_twice_is_one() -> None:
    story = Bare(a_config())
    for n in (1, 2):
        story.tell(Command(story.now, n, "halt", "person", "enough"))
    assert story.halted() == ["user"]
    assert story.engine.halts_seen == 1
    assert resumed(story) == "resumed: user"


def test_auto_resume_is_a_policy_on_record() -> None:
    story = Bare(a_config(limits=replace(HURT, week_loss=D(10)), auto_resume=True))
    hurt(story)
    story.tell(Command(story.now, 1, "halt", "person", "mine"))
    story.time = NOON + DAY
    story.bar("1.5 1.5 1.5 1.5")
    assert list(story.engine.halts.reasons) == ["week_loss", "user"]
    story.time = NOON + 7 * DAY
    story.bar("1.5 1.5 1.5 1.5")
    assert list(story.engine.halts.reasons) == ["user"]
    assert {(r.reason, r.who) for r in story.found(Resumed)} == {
        ("day_loss", "policy"),
        ("week_loss", "policy"),
    }


def test_funding_of_midnight_belongs_to_the_new_day() -> None:
    story = Bare(a_config(limits=HURT), NOON + 11 * HOUR)
    story.bar()
    midnight = NOON + 12 * HOUR
    story.tell(Filled(story.now, story.lost()))
    before = story.engine.equity()
    story.tell(FundingPaid(midnight, XRP, D(-3), D("0.3"), D(2), D(5), midnight))
    assert story.engine.watch.day.base == before
    with exact():
        assert story.engine.watch.day.loss(story.engine.equity()) == 3


def test_funding_of_midnight_belongs_to_the_new_day_through_the_exchange() -> None:
    story = Played(a_config(interval=5 * 60_000, timeframe=5 * 60_000), NOON + 9 * HOUR)
    story.say(long(1.8))
    story.bars(36)  # the last one closes at 23:59:59.999
    before = story.engine.equity()
    with exact():
        story.session.advance([FundingRate(NOON + 12 * HOUR + 7, XRP, D("0.01"))])
    assert story.engine.watch.day.base == before
    assert story.engine.equity() < before


def test_a_new_day_alerts_anew() -> None:
    story = Bare(a_config(limits=HURT))
    hurt(story, "1.74")
    story.time = NOON + DAY
    story.bar("1.74 1.74 1.74 1.74")
    story.bar("1.48 1.48 1.48 1.48")
    assert story.told().count("day loss: $6") == 2
    assert story.halted() == []


def test_limits_that_are_off_never_halt() -> None:
    limits = replace(HURT, day_loss=None, week_loss=None, since_signoff_loss=None)
    story = Bare(a_config(limits=limits, signoff_equity=D(10_000)))
    hurt(story, "0.1")
    assert story.halted() == []
    assert story.engine.watch.rooms(D(0)) == ()


# -- liquidation ----------------------------------------------------------------------------------------


def geared(**changes: Any) -> Bare:
    limits = replace(HURT, leverage=None, day_loss=None, week_loss=None, **changes)
    return Bare(a_config(limits=limits, leverage=20))


def test_liquidation_is_announced_at_80_and_forestalled_at_90_percent() -> None:
    story = geared()
    story.opened(long(1.985))
    for price, said in (
        ("1.93", 0),
        ("1.912", 0),
        ("1.9115", 1),
        ("1.9110", 1),
        ("1.9105", 2),
        ("1.9", 2),
    ):
        story.tell(PriceSeen(story.now, XRP, D(price)))
        assert story.told().count("liquidation risk") == said, price
    assert len(story.placed(X)) == 1
    assert story.engine.books[XRP].closing == "liquidation_risk"


def test_without_a_close_there_is_still_the_alert_and_the_other_way_round() -> None:
    for changes, exits in (
        ({"liquidation_close_pct": None}, 0),
        ({"liquidation_alert_pct": None}, 1),
        ({"liquidation_alert_pct": None, "liquidation_close_pct": None}, 0),
    ):
        story = geared(**changes)
        story.opened(long(1.985))
        story.tell(PriceSeen(story.now, XRP, D("1.9101")))
        assert len(story.placed(X)) == exits
