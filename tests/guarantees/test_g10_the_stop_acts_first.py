"""Promise 10: a stop triggers on the mark price, at market, before liquidation threatens; else there is no entry."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from fractions import Fraction
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from kits import binance_scene as scene
from kits import live_kit as kit
from kits.engine_kit import LIVE, XRP, Bare, a_config, long, short

from tradebot.core.model.facts import INSTRUMENTS
from tradebot.core.model.values import Order, Purpose

START = kit.EPOCH + 3 * 3_600_000  # behind the blackout
ALGO = "/fapi/v1/algoOrder"
BOUND = Fraction(9, 10)
"""Maintenance margin over what is left of the margin: at 1 the exchange takes over."""

LOOSE = replace(
    LIVE, leverage=None, trade_loss=None, day_loss=None, week_loss=None, since_signoff_loss=None
)


def danger(order: Order, leverage: int, stop: Decimal) -> Fraction:
    """Return maintenance margin / (margin + PnL) of an entry at its limit once the mark is at its stop.

    From Binance's rule and its brackets, in fractions; 10 where nothing of the margin is left.
    """
    assert order.price is not None
    qty, entry, mark = Fraction(order.qty), Fraction(order.price), Fraction(stop)
    size = qty * mark
    (tier,) = (t for t in INSTRUMENTS[XRP].tiers if t.floor < size <= t.cap)
    needed = size * Fraction(tier.rate) - Fraction(tier.cum)
    left = qty * entry / leverage + order.side.sign * qty * (mark - entry)
    return needed / left if left > 0 else Fraction(10)


@given(
    st.sampled_from([1, 2, 3, 5, 10, 20, 25, 50]),
    st.booleans(),
    st.decimals("0.0020", "0.9500", places=4),
)
def test_no_entry_leaves_whose_stop_would_come_too_late(
    leverage: int, buys: bool, distance: Decimal
) -> None:
    story = Bare(a_config(limits=LOOSE, leverage=leverage))
    away = float(distance) * 2
    story.say(long(2 - away) if buys else short(2 + away))
    story.bar()
    entries = story.placed(Purpose.ENTRY)
    plan = Decimal(2) - Decimal(2) * distance * (1 if buys else -1)
    if entries:
        assert danger(entries[0], leverage, plan) < BOUND + Fraction(1, 100)  # one tick of the stop
    else:
        assert "liquidation risk at the stop" in story.refusals()


@pytest.mark.parametrize(("distance", "enters"), [(0.04, True), (0.06, False)])
def test_the_very_same_entry_passes_with_a_nearer_stop(distance: float, enters: bool) -> None:
    """At 20x five percent away is the bankruptcy price."""
    story = Bare(a_config(limits=LOOSE, leverage=20))
    story.say(long(2 - 2 * distance))
    story.bar()
    assert bool(story.placed(Purpose.ENTRY)) is enters
    assert ("liquidation risk at the stop" in story.refusals()) is not enters


def test_what_rests_at_the_exchange_triggers_on_the_mark_and_goes_at_market(tmp_path: Path) -> None:
    async def meddle(live: scene.Live) -> None:
        await live.opened(XRP)

    found = scene.meddled(tmp_path, START, meddle)
    asked = {row["params"]["type"]: row["params"] for row in found.requests("POST", ALGO)}
    stop = asked["STOP_MARKET"]
    assert all(row["workingType"] == "MARK_PRICE" for row in asked.values())
    assert all(row["reduceOnly"] == "true" and "price" not in row for row in asked.values())
    (fill,) = found.venue.ledger.of("fill")
    assert (fill["side"], stop["side"]) == ("BUY", "SELL")
    assert Decimal(stop["triggerPrice"]) < Decimal(fill["price"])
