"""RSI reversion: when it speaks, with which prices and words."""

from __future__ import annotations

import math
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from kits.strategy_bars import bars_of, noise, run
from pydantic import ValidationError

from tradebot.core.strategy.indicators import ADX, ATR, RSI, Bollinger
from tradebot.core.strategy.protocol import Signal, Strategy
from tradebot.core.strategy.rsi_reversion import RsiReversion

Params = RsiReversion.Params
ANY = {"adx_max": 0.0, "reward": 0.0}  # no filters
SMALL = {"rsi": 3, "bands": 8, "atr": 3, "adx": 2, **ANY}

FALL = [100.0, 101.0, 100.0, 101.0, 100.0, 99.0, 97.0, 94.0, 90.0]
"""Nine bars down; with SMALL the first bar looked at is the last of these."""


def signals(closes: list[float], **params: Any) -> dict[int, Signal]:
    return run(RsiReversion(Params(**params), "BTC/USDT"), bars_of(closes))


def rsi_of(closes: list[float], period: int) -> list[float]:
    rsi = RSI(period)
    return [rsi.update(close) for close in closes]


def test_it_is_a_strategy() -> None:
    strategy: Strategy = RsiReversion(Params(), "BTC/USDT")
    assert strategy.warmup == 28
    assert RsiReversion(Params(bands=90), "BTC/USDT").warmup == 90


def test_long_on_the_way_back_above_the_level() -> None:
    closes = noise(4000)
    said = signals(closes, **ANY)
    levels = list(pairwise(rsi_of(closes, 14)))
    expected = [i for i, (last, now) in enumerate(levels, start=1) if i >= 28 and last <= 30 < now]
    assert [i for i, signal in said.items() if signal.side == "long"] == expected
    assert len(expected) > 20


def test_short_on_the_way_back_below_only_behind_the_switch() -> None:
    closes = noise(4000)
    levels = list(pairwise(rsi_of(closes, 14)))
    expected = [i for i, (last, now) in enumerate(levels, start=1) if i >= 28 and last >= 70 > now]
    both = signals(closes, short=True, **ANY)
    assert [i for i, signal in both.items() if signal.side == "short"] == expected
    assert len(expected) > 20
    assert all(signal.side != "short" for signal in signals(closes, **ANY).values())


def test_out_where_the_rsi_has_recovered_and_only_once() -> None:
    closes = [*FALL, 92.0, 95.0, 99.0, 103.0, 104.0]
    said = signals(closes, **SMALL)
    sides = [signal.side for signal in said.values()]
    assert sides == ["long", "exit"]
    entered, left = said
    index = rsi_of(closes, 3)
    assert index[entered - 1] <= 30 < index[entered]
    assert index[left] >= 55 > index[left - 1]
    assert said[left].reason == "RSI3 reached 55"
    assert said[left].stop is said[left].target is None


def test_the_short_side_is_the_long_one_upside_down() -> None:
    closes = [*FALL, 92.0, 95.0, 99.0, 103.0, 104.0]
    mirrored = [200.0 - close for close in closes]
    longs, shorts = signals(closes, **SMALL), signals(mirrored, short=True, **SMALL)
    assert list(longs) == list(shorts)
    for i, signal in longs.items():
        twin = shorts[i]
        assert (signal.side, twin.side) in (("long", "short"), ("exit", "exit"))
        assert twin.confidence == pytest.approx(signal.confidence)
        for here, there in ((signal.stop, twin.stop), (signal.target, twin.target)):
            assert (here is None) is (there is None)
            assert here is None or there == pytest.approx(200.0 - here)


def test_stop_target_words_and_indicators() -> None:
    closes = noise(3000)
    bars = bars_of(closes)
    atr, bands, adx, rsi = ATR(14), Bollinger(20), ADX(14), RSI(14)
    seen = {}
    for i, bar in enumerate(bars):
        values = (rsi.update(bar.close), bands.update(bar.close))
        ranges = atr.update(bar.high, bar.low, bar.close)
        seen[i] = {
            "rsi": values[0],
            "mean": values[1],
            "atr": ranges,
            "adx": adx.update(bar.high, bar.low, bar.close),
        }
    said = signals(closes)
    assert said
    for i, signal in said.items():
        assert signal.indicators == seen[i]
        if signal.side == "exit":
            continue
        assert signal.stop == pytest.approx(closes[i] - 3 * seen[i]["atr"])
        assert signal.target == seen[i]["mean"]
        assert signal.target - closes[i] >= 0.3 * 3 * seen[i]["atr"]
        assert seen[i]["adx"] <= 45
        assert signal.reason.startswith("RSI14 back above 30 after ")


def test_no_entry_while_the_market_runs_or_the_mean_is_near() -> None:
    closes = noise(4000)

    def entries(**params: Any) -> int:
        return sum(signal.side == "long" for signal in signals(closes, **params).values())

    free = entries(**ANY)
    assert 0 < entries(adx_max=30, reward=0) < free
    assert 0 < entries(adx_max=0, reward=0.6) < free
    assert entries(adx_max=0, reward=100) == 0


def test_a_mean_on_the_wrong_side_is_no_target() -> None:
    closes = [90.0] * 4 + [*FALL, 98.0]
    params = {**SMALL, "bands": 13}
    (signal,) = signals(closes, **params).values()
    assert signal.indicators["mean"] < closes[-1]
    assert signal.target is None
    assert signals(closes, **{**params, "reward": 0.01}) == {}


def test_a_target_in_ranges_replaces_the_mean() -> None:
    closes = noise(2000)
    said = signals(closes, target_atr=2, stop_atr=0, **ANY)
    entries = {i: signal for i, signal in said.items() if signal.side == "long"}
    assert entries
    for i, signal in entries.items():
        assert signal.stop is None
        assert signal.target == pytest.approx(closes[i] + 2 * signal.indicators["atr"])


def test_a_deeper_fall_gives_more_confidence() -> None:
    def confidence(depth: float) -> float:
        closes = [*FALL[:-1], FALL[-2] - depth, FALL[-2] - depth + 6.0]
        (signal,) = signals(closes, **SMALL).values()
        assert signal.side == "long"
        return signal.confidence

    shallow, deep = confidence(0.1), confidence(4.0)
    assert 0.5 < shallow <= deep <= 1
    assert {s.confidence for s in signals(noise(900), conviction=0.4).values()} == {0.4}


def test_an_entry_whose_stop_would_be_below_zero_or_on_the_price_is_left_out() -> None:
    closes = [close - 88.0 for close in [*FALL, 95.0]]
    assert list(signals(closes, **SMALL, stop_atr=1)) == [9]
    assert signals(closes, **SMALL, stop_atr=3) == {}
    still = RsiReversion(Params(**SMALL), "X")  # a market that stands still says nothing
    assert run(still, bars_of([5.0] * 50, width=0.0)) == {}


@given(st.lists(st.floats(1, 1000), min_size=20, max_size=60), st.booleans())
def test_every_signal_is_sane(closes: list[float], short: bool) -> None:
    for signal in signals(closes, **SMALL, short=short).values():
        assert 0.5 <= signal.confidence <= 1
        assert all(math.isfinite(value) for value in signal.indicators.values())
        for price in (signal.stop, signal.target):
            assert price is None or (math.isfinite(price) and price > 0)


@pytest.mark.parametrize(
    "wrong",
    [
        {"rsi": 1},
        {"low": 50},
        {"high": 50},
        {"leave": 30},
        {"leave": 25, "low": 20, "high": 75},
        {"stop_atr": -1},
        {"conviction": 1.5},
        {"adx_max": float("nan")},
        {"lwo": 20},
    ],
    ids=str,
)
def test_bad_parameters_are_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        Params(**wrong)
