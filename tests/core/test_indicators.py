"""The indicators against TA-Lib and against plain definitions."""

from __future__ import annotations

import csv
import gzip
import math
import random
from pathlib import Path

import numpy as np
import pytest
import talib
from hypothesis import given
from hypothesis import strategies as st

from tradebot.core.indicators import ATR, EMA, SMA

DATA = Path(__file__).parents[3] / "shared" / "data" / "um"
PERIODS = [1, 2, 5, 14, 20, 60, 200]
floats = st.floats(-1e6, 1e6)


def walk(seed: int, count: int = 3000) -> list[tuple[float, float, float]]:
    """Highs, lows and closes of a random walk with gaps between the bars."""
    rng = random.Random(seed)
    price, bars = 45_000.0, []
    for _ in range(count):
        path = [price := price * math.exp(rng.gauss(0, 0.002)) for _ in range(4)]
        bars.append((max(path), min(path), path[-1]))
    return bars


def recorded(name: str) -> list[tuple[float, float, float]]:
    path = DATA / name
    if not path.exists():
        pytest.skip(f"no recorded data: {name} is not beside the project")
    with gzip.open(path, "rt") as lines:
        rows = list(csv.DictReader(lines))[:5000]
    return [(float(r["high"]), float(r["low"]), float(r["close"])) for r in rows]


def same(ours: list[float], theirs: np.ndarray, first: int, rel: float = 1e-9) -> None:
    assert len(ours) == len(theirs)
    for i in range(first, len(ours)):
        assert math.isclose(ours[i], theirs[i], rel_tol=rel), f"bar {i}"


def compare(bars: list[tuple[float, float, float]], period: int) -> None:
    high, low, close = (np.array(column) for column in zip(*bars, strict=True))
    sma, ema, first = SMA(period), EMA(period, seed="sma"), EMA(period)
    atr = ATR(period)
    if period > 1:
        same([sma.update(c) for *_, c in bars], talib.SMA(close, period), period - 1)
        same([ema.update(c) for *_, c in bars], talib.EMA(close, period), period - 1)
        same([first.update(c) for *_, c in bars], talib.EMA(close, period), 12 * period)
    same([atr.update(*bar) for bar in bars], talib.ATR(high, low, close, period), period)


@pytest.mark.parametrize("period", PERIODS)
@pytest.mark.parametrize("seed", [1, 2, 3])
def test_equal_to_talib_on_random_walks(seed: int, period: int) -> None:
    compare(walk(seed), period)


@pytest.mark.parametrize("period", [14, 20, 60])
@pytest.mark.parametrize("name", ["BTCUSDT-1m-2025-05.csv.gz", "ETHUSDT-1h-2024.csv.gz"])
def test_equal_to_talib_on_recorded_bars(name: str, period: int) -> None:
    compare(recorded(name), period)


@pytest.mark.parametrize("period", [2, 14, 60])
def test_no_value_before_the_window_is_full(period: int) -> None:
    bars = walk(4, period + 1)
    sma, ema, atr = SMA(period), EMA(period, seed="sma"), ATR(period)
    for high, low, close in bars[: period - 1]:
        assert math.isnan(sma.update(close))
        assert math.isnan(ema.update(close))
        assert math.isnan(atr.update(high, low, close))
    high, low, close = bars[period - 1]
    assert not math.isnan(sma.update(close))
    assert not math.isnan(ema.update(close))
    assert math.isnan(atr.update(high, low, close))
    assert not math.isnan(atr.update(*bars[period]))


def test_ema_from_the_first_value_is_the_recursion_bit_for_bit() -> None:
    closes = [close for *_, close in walk(5, 500)]
    ema, weight, expected = EMA(20), 2 / 21, closes[0]
    assert ema.update(closes[0]) == closes[0]
    for close in closes[1:]:
        expected = weight * close + (1 - weight) * expected
        assert ema.update(close) == expected == ema.value


@given(st.integers(1, 20), st.lists(floats, min_size=1, max_size=80))
def test_sma_is_the_mean_of_the_window(period: int, values: list[float]) -> None:
    sma = SMA(period)
    for i, x in enumerate(values):
        got, window = sma.update(x), values[max(0, i + 1 - period) : i + 1]
        if len(window) < period:
            assert math.isnan(got)
            continue
        # the rounding of a sum is bounded by what is in the window, whatever went through before
        bound = period * 2**-52 * math.fsum(map(abs, window)) / period
        assert abs(got - math.fsum(window) / period) <= bound


def test_sma_does_not_drift() -> None:
    sma, huge = SMA(3), 1e16
    for x in (huge, huge, huge, 0.1, 0.1, 0.1):
        value = sma.update(x)
    assert value == pytest.approx(0.1, rel=1e-15)


@given(st.integers(1, 10), st.lists(floats, min_size=10, max_size=30))
def test_ema_seeded_with_the_mean_starts_there(period: int, values: list[float]) -> None:
    ema = EMA(period, seed="sma")
    results = [ema.update(x) for x in values]
    mean = math.fsum(values[:period]) / period
    assert results[period - 1] == pytest.approx(mean, rel=1e-9, abs=1e-9)


@pytest.mark.parametrize("indicator", [EMA, SMA, ATR])
def test_a_period_below_one_is_refused(indicator: type[EMA] | type[SMA] | type[ATR]) -> None:
    with pytest.raises(ValueError, match="at least 1 bar"):
        indicator(0)
