"""Figures that tell a market's character, of recordings and of the embedded market alike.

Everything is measured on one-minute bars of one week: figures such as kurtosis grow with the length
of what is measured, so only equal spans can be compared.
"""

from __future__ import annotations

import csv
import gzip
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from tradebot.core.model.values import MINUTE_MS
from tradebot.market.embedded.climate import Climate
from tradebot.market.embedded.coins import COINS, Walk
from tradebot.market.embedded.market import START

Series = NDArray[np.float64]

WEEK = 7 * 24 * 60
LAGS = (1, 10, 60, 240)


@dataclass(frozen=True, slots=True)
class Minutes:
    """One symbol's minutes without a gap: ``first`` (counted from 1970), closes and volumes."""

    symbol: str
    first: int
    closes: Series
    volumes: Series

    def weeks(self) -> Iterator[Minutes]:
        """Yield the full weeks, oldest first."""
        end = self.first + len(self.closes)
        for first in range(self.first, end - WEEK + 1, WEEK):
            yield self.part(first, first + WEEK)

    def part(self, first: int, last: int) -> Minutes:
        """Return the minutes from ``first`` up to, not including, ``last`` (counted from 1970)."""
        span = slice(first - self.first, last - self.first)
        return Minutes(self.symbol, first, self.closes[span], self.volumes[span])


def recorded(file: Path) -> Minutes:
    """Return a kline file of one-minute bars."""
    with gzip.open(file, "rt", encoding="ascii") as lines:
        rows = list(csv.DictReader(lines))
    times = np.array([int(row["open_time"]) for row in rows]) // MINUTE_MS
    assert (np.diff(times) == 1).all(), f"{file.name} has gaps"
    return Minutes(
        file.name.partition("-")[0],
        int(times[0]),
        np.array([float(row["close"]) for row in rows]),
        np.array([float(row["volume"]) for row in rows]),
    )


def simulated(seed: int, minutes: int) -> list[Minutes]:
    """Return the embedded market's first minutes, its quotes left out for speed."""
    climate, walks = Climate(), [Walk.begin(symbol) for symbol in sorted(COINS)]
    rows: list[list[tuple[float, float]]] = [[] for _ in walks]
    first = START // MINUTE_MS
    for minute in range(first, first + minutes):
        volatility, common = climate.advance(seed, minute, minute - first)
        for walk, row in zip(walks, rows, strict=True):
            bar = walk.bar(walk.advance(seed, minute, volatility, common), minute * MINUTE_MS)
            row.append((bar.close, bar.volume))
    return [
        Minutes(walk.coin.symbol, first, *np.array(row).T)
        for walk, row in zip(walks, rows, strict=True)
    ]


def returns(minutes: Minutes) -> Series:
    """Return the log returns from minute to minute."""
    return np.diff(np.log(minutes.closes))


def autocorrelation(series: Series, lag: int) -> float:
    """Return the autocorrelation at a lag in minutes."""
    centred = series - series.mean()
    return float((centred[lag:] * centred[:-lag]).sum() / (centred**2).sum())


def character(minutes: Minutes) -> dict[str, float]:
    """Return the figures of one symbol's week.

    ``kurtosis``: excess, of 1 m returns and of 1 h returns. ``volatility``: autocorrelation of the size of
    1 m returns. ``volume``: autocorrelation of its logarithm, its correlation with the size of the return,
    the spread of its logarithm, and the busiest three hours (13 to 16 UTC) over the quietest (3 to 6).
    """
    moves = returns(minutes)
    sizes, traded = np.abs(moves), np.log(np.maximum(minutes.volumes, 1e-9))
    hour = (np.arange(len(traded)) + minutes.first) // 60 % 24
    busy, quiet = (minutes.volumes[(hour >= h) & (hour < h + 3)].mean() for h in (13, 3))
    hourly = np.diff(np.log(minutes.closes[::60]))
    return {
        "kurtosis 1m": excess_kurtosis(moves),
        "kurtosis 1h": excess_kurtosis(hourly),
        "return autocorrelation 1m": autocorrelation(moves, 1),
        **{f"volatility autocorrelation {lag}m": autocorrelation(sizes, lag) for lag in LAGS},
        **{f"volume autocorrelation {lag}m": autocorrelation(traded, lag) for lag in LAGS},
        "volume with size of return": float(np.corrcoef(traded[1:], sizes)[0, 1]),
        "spread of log volume": float(traded.std()),
        "volume 13-16h over 3-6h UTC": float(busy / quiet),
        "volatility 1m, bps": float(moves.std() * 1e4),
    }


def excess_kurtosis(series: Series) -> float:
    """Return the fourth moment over the squared second, less the normal's 3."""
    centred = series - series.mean()
    return float((centred**4).mean() / (centred**2).mean() ** 2 - 3.0)


def correlations(symbols: list[Minutes]) -> list[float]:
    """Return the correlation of one-minute returns of each pair."""
    pairs = combinations([returns(one) for one in symbols], 2)
    return [float(np.corrcoef(a, b)[0, 1]) for a, b in pairs]
