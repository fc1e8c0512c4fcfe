"""The indicators against TA-Lib and against plain definitions."""

from __future__ import annotations

import csv
import gzip
import math
import random
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import talib
from hypothesis import given
from hypothesis import strategies as st

from tradebot.core.strategy.indicators import ADX, ATR, EMA, MACD, RSI, SMA, Bollinger, Donchian

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


def same(
    ours: list[float], theirs: np.ndarray, first: int, rel: float = 1e-9, near_zero: float = 0.0
) -> None:
    assert len(ours) == len(theirs)
    for i in range(first, len(ours)):
        assert math.isclose(ours[i], theirs[i], rel_tol=rel, abs_tol=near_zero), f"bar {i}"


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


Columns = tuple[np.ndarray, np.ndarray, np.ndarray]


def columns(bars: list[tuple[float, float, float]]) -> Columns:
    high, low, close = (np.array(column) for column in zip(*bars, strict=True))
    return high, low, close


def compare_rsi(bars: list[tuple[float, float, float]], period: int) -> None:
    rsi = RSI(period)
    same([rsi.update(c) for *_, c in bars], talib.RSI(columns(bars)[2], period), period)


def compare_bands(bars: list[tuple[float, float, float]], period: int) -> None:
    bands = Bollinger(period, 2.5)
    ours = [(bands.update(c), bands.upper, bands.lower) for *_, c in bars]
    upper, middle, lower = talib.BBANDS(columns(bars)[2], period, 2.5, 2.5)
    for i, theirs in enumerate((middle, upper, lower)):
        same([row[i] for row in ours], theirs, period - 1)


def compare_channel(bars: list[tuple[float, float, float]], period: int) -> None:
    high, low, _ = columns(bars)
    channel = Donchian(period)
    ours = [(channel.update(h, lo), channel.upper, channel.lower) for h, lo, _ in bars]
    tops, bottoms = talib.MAX(high, period), talib.MIN(low, period)
    same([row[1] for row in ours], tops, period - 1, rel=0.0)
    same([row[2] for row in ours], bottoms, period - 1, rel=0.0)
    same([row[0] for row in ours], (tops + bottoms) / 2, period - 1)


def compare_macd(
    bars: list[tuple[float, float, float]],
    fast: int,
    slow: int,
    line: int,
    near_zero: float = 0.0,
) -> None:
    macd = MACD(fast, slow, line)
    ours = [(macd.update(c), macd.signal, macd.histogram) for *_, c in bars]
    for i, theirs in enumerate(talib.MACD(columns(bars)[2], fast, slow, line)):
        same([row[i] for row in ours], theirs, slow + line - 2, near_zero=near_zero)


def compare_adx(bars: list[tuple[float, float, float]], period: int) -> None:
    high, low, close = columns(bars)
    adx = ADX(period)
    ours = [(adx.update(*bar), adx.plus, adx.minus) for bar in bars]
    same([row[0] for row in ours], talib.ADX(high, low, close, period), 2 * period - 1)
    same([row[1] for row in ours], talib.PLUS_DI(high, low, close, period), period)
    same([row[2] for row in ours], talib.MINUS_DI(high, low, close, period), period)


@pytest.mark.parametrize("period", [2, 5, 14, 60, 200])
@pytest.mark.parametrize("seed", [1, 2, 3])
def test_the_others_are_equal_to_talib_on_random_walks(seed: int, period: int) -> None:
    bars = walk(seed)
    compare_rsi(bars, period)
    compare_bands(bars, period)
    compare_channel(bars, period)
    # a difference of two prices: where it is near zero their rounding shows
    compare_macd(bars, period, 2 * period + 1, 9, near_zero=1e-14 * bars[0][2])
    compare_adx(bars, period)


@pytest.mark.parametrize("name", ["um/BTCUSDT-1m-2025-05.csv.gz", "um/ADAUSDT-1m-2025-05.csv.gz"])
def test_the_others_are_equal_to_talib_on_a_recorded_month(name: str, shared_data: Path) -> None:
    with gzip.open(shared_data / name, "rt") as lines:
        rows = [[float(row[k]) for k in ("high", "low", "close")] for row in csv.DictReader(lines)]
    bars = [(high, low, close) for high, low, close in rows]
    assert len(bars) > 30_000
    for period in (14, 20):
        compare_rsi(bars, period)
        compare_bands(bars, period)
        compare_channel(bars, period)
        compare_adx(bars, period)
    compare_macd(bars, 12, 26, 9)


def values_until(count: int) -> dict[str, float]:
    """The indicators' values of period 5 (MACD 3, 5, 4) after so many bars."""
    rsi, bands, channel, macd, adx = RSI(5), Bollinger(5), Donchian(5), MACD(3, 5, 4), ADX(5)
    for high, low, close in walk(6, count):
        rsi.update(close)
        bands.update(close)
        channel.update(high, low)
        macd.update(close)
        adx.update(high, low, close)
    found = {"rsi": rsi.value, "bands": bands.upper, "channel": channel.upper}
    return {**found, "macd": macd.value, "signal": macd.signal, "di": adx.plus, "adx": adx.value}


@pytest.mark.parametrize(
    ("name", "first"),
    [
        ("rsi", 6), ("bands", 5), ("channel", 5), ("macd", 5), ("signal", 8), ("di", 6), ("adx", 10),
    ],
)  # fmt: skip
def test_the_first_value_comes_with_the_bar_that_is_documented(name: str, first: int) -> None:
    assert math.isnan(values_until(first - 1)[name])
    assert not math.isnan(values_until(first)[name])


@given(st.integers(1, 12), st.lists(st.tuples(floats, floats), min_size=1, max_size=80))
def test_the_channel_is_the_extreme_of_the_window(
    period: int, bars: list[tuple[float, float]]
) -> None:
    channel = Donchian(period)
    for i, (high, low) in enumerate(bars):
        channel.update(high, low)
        window = bars[max(0, i + 1 - period) : i + 1]
        if len(window) < period:
            assert math.isnan(channel.upper)
        else:
            assert channel.upper == max(high for high, _ in window)
            assert channel.lower == min(low for _, low in window)


def test_a_channel_keeps_few_bars_whatever_comes() -> None:
    channel = Donchian(50)
    for i in range(10_000):
        channel.update(float(i % 97), float(-(i % 89)))
        assert len(channel._highs) <= 50
        assert len(channel._lows) <= 50


@given(st.integers(1, 12), st.lists(floats, min_size=1, max_size=80))
def test_the_bands_are_mean_and_deviation_of_the_window(period: int, values: list[float]) -> None:
    bands = Bollinger(period, 2.0)
    for i, x in enumerate(values):
        bands.update(x)
        window = values[max(0, i + 1 - period) : i + 1]
        if len(window) < period:
            assert math.isnan(bands.middle)
            continue
        mean = math.fsum(window) / period
        deviation = math.sqrt(math.fsum((v - mean) ** 2 for v in window) / period)
        scale = max(map(abs, window))
        assert bands.middle == pytest.approx(mean, rel=1e-12, abs=1e-12 * scale)
        assert bands.deviation == pytest.approx(deviation, rel=1e-9, abs=1e-12 * scale)
        assert bands.upper - bands.middle == pytest.approx(2 * deviation, abs=1e-9 * scale)


def test_bands_of_a_still_market_after_a_wild_one_have_no_width() -> None:
    bands = Bollinger(4)
    for x in (1e9, -1e9, 1e9, 3.0, 0.1, 0.1, 0.1, 0.1):
        bands.update(x)
    assert bands.deviation == 0.0
    assert bands.upper == bands.lower == 0.1


def test_rsi_at_its_ends_and_where_nothing_moves() -> None:
    def last(closes: list[float]) -> float:
        rsi = RSI(3)
        return [rsi.update(close) for close in closes][-1]

    assert last([1.0, 2.0, 3.0, 4.0, 5.0]) == 100.0
    assert last([5.0, 4.0, 3.0, 2.0, 1.0]) == 0.0
    assert last([2.0] * 9) == 50.0


def test_adx_where_nothing_moves_has_no_direction_and_then_stays() -> None:
    still = ADX(3)
    for _ in range(12):
        still.update(5.0, 5.0, 5.0)
    assert (still.value, still.plus, still.minus) == (0.0, 0.0, 0.0)
    high, low, close = columns([(5.0, 5.0, 5.0)] * 12)
    assert talib.ADX(high, low, close, 3)[-1] == 0.0


def test_macd_wants_the_fast_period_smaller() -> None:
    with pytest.raises(ValueError, match="smaller than the slow"):
        MACD(26, 12)


@pytest.mark.parametrize("indicator", [EMA, SMA, ATR, RSI, Bollinger, Donchian, ADX])
def test_a_period_below_one_is_refused(indicator: Callable[[int], object]) -> None:
    with pytest.raises(ValueError, match="at least 1 bar"):
        indicator(0)
