"""The EMA cross: its conventions, prices, words and the benchmark's signal counts."""

from __future__ import annotations

import csv
import json
import math
import random
import subprocess
import sys
from collections import Counter
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from tradebot.core.model.values import MINUTE_MS, Bar
from tradebot.core.strategy.ema_cross import EmaCross
from tradebot.core.strategy.indicators import ATR
from tradebot.core.strategy.protocol import Signal, Strategy

Params = EmaCross.Params
BENCH = Path(__file__).parents[3] / "shared" / "bench"


def bars_of(closes: list[float], width: float = 1.0) -> list[Bar]:
    """Bars that open and close at the given price, ``width`` wide on both sides."""
    rows = enumerate(closes)
    text = ("1", "1", "1", "1", "1")
    return [
        Bar("BTC/USDT", i * MINUTE_MS, MINUTE_MS, text, c, c + width, c - width, c, 1.0)
        for i, c in rows
    ]


def run(strategy: Strategy, bars: list[Bar]) -> dict[int, Signal]:
    """Signals by the index of their bar."""
    judged = ((i, strategy.on_bar(bar)) for i, bar in enumerate(bars))
    return {i: signal for i, signal in judged if signal is not None}


def noise(count: int, seed: int = 7) -> list[float]:
    rng = random.Random(seed)
    price, closes = 100.0, []
    for _ in range(count):
        price *= math.exp(rng.gauss(0, 0.01))
        closes.append(price)
    return closes


def crosses(closes: list[float], fast: int, slow: int) -> dict[int, str]:
    """The definition of a cross, from lists of whole averages."""

    def ema(n: int) -> list[float]:
        out, weight = [closes[0]], 2.0 / (n + 1)
        for c in closes[1:]:
            out.append(weight * c + (1.0 - weight) * out[-1])
        return out

    gaps = [f - s for f, s in zip(ema(fast), ema(slow), strict=True)]
    found = {}
    for i, (last, gap) in enumerate(pairwise(gaps), start=1):
        if i > slow and last < 0 < gap:
            found[i] = "up"
        elif i > slow and last > 0 > gap:
            found[i] = "down"
    return found


def test_it_is_a_strategy() -> None:
    strategy: Strategy = EmaCross(Params(), "BTC/USDT")
    assert strategy.warmup == 61


@pytest.mark.parametrize(("fast", "slow"), [(20, 60), (2, 3), (1, 9), (5, 200)])
def test_signals_where_the_averages_cross(fast: int, slow: int) -> None:
    closes = noise(4000)
    params = Params(fast=fast, slow=slow, stop_atr=0, target_atr=0)
    signals = run(EmaCross(params, "BTC/USDT"), bars_of(closes))
    sides = {"up": "long", "down": "exit"}
    expected = {i: sides[way] for i, way in crosses(closes, fast, slow).items()}
    assert {i: s.side for i, s in signals.items()} == expected
    assert min(signals) > slow


def test_no_signal_before_the_warm_up_and_one_right_after() -> None:
    # falls, then jumps at index 4 = warmup of slow 3: the first bar that is looked at
    closes = [100.0, 99.0, 98.0, 97.0, 120.0]
    signals = run(EmaCross(Params(fast=2, slow=3, atr=1), "X"), bars_of(closes))
    assert {i: s.side for i, s in signals.items()} == {4: "long"}
    early = [100.0, 99.0, 98.0, 120.0, 121.0]  # crosses at index 3: not looked at
    assert run(EmaCross(Params(fast=2, slow=3, atr=1), "X"), bars_of(early)) == {}


def test_a_longer_atr_lengthens_the_warm_up() -> None:
    assert EmaCross(Params(fast=2, slow=3, atr=50), "X").warmup == 50
    assert EmaCross(Params(fast=2, slow=3, atr=50, stop_atr=0, target_atr=0), "X").warmup == 4
    signals = run(EmaCross(Params(fast=2, slow=3, atr=50), "X"), bars_of(noise(400)))
    assert all(math.isfinite(s.indicators["atr"]) for s in signals.values())


def test_stop_target_words_and_indicators() -> None:
    bars = bars_of(noise(2000))
    atr, ranges = ATR(14), {}
    for i, bar in enumerate(bars):
        ranges[i] = atr.update(bar.high, bar.low, bar.close)
    signals = run(EmaCross(Params(short=True), "X"), bars)
    assert {s.side for s in signals.values()} == {"long", "short"}
    for i, signal in signals.items():
        sign = 1 if signal.side == "long" else -1
        assert signal.stop == pytest.approx(bars[i].close - sign * 2 * ranges[i])
        assert signal.target == pytest.approx(bars[i].close + sign * 4 * ranges[i])
        way = "above" if sign > 0 else "below"
        assert signal.reason == f"EMA20 crossed {way} EMA60"
        assert set(signal.indicators) == {"ema_fast", "ema_slow", "atr"}
        assert signal.indicators["atr"] == ranges[i]


def test_an_exit_has_no_prices() -> None:
    signals = run(EmaCross(Params(), "X"), bars_of(noise(2000)))
    exits = [s for s in signals.values() if s.side == "exit"]
    assert exits
    assert all(s.stop is None and s.target is None for s in exits)


def test_without_stop_and_target_there_is_no_range() -> None:
    signals = run(EmaCross(Params(stop_atr=0, target_atr=0), "X"), bars_of(noise(2000)))
    assert signals
    for signal in signals.values():
        assert signal.stop is signal.target is None
        assert set(signal.indicators) == {"ema_fast", "ema_slow"}
        assert 0.5 <= signal.confidence <= 1


def test_an_entry_whose_stop_would_be_below_zero_is_left_out() -> None:
    closes = [10.0, 9.0, 8.0, 7.0, 12.0]
    params = Params(fast=2, slow=3, atr=1, stop_atr=100)
    assert run(EmaCross(params, "X"), bars_of(closes)) == {}


def test_a_target_below_zero_is_none() -> None:
    closes = [8.0, 9.0, 10.0, 11.0, 5.0]
    params = Params(fast=2, slow=3, atr=1, target_atr=100, short=True)
    (signal,) = run(EmaCross(params, "X"), bars_of(closes)).values()
    assert signal.side == "short"
    assert signal.target is None
    assert signal.stop is not None


def test_conviction_fixes_the_confidence() -> None:
    signals = run(EmaCross(Params(conviction=0.3), "X"), bars_of(noise(1000)))
    assert {s.confidence for s in signals.values()} == {0.3}


def test_a_harder_push_gives_more_confidence() -> None:
    def confidence(jump: float) -> float:
        closes = [100.0, 99.0, 98.0, 97.0, 97.0 + jump]
        (signal,) = run(EmaCross(Params(fast=2, slow=3, atr=3), "X"), bars_of(closes)).values()
        return signal.confidence

    weak, strong = confidence(3), confidence(10)
    assert 0.5 < weak < strong <= 1


def test_a_still_bar_without_range_has_the_least_confidence() -> None:
    closes = [100.0, 99.0, 98.0, 97.0, 120.0]
    params = Params(fast=2, slow=3, stop_atr=0, target_atr=0)
    (signal,) = run(EmaCross(params, "X"), bars_of(closes, width=0.0)).values()
    assert signal.confidence == 0.5


@given(st.lists(st.floats(1, 1000), min_size=20, max_size=60), st.booleans())
def test_every_signal_is_sane(closes: list[float], short: bool) -> None:
    strategy = EmaCross(Params(fast=2, slow=5, atr=3, short=short), "X")
    for signal in run(strategy, bars_of(closes)).values():
        assert 0.5 <= signal.confidence <= 1
        for price in (signal.stop, signal.target):
            assert price is None or (math.isfinite(price) and price > 0)


@pytest.mark.parametrize(
    "wrong",
    [
        {"fast": 60, "slow": 60},
        {"fast": 0},
        {"stop_atr": -1},
        {"stop_atr": float("nan")},
        {"conviction": 1.5},
        {"fsat": 20},
    ],
    ids=str,
)
def test_bad_parameters_are_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        Params(**wrong)


@pytest.mark.slow
def test_the_benchmark_counts(tmp_path: Path) -> None:
    if not BENCH.exists():
        pytest.skip("no benchmark beside the project")
    script = str(BENCH / "gen_bench1.py")
    subprocess.run([sys.executable, script], cwd=tmp_path, check=True, capture_output=True)
    oracle = json.loads((BENCH / "oracle.json").read_text())
    params = Params(stop_atr=0, target_atr=0, conviction=1)
    strategy, sides = EmaCross(params, "BTC/USDT"), Counter[str]()
    with (tmp_path / "bench1.csv").open() as lines:
        for row in csv.reader(lines):
            if row[0] != "timestamp":
                bar = Bar.of("BTC/USDT", int(row[0]), MINUTE_MS, row[1:])
                signal = strategy.on_bar(bar)
                if signal is not None:
                    sides[signal.side] += 1
    result = oracle["result"]
    assert sides == {"long": result["signals_up"], "exit": result["signals_down"]}
