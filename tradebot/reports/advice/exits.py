"""Stops and targets: what other distances would have made of the same trades, as far as their course tells.

A nearer target and a tighter stop can be told from how far each trade went for and against us on its way, since it
lived through that. A wider stop cannot: bars behind the exit must tell (``Evidence.held_on``).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from statistics import fmean

from tradebot.reports.advice.candidates import Candidate, per_trade
from tradebot.reports.advice.outcomes import Evidence, PastTrade
from tradebot.reports.advice.settings import distance_line

TARGETS = (0.5, 0.65, 0.8)
STOPS = (0.5, 0.65, 0.8)
WIDER = 1.5
"""The stop that ``Evidence.held_on`` reckons with, as a multiple of the planned distance."""

FILLS = (
    "what the exits would have been filled at (they are reckoned at their price, with the costs of the real ones), nor the"
    " trades that a place freed earlier lets in"
)


def nearer_target(evidence: Evidence) -> Iterator[Candidate]:
    """Take the gain earlier: exits gave back what had been there."""
    trades = [trade for trade in evidence.trades if trade.reward and trade.mfe is not None]
    gave = sum(1 for t in trades if (t.mfe or 0) >= (t.stop_loss or t.reward or 0) and t.pnl <= 0)
    for share in TARGETS:
        yield Candidate(
            "target",
            f"targets at {share:g} of their distance",
            f"{gave} of {len(trades)} trades that were ahead by their planned loss ended without a gain",
            FILLS,
            [per_trade(trade, _at_target(trade, share)) for trade in trades],
            config=distance_line(evidence.settings, "target_atr", share),
            signal=f"target_x={share:g}",
        )


def _at_target(trade: PastTrade, share: float) -> float:
    """Return the gain (USDT) of a target at ``share`` of its distance."""
    level = share * (trade.reward or 0.0)
    return level - trade.gross if (trade.mfe or 0.0) >= level else 0.0


def tighter_stop(evidence: Evidence) -> Iterator[Candidate]:
    """Give up earlier: winners never came near their stops."""
    trades = [trade for trade in evidence.trades if trade.stop_loss and trade.mae is not None]
    deep = _deepest(trades)
    slip = _beyond_stops(trades)
    for share in STOPS:
        yield Candidate(
            "stop too wide",
            f"stops at {share:g} of their distance",
            f"nine of ten winners never were further behind than {deep:.2f} of the way to their stop",
            FILLS,
            [per_trade(trade, _at_stop(trade, share, slip)) for trade in trades],
            config=distance_line(evidence.settings, "stop_atr", share),
            signal=f"stop_x={share:g}",
        )


def _deepest(trades: Iterable[PastTrade]) -> float:
    """Return how much of the way to their stops nine of ten winners stayed within."""
    winners = sorted(_depth(trade) for trade in trades if trade.pnl > 0)
    return winners[int(0.9 * (len(winners) - 1))] if winners else 0.0


def _depth(trade: PastTrade) -> float:
    return (trade.mae or 0.0) / (trade.stop_loss or 1.0)


def _at_stop(trade: PastTrade, share: float, slip: float) -> float:
    """Return the gain (USDT) of a stop at ``share`` of its distance: less lost by losers, winners lost.

    It is filled as far beyond its price as the real ones were, in planned losses: ``slip``.
    """
    full = trade.stop_loss or 0.0
    level = share * full
    return -level - slip * full - trade.gross if (trade.mae or 0.0) >= level else 0.0


def _beyond_stops(trades: Sequence[PastTrade]) -> float:
    """Return how far beyond their prices stops were filled on average, in what their distance is worth."""
    beyond = [
        -trade.gross / trade.stop_loss - 1
        for trade in trades
        if trade.reason == "stop" and trade.stop_loss
    ]
    return max(0.0, fmean(beyond)) if beyond else 0.0


def wider_stop(evidence: Evidence) -> Iterator[Candidate]:
    """Hold on longer: stopped trades met their target soon after."""
    known = evidence.held_on or {}
    trades = [trade for trade in evidence.trades if trade.id in known]
    better = sum(known[trade.id].gain > 0 for trade in trades)
    met = sum(known[trade.id].met_target for trade in trades)
    deep = _deepest(trade for trade in evidence.trades if trade.stop_loss and trade.mae is not None)
    yield Candidate(
        "stop too tight",
        f"stops at {WIDER:g} of their distance",
        f"of {len(trades)} stopped trades {met} would have met their target within the winners' median time, and {better} ended"
        f" better; one winner in ten was further behind than {deep:.2f} of the way to its stop",
        "trades that the longer ones would have kept from being entered; with the same size more is at risk",
        [per_trade(trade, known[trade.id].gain) for trade in trades],
        config=distance_line(evidence.settings, "stop_atr", WIDER),
        signal=f"stop_x={WIDER:g}",
    )
