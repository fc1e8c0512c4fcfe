"""Prices that wander at random, as bars and as quotes on their path, from a seed."""

from __future__ import annotations

import random
from collections.abc import Iterator

from tradebot.core.model.values import MINUTE_MS, Bar, Quote

START = 1_748_736_000_000
"""2025-06-01, a Sunday: the week turns on the way (UTC ms)."""


def bars(seed: int, symbols: list[str], count: int) -> Iterator[list[Bar]]:
    draw = random.Random(seed)
    prices = dict.fromkeys(symbols, 3000.0)
    for minute in range(count):
        step = []
        for symbol in symbols:
            path = [prices[symbol]]
            for _ in range(4):
                path.append(path[-1] * (1 + draw.gauss(0.0, 0.002)))
            prices[symbol] = path[-1]
            numbers = (path[1], max(path[1:]), min(path[1:]), path[-1], 1000.0)
            text = [f"{number:.1f}" for number in numbers]
            step.append(Bar.of(symbol, START + minute * MINUTE_MS, MINUTE_MS, text))
        yield step


def quotes(steps: Iterator[list[Bar]]) -> Iterator[list[Quote] | list[Bar]]:
    for step in steps:
        for second in range(0, 60, 20):
            yield [quote_in(bar, second) for bar in step]
        yield step


def quote_in(bar: Bar, second: int) -> Quote:
    mark = bar.open + (bar.close - bar.open) * second / 60
    text = [f"{mark + away:.1f}" for away in (-0.4, 0.5)] + ["50", "50", f"{mark:.2f}"]
    at = bar.open_time + second * 1000
    return Quote(bar.symbol, at, at, text, float(text[4]))
