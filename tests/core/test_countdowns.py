"""Resting entries at a venue outside: cancelled by its own clock should this process fall silent."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from kits.engine_kit import ADA, LIVE, XRP, Bare, a_config, long, short

from tradebot.core.model.account import OrderRead
from tradebot.core.model.effects import Cancel, Countdown, Effect, Place, WakeAt
from tradebot.core.model.events import AccountRead, Filled
from tradebot.core.model.values import Fill, OrderStatus, Side, TimeInForce
from tradebot.core.trading.countdowns import COUNTDOWN_MS, RENEW_MS
from tradebot.core.trading.shared import Execution

D = Decimal
LIMIT = Execution("limit", D(20), 120, countdown=True)


def resting(*symbols: str, **changes: Any) -> Bare:
    """An engine that enters by resting limits, often."""
    limits = replace(LIVE, entry_interval_s=0, symbols=(XRP, ADA))
    return Bare(a_config(symbols or (XRP,), **{"limits": limits, "execution": LIMIT, **changes}))


def asked(story: Bare, since: int = 0) -> list[tuple[str, int]]:
    return [(e.symbol, e.ms) for e in story.found(Countdown)[since:]]


def test_it_runs_while_an_entry_rests_and_no_longer() -> None:
    story = resting()
    story.say(long())
    story.bar()
    (entry,) = story.placed()
    assert entry.tif is TimeInForce.GTC
    assert asked(story) == [(XRP, COUNTDOWN_MS)]
    story.works(entry)
    story.later(RENEW_MS - 1)
    assert len(asked(story)) == 1
    story.later(1)
    story.later(RENEW_MS)
    assert asked(story) == [(XRP, COUNTDOWN_MS)] * 3
    story.update(entry, OrderStatus.EXPIRED)
    assert asked(story)[3:] == [(XRP, 0)]
    story.later(60_000)
    assert len(asked(story)) == 4


@pytest.mark.parametrize(
    "execution",
    [
        Execution("ioc", D(20), 60, countdown=True),
        Execution("limit", D(20), 60),
        Execution("market", countdown=True),
    ],
)
def test_only_resting_entries_have_one_and_only_where_it_is_wanted(execution: Execution) -> None:
    story = resting(execution=execution)
    story.say(long())
    story.bar()
    assert story.placed()
    story.later(30_000)
    assert asked(story) == []
    assert "countdowns" not in story.engine.export_state()


def test_a_restart_asks_anew_at_once() -> None:
    story = resting()
    story.say(long())
    story.bar()
    (entry,) = story.placed()
    story.works(entry)
    story.later(2_000)
    effects = story.restart()
    assert [e for e in effects if isinstance(e, Countdown)] == [Countdown(XRP, COUNTDOWN_MS)]


def test_one_that_was_not_called_off_is_after_a_restart() -> None:
    story = resting()
    story.say(long())
    story.bar()
    (entry,) = story.placed()
    story.works(entry)
    state = story.engine.export_state()
    state["orders"]["live"] = []
    story.engine = story._new()
    story.engine.restore(state)
    assert Countdown(XRP, 0) in story.start()


@pytest.mark.parametrize("execution", [Execution("ioc", D(20), 60), Execution("limit", D(20), 120)])
def test_one_that_is_not_wanted_after_a_restart_is_called_off_once(execution: Execution) -> None:
    story = resting()
    story.say(long())
    story.bar()
    (entry,) = story.placed()
    story.works(entry)
    story.config = replace(story.config, execution=execution)
    assert Countdown(XRP, 0) in story.restart()
    before = len(story.effects)
    story.later(1_000)
    story.update(entry, OrderStatus.CANCELLED)
    story.later(1_000)
    assert len([e for e in story.effects[before:] if isinstance(e, WakeAt)]) < 20
    assert asked(story) == [(XRP, COUNTDOWN_MS), (XRP, 0)]
    assert "countdowns" not in story.engine.export_state()


@pytest.mark.parametrize("order_id", ["web_1", "tbzzzzzz-n1-1e"])
def test_none_where_somebody_else_trades(order_id: str) -> None:
    """It would cancel his orders too: called off at once, though our entry is still being cancelled."""
    story = resting()
    story.say(long())
    story.bar()
    (entry,) = story.placed()
    story.works(entry)
    strange = Fill(XRP, 77, order_id, Side.BUY, D(10), D(2), D(0), False, story.now)
    story.tell(Filled(story.now, strange))
    story.later(10_000)
    assert story.halted()
    assert asked(story)[-1] == (XRP, 0)
    before = len(asked(story))
    story.later(30_000)
    assert entry.id in story.engine.table.entries
    assert len(asked(story)) == before


def test_none_where_somebody_else_s_order_was_read() -> None:
    story = resting()
    story.say(long())
    story.bar()
    (entry,) = story.placed()
    story.works(entry)
    working = OrderStatus.WORKING
    own = OrderRead(XRP, entry.id, "1", Side.BUY, "LIMIT", working, entry.qty, D(0), entry.price)
    his = OrderRead(XRP, "web_1", "2", Side.BUY, "LIMIT", working, D(10), D(0), D(1))
    story.tell(AccountRead(story.now, "", story.now, story.now, (), (own, his)))
    assert story.halted() == ["foreign"]
    assert asked(story)[-1] == (XRP, 0)


# -- whatever happens ---------------------------------------------------------------------------------

STEPS = st.lists(
    st.sampled_from(
        [
            "long",
            "short",
            "ada",
            "works",
            "fill",
            "gone",
            "second",
            "half",
            "long_wait",
            "restart",
            "foreign",
            "other",
        ]
    ),
    max_size=40,
)


class Watch:
    """The venue's side: when each symbol's countdown runs out."""

    def __init__(self) -> None:
        self.ends: dict[str, int] = {}

    def take(self, effects: list[Effect], now: int) -> None:
        for effect in effects:
            if isinstance(effect, Countdown):
                assert effect.ms in (0, COUNTDOWN_MS)
                self.ends[effect.symbol] = now + effect.ms if effect.ms else 0


@given(STEPS)
def test_no_entry_rests_without_and_nothing_else_with_one(steps: list[str]) -> None:
    story, watch, strange = resting(XRP, ADA), Watch(), 0
    for step in steps:
        before = len(story.effects)
        match step:
            case "long" | "short":
                story.say(long() if step == "long" else short())
                story.bar()
            case "ada":
                story.say(long(0.65), symbol=ADA)
                story.bar(symbol=ADA)
            case "second" | "half" | "long_wait":
                story.later({"second": 1_000, "half": 5_000, "long_wait": 45_000}[step])
            case "restart":
                story.restart()
            case "foreign" | "other":
                strange += 1
                name = "web_1" if step == "foreign" else "tbzzzzzz-n1-1e"
                fill = Fill(XRP, 900 + strange, name, Side.BUY, D(10), D(2), D(0), False, story.now)
                story.tell(Filled(story.now, fill))
            case _:
                for tracked in list(story.engine.table.entries.values()):
                    order = tracked.order
                    if step == "works":
                        story.works(order)
                    elif step == "gone":
                        story.update(order, OrderStatus.CANCELLED)
                    elif tracked.left:
                        story.fill(order, str(tracked.left))
        at = story.now
        for number, effect in enumerate(story.effects[before:]):
            if (
                isinstance(effect, Place)
                and effect.approved.order.tif is TimeInForce.GTC
                and not effect.approved.order.reduce_only
            ):
                symbol = effect.approved.order.symbol
                fresh = [e for e in story.effects[before + number :] if isinstance(e, Countdown)]
                assert Countdown(symbol, COUNTDOWN_MS) in fresh or watch.ends.get(symbol, 0) > at
        watch.take(story.effects[before:], at)
        resting_now = {t.order.symbol for t in story.engine.table.entries.values()}
        theirs = {"foreign", "instance"} & set(story.engine.halts.reasons)
        for symbol in (XRP, ADA):
            ends = watch.ends.get(symbol, 0)
            if symbol not in resting_now or theirs:
                assert not ends, (symbol, step)
            else:
                assert at < ends <= at + COUNTDOWN_MS
                assert story.engine.countdowns.told[symbol] > at - RENEW_MS or step == "restart"
        assert all(isinstance(e.why, str) for e in story.found(Cancel))
