"""The documents of signal quality: their keys, for the faces that show them.

Statistics are decimal text at 8 decimals (USDT, seconds; ``*_pct`` in percent), None where they are not defined.
"""

from __future__ import annotations

from typing import NotRequired, TypedDict

from tradebot.core.ghost.quality import Dimension
from tradebot.journal.view import GhostCounts


class FiguresDocument(TypedDict):
    """What a group of hypothetical trades amounts to; ``small`` is a sample that says little.

    In a report the expectancy has its 95 % interval, and how that was made.
    """

    trades: int
    profitable: int
    accuracy_pct: str | None
    accuracy_low_pct: str | None
    accuracy_high_pct: str | None
    pnl: str
    average_win: str | None
    average_loss: str | None
    payoff_ratio: str | None
    expectancy: str | None
    deviation: str | None
    profit_factor: str | None
    max_drawdown: str
    sharpe_trade: str | None
    sortino_trade: str | None
    sharpe_daily: str | None
    sortino_daily: str | None
    days: int
    average_duration_s: str | None
    best: str | None
    worst: str | None
    average_mfe: str | None
    average_mae: str | None
    small: bool
    expectancy_low: NotRequired[str | None]
    expectancy_high: NotRequired[str | None]
    expectancy_interval: NotRequired[str]


class GroupDocument(FiguresDocument, total=False):
    """The trades that are alike in one of the dimensions; which, and in what, is the one key of these."""

    symbol: str
    side: str
    tier: str
    hour: str
    verdict: str
    strategy: str


class StandingDocument(GhostCounts):
    """What a screen shows of a run: counts, figures overall and by dimension."""

    overall: FiguresDocument
    by: dict[Dimension, list[GroupDocument]]


class RulesDocument(TypedDict):
    """What refusing cost or saved: the result of the trades that the rules did not let through."""

    refused_trades: int
    refused_pnl: str | None
    effect: str


_Span = TypedDict("_Span", {"from": str | None, "to": str | None})


class JudgedRun(_Span):
    """A run that a report is about; ``notional`` is the size of its hypothetical trades."""

    run: str
    market: str
    strategy: str
    strategy_hash: str
    state: str
    notional: str | None


class QualityDocument(StandingDocument):
    """The report on the signals of one or several runs."""

    runs: list[JudgedRun]
    rules: RulesDocument
    notes: list[str]
