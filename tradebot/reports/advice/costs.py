"""What trading costs beside what it earns, and what limits and size cost."""

from __future__ import annotations

import math
from collections.abc import Iterator

from tradebot.reports.advice.candidates import Candidate, TradeEffect, per_trade
from tradebot.reports.advice.outcomes import Evidence
from tradebot.reports.advice.settings import distance_line


def costs_over_edge(evidence: Evidence) -> Iterator[Candidate]:
    """Trade less, or longer: at the prices decided on there is an edge, after all costs a loss."""
    trades = evidence.trades
    slipped = math.fsum(trade.slippage or 0.0 for trade in trades)
    gross = math.fsum(trade.gross for trade in trades) - slipped
    costs = math.fsum(trade.costs for trade in trades) - slipped
    if gross <= 0:
        return  # without an edge cheaper trading does not help
    turnover = math.fsum(trade.turnover for trade in trades)
    even = 10_000 * gross / turnover if turnover else 0.0
    paid = 10_000 * costs / turnover if turnover else 0.0
    times = costs / gross
    yield Candidate(
        "costs",
        f"fewer and longer trades: costs are {times:.1f} times the gross result",
        f"gross {gross:+.2f}, costs {costs:.2f} USDT, slippage among them; it breaks even at {even:.1f} bps a side, {paid:.1f} were paid",
        "which trades to leave out; trades held longer are other trades",
        [per_trade(trade, -trade.pnl) for trade in trades],
    )


def target_in_costs(evidence: Evidence) -> Iterator[Candidate]:
    """Set targets beyond their costs: trades that reached theirs lost money."""
    reached = [trade for trade in evidence.trades if trade.reason == "target"]
    lost = sum(trade.pnl < 0 for trade in reached)
    yield Candidate(
        "target in costs",
        "targets farther than what entering and leaving costs",
        f"{lost} of {len(reached)} trades that reached their target lost money",
        "how often a farther target would be reached",
        [per_trade(trade, -trade.pnl) for trade in reached],
        config=distance_line(evidence.settings, "target_atr", 1.5),
        signal="target_x=1.5",
    )


def slippage_over_model(evidence: Evidence) -> Iterator[Candidate]:
    """Reckon with more slippage: fills were worse than the simulation's."""
    modelled = evidence.modelled or {}
    trades = [t for t in evidence.trades if t.id in modelled and t.slippage is not None]
    trades = [trade for trade in trades if trade.turnover]
    if not trades:
        return
    effects = [per_trade(t, -(t.slippage or 0.0) - modelled[t.id]) for t in trades]
    turnover = math.fsum(trade.turnover for trade in trades) / 10_000
    paid = math.fsum(-(trade.slippage or 0.0) for trade in trades) / turnover
    model = math.fsum(modelled[trade.id] for trade in trades) / turnover
    yield Candidate(
        "slippage",
        "reckoning with more slippage than the simulation does",
        f"{paid:.2f} bps a side were paid, {model:.2f} are modelled",
        "whether other order types would be filled better",
        effects,
        config=f"spread_bps = {max(paid, model) * 2:.1f} in [sim]",
    )


WITHIN = {
    "blackout": "signals outside the blackout hours: a longer timeframe has them at other hours",
    "day loss": "smaller positions, so that fewer days come near the limit",
    "entry interval": "fewer symbols, so that entries are further apart",
    "margin": "smaller positions, so that less margin is used",
    "position value": "smaller positions",
    "positions": "fewer symbols or shorter trades, so that fewer wait for a place",
    "trade loss": "nearer stops or smaller positions",
    "week loss": "smaller positions, so that fewer weeks come near the limit",
}
"""What can be done inside a limit, by the rule's name; refusals by others (a stop on the wrong side, old prices) are no limit's."""


def refused_and_good(evidence: Evidence) -> Iterator[Candidate]:
    """Say that what a limit refused would have earned; a limit is never recommended to be loosened."""
    for rule, within in WITHIN.items():
        part = [refused for refused in evidence.refused if refused.rule == rule]
        if not part:
            continue
        yield Candidate(
            "refused",
            f"{within}; the limit ({rule}) stays where it is",
            f"{len(part)} entries that it refused would have earned {sum(r.pnl for r in part):+.2f} USDT",
            "what they would have added to a loss on a bad day: that is what the limit is for",
            [TradeEffect(refused.day, refused.pnl, None) for refused in part],
        )
