"""Guarantee 5: fills apply once: any order of arrival, repeated, with restarts between, ends in the same state."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from kits.engine_kit import NOON, PAPER, XRP, Bare, D, a_config, long

from tradebot.core.model.events import Filled
from tradebot.core.model.values import Fill, Side
from tradebot.core.trading.shared import Execution

SIDES = st.lists(st.booleans(), min_size=2, max_size=9)


def fills_of(buys: list[bool]) -> list[Fill]:
    """Fills of an order nobody here sent, a millisecond apart; every third without any trade id."""
    return [
        Fill(
            *(XRP, 0 if number % 3 == 2 else number + 1, "liquidation-9"),
            *(Side.BUY if buys[number] else Side.SELL, D(1 + number), D("2") + D(number) / 100),
            *(D("0.001"), False, NOON + number),
        )
        for number in range(len(buys))
    ]


def ledger(story: Bare) -> list[Any]:
    portfolio = story.engine.portfolio
    held = portfolio.holding(XRP)
    return [portfolio.cash, portfolio.fees, held.qty, held.entry, held.trades, held.trip_cash]


def told(fills: list[Fill], restarts: frozenset[int] = frozenset()) -> Bare:
    config = a_config(
        limits=replace(PAPER, day_loss=None), execution=Execution("limit", D(20), 600)
    )
    story = Bare(config)
    story.say(long())
    story.bar()
    for number, fill in enumerate(fills):
        if number in restarts:
            story.restart()
        story.tell(Filled(story.now, fill))
    return story


@given(SIDES, st.randoms(use_true_random=False), st.frozensets(st.integers(0, 15), max_size=3))
def test_any_order_of_arrival_ends_in_the_same_ledger(
    buys: list[bool], random: Any, restarts: frozenset[int]
) -> None:
    fills = fills_of(buys)
    mixed = fills + random.sample(fills, len(fills) // 2)
    random.shuffle(mixed)
    assert ledger(told(mixed, restarts)) == ledger(told(fills))


def test_a_fill_from_before_all_that_is_remembered_in_order_is_booked_all_the_same() -> None:
    many = fills_of([True, False] * 50)
    early = replace(many[0], trade_id=10_000, time=NOON - 5)
    story = told(many)
    before = ledger(story)
    story.tell(Filled(story.now, early))
    after = ledger(story)
    assert after[0] == before[0] - early.qty * early.price - early.fee
    assert after[2] == before[2] + early.qty
    story.tell(Filled(story.now, early))
    assert ledger(story) == after
