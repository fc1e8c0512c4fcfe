"""Breakout: when it speaks, with which prices and words."""

from __future__ import annotations

import math
import random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from kits.strategy_bars import bars_of, noise, run
from pydantic import ValidationError

from tradebot.core.strategy.breakout import Breakout
from tradebot.core.strategy.indicators import ATR, SMA
from tradebot.core.strategy.protocol import Signal, Strategy

Params = Breakout.Params
SMALL: dict[str, Any] = {"entry": 4, "exit": 2, "atr": 2, "volume": 2, "volume_factor": 0.0}
FLAT = [100.0, 101.0, 100.0, 101.0, 100.0, 101.0]
"""Six bars in a channel of 99 to 102 (they are 1 wide on both sides)."""


def signals(
    closes: list[float], volumes: list[float] | None = None, **params: Any
) -> dict[int, Signal]:
    return run(Breakout(Params(**params), "BTC/USDT"), bars_of(closes, volumes=volumes))


def test_it_is_a_strategy() -> None:
    strategy: Strategy = Breakout(Params(), "BTC/USDT")
    assert strategy.warmup == 41


def test_long_on_the_first_close_above_the_channel_and_out_below_the_shorter_one() -> None:
    closes = [*FLAT, 104.0, 106.0, 108.0, 107.0, 104.0, 100.0]
    said = signals(closes, **SMALL)
    assert {i: signal.side for i, signal in said.items()} == {6: "long", 10: "exit"}
    assert said[6].reason == "close above the 4-bar high 102, volume 1.0x"
    assert said[6].indicators["channel"] == 102.0
    assert said[10].reason == "close below the 2-bar low 106"
    assert said[10].stop is said[10].target is None


def test_the_close_must_be_beyond_and_not_on_the_channel() -> None:
    assert signals([*FLAT, 102.0], **SMALL) == {}
    assert list(signals([*FLAT, 102.1], **SMALL)) == [6]


def test_no_exit_without_an_entry_before() -> None:
    assert signals([*FLAT, 95.0, 90.0, 85.0], **SMALL) == {}


def test_short_below_the_channel_only_behind_the_switch() -> None:
    closes = [*FLAT, 96.0, 94.0, 92.0, 93.0, 96.0]
    assert signals(closes, **SMALL) == {}
    said = signals(closes, short=True, **SMALL)
    assert {i: signal.side for i, signal in said.items()} == {6: "short", 10: "exit"}
    assert said[6].reason == "close below the 4-bar low 99, volume 1.0x"
    assert said[10].reason == "close above the 2-bar high 94"


def test_a_breakout_the_other_way_is_a_new_entry_not_an_exit() -> None:
    closes = [*FLAT, 104.0, 106.0, 90.0]
    said = signals(closes, short=True, **SMALL)
    assert {i: signal.side for i, signal in said.items()} == {6: "long", 8: "short"}
    assert {i: s.side for i, s in signals(closes, **SMALL).items()} == {6: "long", 8: "exit"}


def channel_breaks(closes: list[float], period: int, start: int) -> list[int]:
    """The definition: closes above the highs before, where the close before was not."""
    highs = [close + 1.0 for close in closes]
    above = [
        i >= period and close > max(highs[i - period : i]) for i, close in enumerate(closes)
    ]  # fmt: skip
    return [i for i in range(start, len(closes)) if above[i] and not above[i - 1]]


def test_entries_are_the_first_closes_beyond_the_channel() -> None:
    closes = [close * 5 for close in noise(4000)]
    said = signals(closes, entry=40, volume_factor=0)
    longs = [i for i, signal in said.items() if signal.side == "long"]
    assert longs == channel_breaks(closes, 40, 41)
    assert len(longs) > 30


def test_stop_target_and_indicators() -> None:
    closes = [close * 5 for close in noise(3000)]
    bars = bars_of(closes)
    atr, volume = ATR(14), SMA(20)
    ranges = [atr.update(bar.high, bar.low, bar.close) for bar in bars]
    usual = [volume.update(bar.volume) for bar in bars]
    said = signals(closes, target_atr=3, short=True, volume_factor=0)
    assert {signal.side for signal in said.values()} == {"long", "short", "exit"}
    for i, signal in said.items():
        assert signal.indicators["atr"] == ranges[i]
        assert signal.indicators["volume_mean"] == usual[i]
        if signal.side != "exit":
            sign = 1 if signal.side == "long" else -1
            assert signal.stop == pytest.approx(closes[i] - sign * 2.5 * ranges[i])
            assert signal.target == pytest.approx(closes[i] + sign * 3 * ranges[i])
            assert sign * (closes[i] - signal.indicators["channel"]) > 0


def test_without_a_target_the_exit_channel_ends_it() -> None:
    said = signals([*FLAT, 104.0], **SMALL)
    assert said[6].target is None
    assert said[6].stop is not None


def test_a_breakout_without_volume_does_not_count() -> None:
    closes, quiet, loud = [*FLAT, 104.0], [2.0] * 7, [*[2.0] * 6, 3.0]
    params = {**SMALL, "volume_factor": 1.5}
    assert signals(closes, quiet, **params) == {}
    assert signals(closes, loud, **params)[6].reason.endswith("volume 1.5x")


def test_a_market_without_any_volume_can_break_out() -> None:
    (signal,) = signals([*FLAT, 104.0], [0.0] * 7, **SMALL).values()
    assert signal.reason == "close above the 4-bar high 102"


def test_a_close_farther_out_gives_more_confidence() -> None:
    def confidence(close: float) -> float:
        (signal,) = signals([*FLAT, close], **SMALL).values()
        return signal.confidence

    assert 0.5 < confidence(102.2) < confidence(103.0) < confidence(104.0) <= 1
    assert {s.confidence for s in signals([*FLAT, 104.0], **SMALL, conviction=0.4).values()} == {
        0.4
    }


def test_an_entry_whose_stop_would_be_below_zero_is_left_out() -> None:
    assert signals([*FLAT, 104.0], **SMALL, stop_atr=100) == {}


@given(st.lists(st.floats(1, 1000), min_size=20, max_size=60), st.booleans())
def test_every_signal_is_sane(closes: list[float], short: bool) -> None:
    volumes = [random.Random(i).random() for i in range(len(closes))]
    said = signals(closes, volumes, **{**SMALL, "volume_factor": 0.8, "short": short})
    for signal in said.values():
        assert 0.5 <= signal.confidence <= 1
        assert all(math.isfinite(value) for value in signal.indicators.values())
        for price in (signal.stop, signal.target):
            assert price is None or (math.isfinite(price) and price > 0)


@pytest.mark.parametrize(
    "wrong",
    [{"entry": 1}, {"exit": 0}, {"stop_atr": -1}, {"conviction": 1.5}, {"volume_factor": float("inf")}, {"entyr": 20}],
    ids=str,
)  # fmt: skip
def test_bad_parameters_are_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        Params(**wrong)
