"""The same figures by others: empyrical-reloaded and scipy, which nothing here needs at run time."""

from __future__ import annotations

import math
import random
import warnings
from bisect import bisect_right
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from tradebot.app.backtest import Notebook, run_backtest
from tradebot.app.backtest_report import scratch_of, told_of
from tradebot.app.build import make_session
from tradebot.config import load_config
from tradebot.core.model.values import HOUR_MS
from tradebot.core.trading.snapshot import Heading
from tradebot.market.files.feed import open_files
from tradebot.plugins.strategies import load_strategy
from tradebot.reports.monthly.benchmark_file import read_benchmark
from tradebot.reports.monthly.comparison import Growth, compare, correlation, fit, student_975
from tradebot.reports.monthly.ratios import (
    calmar,
    deviation,
    drawdown,
    growth,
    sharpe,
    skew,
    sortino,
    ulcer,
    volatility,
)
from tradebot.reports.monthly.value import Report
from tradebot.reports.signal_quality import bootstrap

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    empyrical = pytest.importorskip("empyrical")
    stats = pytest.importorskip("scipy.stats")
    import numpy

EXACT = 1e-9


def returns(days: int, seed: int) -> list[float]:
    draw = random.Random(seed)
    return [draw.gauss(-0.0004, 0.012) * (1 + 3 * (draw.random() < 0.05)) for _ in range(days)]


MONTHS = [
    pytest.param(61, 365, id="May and June, a year's"),
    pytest.param(31, 1, id="May, a day's"),
    pytest.param(30, 1, id="June, a day's"),
]


@pytest.mark.parametrize(("days", "annual"), MONTHS)
@pytest.mark.parametrize("seed", range(4))
def test_ratios_are_empyrical_s(days: int, annual: int, seed: int) -> None:
    ours = returns(days, seed)
    theirs = numpy.array(ours)
    pairs: list[tuple[Callable[..., Any], Callable[..., Any]]] = [
        (sharpe, empyrical.sharpe_ratio),
        (sortino, empyrical.sortino_ratio),
        (volatility, empyrical.annual_volatility),
        (calmar, empyrical.calmar_ratio),
    ]
    for own, other in pairs:
        assert own(ours, annual) == pytest.approx(other(theirs, annualization=annual), rel=EXACT)
    assert drawdown(ours) == pytest.approx(empyrical.max_drawdown(theirs), rel=EXACT)
    assert growth(ours) == pytest.approx(empyrical.cum_returns_final(theirs), rel=EXACT)
    assert skew(ours) == pytest.approx(float(stats.skew(theirs)), rel=EXACT)
    assert deviation(ours) == pytest.approx(float(numpy.std(theirs, ddof=1)), rel=EXACT)


@pytest.mark.parametrize("n", [60, 90, 500])
def test_the_line_is_scipy_s(n: int) -> None:
    x, noise = returns(n, 1), returns(n, 2)
    y = [0.0003 + 0.4 * a + b for a, b in zip(x, noise, strict=True)]
    ours, theirs = fit(x, y), stats.linregress(x, y)
    assert ours is not None
    assert ours.slope == pytest.approx(theirs.slope, rel=EXACT)
    assert ours.intercept == pytest.approx(theirs.intercept, rel=EXACT)
    assert ours.slope_error == pytest.approx(theirs.stderr, rel=EXACT)
    assert ours.intercept_error == pytest.approx(theirs.intercept_stderr, rel=EXACT)
    assert correlation(x, y) == pytest.approx(theirs.rvalue, rel=EXACT)
    t = float(stats.t.ppf(0.975, n - 2))
    assert ours.slope_high - ours.slope == pytest.approx(t * theirs.stderr, rel=1e-6)


def test_student_s_quantile() -> None:
    for freedom in (20, 58, 100, 1000):
        assert student_975(freedom) == pytest.approx(float(stats.t.ppf(0.975, freedom)), rel=2e-6)


def test_the_bootstrap_is_scipy_s_within_its_error() -> None:
    values = [x * 1000 for x in returns(200, 5)]
    low, high, count = bootstrap(values)
    theirs = stats.bootstrap(
        (numpy.array(values),),
        numpy.mean,
        n_resamples=10_000,
        method="percentile",
        rng=numpy.random.default_rng(1),
    )
    # the error of a 2.5 % quantile of `count` draws, by the density of the normal there
    spread = float(theirs.standard_error)
    error = 4 * spread * math.sqrt(0.025 * 0.975 / count) / 0.0584
    assert low == pytest.approx(float(theirs.confidence_interval.low), abs=error)
    assert high == pytest.approx(float(theirs.confidence_interval.high), abs=error)


def test_what_is_not_defined_is_none() -> None:
    assert sharpe([]) is None
    assert sharpe([0.01]) is None
    assert sharpe([0.01, 0.01]) is None
    assert sortino([0.01, 0.02]) is None
    assert calmar([0.01, 0.02]) is None
    assert calmar([0.5, -1.0]) is None
    assert skew([0.1, 0.2]) is None
    assert skew([0.1, 0.1, 0.1]) is None
    assert ulcer([]) is None
    assert drawdown([]) is None
    assert fit([1.0, 1.0, 1.0], [1.0, 2.0, 3.0]) is None
    assert fit([1.0, 2.0], [1.0, 2.0]) is None
    assert correlation([1.0, 1.0, 1.0], [1.0, 2.0, 3.0]) is None
    assert correlation([1.0], [1.0]) is None


def test_the_ulcer_index_by_hand() -> None:
    """Peaks 1, falls of 10 and 19 %, then a new peak: the root of the mean of 0.01, 0.0361 and 0."""
    values = [-0.10, -0.10, 0.50]
    assert ulcer(values) == pytest.approx(math.sqrt((0.01 + 0.0361 + 0.0) / 3))


@pytest.fixture(scope="module")
def two_months(shared_data: Path) -> tuple[Report, Report, Report]:
    """Reports on backtests of May, of June, and of both, of recorded minutes of BTC."""
    files = [shared_data / "um" / f"BTCUSDT-1m-2025-0{month}.csv.gz" for month in (5, 6)]
    return tuple(backtested(part) for part in ([files[0]], [files[1]], files))  # type: ignore[return-value]


def backtested(files: list[Path]) -> Report:
    config = load_config(None, {})
    spec = load_strategy("ema_cross", config.base_dir)
    feed = open_files(files)
    notebook, book = Notebook(), scratch_of(config, spec, feed.label)
    session = make_session(config, spec.build, feed.symbols, feed.interval, record=notebook.take)
    session.sink, session.note = book.take, book.note
    outcome = run_backtest(
        session,
        feed.steps(),
        lambda first, last: Heading(None, "backtest", feed.label, spec.name, first, last),
        notebook,
        config.digest(),
    )
    with book, told_of(book, outcome) as (_, told):
        assert told is not None
        return told.report


def test_the_line_of_recorded_months_is_scipy_s(
    two_months: tuple[Report, Report, Report], shared_data: Path
) -> None:
    """What the strategy made of May, of June and of both beside the S&P 500, over its own sessions."""
    benchmark = read_benchmark(f"{shared_data}/macro/SP500-1d-2017-2026.csv.gz")
    for report in two_months:
        curve = Growth([at for at, _ in report.curve], [value for _, value in report.curve])
        values = {s.at: s.value for s in benchmark.sessions}
        first, last = curve.times[0], curve.times[-1]
        ends = [at for at in sorted(values) if first <= at <= last + HOUR_MS]
        ours = [curve.values[bisect_right(curve.times, at) - 1] for at in ends]
        x = [values[b] / values[a] - 1 for a, b in pairwise(ends)]
        y = [b / a - 1 for a, b in pairwise(ours)]
        assert len(x) >= 14
        line, theirs = fit(x, y), stats.linregress(x, y)
        assert line is not None
        for own, other in (
            (line.slope, theirs.slope),
            (line.intercept, theirs.intercept),
            (line.slope_error, theirs.stderr),
            (line.intercept_error, theirs.intercept_stderr),
            (correlation(x, y), theirs.rvalue),
        ):
            assert own == pytest.approx(other, rel=EXACT)
        told = compare(benchmark, curve, report.last)
        assert told.n == len(x)
        assert told.correlation == pytest.approx(theirs.rvalue, rel=EXACT)
        assert told.return_pct == pytest.approx(
            100 * (values[ends[-1]] / values[ends[0]] - 1), rel=EXACT
        )
        assert told.beta is None  # fewer than sixty


def test_ratios_of_recorded_months_are_empyrical_s(
    two_months: tuple[Report, Report, Report],
) -> None:
    """Each month by the day as the report has them, and both together as a year's."""
    for report in two_months:
        found = report.risk.ratios
        theirs = numpy.array([day.growth for day in report.days])
        assert found.n == len(theirs) > 20
        per = 365 if found.annual else 1
        assert found.annual is (found.n >= 60)
        for own, other in (
            (found.sharpe, empyrical.sharpe_ratio),
            (found.sortino, empyrical.sortino_ratio),
            (found.calmar, empyrical.calmar_ratio),
        ):
            assert own == pytest.approx(other(theirs, annualization=per), rel=EXACT)
        volatility_pct = 100 * empyrical.annual_volatility(theirs, annualization=per)
        assert found.volatility_pct == pytest.approx(volatility_pct, rel=EXACT)
        assert found.skew == pytest.approx(float(stats.skew(theirs)), rel=EXACT)
    both = [day.growth for day in two_months[2].days]
    assert len(both) == sum(len(report.days) for report in two_months[:2])
    assert sharpe(both, 365) == pytest.approx(
        empyrical.sharpe_ratio(numpy.array(both), annualization=365), rel=EXACT
    )
    assert sortino(both, 365) == pytest.approx(
        empyrical.sortino_ratio(numpy.array(both), annualization=365), rel=EXACT
    )
