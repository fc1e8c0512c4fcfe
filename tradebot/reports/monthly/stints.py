"""Before and after a change of the strategy: what one came to beside what the next came to, without a promise."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal
from itertools import groupby, pairwise
from random import Random

from tradebot.core.ghost.quality import SMALL
from tradebot.core.model.values import DAY_MS
from tradebot.journal.view import TradeRow
from tradebot.reports.advice.resampling import interval
from tradebot.reports.monthly.bridge import bridge_of, closed_in
from tradebot.reports.monthly.period import Period, month_of
from tradebot.reports.monthly.ratios import mean
from tradebot.reports.monthly.record import RunHistory
from tradebot.reports.signal_quality import SEED

MOST = 6
"""Stints that are told: the newest."""


@dataclass(frozen=True, slots=True)
class StrategyStint:
    """The time in which one strategy hash ran. UTC ms; ``days`` are those its runs were on, gaps between them left out.

    ``expectancy_r`` is the mean result in multiples of the loss planned at the stop, over ``n`` trades that know it, with the 95 %
    interval that drawing whole days gives (None on a single day). ``net_a_day`` (USDT) has what is open in it; None below a day.
    """

    strategy: str
    strategy_hash: str
    first: int
    last: int
    days: float
    trades: int
    small: bool
    n: int
    expectancy_r: float | None
    low_r: float | None
    high_r: float | None
    net: Decimal
    net_a_day: float | None


def stints_of(records: Sequence[RunHistory], period: Period) -> list[StrategyStint]:
    """Return the stints in a period and the one before it, the oldest first and the newest ``MOST``; none where no strategy was changed.

    ``records`` follow one another, the oldest first.
    """
    time = Period(_before(period).first, period.last)
    inside = [r for r in records if r.points and r.first < time.last and r.last >= time.first]
    parts = [list(part) for _, part in groupby(inside, key=_hash)]
    return [_stint(part, time) for part in parts[-MOST:]] if len(parts) > 1 else []


def _hash(record: RunHistory) -> tuple[str, str]:
    return record.strategy, record.strategy_hash


def _before(period: Period) -> Period:
    """Return the month before a month; before another time as much time."""
    if month_of(period.first) == period:
        return month_of(period.first - 1)
    return Period(2 * period.first - period.last, period.first)


def _stint(part: Sequence[RunHistory], time: Period) -> StrategyStint:
    trades = [trade for record in part for trade in closed_in(record, time)]
    known = [trade for trade in trades if trade.risk]
    low, high = _interval(known)
    ran = sum(min(r.last, time.last) - max(r.first, time.first) for r in part)
    net = bridge_of(part, time).net
    return StrategyStint(
        strategy=part[0].strategy,
        strategy_hash=part[0].strategy_hash,
        first=max(part[0].first, time.first),
        last=min(part[-1].last, time.last),
        days=ran / DAY_MS,
        trades=len(trades),
        small=len(trades) < SMALL,
        n=len(known),
        expectancy_r=mean([_r(trade) for trade in known]),
        low_r=low,
        high_r=high,
        net=net,
        net_a_day=float(net) * DAY_MS / ran if ran >= DAY_MS else None,
    )


def _r(trade: TradeRow) -> float:
    return float(trade.pnl) / float(trade.risk or 1)


def _interval(trades: Sequence[TradeRow]) -> tuple[float | None, float | None]:
    days: dict[int, list[float]] = {}
    for trade in trades:
        days.setdefault(trade.entry_time // DAY_MS, []).append(_r(trade))
    if len(days) < 2:
        return None, None
    chosen = list(days.values())
    return interval([sum(day) for day in chosen], [len(day) for day in chosen], Random(SEED))


def changes_in_words(stints: Sequence[StrategyStint]) -> Iterator[str]:
    """Yield a sentence on every change whose both sides have an interval: whether they can be told apart."""
    for before, after in pairwise(stints):
        names = f"{named(before)} -> {named(after)}"
        if None in (before.low_r, before.high_r, after.low_r, after.high_r):
            yield f"{names}: too few days on either side to compare."
        elif _apart(before, after):
            yield f"{names}: the intervals lie apart; the market was another one too."
        else:
            yield f"{names}: the intervals overlap, no difference can be told."


def _apart(before: StrategyStint, after: StrategyStint) -> bool:
    lows, highs = (before.low_r or 0.0, after.low_r or 0.0), (before.high_r, after.high_r)
    return max(lows) > min(high or 0.0 for high in highs)


def named(stint: StrategyStint) -> str:
    """Return a stint's strategy with the beginning of its hash."""
    return f"{stint.strategy} {stint.strategy_hash[:6]}".strip()


__all__ = ["StrategyStint", "changes_in_words", "named", "stints_of"]
