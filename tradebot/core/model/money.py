"""Exact money: Decimal under a context that refuses to round silently.

Sums and products of prices, quantities and rates are finite decimals, so the ledger never needs
to round. Where a division or a rounding is meant, it is written out with one of the functions here.
"""

from __future__ import annotations

from contextlib import AbstractContextManager
from decimal import (
    ROUND_05UP,
    ROUND_HALF_EVEN,
    Context,
    Decimal,
    DivisionByZero,
    Inexact,
    InvalidOperation,
    Overflow,
    localcontext,
)

PRECISION = 60
"""Digits: the longest exact product the bot forms has about 40."""

EXACT = Context(
    prec=PRECISION,
    rounding=ROUND_HALF_EVEN,
    traps=[Inexact, InvalidOperation, DivisionByZero, Overflow],
)
_ROUND = Context(
    prec=PRECISION,
    rounding=ROUND_HALF_EVEN,
    traps=[InvalidOperation, DivisionByZero, Overflow],
)


def _sticky(digits: int) -> tuple[Context, Context]:
    """Return contexts to divide in, and to round the quotient in as if it had been rounded once.

    What was cut off a quotient is seen in its last digit, which is then never 0 or 5: no tie comes of it and none
    is lost (round-05up of the General Decimal Arithmetic). What does not leave that digit over is refused.
    """
    traps = [InvalidOperation, DivisionByZero, Overflow]
    return Context(digits, ROUND_05UP, traps=traps), Context(digits - 1, traps=traps)


_DIVIDE, _AT_8 = _sticky(38)
"""38 digits are two words of libmpdec: enough for all money, and half the time of 60."""
_DIVIDE_WIDE, _AT_8_WIDE = _sticky(3 * PRECISION)

ZERO = Decimal(0)
ONE = Decimal(1)
EIGHT = Decimal("0.00000001")
"""Exponent of average entry and bankruptcy prices: 8 decimals."""


def exact() -> AbstractContextManager[Context]:
    """Run the block under the exact context; every engine and exchange runs inside it."""
    return localcontext(EXACT)


def floor_to(value: Decimal, step: Decimal) -> Decimal:
    """Return the largest multiple of ``step`` not above ``value`` (``step`` > 0)."""
    return _multiple(value, step, up=False)


def ceil_to(value: Decimal, step: Decimal) -> Decimal:
    """Return the smallest multiple of ``step`` not below ``value`` (``step`` > 0)."""
    return _multiple(value, step, up=True)


def _multiple(value: Decimal, step: Decimal, *, up: bool) -> Decimal:
    count = value // step  # truncates towards zero, exactly
    rest = value - count * step
    if rest > 0 and up:
        count += 1
    elif rest < 0 and not up:
        count -= 1
    return count * step


def ratio(numerator: Decimal, denominator: Decimal) -> Decimal:
    """Return a quotient rounded half-even at 60 digits: for reports and limits, never the ledger."""
    return _ROUND.divide(numerator, denominator)


def quotient_at_8(numerator: Decimal, denominator: Decimal, rounding: str) -> Decimal:
    """Return ``numerator / denominator`` at 8 decimals, rounded once in the given direction."""
    try:
        return _DIVIDE.divide(numerator, denominator).quantize(EIGHT, rounding, _AT_8)
    except InvalidOperation:  # a quotient of 30 digits, or none at all
        return _DIVIDE_WIDE.divide(numerator, denominator).quantize(EIGHT, rounding, _AT_8_WIDE)


def to_eight(amount: Decimal) -> Decimal:
    """Return an amount at 8 decimals, half-even: how a venue books money it has to round."""
    return amount.quantize(EIGHT, context=_ROUND)


def of_float(value: float) -> Decimal:
    """Return a float as the decimal its shortest text names; NaN and infinity raise ValueError."""
    number = Decimal(repr(value))
    if not number.is_finite():
        raise ValueError(f"{value!r} is not a finite number")
    return number


def plain(value: Decimal) -> str:
    """Return the value without exponent and trailing zeros: ``0.0500`` -> ``0.05``, ``1E+2`` -> ``100``."""
    text = str(value)
    if "E" in text:
        text = format(value, "f")
    if text[-1] == "0" and "." in text:
        text = text.rstrip("0").rstrip(".")
    return "0" if text == "-0" else text


HALF_EVEN = "ROUND_HALF_EVEN"


def rounded(value: Decimal | None) -> str | None:
    """Return a derived figure at 8 decimals as text; None stays None (unknown, not 0)."""
    return None if value is None else plain(quotient_at_8(value, ONE, HALF_EVEN))
