"""Bars and runs that the strategies' tests share."""

from __future__ import annotations

import math
import random

from tradebot.core.model.values import MINUTE_MS, Bar
from tradebot.core.strategy.protocol import Signal, Strategy


def bars_of(
    closes: list[float], width: float = 1.0, volumes: list[float] | None = None
) -> list[Bar]:
    """Bars that open and close at the given price, ``width`` wide on both sides."""
    text = ("1", "1", "1", "1", "1")
    traded = volumes or [1.0] * len(closes)
    return [
        Bar("BTC/USDT", i * MINUTE_MS, MINUTE_MS, text, c, c + width, c - width, c, v)
        for i, (c, v) in enumerate(zip(closes, traded, strict=True))
    ]


def run(strategy: Strategy, bars: list[Bar]) -> dict[int, Signal]:
    """Signals by the index of their bar."""
    judged = ((i, strategy.on_bar(bar)) for i, bar in enumerate(bars))
    return {i: signal for i, signal in judged if signal is not None}


def noise(count: int, seed: int = 7) -> list[float]:
    """A random walk around 100."""
    rng = random.Random(seed)
    price, closes = 100.0, []
    for _ in range(count):
        price *= math.exp(rng.gauss(0, 0.01))
        closes.append(price)
    return closes
