from __future__ import annotations

from decimal import (
    ROUND_CEILING,
    ROUND_FLOOR,
    ROUND_HALF_EVEN,
    Decimal,
    DivisionByZero,
    Inexact,
    InvalidOperation,
)
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tradebot.core.model.money import (
    ceil_to,
    exact,
    floor_to,
    of_float,
    plain,
    quotient_at_8,
    ratio,
    rounded,
)

D = Decimal

prices = st.decimals("-100000", "100000", places=6, allow_nan=False, allow_infinity=False)
steps = st.sampled_from([D("0.001"), D("0.1"), D("1"), D("0.0001"), D("5")])


def test_exact_context_refuses_to_round() -> None:
    with exact(), pytest.raises(Inexact):
        D(1) / D(3)


@given(prices, steps)
def test_floor_and_ceil_are_the_nearest_multiples(value: Decimal, step: Decimal) -> None:
    with exact():
        low, high = floor_to(value, step), ceil_to(value, step)
        assert low <= value <= high
        assert low % step == 0
        assert high % step == 0
        assert value - low < step
        assert high - value < step
        assert (low == high) == (value % step == 0)


@pytest.mark.parametrize(
    ("rounding", "expected"),
    [(ROUND_FLOOR, "0.33333333"), (ROUND_CEILING, "0.33333334"), (ROUND_HALF_EVEN, "0.33333333")],
)
def test_quotient_rounds_once_in_the_direction_asked(rounding: str, expected: str) -> None:
    with exact():
        assert quotient_at_8(D(1), D(3), rounding) == D(expected)


@given(
    prices,
    prices.filter(lambda d: d != 0),
    st.sampled_from([ROUND_FLOOR, ROUND_CEILING, ROUND_HALF_EVEN]),
)
def test_quotient_agrees_with_rational_arithmetic(a: Decimal, b: Decimal, rounding: str) -> None:
    with exact():
        got = quotient_at_8(a, b, rounding)
    scaled = Fraction(a) / Fraction(b) * 10**8
    expected = {
        ROUND_FLOOR: scaled.__floor__(),
        ROUND_CEILING: scaled.__ceil__(),
        ROUND_HALF_EVEN: round(scaled),
    }[rounding]
    assert Fraction(got) == Fraction(expected, 10**8)


@given(
    st.integers(-(10**58), 10**58).map(Decimal),
    st.integers(1, 10**30).map(Decimal),
    st.integers(-60, 20),
    st.sampled_from([ROUND_FLOOR, ROUND_CEILING, ROUND_HALF_EVEN]),
)
def test_a_quotient_of_any_size_is_rounded_once(
    a: Decimal, b: Decimal, places: int, rounding: str
) -> None:
    scaled = Fraction(a) * Fraction(10) ** places / Fraction(b) * 10**8
    expected = {
        ROUND_FLOOR: scaled.__floor__(),
        ROUND_CEILING: scaled.__ceil__(),
        ROUND_HALF_EVEN: round(scaled),
    }[rounding]
    with exact():
        got = quotient_at_8(a.scaleb(places), b, rounding)
    assert Fraction(got) == Fraction(expected, 10**8)


@pytest.mark.parametrize("zero", [D(0), D("0E-8")])
def test_nothing_is_divided_by_zero(zero: Decimal) -> None:
    for value in (D(0), D(1), D(-1)):
        with pytest.raises((InvalidOperation, DivisionByZero)):
            quotient_at_8(value, zero, ROUND_HALF_EVEN)


@given(prices, prices.filter(lambda d: d != 0), st.integers(0, 40))
def test_a_ratio_of_any_size_can_be_reported(a: Decimal, b: Decimal, smaller: int) -> None:
    """All 60 digits of a ratio may lie behind the eighth decimal: a used share of a limit near nothing."""
    with exact():
        share = ratio(a.scaleb(-smaller), b)
        assert abs(Fraction(rounded(share) or "") - Fraction(share)) <= Fraction(1, 2 * 10**8)


def test_ratio_rounds_where_a_report_needs_it() -> None:
    with exact():
        assert str(ratio(D(2), D(3)))[:8] == "0.666666"


@pytest.mark.parametrize("bad", [float("nan"), float("inf"), float("-inf")])
def test_a_float_that_is_no_number_is_refused(bad: float) -> None:
    with pytest.raises(ValueError, match="not a finite number"):
        of_float(bad)


def test_a_float_enters_by_its_shortest_text() -> None:
    assert of_float(0.1) == D("0.1")


@pytest.mark.parametrize(
    ("value", "text"),
    [("0.0500", "0.05"), ("1E+2", "100"), ("-0.00", "0"), ("7", "7"), ("10.0", "10"), ("-0", "0")],
)
def test_plain_has_no_exponent_and_no_trailing_zeros(value: str, text: str) -> None:
    assert plain(D(value)) == text
