"""Formulas of the monitor, against brute force and against the simulated exchange's own liquidation."""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from tradebot.core.model.facts import INSTRUMENTS
from tradebot.core.model.money import exact
from tradebot.core.model.times import of_iso
from tradebot.core.simulated.account import Account
from tradebot.core.state.loss_limit import REACHED, LossLimit, day_of, describe, week_of
from tradebot.core.state.margin import (
    bankruptcy_price,
    isolated_margin,
    liquidation_price,
    liquidation_risk,
    watch_price,
)

D = Decimal
BTC, XRP = INSTRUMENTS["BTC/USDT"], INSTRUMENTS["XRP/USDT"]
EPS = D("0.00000001")

# notionals from a few USDT to far beyond the tenth tier
quantities = st.sampled_from([D(1), D(-1)]).flatmap(
    lambda sign: st.integers(1, 10**8).map(lambda n: sign * D(n) / 10)
)
entries = st.integers(1_000, 90_000).map(lambda n: D(n) / 10_000)
leverages = st.integers(1, 100)


def held(qty: Decimal, entry: Decimal, leverage: int) -> Account:
    account = Account(D(0), leverage, {XRP.symbol: XRP})
    account.place(XRP.symbol, qty, entry)
    return account


@given(quantities, entries, leverages)
def test_the_bankruptcy_price_is_the_exchange_s(
    qty: Decimal, entry: Decimal, leverage: int
) -> None:
    with exact():
        theirs = held(qty, entry, leverage).positions[XRP.symbol].bankruptcy
        assert bankruptcy_price(qty, entry, leverage) == theirs


@given(quantities, entries, leverages, st.integers(1, 30_000))
def test_a_risk_of_100_percent_is_the_exchange_s_liquidation(
    qty: Decimal, entry: Decimal, leverage: int, ratio: int
) -> None:
    mark = entry * ratio / 10_000
    with exact():
        risk = liquidation_risk(XRP, qty, entry, isolated_margin(qty, entry, leverage), mark)
        assert held(qty, entry, leverage).liquidates(XRP.symbol, mark) == (risk >= 100)
        assert 0 <= risk <= 1000


@given(quantities, entries, leverages)
def test_the_liquidation_price_is_where_the_exchange_liquidates(
    qty: Decimal, entry: Decimal, leverage: int
) -> None:
    with exact():
        account = held(qty, entry, leverage)
        assume(not account.liquidates(XRP.symbol, entry))
        price = liquidation_price(XRP, qty, entry, leverage)
        if price is None:
            assert qty > 0
            assert not account.liquidates(XRP.symbol, EPS)
            return
        sign = 1 if qty > 0 else -1
        assert account.liquidates(XRP.symbol, price - sign * EPS)
        assert not account.liquidates(XRP.symbol, price + sign * EPS)


@given(
    quantities,
    entries,
    leverages,
    st.sampled_from([D(80), D(90), D(10)]),
    st.integers(0, 16_383),
)
def test_before_the_watch_price_the_risk_is_below_the_percentage(
    qty: Decimal, entry: Decimal, leverage: int, percent: Decimal, way: int
) -> None:
    """On the whole way from the entry to the bound, and beyond the entry, nothing is overlooked."""
    with exact():
        bound = watch_price(XRP, qty, entry, leverage, percent)
        assume(
            liquidation_risk(XRP, qty, entry, isolated_margin(qty, entry, leverage), entry)
            < percent
        )
        sign = 1 if qty > 0 else -1
        start = entry * (1 + sign * D("0.5"))
        mark = start + (bound - start) * way / 16_384
        assert sign * (mark - bound) >= 0
        if sign * (mark - bound) > EPS:
            assert (
                liquidation_risk(XRP, qty, entry, isolated_margin(qty, entry, leverage), mark)
                < percent
            )


def test_where_the_liquidation_price_falls_between_two_tiers() -> None:
    """A long of 24,000 XRP at 2: it was in the second tier and is liquidated in the first."""
    with exact():
        price = liquidation_price(XRP, D(24_000), D(2), 5)
        assert price is not None
        by_hand = Fraction(48_000 - 9_600) / (24_000 * (1 - Fraction(5, 1000)))
        assert price - EPS < by_hand <= price
        assert 24_000 * price < 40_000
        assert liquidation_price(BTC, D(1), D(50_000), 1) is None


STEPS = [("-59.99", 0), ("-60", 1), ("-79", 1), ("-80", 2), ("-99.99", 2), ("-100", 3), ("-500", 3)]


def test_a_ladder_has_two_alerts_and_a_reaction() -> None:
    ladder = LossLimit("day_loss", D(100), D(1000))
    with exact():
        for change, stage in STEPS:
            value = 1000 + D(change)
            if ladder.next is not None and value <= ladder.next:
                ladder.advance(value)
            assert ladder.stage == stage
    assert ladder.stage == REACHED
    assert ladder.next is None
    other = LossLimit("day_loss", D(100), D(0))
    other.restore(ladder.export_state())
    assert other.export_state() == ["1000", REACHED]
    assert other.next is None
    ladder.reset(D(500))
    assert ladder.stage == 0
    assert ladder.next == 440


def test_a_gap_takes_all_steps_at_once_and_a_rule_that_is_off_none() -> None:
    with exact():
        assert LossLimit("x", D(100), D(0)).advance(D(-101)) == REACHED
        off = LossLimit("x", None, D(0))
        assert off.next is None
        assert off.advance(D(-(10**9))) == 0


def test_what_is_used_of_a_limit_in_words() -> None:
    with exact():
        assert describe("day_loss", D("12.5"), D(25)) == "day loss: $12.50 of $25 (50%)"


@pytest.mark.parametrize(
    ("at", "day", "week"),
    [
        ("2025-06-02T00:00Z", "2025-06-02", "2025-06-02"),
        ("2025-06-08T23:59:59.999Z", "2025-06-08", "2025-06-02"),
        ("2025-06-09T00:00Z", "2025-06-09", "2025-06-09"),
        ("2024-12-31T12:00Z", "2024-12-31", "2024-12-30"),
        ("1970-01-05T00:00Z", "1970-01-05", "1970-01-05"),
    ],
)
def test_days_are_utc_and_weeks_begin_on_monday(at: str, day: str, week: str) -> None:
    assert day_of(of_iso(at)) == of_iso(day)
    assert week_of(of_iso(at)) == of_iso(week)
