"""Whether the size can be borne: the chance to lose what may be lost, if things are as bad as they may well be.

For a walk with drift m and spread s a trade the chance ever to lose L is at most exp(-2 m L / s^2): D. R. Cox and H. D. Miller,
The Theory of Stochastic Processes (1965), section 2.1 (the bound of Lundberg).
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from random import Random
from statistics import fmean, pvariance

from tradebot.reports.advice.candidates import Candidate, per_trade, sums_by_day
from tradebot.reports.advice.outcomes import Evidence, PastTrade
from tradebot.reports.advice.resampling import LEVEL, interval
from tradebot.reports.advice.settings import size_line


def ruin_bound(trades: Sequence[PastTrade], loss: float, draw: Random) -> tuple[float, float]:
    """Return the lower end of the expectancy's 95 % interval (USDT a trade) and the chance (0..1) ever to lose ``loss`` USDT at it.

    1 where the lower end is no gain.
    """
    sums = sums_by_day((trade.day, trade.pnl) for trade in trades)
    counts = sums_by_day((trade.day, 1) for trade in trades)
    low, _ = interval(list(sums.values()), list(map(int, counts.values())), draw)
    spread = pvariance([trade.pnl for trade in trades])
    if low <= 0:
        return low, 1.0
    return low, math.exp(-2 * low * loss / spread) if spread else 0.0


def size_too_large(evidence: Evidence) -> Iterator[Candidate]:
    """Trade smaller: on average trades earned less than what this size needs, or lost.

    What is needed is the drift at which the chance ever to lose what may be lost is ``LEVEL``: -ln(LEVEL) s^2 / (2 L).
    """
    trades, loss = evidence.trades, evidence.loss
    if not loss or len(trades) < 2:
        return
    middle = fmean(trade.pnl for trade in trades)
    needed = -math.log(LEVEL) * pvariance([trade.pnl for trade in trades]) / (2 * loss)
    if middle >= needed:
        return
    low, chance = ruin_bound(trades, loss, Random(f"{len(trades)}/{loss}"))
    yield Candidate(
        "size",
        _smaller(low, needed),
        f"trades came to {middle:+.2f} USDT each; at the lower end of the 95 % interval, {low:+.2f}, the chance ever to lose"
        f" the {loss:,.0f} USDT that may be lost is up to {100 * chance:.1f} %, and {needed:+.2f} would be needed for {100 * LEVEL:g} %",
        "how to earn more: a smaller size loses less, and later",
        [per_trade(trade, needed - trade.pnl) for trade in trades],
        config=size_line(evidence.settings, low / needed),
    )


def _smaller(low: float, needed: float) -> str:
    """Say how much smaller: drift and spread shrink together, so what is needed shrinks faster than what is there."""
    share = low / needed if needed else 0.0
    if share <= 0:
        return "the smallest size, or paper, until there is an edge (no size makes up for none)"
    return f"{100 * share:.0f} % of the size"


__all__ = ["ruin_bound", "size_too_large"]
