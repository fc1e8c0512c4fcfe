"""A stage that goes down inside a run, and the approved loss counted anew: at once, journalled like every event, never wider."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from kits.engine_kit import ADA, SOL, XRP, Bare, Played, a_config, long

from tradebot.core.model.effects import Halted, Notify, Resumed
from tradebot.core.model.events import CashMoved, Command, SignedAnew, StageLowered
from tradebot.core.model.money import exact
from tradebot.core.model.values import OrderStatus, Purpose
from tradebot.core.risk.limits import Limits
from tradebot.core.trading.shared import Execution
from tradebot.core.trading.snapshot import snapshot
from tradebot.core.trading.usage import uses

D = Decimal
STAGE_2 = Limits.live().in_stage(2, D(100))
WHY = "incident 1, unprotected"


def in_stage_2(symbols: tuple[str, ...] = (XRP, ADA), **changes: Any) -> Bare:
    story = Bare(a_config(symbols, limits=STAGE_2, stage=2, **changes))
    story.later(100)
    return story


def lower(story: Bare, value: str = "50", count: int = 1, stage: int = 1) -> list[Any]:
    return story.tell(StageLowered(story.now, stage, D(value), count, WHY))


def caps(story: Bare) -> tuple[Decimal | None, int | None, int]:
    limits = story.engine.shared.limits
    return limits.position_value, limits.max_positions, story.engine.shared.stage


# -- the stage --------------------------------------------------------------------------------------


def test_entries_are_smaller_at_once() -> None:
    story = in_stage_2()
    story.say(long(1.98))
    story.bar()
    (first,) = story.placed()
    assert D(95) < first.qty * D("2.004") <= D(100)
    story.update(first, OrderStatus.EXPIRED)
    (said,) = lower(story)
    assert said == Notify(
        story.now, "critical", f"live is down to stage 1 ($50 a symbol, 1 position(s)): {WHY}"
    )
    story.say(long(1.98))
    story.bar()
    story.bar()
    second = story.placed(Purpose.ENTRY)[-1]
    assert second is not first
    assert D(45) < second.qty * D("2.004") <= D(50)


def test_one_position_is_all_from_now_on() -> None:
    story = in_stage_2((XRP, ADA, SOL))
    story.opened()
    lower(story)
    story.time += 120_000
    story.say(long(0.66), symbol=ADA)
    story.bar(symbol=ADA)
    assert "1 positions or entries are open; the limit is 1" in story.refusals()
    assert story.held > 50 / 2  # what is open stays, protected


def test_entries_that_work_are_taken_back() -> None:
    story = in_stage_2(execution=Execution("limit", D(20), 60))
    story.say(long())
    story.bar()
    (entry,) = story.placed()
    story.update(entry, OrderStatus.WORKING)
    lower(story)
    assert story.cancelled() == ["stage 1"]
    story.fill(entry)  # it had filled before the cancel came
    (stop,) = story.placed(Purpose.STOP)
    assert stop.reduce_only


def test_what_is_said_twice_is_said_once() -> None:
    story = in_stage_2()
    lower(story)
    assert lower(story) == []


@given(st.decimals("0.01", 1000, places=2), st.integers(1, 9), st.integers(1, 3))
def test_nothing_is_ever_widened(value: Decimal, count: int, stage: int) -> None:
    story = in_stage_2()
    lower(story, str(value), count, stage)
    assert story.engine.shared.limits.looser_than(STAGE_2) == ()
    assert caps(story) == (min(D(100), value), min(2, count), min(2, stage))


def test_it_is_in_the_state_and_the_next_start_is_told_its_own() -> None:
    story = in_stage_2()
    assert story.engine.export_state()["shared"]["caps"] == ["100", 2, 2, ""]
    lower(story)
    text = json.dumps(story.engine.export_state())
    again = story._new()
    with exact():
        again.restore(json.loads(text))
    assert again.shared.limits == story.engine.shared.limits
    assert (
        again.shared.exposure.desk(again.books[XRP], again.now, None, "").limits.max_positions == 1
    )
    assert (again.shared.stage, again.shared.lowered) == (1, WHY)
    assert json.dumps(again.export_state()) == text
    story.restart()
    assert caps(story) == (D(100), 2, 2)


class Logged(Bare):
    """An engine whose events are kept."""

    def tell(self, event: Any) -> list[Any]:
        self.log = [*getattr(self, "log", []), event]
        return super().tell(event)


@pytest.mark.parametrize(("before", "after"), [(2, 1), (1, 2)])
def test_the_log_behind_a_state_is_lived_through_under_the_caps_of_its_time(
    before: int, after: int
) -> None:
    """Else a second position, allowed then, were nobody's entry: its plan and the number of its stop would be gone."""
    limits = {
        stage: Limits.live().in_stage(stage, D(100) if stage > 1 else None) for stage in (1, 2)
    }
    config = a_config((XRP, ADA), limits=limits[before], stage=before)
    story = Logged(config)
    story.opened(long(1.98))
    state, past = json.dumps(story.engine.export_state()), len(story.log)
    story.time += 60_000
    story.say(long(0.66), symbol=ADA)
    story.bar(symbol=ADA)
    if before == 2:
        entry = story.placed(Purpose.ENTRY)[-1]
        assert entry.symbol == ADA
        story.works(entry)
        story.fill(entry, price="0.7")
    again = Bare(a_config((XRP, ADA), limits=limits[after], stage=after))
    again.script[ADA] = [long(0.66)]
    again.engine = again._new()
    with exact():
        again.engine.restore(json.loads(state))
    for event in story.log[past:]:
        again.tell(event)
    assert again.engine.export_state() == story.engine.export_state()
    again.starts = 1
    again.start()
    assert caps(again) == (limits[after].position_value, limits[after].max_positions, after)


def test_readers_see_the_stage_and_its_caps() -> None:
    story = in_stage_2()
    assert snapshot(story.engine, "m", 1)["stage"] == 2
    lower(story)
    assert snapshot(story.engine, "m", 1)["stage"] == 1
    found = {use.rule: use.cap for use in uses(story.engine)}
    assert (found["position_value"], found["positions"]) == (D(50), D(1))
    assert "stage" not in snapshot(Bare(a_config((XRP,))).engine, "m", 1)


# -- the approved loss ---------------------------------------------------------------------------------


def signed(equity: str = "1000", **changes: Any) -> Played:
    """A run whose approved loss of $50 counts from its start."""
    told = {"start_equity": D(equity), "signoff_equity": D(equity), "limits": WIDE, **changes}
    return Played(a_config((XRP,), **told))


WIDE = Limits(**{**{n: getattr(Limits.live(), n) for n in Limits.__dataclass_fields__}, "position_value": D(900), "trade_loss": D(500), "day_loss": D(500), "week_loss": D(500), "margin_utilisation_pct": D(100)})  # fmt: skip


def sign(story: Played, worth: str, name: str = "7:1") -> list[Any]:
    before = len(story.effects)
    with exact():
        story.session.deliver(SignedAnew(story.engine.now, name, D(worth), "Bob"))
    return story.effects[before:]


def lose(story: Played) -> None:
    """Hold something that loses the approved loss."""
    story.say(long(1.9))
    story.bars(2)
    story.bar("1.85 1.85 1.85 1.85")  # through its stop
    story.bar("2 2 2 2")
    story.bar()


def test_a_new_sign_off_ends_the_halt_and_counts_from_its_own_moment() -> None:
    story = signed()
    lose(story)
    assert story.halted() == ["signoff_loss"]
    assert story.held == 0
    story.command("resume")
    assert "signoff_loss" in story.engine.halts.reasons
    equity = story.engine.equity()
    found = sign(story, str(equity))
    assert [e for e in found if isinstance(e, Resumed)] == [
        Resumed(story.engine.now, "signoff_loss", "Bob", "a new sign-off", 2)
    ]
    assert not story.engine.halts.reasons
    assert story.engine.watch.signoff.base == equity
    lose(story)
    assert story.halted() == ["signoff_loss"] * 2


def test_after_a_gain_it_is_not_more_than_50_from_that_moment() -> None:
    story = signed()
    story.say(long(1.9))
    story.bars(2)
    story.bar("2 2.4 2 2.4")
    gained = story.engine.equity()
    assert gained > 1100
    assert sign(story, str(gained)) == []
    story.bar("2.4 2.4 2.2 2.2")
    story.bars(2)
    assert story.halted() == ["signoff_loss"]
    assert story.engine.watch.signoff.loss(story.engine.equity()) >= 50


def test_what_was_lost_between_the_word_and_the_event_counts() -> None:
    story = signed()
    equity = story.engine.equity()
    story.say(long(1.9))
    story.bars(2)
    story.bar("2 2 1.95 1.95")
    assert story.halted() == []
    lost = equity - story.engine.equity()
    assert 0 < lost < 50
    found = sign(story, str(equity + 50 - lost))
    assert [e.reason for e in found if isinstance(e, Halted)] == ["signoff_loss"]
    story.bars(2)
    assert story.held == 0


def test_money_that_came_in_before_and_after_is_no_result() -> None:
    story = signed(outside=False)
    with exact():
        now = story.engine.now
        story.session.deliver(CashMoved(now, "t1", "transfer", "", D(200), now))
        sign(story, "1000")
        assert story.engine.watch.signoff.base == 1200
        story.session.deliver(CashMoved(now, "t2", "transfer", "", D(-100), now))
    assert story.engine.watch.signoff.base == 1100
    assert story.engine.watch.signoff.loss(story.engine.equity()) == 0


def test_a_sign_off_begins_it_once_over_restarts_too() -> None:
    story = signed()
    assert "approved" not in story.engine.watch.export_state()
    sign(story, "1000")
    story.restart()
    assert story.engine.watch.approved == "7:1"
    assert sign(story, "2000") == []
    assert story.engine.watch.signoff.base == 1000
    sign(story, "1010", "9:2")
    assert story.engine.watch.signoff.base == 1010


def test_other_halts_stay() -> None:
    story = signed()
    story.command("halt")
    lose(story)
    sign(story, "1000")
    assert list(story.engine.halts.reasons) == ["user"]


# -- supervision ---------------------------------------------------------------------------------------


def test_nobody_there_halts_and_a_resume_ends_it() -> None:
    story = Bare(a_config((XRP,)))
    story.later(100)
    story.tell(Command(story.now, 0, "unsupervised", "tradebot", "no answer for 6 min"))
    assert story.halted() == ["unsupervised"]
    story.say(long())
    story.bar()
    assert story.placed() == []
    story.tell(Command(story.now, 3, "resume", "Ada", "I am back"))
    assert not story.engine.halts.reasons


@pytest.mark.parametrize("number", [1, 7])
def test_nobody_outside_can_ask_for_it(number: int) -> None:
    story = Bare(a_config((XRP,)))
    story.tell(Command(story.now, number, "unsupervised", "Eve", "x"))
    assert story.halted() == []
