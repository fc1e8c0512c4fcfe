"""What a closed trade says of its way: excursions, slippage, the risk planned, and the curve around it."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from kits.engine_kit import (
    HOUR,
    LIVE,
    NOON,
    OUT,
    XRP,
    Bare,
    Played,
    Scripted,
    a_config,
    long,
    short,
)

from tradebot.core.model.effects import EquityPoint, TradeClosed, WakeAt
from tradebot.core.model.events import Filled
from tradebot.core.model.values import Fill, OrderStatus, Purpose, Side
from tradebot.core.state.course import UNKNOWN
from tradebot.core.trading.engine import Engine

D = Decimal


def the_trade(story: Played | Bare) -> TradeClosed:
    return story.found(TradeClosed)[-1]


@pytest.mark.parametrize("restarted", [False, True])
def test_a_trade_tells_how_far_it_was_ahead_and_behind(restarted: bool) -> None:
    story = Played(a_config())
    story.say(long(1.9, 2.5))
    story.bar()  # decided at the close of 2
    story.bar("2 2.1 1.95 2.05")
    story.bar("2.05 2.3 2 2.2")
    if restarted:
        story.restart()
    story.say(OUT)
    story.bar("2.2 2.2 2.08 2.1")
    story.bar("2.1 2.1 2.1 2.1")
    trade = the_trade(story)
    qty = trade.qty
    assert trade.mae == qty * (D("1.95") - trade.entry_price)  # a bar's adverse extreme is seen
    assert trade.mfe == qty * (
        D("2.2") - trade.entry_price
    )  # the favourable one is not: its close is
    assert trade.decision_price == 2
    entry, exit_ = D(2) - trade.entry_price, trade.exit_price - D("2.1")
    assert trade.slippage == qty * (entry + exit_) < 0
    assert (trade.stop, trade.target) == (D("1.9000"), D("2.5000"))
    assert trade.risk is not None
    assert qty * (trade.entry_price - D("1.9")) < trade.risk <= 5


def test_a_short_that_is_stopped_out() -> None:
    story = Played(a_config())
    story.say(short(2.1))
    story.bar()
    story.bar()
    story.bar("2 2.15 1.99 2.12")
    trade = the_trade(story)
    assert trade.exit_reason == "stop"
    lost = trade.qty * (trade.entry_price - trade.exit_price)
    assert trade.mae == lost < 0  # the fill itself is the worst that was seen
    assert trade.mfe == 0
    assert trade.slippage == trade.qty * (trade.entry_price - 2 + D("2.1") - trade.exit_price)
    assert trade.target is None


def test_what_is_not_known_is_none() -> None:
    story = Bare(a_config())
    entry = story.opened()
    story.fill(entry, "0.1", trade=7)  # more of it
    stranger = Fill(
        *(XRP, 99, "close-1", Side.SELL, story.held, D("1.99"), D(0), False, story.now),
    )
    story.tell(Filled(story.now, stranger))
    trade = the_trade(story)
    assert trade.slippage is None  # nobody decided that fill
    assert trade.mae is not None
    assert trade.mae <= trade.qty * (D("1.99") - 2)
    assert trade.risk is not None


def test_a_trade_that_was_opened_by_nobody_here_has_no_story() -> None:
    story = Bare(a_config())
    story.bar()
    for number, side in ((1, Side.BUY), (2, Side.SELL)):
        fill = Fill(XRP, number, "close-9", side, D(5), D(2), D(0), False, story.now)
        story.tell(Filled(story.now, fill))
    trade = the_trade(story)
    assert (trade.mae, trade.mfe, trade.decision_price, trade.slippage) == (None,) * 4
    assert (trade.stop, trade.target, trade.risk) == (None,) * 3
    assert UNKNOWN.risk(D(5)) is None


@pytest.mark.parametrize("restarted", [False, True])
def test_a_late_fill_leaves_the_story_as_it_was(restarted: bool) -> None:
    story = Bare(a_config(limits=replace(LIVE, blackout_hours=())))
    story.opened(long(1.9, 2.5))
    story.say(OUT)
    story.bar("2 2.2 1.95 2.1")
    (order,) = story.placed(Purpose.EXIT)
    story.works(order)
    story.fill(order, price="2.1")
    first = the_trade(story)
    assert first.mfe is not None
    if restarted:
        story.restart()
    early = Fill(
        *(XRP, 50, "close-2", Side.SELL, D(1), D("2.05"), D(0), False, first.entry_time + 1),
    )
    story.tell(Filled(story.now, early))
    again = story.found(TradeClosed)[-1]
    assert again.id == first.id
    assert again.pnl < first.pnl
    changed = {"at": first.at, "pnl": first.pnl, "exit_price": first.exit_price, "fees": first.fees}
    assert replace(again, **changed) == first  # type: ignore[arg-type]
    assert story.held == -1


def test_a_reopened_trade_has_lost_its_story_and_older_ones_too() -> None:
    story = Bare(a_config())
    entry = story.opened()
    story.say(OUT)
    story.bar()
    (order,) = story.placed(Purpose.EXIT)
    story.fill(order)
    assert the_trade(story).mae is not None
    early = Fill(
        *(XRP, 50, "close-2", Side.BUY, D(1), D(2), D(0), False, the_trade(story).entry_time + 1),
    )
    story.tell(Filled(story.now, early))
    back = Fill(*(XRP, 51, "close-3", Side.SELL, D(1), D(2), D(0), False, story.now))
    story.tell(Filled(story.now, back))
    trade = the_trade(story)
    assert (trade.qty, trade.mae, trade.slippage) == (entry.qty + 1, None, None)
    for number, side in ((60, Side.BUY), (61, Side.SELL)):  # another trip: the story is its own now
        fill = Fill(XRP, number, "close-5", side, D(5), D(2), D(0), False, story.now + number)
        story.tell(Filled(story.now, fill))
    late = Fill(
        *(XRP, 70, "close-6", Side.SELL, D(1), D(2), D(0), False, trade.entry_time + 2),
    )
    story.tell(Filled(story.now, late))
    assert any(t.id == trade.id and t != trade for t in story.found(TradeClosed)[2:])


def test_an_exit_before_any_price_has_no_decision() -> None:
    story = Bare(a_config())
    assert story.engine.books[XRP].decision(Side.BUY) is None


def test_a_fill_through_zero_ends_one_course_and_begins_none() -> None:
    story = Bare(a_config())
    entry = story.opened()
    through = Fill(
        *(XRP, 60, "close-4", Side.SELL, entry.qty + 1, D(2), D(0), False, story.now),
    )
    story.tell(Filled(story.now, through))
    assert the_trade(story).mae is not None
    assert story.held == -1
    assert story.engine.books[XRP].course is None


# -- the curve ----------------------------------------------------------------------------------------------


def whys(story: Played) -> list[str]:
    return [point.why for point in story.found(EquityPoint)]


def test_the_curve_begins_and_ends_with_the_run() -> None:
    story = Played(a_config())
    points: list[EquityPoint] = []
    story.session.note = lambda _, effects: points.extend(effects)  # type: ignore[arg-type]
    story.say(long())
    story.bars(2)
    story.bar("2 2 1.95 1.95")
    story.session.finish()
    first = story.found(EquityPoint)[0]
    assert (first.why, first.at, first.equity) == ("start", NOON, D(10_000))
    assert points[-1].why == "end"
    assert points[-1].equity == story.engine.equity() < 10_000
    assert points[-1].at == story.engine.now
    fresh = Engine(story.config, lambda symbol: Scripted({}, symbol))
    assert fresh.end() == []


def test_after_a_time_without_an_engine_the_curve_begins_again() -> None:
    story = Bare(a_config())
    story.opened()
    story.restart()  # at once: no gap
    assert "gap" not in story.timers
    story.time += 3 * HOUR
    effects = story.restart()
    (due,) = (e.at for e in effects if isinstance(e, WakeAt) and e.key == "gap")
    assert due == story.now + 60_000
    story.bar("1.95 1.95 1.95 1.95")
    before = len(story.found(EquityPoint))
    story.wake("gap", due)
    (point,) = story.found(EquityPoint)[before:]
    assert (point.why, point.at) == ("gap", due)
    assert point.equity == story.engine.equity()
    story.restart()
    assert [e.at for e in story.found(WakeAt) if e.key == "gap"] == [due]


PRICES = st.lists(st.integers(19_200, 20_800), min_size=1, max_size=12)


@settings(max_examples=40, deadline=None)
@given(PRICES, st.booleans(), st.integers(0, 11))
def test_excursions_bound_the_result_and_a_restart_changes_nothing(
    closes: list[int], is_long: bool, cut: int
) -> None:
    def play(stop: bool) -> list[TradeClosed]:
        story = Played(a_config())
        story.say(long(1.91, 2.09) if is_long else short(2.09, 1.91))
        story.bar()
        for i, close in enumerate(closes):
            if stop and i == cut:
                story.restart()
            text = str(D(close) / 10_000)
            story.bar(f"{text} {text} {text} {text}")
        story.say(OUT)
        story.bars(2)
        return story.found(TradeClosed)

    trades = play(False)
    assert play(True) == trades
    for trade in trades:
        gross = trade.pnl + trade.fees - trade.funding
        assert trade.mae is not None
        assert trade.mfe is not None
        assert trade.mae <= min(gross, D(0))
        assert max(gross, D(0)) <= trade.mfe


def test_an_order_read_from_an_older_state_has_no_decision() -> None:
    story = Bare(a_config())
    entry = story.opened()
    state = story.engine.export_state()
    for order in (*state["orders"]["live"], *state["orders"]["finished"]):
        order.pop("meant")
    for book in state["books"].values():
        del book["course"], book["reach"]
    del state["stories"]
    fresh = story._new()
    fresh.restore(state)
    tracked = fresh.table.find(entry.id)
    assert tracked is not None
    assert tracked.status is OrderStatus.FILLED
    assert tracked.decision is None
    assert fresh.books[XRP].course is None
