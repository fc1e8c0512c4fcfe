"""Ratios of daily returns: UTC days, days without a trade counted as 0, 365 of them a year, no riskless rate.

Floats: money is read here, never booked. None where a ratio is not defined. Sums are ``math.fsum``: the order of
days changes no figure but those that are about the order.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import accumulate
from statistics import fmean

from tradebot.core.ghost.quality import SMALL, YEAR_DAYS

ANNUAL_FROM = 60
"""Fewer days than this are not annualised: a year of them would be a guess."""

NOISE = 1e-15
"""A deviation below this is what rounding leaves of none."""


@dataclass(frozen=True, slots=True)
class Ratios:
    """What daily returns amount to. Returns, volatility, drawdown and ulcer index in percent.

    ``n`` days; ``small`` below 30; ``annual`` says that volatility, Sharpe, Sortino and Calmar are a year's, else
    they are a day's.
    """

    n: int
    small: bool
    annual: bool
    mean_pct: float | None
    volatility_pct: float | None
    sharpe: float | None
    sortino: float | None
    calmar: float | None
    ulcer_pct: float | None
    skew: float | None
    worst_day_pct: float | None
    best_day_pct: float | None


def ratios_of(returns: Sequence[float]) -> Ratios:
    """Return the ratios of daily returns (0.01 is one percent)."""
    n = len(returns)
    annual = n >= ANNUAL_FROM
    days = YEAR_DAYS if annual else 1
    return Ratios(
        n=n,
        small=n < SMALL,
        annual=annual,
        mean_pct=_percent(mean(returns)),
        volatility_pct=_percent(volatility(returns, days)),
        sharpe=sharpe(returns, days),
        sortino=sortino(returns, days),
        calmar=calmar(returns, days),
        ulcer_pct=_percent(ulcer(returns)),
        skew=skew(returns),
        worst_day_pct=_percent(min(returns, default=None)),
        best_day_pct=_percent(max(returns, default=None)),
    )


def mean(values: Sequence[float]) -> float | None:
    """Return the arithmetic mean."""
    return fmean(values) if values else None


def deviation(values: Sequence[float]) -> float | None:
    """Return the standard deviation with n - 1; None below two values."""
    middle = mean(values)
    if middle is None or len(values) < 2:
        return None
    return math.sqrt(math.fsum((value - middle) ** 2 for value in values) / (len(values) - 1))


def ranks(values: Iterable[float]) -> tuple[float, float, float] | None:
    """Return the (lower) median, the 90th percentile (nearest rank) and the highest; None of no values."""
    ordered = sorted(values)
    if not ordered:
        return None
    n = len(ordered)
    return ordered[(n - 1) // 2], ordered[-(-n * 9 // 10) - 1], ordered[-1]


def volatility(returns: Sequence[float], days: int = YEAR_DAYS) -> float | None:
    """Return the standard deviation (n - 1) times the root of the days in a year."""
    spread = deviation(returns)
    return None if spread is None else spread * math.sqrt(days)


def sharpe(returns: Sequence[float], days: int = YEAR_DAYS) -> float | None:
    """Return mean / standard deviation (n - 1), times the root of days (W. F. Sharpe, 1994; no riskless rate)."""
    middle, spread = mean(returns), deviation(returns)
    if middle is None or spread is None or spread < NOISE:
        return None
    return middle / spread * math.sqrt(days)


def sortino(returns: Sequence[float], days: int = YEAR_DAYS) -> float | None:
    """Return mean / downside deviation, times the root of days (F. Sortino and L. Price, 1994; target 0).

    The downside deviation is the root of the mean square of returns below 0, the others counted as 0.
    """
    middle = mean(returns)
    if middle is None:
        return None
    down = math.sqrt(math.fsum(min(0.0, value) ** 2 for value in returns) / len(returns))
    return None if down < NOISE else middle / down * math.sqrt(days)


def growth(returns: Sequence[float]) -> float:
    """Return the linked return of all: the product of 1 + return, less 1."""
    return math.prod(1.0 + value for value in returns) - 1.0


def falls(returns: Sequence[float]) -> list[float]:
    """Return by day how far the linked value is below its peak, the start included: 0 or less."""
    values = list(accumulate(returns, lambda value, part: value * (1.0 + part), initial=1.0))
    peaks = accumulate(values, max)
    return [value / peak - 1.0 for value, peak in zip(values, peaks, strict=True)]


def drawdown(returns: Sequence[float]) -> float | None:
    """Return the deepest fall of the linked value at the ends of days: 0 or less."""
    return min(falls(returns)) if returns else None


def calmar(returns: Sequence[float], days: int = YEAR_DAYS) -> float | None:
    """Return the growth of a year / deepest fall at the ends of days (T. W. Young, 1991, over all days: MAR)."""
    deep = drawdown(returns)
    if deep is None or deep > -NOISE:
        return None
    total = 1.0 + growth(returns)
    if total <= 0.0:
        return None
    return float((total ** (days / len(returns)) - 1.0) / -deep)


def ulcer(returns: Sequence[float]) -> float | None:
    """Return the root of the mean square of daily falls from the peak (P. Martin, 1987)."""
    deep = falls(returns)[1:]
    return math.sqrt(math.fsum(value * value for value in deep) / len(deep)) if deep else None


def skew(values: Sequence[float]) -> float | None:
    """Return the third standardised moment, with n (g1); None below three values or without any spread."""
    middle, n = mean(values), len(values)
    if middle is None or n < 3:
        return None
    second = math.fsum((value - middle) ** 2 for value in values) / n
    if second < NOISE**2:
        return None
    return float(math.fsum((value - middle) ** 3 for value in values) / n / second**1.5)


def _percent(value: float | None) -> float | None:
    return None if value is None else 100.0 * value


__all__ = [
    "Ratios",
    "calmar",
    "deviation",
    "drawdown",
    "growth",
    "mean",
    "ranks",
    "ratios_of",
    "sharpe",
    "skew",
    "sortino",
    "ulcer",
    "volatility",
]
