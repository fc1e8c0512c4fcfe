"""What is always there to compare with: buying and holding what was traded, and cash.

Prices are the run's own, from its signals and fills: they stay in the journal for good.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from itertools import pairwise

from tradebot.core.ghost.quality import YEAR_DAYS
from tradebot.core.model.values import DAY_MS
from tradebot.reports.monthly.comparison import Benchmark, Fixing
from tradebot.reports.monthly.period import Period, day_start
from tradebot.reports.monthly.record import RunHistory

FUNDING = "funding is in it only from the times a position was held: the journal has no other rates"


def benchmarks_of(records: Sequence[RunHistory], period: Period, ended: int) -> list[Benchmark]:
    """Return each traded symbol held, their equal mix, and cash at 0 %, at the ends of the period's days.

    ``ended`` is the last moment on the curve (UTC ms).
    """
    times = _times(records, period, ended)
    if len(times) < 2:
        return []
    fee = float(records[-1].taker_fee)
    symbols = sorted(
        {
            trade.symbol
            for record in records
            for trade in record.trades
            if period.holds(trade.exit_time)
        }
    )
    held = [line for symbol in symbols if (line := _held(symbol, records, times, fee)) is not None]
    cash = Benchmark("cash at 0 %", [Fixing(at, 1.0) for at in times], (), YEAR_DAYS)
    mix = [_mixed(held)] if len(held) > 1 else []
    return [*held, *mix, cash]


def _times(records: Sequence[RunHistory], period: Period, ended: int) -> list[int]:
    first = max(period.first, min(record.first for record in records))
    after = day_start(first) + DAY_MS
    return [first, *range(after, ended, DAY_MS), ended] if ended > first else []


def _held(
    symbol: str, records: Sequence[RunHistory], times: Sequence[int], fee: float
) -> Benchmark | None:
    """Return a symbol held from the first of the moments on, its price the last one seen before each."""
    seen = sorted(row for record in records for row in record.prices.get(symbol, ()))
    moments = [at for at, _ in seen]
    if not seen:
        return None
    values = [seen[max(0, bisect_right(moments, at) - 1)][1] for at in times]
    rate = sorted(row for record in records for row in record.rates.get(symbol, ()))
    paid, sessions = 0.0, [Fixing(times[0], values[0])]
    for (before, at), value in zip(pairwise(times), values[1:], strict=True):
        paid += sum(part for when, part in rate if before < when <= at)
        sessions.append(Fixing(at, value - values[0] * (fee + paid)))
    return Benchmark(f"{symbol} held", sessions, ("net of one taker fee", FUNDING), YEAR_DAYS)


def _mixed(held: Sequence[Benchmark]) -> Benchmark:
    """Return as much money in each of them at the start, left alone from then on."""
    columns = [[s.value / line.sessions[0].value for s in line.sessions] for line in held]
    sessions = [
        Fixing(mark.at, sum(column[i] for column in columns) / len(columns))
        for i, mark in enumerate(held[0].sessions)
    ]
    return Benchmark("equal mix held", sessions, held[0].notes, YEAR_DAYS)


__all__ = ["benchmarks_of"]
