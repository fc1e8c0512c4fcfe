"""A report as one value: everything its faces show, and nothing they have to work out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal

from tradebot.reports.monthly.bridge import Bridge
from tradebot.reports.monthly.comparison import BenchmarkComparison
from tradebot.reports.monthly.curve import Day, Spell
from tradebot.reports.monthly.groups import Group
from tradebot.reports.monthly.ratios import Ratios
from tradebot.reports.monthly.stints import StrategyStint


@dataclass(frozen=True, slots=True)
class ReportedRun:
    """A run the report is about; moments in UTC ms, equity at its ends in the period and its part (USDT)."""

    run: str
    strategy: str
    strategy_hash: str
    market: str
    first: int
    last: int
    start_equity: Decimal
    end_equity: Decimal
    net: Decimal
    trades: int


@dataclass(frozen=True, slots=True)
class Summary:
    """The head of a report. USDT, percent, days.

    ``return_pct`` is time-weighted: linked at every transfer. Deepest drawdowns: ``drawdown`` in USDT of the summed
    result, ``drawdown_pct`` of the linked return, with the days from its peak to recovery or the end.
    """

    net: Decimal
    return_pct: float | None
    drawdown: Decimal
    drawdown_pct: float
    drawdown_days: float
    trades: int
    small: bool
    expectancy: float | None
    expectancy_low: float | None
    expectancy_high: float | None
    expectancy_method: str
    win_rate_pct: float | None
    win_rate_low_pct: float | None
    win_rate_high_pct: float | None
    average_win: float | None
    average_loss: float | None
    payoff_ratio: float | None
    profit_factor: float | None
    sentence: str


@dataclass(frozen=True, slots=True)
class LimitUse:
    """How much of a limit was used, in percent of it, over ``n`` trades or days."""

    rule: str
    cap: Decimal
    average_pct: float
    highest_pct: float
    n: int


@dataclass(frozen=True, slots=True)
class RefusalCount:
    """Entries that a rule refused; ``outcome`` is what ``known`` hypothetical trades of such entries, which closed in the time, came to (USDT)."""

    rule: str
    signals: int
    known: int
    outcome: Decimal | None


@dataclass(frozen=True, slots=True)
class RiskFigures:
    """How the result was made. ``turnover`` is the notional traded, over the average equity."""

    ratios: Ratios
    time_in_market_pct: float | None
    turnover: float | None
    traded: Decimal
    limits: Sequence[LimitUse]
    halts: Mapping[str, int]
    refusals: Sequence[RefusalCount]


@dataclass(frozen=True, slots=True)
class MonthResult:
    """A month's part: result (USDT) and time-weighted return in percent."""

    year: int
    month: int
    net: Decimal
    return_pct: float


@dataclass(frozen=True, slots=True)
class TradeMark:
    """A trade on a chart: its close (UTC ms), result, excursions (USDT) and result in R."""

    at: int
    pnl: Decimal
    mae: Decimal | None
    mfe: Decimal | None
    r: float | None
    text: str


@dataclass(frozen=True, slots=True)
class Bin:
    """A bar of a histogram: from ``low`` up to ``high`` in R, None for an open end; how many trades."""

    low: float | None
    high: float | None
    count: int


@dataclass(frozen=True, slots=True)
class FillCosts:
    """How fills were against the price they were decided at, in basis points of it: above 0 is against us."""

    n: int
    median_bps: float | None
    p90_bps: float | None
    worst_bps: float | None


@dataclass(frozen=True, slots=True)
class BesideModel:
    """What an exchange's fills cost more than the simulation would have charged, by trade, in basis points of what it traded.

    Above 0 is against us. ``n`` of ``trades`` could be compared, ``more`` is what these cost more in all (USDT); ``why`` none could,
    else "".
    """

    n: int = 0
    trades: int = 0
    median_bps: float | None = None
    p90_bps: float | None = None
    worst_bps: float | None = None
    more: float | None = None
    why: str = ""


@dataclass(frozen=True, slots=True)
class StopsReach:
    """How far of the way from the entry to liquidation stops were, in percent: at 100 they come too late."""

    n: int
    median_pct: float | None
    worst_pct: float | None


@dataclass(frozen=True, slots=True)
class AdviceText:
    """What to change: text lines for people, data for programs. Empty where nothing was asked."""

    lines: Sequence[str] = ()
    data: Mapping[str, object] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Report:
    """A whole report. Moments in UTC ms; ``partial`` where the journal does not reach over the whole period.

    ``advice`` and ``beside_model`` need what a run saw, which may be dropped: they are added later. ``income`` and the latency are known
    once a run has ended or an exchange has booked. None of these is a part of the hash.
    """

    title: str
    mode: str
    venue: str
    market: str
    first: int
    last: int
    begun: int
    ended: int
    partial: bool
    runs: Sequence[ReportedRun]
    head: Summary
    bridge: Bridge
    risk: RiskFigures
    groups: Mapping[str, Sequence[Group]]
    stints: Sequence[StrategyStint]
    drawdowns: Sequence[Spell]
    days: Sequence[Day]
    months: Sequence[MonthResult]
    marks: Sequence[TradeMark]
    r_multiples: Sequence[Bin]
    fill_costs: FillCosts
    stops: StopsReach
    latency_p50_ms: str | None
    latency_p99_ms: str | None
    benchmarks: Sequence[BenchmarkComparison]
    curve: Sequence[tuple[int, float]]
    falls: Sequence[tuple[int, float]]
    notes: Sequence[str]
    income: Sequence[str] = ()
    advice: AdviceText = AdviceText()
    beside_model: BesideModel | None = None


__all__ = ["AdviceText", "Report"]
