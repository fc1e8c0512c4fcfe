"""Liquidation risk by the margin that the exchange tells: what somebody takes away brings liquidation nearer."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from kits.engine_kit import LIVE, XRP, Bare, a_config, long, short

from tradebot.core.model.account import PositionRead
from tradebot.core.model.events import AccountRead, FundingPaid, PriceSeen
from tradebot.core.model.facts import INSTRUMENTS
from tradebot.core.model.money import ZERO, exact
from tradebot.core.model.values import Purpose
from tradebot.core.state.margin import isolated_margin, liquidation_price, maintenance
from tradebot.core.trading.usage import exposures

D = Decimal
X = Purpose.EXIT
LIMITS = replace(LIVE, trade_loss=None, day_loss=None, week_loss=None, since_signoff_loss=None)


def opened(side: str = "long", leverage: int = 1) -> Bare:
    limits = replace(LIMITS, leverage=None)
    story = Bare(a_config(limits=limits, leverage=leverage))
    story.opened(long(1.97) if side == "long" else short(2.03))
    return story


def told(story: Bare, margin: Any, liquidation: Any = None, **more: Any) -> None:
    """The account is read: the position has this margin, and this liquidation price."""
    at = story.now + 1_000
    qty = more.pop("qty", story.held)
    level = None if liquidation is None else D(liquidation)
    wallet = None if margin is None else D(margin)
    read = PositionRead(XRP, qty, D(2), margin=wallet, liquidation_price=level, **more)
    story.tell(AccountRead(at, "", at, at, (read,)))


def risk(story: Bare) -> Decimal:
    with exact():
        return story.engine.watch.risk(story.engine.books[XRP])


@given(
    side=st.sampled_from(["long", "short"]),
    margin=st.decimals("0.05", "60", places=4),
    moved=st.decimals("-0.01", "0.01", places=4),
)
def test_it_is_held_to_in_the_very_call_that_tells_of_it(
    side: str, margin: Decimal, moved: Decimal
) -> None:
    story = opened(side)
    price = D(2) + moved
    story.tell(PriceSeen(story.now, XRP, price))
    assert risk(story) < 1
    told(story, margin)
    with exact():
        left = margin + story.held * moved
        needed = maintenance(INSTRUMENTS[XRP], abs(story.held) * price)
    is_near = left <= 0 or needed * 100 / left >= 90
    is_told = left <= 0 or needed * 100 / left >= 80
    assert bool(story.placed(X)) == is_near
    assert ("liquidation risk" in story.told()) == is_told


@pytest.mark.parametrize(("side", "way"), [("long", "-0.001"), ("short", "0.001")])
def test_prices_after_it_are_looked_at_with_that_margin(side: str, way: str) -> None:
    story = opened(side)
    told(story, "0.4")  # of 0.249 that is maintenance: 62 %
    assert not story.placed(X)
    for step in range(1, 8):
        story.tell(PriceSeen(story.now, XRP, D(2) + D(way) * step))
        assert story.told().count("liquidation risk") == (step >= 4) + (step >= 5)
        assert bool(story.placed(X)) == (step >= 5)


def test_it_outlives_a_restart_and_goes_with_funding_until_the_position_moves() -> None:
    story = opened()
    told(story, "10", "0.05")
    with exact():
        expected = maintenance(INSTRUMENTS[XRP], story.held * 2) * 100
    assert abs(risk(story) - expected / 10) < D("0.0001")
    story.restart()
    assert abs(risk(story) - expected / 10) < D("0.0001")
    paid = FundingPaid(story.now, XRP, D(-5), D(0), D(2), story.held, story.now, "F:1")
    story.tell(paid)
    assert abs(risk(story) - expected / 5) < D("0.0001")
    assert [one.liquidation_price for one in exposures(story.engine)] == [D("0.05")]
    story.fill(story.placed(Purpose.STOP)[0], "1")  # what is left has another margin
    assert story.engine.books[XRP].isolated is None
    assert risk(story) < 1


def test_no_liquidation_price_told_means_that_there_is_none() -> None:
    story = opened("short", 20)
    with exact():
        ours = liquidation_price(INSTRUMENTS[XRP], story.held, D(2), 20)
        margin = isolated_margin(story.held, D(2), 20)
        assert [one.liquidation_price for one in exposures(story.engine)] == [ours]
        told(story, margin)
        assert [one.liquidation_price for one in exposures(story.engine)] == [None]


@pytest.mark.parametrize(
    "more",
    [{"qty": D(1)}, {"hedge": "long"}, {"margin": None}, {"asked": 0}],
    ids=["another position", "a hedge leg", "not told", "old"],
)
def test_what_is_not_the_position_s_margin_is_not_taken_for_it(more: dict[str, Any]) -> None:
    story = opened()
    if "asked" in more:
        read = PositionRead(XRP, story.held, D(2), margin=D(1))
        story.tell(AccountRead(story.now, "", story.now, story.engine.books[XRP].moved_at, (read,)))
    else:
        told(story, more.pop("margin", D(1)), **more)
    assert story.engine.books[XRP].isolated is None


@given(
    lines=st.lists(
        st.tuples(st.decimals("-0.2", "0.2", places=4).filter(bool), st.booleans()), max_size=6
    )
)
def test_funding_that_the_reading_may_have_in_it_never_makes_the_margin_larger(
    lines: list[tuple[Decimal, bool]],
) -> None:
    """A line that is told after the account was read: its money was in the margin, or was not."""
    story = opened()
    told(story, "30")
    seen = story.engine.books[XRP].isolated
    assert seen is not None
    asked, paid = seen.asked, ZERO
    for number, (amount, before) in enumerate(lines):
        time = asked - number if before else asked + 1 + number
        line = FundingPaid(story.now, XRP, amount, D("0.1"), D(2), D(5), time, f"f{number}")
        story.tell(line)
        story.tell(line)  # and once more
        story.restart()
        book = story.engine.books[XRP]
        paid += amount if not before or amount < 0 else ZERO
        with exact():
            assert book.isolated_wallet() == 30 + paid
