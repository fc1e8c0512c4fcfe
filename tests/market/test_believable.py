"""The embedded market is believable: its figures lie within those of recorded symbols.

RECORDED are the least and the largest figure of any symbol's week in Binance's one-minute bars: the five
symbols on USD-M futures from May 4 to June 24, 2025 (30 full weeks), and BTC, ETH, XRP and ADA on spot
from May 1 to 14, 2021 (8). docs/embedded-market.md shows them as a table. Where the recordings are at
hand the numbers are measured again.
"""

from __future__ import annotations

import os
from functools import cache
from itertools import chain
from pathlib import Path

import numpy as np
import pytest
from kits.market_figures import (
    WEEK,
    Minutes,
    character,
    correlations,
    recorded,
    simulated,
)

RECORDED: dict[str, tuple[float, float]] = {
    "kurtosis 1m": (3.48, 284.75),
    "kurtosis 1h": (0.449, 22.056),
    "return autocorrelation 1m": (-0.118, 0.06),
    "volatility autocorrelation 1m": (0.137, 0.411),
    "volatility autocorrelation 10m": (0.072, 0.295),
    "volatility autocorrelation 60m": (0.058, 0.217),
    "volatility autocorrelation 240m": (-0.007, 0.205),
    "volume autocorrelation 1m": (0.563, 0.789),
    "volume autocorrelation 10m": (0.251, 0.674),
    "volume autocorrelation 60m": (0.21, 0.543),
    "volume autocorrelation 240m": (0.042, 0.503),
    "volume with size of return": (0.41, 0.566),
    "spread of log volume": (0.649, 1.031),
    "volume 13-16h over 3-6h UTC": (1.112, 3.261),
    "volatility 1m, bps": (4.165, 26.28),
}

RECORDED_CORRELATION = (0.683, 0.86)
"""Of one-minute returns, any pair of the five symbols on futures, any week."""

SEEDS = range(12) if os.environ.get("TRADEBOT_FULL") == "1" else (42,)
"""42 is the default."""


@cache
def weeks(seed: int) -> list[Minutes]:
    return simulated(seed, WEEK)


@pytest.mark.parametrize("name", RECORDED)
def test_the_middle_symbol_is_within_the_recorded_range(name: str) -> None:
    """Of every seed; of the many seeds of a full run one may be outside."""
    low, high = RECORDED[name]
    middles = {
        seed: float(np.median([character(one)[name] for one in weeks(seed)])) for seed in SEEDS
    }
    outside = {seed: middle for seed, middle in middles.items() if not low <= middle <= high}
    assert len(outside) <= len(SEEDS) // 10, outside


@pytest.mark.parametrize("name", RECORDED)
def test_most_single_weeks_are_within_the_recorded_range(name: str) -> None:
    """Not all: recorded weeks do not all lie within the range of other recorded weeks either."""
    low, high = RECORDED[name]
    found = [character(one)[name] for one in chain.from_iterable(weeks(seed) for seed in SEEDS)]
    inside = sum(low <= figure <= high for figure in found)
    assert inside >= 0.7 * len(found), sorted(found)


@pytest.mark.parametrize("seed", SEEDS)
def test_the_symbols_move_together_as_recorded_ones_do(seed: int) -> None:
    low, high = RECORDED_CORRELATION
    found = correlations(weeks(seed))
    assert low <= float(np.median(found)) <= high
    assert min(found) > low - 0.05
    assert max(found) < high + 0.05


def months(shared_data: Path) -> list[list[Minutes]]:
    folder = shared_data / "um"
    return [
        [recorded(file) for file in sorted(folder.glob(f"*-1m-2025-{month}.csv.gz"))]
        for month in ("05", "06")
    ]


def test_the_recorded_ranges_are_what_the_recordings_say(shared_data: Path) -> None:
    old = [recorded(file) for file in sorted((shared_data / "spot").glob("*-1m-2021-05.csv.gz"))]
    found = [character(week) for one in chain(*months(shared_data), old) for week in one.weeks()]
    assert len(found) == 38
    for name, (low, high) in RECORDED.items():
        figures = [figure[name] for figure in found]
        assert (round(min(figures), 3), round(max(figures), 3)) == (low, high), name


def test_the_recorded_correlations_are_what_the_recordings_say(shared_data: Path) -> None:
    found = []
    for symbols in months(shared_data):
        first = max(one.first for one in symbols)
        last = min(one.first + len(one.closes) for one in symbols)
        for start in range(first, last - WEEK + 1, WEEK):
            found += correlations([one.part(start, start + WEEK) for one in symbols])
    low, high = RECORDED_CORRELATION
    assert (round(min(found), 3), round(max(found), 3)) == (low, high)
