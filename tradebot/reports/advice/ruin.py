"""Whether the size can be borne: the chance to lose what may be lost, if things are as bad as they may well be."""

from __future__ import annotations

import math
from collections.abc import Sequence
from random import Random

from tradebot.reports.advice.outcomes import PastTrade, mean
from tradebot.reports.advice.resampling import interval


def ruin_bound(trades: Sequence[PastTrade], loss: float, draw: Random) -> tuple[float, float]:
    """Return the lower end of the expectancy's 95 % interval (USDT a trade) and the chance (0..1) ever to lose ``loss`` USDT at it.

    exp(-2 m L / s^2) for a walk with drift m and spread s a trade: D. R. Cox and H. D. Miller, The Theory of Stochastic Processes (1965),
    section 2.1 (the bound of Lundberg). 1 where the lower end is no gain.
    """
    days = sorted({trade.day for trade in trades})
    sums = [math.fsum(t.pnl for t in trades if t.day == day) for day in days]
    counts = [sum(t.day == day for t in trades) for day in days]
    low, _ = interval(sums, counts, draw)
    middle = mean(trade.pnl for trade in trades)
    spread = mean((trade.pnl - middle) ** 2 for trade in trades)
    if low <= 0:
        return low, 1.0
    return low, math.exp(-2 * low * loss / spread) if spread else 0.0
