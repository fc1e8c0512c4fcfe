"""Statistics against the definitions written out, and against empyrical on recorded prices."""

from __future__ import annotations

import csv
import gzip
import math
import random
import statistics
from dataclasses import fields
from pathlib import Path

import pytest

from tradebot.core.ghost.quality import (
    DAY_MS,
    DIMENSIONS,
    SAMPLES,
    Curve,
    Outcome,
    Quality,
    Traits,
    deviation,
    normal_interval,
    sharpe,
    sortino,
    tier_name,
    wilson,
)

KIND = Traits("BTC/USDT", "long", "high", "06", "approved", "own")


def outcome(pnl: float, day: int = 20_000, kind: Traits = KIND, duration: float = 60.0) -> Outcome:
    return Outcome(kind, day * DAY_MS + 5, pnl, duration, max(pnl, 0.0) + 1, min(pnl, 0.0) - 1)


def quality(*pnls: float, samples: bool = False) -> Quality:
    made = Quality(samples=samples)
    for pnl in pnls:
        made.add(outcome(pnl))
    return made


def test_nothing_is_unknown_not_zero() -> None:
    figures = Quality().overall()
    assert (figures.trades, figures.pnl, figures.days) == (0, 0.0, 0)
    for name in ("accuracy_pct", "expectancy", "best", "worst", "sharpe_daily", "average_mfe"):
        assert getattr(figures, name) is None
    assert figures.small
    assert normal_interval(figures) is None


def test_a_hand_worked_example() -> None:
    figures = quality(10.0, -4.0, 6.0, -8.0, 0.0).overall()
    assert (figures.trades, figures.profitable, figures.accuracy_pct) == (5, 2, 40.0)
    assert figures.pnl == 4.0
    assert (figures.average_win, figures.average_loss) == (8.0, -6.0)
    assert figures.payoff_ratio == pytest.approx(8 / 6, rel=1e-12)
    assert figures.profit_factor == pytest.approx(16 / 12, rel=1e-12)
    assert figures.expectancy == pytest.approx(0.8, rel=1e-12)
    assert figures.max_drawdown == 8.0  # from 12 to 4
    assert (figures.best, figures.worst) == (10.0, -8.0)
    assert (figures.average_mfe, figures.average_mae) == (21 / 5, -17 / 5)
    assert figures.average_duration_s == 60.0
    assert figures.sharpe_trade == pytest.approx(
        0.8 / statistics.stdev([10, -4, 6, -8, 0]), rel=1e-12
    )
    assert figures.sortino_trade == pytest.approx(0.8 / math.sqrt(80 / 5), rel=1e-12)
    assert figures.days == 1
    assert figures.sharpe_daily is None  # one day has no deviation


def test_only_wins_and_only_losses() -> None:
    wins, losses = quality(1.0, 2.0).overall(), quality(-1.0, -2.0).overall()
    assert wins.profit_factor is None
    assert wins.payoff_ratio is None
    assert wins.sortino_trade is None
    assert wins.max_drawdown == 0.0
    assert losses.profit_factor == 0.0
    assert losses.average_win is None
    assert losses.max_drawdown == 3.0  # from where it began, 0


def test_days_without_trades_count_as_nothing_earned() -> None:
    made = Quality()
    for day, pnl in ((100, 3.0), (100, 1.0), (103, -2.0), (104, 5.0)):
        made.add(outcome(pnl, day))
    days = [4.0, 0.0, 0.0, -2.0, 5.0]
    figures = made.overall()
    assert figures.days == 5
    mean, spread = statistics.mean(days), statistics.stdev(days)
    assert figures.sharpe_daily == pytest.approx(mean / spread * math.sqrt(365), rel=1e-12)
    down = math.sqrt(sum(min(d, 0) ** 2 for d in days) / 5)
    assert figures.sortino_daily == pytest.approx(mean / down * math.sqrt(365), rel=1e-12)
    with pytest.raises(ValueError, match="day 103 comes after day 104"):
        made.add(outcome(1.0, 103))


def test_a_last_day_of_loss_counts() -> None:
    curve = Curve()
    curve.add(1, 2.0)
    curve.add(2, -1.0)
    days, _, daily = curve.ratios()
    assert days == 2
    assert daily == pytest.approx(0.5 / math.sqrt(0.5) * math.sqrt(365), rel=1e-12)


def test_groups_are_what_the_same_trades_alone_would_be() -> None:
    draw, whole = random.Random(3), Quality(samples=True)
    rows = []
    for i in range(3000):
        kind = Traits(
            draw.choice(["BTC/USDT", "ETH/USDT"]),
            draw.choice(["long", "short"]),
            draw.choice(["high", "low"]),
            f"{draw.randrange(24):02d}",
            draw.choice(["approved", "refused"]),
            draw.choice(["a", "b"]),
        )
        rows.append(outcome(draw.gauss(0.2, 5), 100 + i // 100, kind, draw.random()))
        whole.add(rows[-1])
    for dimension in DIMENSIONS:
        values = whole.values(dimension)
        assert values == sorted({getattr(row.kind, dimension) for row in rows})
        assert sum(whole.group(dimension, v).trades for v in values) == len(rows)
        for value in values:
            alone = Quality(samples=True)
            mine = [row for row in rows if getattr(row.kind, dimension) == value]
            for row in mine:
                alone.add(row)
            one, other = whole.group(dimension, value), alone.overall()
            for name in [item.name for item in fields(one)]:
                assert getattr(one, name) == pytest.approx(getattr(other, name), rel=1e-9), name
            samples = whole.samples(dimension, value)
            assert samples is not None
            assert sorted(samples) == sorted(row.pnl for row in mine)
    assert sorted(whole.samples() or ()) == sorted(row.pnl for row in rows)
    with pytest.raises(KeyError):
        whole.group("symbol", "SOL/USDT")


def test_samples_are_bounded() -> None:
    assert quality(1.0).samples() is None  # none were asked for
    made = quality(*[1.0] * SAMPLES, samples=True)
    assert len(made.samples() or ()) == SAMPLES
    made.add(outcome(1.0))
    assert made.samples() is None


def test_wilson() -> None:
    """Against the published example (Newcombe 1998, table I): 81 of 263 is 0.2553 to 0.3662."""
    low, high = wilson(81, 263)
    assert low == pytest.approx(25.53, abs=0.005)
    assert high == pytest.approx(36.62, abs=0.005)
    assert wilson(0, 0) == (None, None)
    low, high = wilson(0, 10)
    assert low == 0.0
    assert high == pytest.approx(27.75, abs=0.01)
    low, high = wilson(10, 10)
    assert low == pytest.approx(72.25, abs=0.01)
    assert high == pytest.approx(100, rel=1e-12)


def test_equal_results_have_no_sharpe() -> None:
    figures = quality(*[0.1] * 1000).overall()
    assert figures.deviation == 0.0
    assert figures.sharpe_trade is None
    assert deviation(1, 1.0, 1.0) is None
    assert sharpe(1, 1.0, 1.0) is None
    assert sortino(0, 0.0, 0.0) is None


def test_the_normal_interval() -> None:
    figures = quality(*(1.0, 2.0, 3.0, 4.0)).overall()
    interval = normal_interval(figures)
    assert interval is not None
    half = statistics.NormalDist().inv_cdf(0.975) * statistics.stdev([1, 2, 3, 4]) / 2
    assert interval == pytest.approx((2.5 - half, 2.5 + half), rel=1e-12)
    assert normal_interval(quality(1.0).overall()) is None


def test_tiers_and_small_samples() -> None:
    assert [tier_name(c) for c in (0.75, 0.7499, 0.5, 0.4999)] == [
        "high",
        "medium",
        "medium",
        "low",
    ]
    assert quality(*[1.0] * 29).overall().small
    assert not quality(*[1.0] * 30).overall().small


def hourly_results(shared_data: Path) -> list[tuple[int, float]]:
    """Return what holding $1,000 of bitcoin for each hour of 2025 came to, with its time (ms)."""
    with gzip.open(shared_data / "um" / "BTCUSDT-1h-2025.csv.gz", "rt", newline="") as file:
        rows = [row for row in csv.reader(file) if row and row[0].isdigit()]
    return [(int(r[0]), (float(r[4]) / float(r[1]) - 1) * 1000) for r in rows]


def test_against_empyrical_on_recorded_prices(shared_data: Path) -> None:
    """Sharpe, Sortino and drawdown within 1e-9, per trade and daily.

    empyrical compounds returns; the sum of results is compounded when it is taken as a logarithm.
    """
    empyrical = pytest.importorskip("empyrical")
    np = pytest.importorskip("numpy")
    pd = pytest.importorskip("pandas")
    results = hourly_results(shared_data)
    assert len(results) > 5000
    made = Quality()
    for time, pnl in results:
        made.add(Outcome(KIND, time, pnl, 3600.0, 0.0, 0.0))
    figures = made.overall()
    pnls = np.array([pnl for _, pnl in results])
    assert figures.sharpe_trade == pytest.approx(
        empyrical.sharpe_ratio(pnls, annualization=1), rel=1e-9
    )
    assert figures.sortino_trade == pytest.approx(
        empyrical.sortino_ratio(pnls, annualization=1), rel=1e-9
    )
    deepest = empyrical.max_drawdown(np.expm1(pnls / 1e5))
    assert figures.max_drawdown == pytest.approx(-np.log1p(deepest) * 1e5, rel=1e-9)
    times = pd.to_datetime([time for time, _ in results], unit="ms")
    days = pd.Series(pnls, index=times).resample("1D").sum()
    assert figures.days == len(days)
    assert figures.sharpe_daily == pytest.approx(
        empyrical.sharpe_ratio(days, annualization=365), rel=1e-9
    )
    assert figures.sortino_daily == pytest.approx(
        empyrical.sortino_ratio(days, annualization=365), rel=1e-9
    )
    wins, losses = pnls[pnls > 0], pnls[pnls < 0]
    assert figures.profit_factor == pytest.approx(wins.sum() / -losses.sum(), rel=1e-9)
    assert figures.payoff_ratio == pytest.approx(wins.mean() / -losses.mean(), rel=1e-9)
    assert figures.deviation == pytest.approx(pnls.std(ddof=1), rel=1e-9)
