"""A change that could be recommended, with what it would have done to each trade it concerns."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean
from typing import Any

from tradebot.reports.advice.outcomes import Evidence, PastTrade

LEAST_TRADES, LEAST_DAYS = 100, 20
"""Below this nothing is looked for."""

PART_TRADES, PART_DAYS = 30, 10
"""Below this a part of the trades is not looked at."""


@dataclass(frozen=True, slots=True)
class TradeEffect:
    """What a change would have done to one trade: better by ``gain`` (USDT) and ``r`` (planned losses, None where unknown)."""

    day: int
    gain: float
    r: float | None


@dataclass(frozen=True, slots=True)
class Candidate:
    """A change and its effects. ``what`` follows "consider", ``shows`` is the evidence, ``not_shown`` what it does not say.

    ``config`` is the line of bot.toml that makes it, "" where it is the strategy's; ``signal`` how ``whatif`` tries it, "" where it cannot.
    ``contrast`` is what is tested where that is not the gain itself: by day, it adds up to the difference of two means.
    """

    rule: str
    what: str
    shows: str
    not_shown: str
    effects: Sequence[TradeEffect]
    config: str = ""
    signal: str = ""
    contrast: Mapping[int, float] | None = None

    @property
    def by_day(self) -> Mapping[int, float]:
        """What is tested, a sum for each day."""
        if self.contrast is not None:
            return self.contrast
        in_r = all(effect.r is not None for effect in self.effects)
        return sums_by_day(
            (effect.day, effect.r if in_r and effect.r is not None else effect.gain)
            for effect in self.effects
        )

    @property
    def tested(self) -> list[float]:
        """What is tested, a sum for each day in order."""
        by_day = self.by_day
        return [by_day[day] for day in sorted(by_day)]

    def has(self, trades: int, days: int) -> bool:
        """Whether it concerns at least so many trades on so many days."""
        on = {effect.day for effect in self.effects}
        return len(self.effects) >= trades and len(on) >= days

    def halves_agree(self, middle: float) -> bool:
        """Whether both halves of the time have some of it and speak for it; ``middle`` is the day that the second begins with."""
        if {effect.day < middle for effect in self.effects} != {True, False}:
            return False
        days = self.by_day
        first = math.fsum(value for day, value in days.items() if day < middle)
        return first > 0 and math.fsum(value for day, value in days.items() if day >= middle) > 0


def sums_by_day(values: Iterable[tuple[int, float]]) -> dict[int, float]:
    """Add up values by their day."""
    found: defaultdict[int, float] = defaultdict(float)
    for day, value in values:
        found[day] += value
    return dict(found)


def per_trade(trade: PastTrade, gain: float) -> TradeEffect:
    """Return the effect of a change whose gain is known of the trade itself."""
    return TradeEffect(trade.day, gain, gain / trade.risk if trade.risk else None)


def left_out(part: Sequence[PastTrade]) -> list[TradeEffect]:
    """Return what leaving trades out would have done."""
    return [per_trade(trade, -trade.pnl) for trade in part]


def contrast(worse: Sequence[PastTrade], better: Sequence[PastTrade]) -> dict[int, float]:
    """Return, by day, how much worse the mean of some trades was than that of others.

    Where all trades lose, no part of them is to blame; and what all trades of a day had in common cancels out.
    """
    in_r = all(trade.r is not None for trade in (*worse, *better))
    middle = fmean(_size(trade, in_r) for trade in (*worse, *better))
    return sums_by_day(
        (trade.day, sign * (middle - _size(trade, in_r)) / len(side))
        for side, sign in ((worse, 1), (better, -1))
        for trade in side
    )


def _size(trade: PastTrade, in_r: bool) -> float:
    return trade.r if in_r and trade.r is not None else trade.pnl


def segments(
    evidence: Evidence, names: Iterable[object], pick: str
) -> Iterable[tuple[Any, list[PastTrade], list[PastTrade]]]:
    """Yield each value of an attribute with the trades that have it and those that do not."""
    for name in names:
        part = [trade for trade in evidence.trades if getattr(trade, pick) == name]
        rest = [trade for trade in evidence.trades if getattr(trade, pick) != name]
        if part and rest:
            yield name, part, rest
