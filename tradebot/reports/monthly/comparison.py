"""A result beside a benchmark, over the benchmark's own sessions."""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import NamedTuple

from tradebot.core.ghost.quality import YEAR_DAYS
from tradebot.core.model.values import DAY_MS, HOUR_MS
from tradebot.reports.monthly.ratios import deviation, drawdown, growth, mean

HOLIDAYS_MS = 5 * DAY_MS
"""As long no session may be, with a benchmark that goes on behind it."""

LEAST_COMMON = 60
"""Common intervals that beta and alpha need: with fewer they say nothing."""


class Fixing(NamedTuple):
    """A benchmark's value at the end of one of its sessions (UTC ms)."""

    at: int
    value: float


@dataclass(frozen=True, slots=True)
class Benchmark:
    """Values to compare with, in order. ``notes`` say what kind of series it is; ``per_year`` sessions."""

    name: str
    sessions: Sequence[Fixing]
    notes: Sequence[str] = ()
    per_year: int = 252


class Growth(NamedTuple):
    """A curve of linked growth: moments in order (UTC ms), and its value at each (1.0 at the start)."""

    times: Sequence[int]
    values: Sequence[float]


@dataclass(frozen=True, slots=True)
class Line:
    """A straight line by least squares, with standard errors; the interval of each is 95 %."""

    slope: float
    intercept: float
    slope_error: float
    intercept_error: float
    slope_low: float
    slope_high: float
    intercept_low: float
    intercept_high: float


@dataclass(frozen=True, slots=True)
class BenchmarkComparison:
    """A benchmark beside the result over ``n`` common intervals, from ``first`` to ``last`` (UTC ms).

    Returns, volatility (of an interval, not annualised), drawdowns and captures in percent; alpha in percent of an
    interval. None where there is too little in common.
    """

    name: str
    n: int
    first: int | None
    last: int | None
    return_pct: float | None
    own_return_pct: float | None
    volatility_pct: float | None
    own_volatility_pct: float | None
    drawdown_pct: float | None
    own_drawdown_pct: float | None
    correlation: float | None
    beta: float | None
    beta_error: float | None
    beta_low: float | None
    beta_high: float | None
    alpha_pct: float | None
    alpha_error_pct: float | None
    alpha_low_pct: float | None
    alpha_high_pct: float | None
    up_capture_pct: float | None
    down_capture_pct: float | None
    notes: Sequence[str]


def compare(benchmark: Benchmark, curve: Growth, last: int) -> BenchmarkComparison:
    """Return a benchmark beside a curve; ``last`` is the period's end (UTC ms).

    Both are read at the ends of the benchmark's sessions, the curve at its newest point then: a weekend is one
    interval for both. Sessions outside the curve are left out.
    """
    marks = _common(benchmark.sessions, curve, last)
    theirs = [b.value / a.value - 1.0 for (a, _), (b, _) in pairwise(marks)]
    ours = [b / a - 1.0 for (_, a), (_, b) in pairwise(marks)]
    n = len(theirs)
    line = fit(theirs, ours) if n >= LEAST_COMMON else None
    notes = [*benchmark.notes, *_cuts(marks, curve, last)]
    return BenchmarkComparison(
        name=benchmark.name,
        n=n,
        first=marks[0][0].at if n else None,
        last=marks[-1][0].at if n else None,
        return_pct=_percent(growth(theirs) if n else None),
        own_return_pct=_percent(growth(ours) if n else None),
        volatility_pct=_percent(deviation(theirs)),
        own_volatility_pct=_percent(deviation(ours)),
        drawdown_pct=_percent(drawdown(theirs)),
        own_drawdown_pct=_percent(drawdown(ours)),
        correlation=correlation(theirs, ours),
        **_fitted(line),
        up_capture_pct=_capture(theirs, ours, up=True),
        down_capture_pct=_capture(theirs, ours, up=False),
        notes=tuple(notes),
    )


def _cuts(marks: Sequence[tuple[Fixing, float]], curve: Growth, last: int) -> Iterator[str]:
    """Yield what a benchmark does not cover of a curve: more than its longest holidays."""
    if not curve.times:
        return
    if not marks:
        yield "it has nothing in this time"
        return
    if marks[0][0].at > curve.times[0] + HOLIDAYS_MS:
        yield "it begins after the report: compared from its start on"
    if marks[-1][0].at < min(last, curve.times[-1]) - HOLIDAYS_MS:
        yield "it ends before the report: compared up to its end"


def _fitted(line: Line | None) -> dict[str, float | None]:
    if line is None:
        names = ("beta", "beta_error", "beta_low", "beta_high")
        alphas = ("alpha_pct", "alpha_error_pct", "alpha_low_pct", "alpha_high_pct")
        return dict.fromkeys((*names, *alphas))
    return {
        "beta": line.slope,
        "beta_error": line.slope_error,
        "beta_low": line.slope_low,
        "beta_high": line.slope_high,
        "alpha_pct": 100.0 * line.intercept,
        "alpha_error_pct": 100.0 * line.intercept_error,
        "alpha_low_pct": 100.0 * line.intercept_low,
        "alpha_high_pct": 100.0 * line.intercept_high,
    }


def _common(sessions: Sequence[Fixing], curve: Growth, last: int) -> list[tuple[Fixing, float]]:
    """Return the sessions that end on the curve and in the period, each with the curve's value then.

    A curve's last point may be an hour old; what a benchmark did after it is beside nothing of ours.
    """
    times, values = curve
    if not times:
        return []
    end = min(last, times[-1] + HOUR_MS)
    inside = (s for s in sessions if times[0] <= s.at <= end)
    return [(s, values[bisect_right(times, s.at) - 1]) for s in inside]


def fit(x: Sequence[float], y: Sequence[float]) -> Line | None:
    """Return the least-squares line of y on x with Student's 95 % intervals; None below three points or without spread."""
    n, middle_x, middle_y = len(x), mean(x), mean(y)
    if n < 3 or middle_x is None or middle_y is None:
        return None
    sxx = math.fsum((a - middle_x) ** 2 for a in x)
    if sxx <= 0.0:
        return None
    slope = math.fsum((a - middle_x) * (b - middle_y) for a, b in zip(x, y, strict=True)) / sxx
    intercept = middle_y - slope * middle_x
    rest = math.fsum((b - intercept - slope * a) ** 2 for a, b in zip(x, y, strict=True))
    error = math.sqrt(rest / (n - 2) / sxx)
    intercept_error = error * math.sqrt(math.fsum(a * a for a in x) / n)
    t = student_975(n - 2)
    return Line(
        slope,
        intercept,
        error,
        intercept_error,
        slope - t * error,
        slope + t * error,
        intercept - t * intercept_error,
        intercept + t * intercept_error,
    )


def student_975(freedom: int) -> float:
    """Return Student's t at 97.5 %: the expansion of Cornish and Fisher (1937); five digits from 20 degrees on."""
    z = 1.959963984540054
    g1 = (z**3 + z) / 4
    g2 = (5 * z**5 + 16 * z**3 + 3 * z) / 96
    g3 = (3 * z**7 + 19 * z**5 + 17 * z**3 - 15 * z) / 384
    g4 = (79 * z**9 + 776 * z**7 + 1482 * z**5 - 1920 * z**3 - 945 * z) / 92160
    return z + g1 / freedom + g2 / freedom**2 + g3 / freedom**3 + g4 / freedom**4


def correlation(x: Sequence[float], y: Sequence[float]) -> float | None:
    """Return Pearson's correlation; None below three pairs or without spread."""
    middle_x, middle_y = mean(x), mean(y)
    if len(x) < 3 or middle_x is None or middle_y is None:
        return None
    sxx = math.fsum((a - middle_x) ** 2 for a in x)
    syy = math.fsum((b - middle_y) ** 2 for b in y)
    if sxx <= 0.0 or syy <= 0.0:
        return None
    sxy = math.fsum((a - middle_x) * (b - middle_y) for a, b in zip(x, y, strict=True))
    return sxy / math.sqrt(sxx * syy)


def _capture(theirs: Sequence[float], ours: Sequence[float], *, up: bool) -> float | None:
    """Return our mean return in the intervals where theirs rose (fell), over their mean in them, in percent."""
    chosen = [(a, b) for a, b in zip(theirs, ours, strict=True) if (a > 0 if up else a < 0)]
    middle = mean([a for a, _ in chosen])
    own = mean([b for _, b in chosen])
    return None if middle is None or own is None else 100.0 * own / middle


def _percent(value: float | None) -> float | None:
    return None if value is None else 100.0 * value


def days_held(name: str, prices: Sequence[tuple[int, float]], cost: float) -> Benchmark:
    """Return buying at the first of daily prices and holding, for a cost that is a share of the money (one fee, funding)."""
    first = prices[0][1] if prices else 1.0
    sessions = [
        Fixing(at, value / first * (1.0 - (cost if i else 0.0)))
        for i, (at, value) in enumerate(prices)
    ]
    return Benchmark(name, sessions, ("net of one taker fee",), YEAR_DAYS)


__all__ = [
    "Benchmark",
    "BenchmarkComparison",
    "Fixing",
    "Growth",
    "Line",
    "compare",
    "correlation",
    "fit",
    "student_975",
]
