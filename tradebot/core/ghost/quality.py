"""How good signals were: statistics of hypothetical trades, kept incrementally.

Adding an outcome costs a few sums, however many went before. What does not depend on the order of
trades is summed once per cell (symbol, side, tier, hour, verdict, strategy) and merged when asked for;
what does (drawdown, days) is kept per group. Statistics are floats: money here is read, never booked.

Definitions. Accuracy: profitable (net result above zero) of all closed trades, with Wilson's interval
(E. B. Wilson, 1927). Expectancy: mean net result. Payoff ratio: average win / average loss. Profit
factor: gross win / gross loss. Drawdown: deepest fall of the summed results from their peak, or from
0. Sharpe: mean / standard deviation (n - 1) of results; Sortino: mean / root of the mean squared loss
over all of them (F. Sortino, 1994), target 0. Per trade they are not annualised. Daily they take the
sum of each UTC day, from the day of the first closing to that of the last, days without any as 0, times
the root of 365 (this market has no weekend). They do not depend on the notional.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Literal, NamedTuple, TypeAlias

from tradebot.core.model.frozen import frozen

DAY_MS = 86_400_000
YEAR_DAYS = 365
"""Trading days in a year: all of them."""

SMALL = 30
"""Fewer trades than this are called a small sample."""

SAMPLES = 10_000
"""Most results kept of a group for a bootstrap; larger groups get a normal interval."""

Z95 = 1.959963984540054
"""Quantile of the normal distribution at 97.5 %: two-sided 95 %."""

NOISE = 1e-12
"""A spread below this share of the sum of squares is what rounding leaves of none."""

Dimension: TypeAlias = Literal["symbol", "side", "tier", "hour", "verdict", "strategy"]
"""What trades may be alike in."""

DIMENSIONS: tuple[Dimension, ...] = ("symbol", "side", "tier", "hour", "verdict", "strategy")


def tier_name(confidence: float) -> str:
    """Return the name of a confidence's tier: high from 0.75, medium from 0.5, else low."""
    if confidence >= 0.75:
        return "high"
    return "medium" if confidence >= 0.5 else "low"


class Traits(NamedTuple):
    """What an outcome is grouped by; ``hour`` is the UTC hour of the signal, two digits."""

    symbol: str
    side: str
    tier: str
    hour: str
    verdict: str
    strategy: str


class Outcome(NamedTuple):
    """A closed hypothetical trade: when (UTC ms), how long (s), and what it came to (USDT)."""

    kind: Traits
    closed: int
    pnl: float
    duration_s: float
    mfe: float
    mae: float


@frozen
class Figures:
    """What a group of trades amounts to: USDT, seconds, percent; None where it is not defined."""

    trades: int
    profitable: int
    accuracy_pct: float | None
    accuracy_low_pct: float | None
    accuracy_high_pct: float | None
    pnl: float
    average_win: float | None
    average_loss: float | None
    payoff_ratio: float | None
    expectancy: float | None
    deviation: float | None
    profit_factor: float | None
    max_drawdown: float
    sharpe_trade: float | None
    sortino_trade: float | None
    sharpe_daily: float | None
    sortino_daily: float | None
    days: int
    average_duration_s: float | None
    best: float | None
    worst: float | None
    average_mfe: float | None
    average_mae: float | None

    @property
    def small(self) -> bool:
        """Whether the sample is too small to say much."""
        return self.trades < SMALL


class Sums:
    """What can be added up in any order."""

    __slots__ = (
        "best",
        "down",
        "duration",
        "losses",
        "lost",
        "mae",
        "mfe",
        "n",
        "samples",
        "squares",
        "wins",
        "won",
        "worst",
    )

    def __init__(self, samples: list[float] | None = None) -> None:
        self.n = self.wins = self.losses = 0
        self.won = self.lost = self.squares = self.down = 0.0
        self.duration = self.mfe = self.mae = 0.0
        self.best, self.worst = -math.inf, math.inf
        self.samples = samples

    def add(self, outcome: Outcome) -> None:
        """Count an outcome."""
        pnl = outcome.pnl
        square = pnl * pnl
        self.n += 1
        self.squares += square
        if pnl > 0.0:
            self.wins += 1
            self.won += pnl
        elif pnl < 0.0:
            self.losses += 1
            self.lost -= pnl
            self.down += square
        if pnl > self.best:
            self.best = pnl
        if pnl < self.worst:
            self.worst = pnl
        self.duration += outcome.duration_s
        self.mfe += outcome.mfe
        self.mae += outcome.mae
        if self.samples is not None and self.n <= SAMPLES:
            self.samples.append(pnl)

    def merge(self, other: Sums) -> None:
        """Count what another has counted; its samples are the caller's to join."""
        for name in _ADDED:
            setattr(self, name, getattr(self, name) + getattr(other, name))
        self.best = max(self.best, other.best)
        self.worst = min(self.worst, other.worst)


_ADDED = tuple(name for name in Sums.__slots__ if name not in ("best", "worst", "samples"))


class Curve:
    """What depends on the order of closing: the fall from the peak, and the sums of days (USDT)."""

    __slots__ = ("_peak", "_total", "day", "deepest", "down", "first", "squares", "sum", "today")

    def __init__(self) -> None:
        self.first = self.day = -1
        self.today = self.sum = self.squares = self.down = 0.0
        self.deepest = self._peak = self._total = 0.0

    def add(self, day: int, pnl: float) -> None:
        """Count the next result of a day (days since 1970); ValueError if that day is over."""
        total = self._total = self._total + pnl
        if total > self._peak:
            self._peak = total
        elif self._peak - total > self.deepest:
            self.deepest = self._peak - total
        if day == self.day:
            self.today += pnl
        else:
            self._begin_day(day, pnl)

    def _begin_day(self, day: int, pnl: float) -> None:
        if day < self.day:
            raise ValueError(f"day {day} comes after day {self.day}: outcomes go by closing time")
        if self.first < 0:
            self.first = day
        self.sum, self.squares, self.down = self._with_today()
        self.day, self.today = day, pnl

    def _with_today(self) -> tuple[float, float, float]:
        square = self.today * self.today
        down = square if self.today < 0.0 else 0.0
        return self.sum + self.today, self.squares + square, self.down + down

    def ratios(self) -> tuple[int, float | None, float | None]:
        """Return the number of days, and daily Sharpe and Sortino, annualised."""
        if self.first < 0:
            return 0, None, None
        days = self.day - self.first + 1
        total, squares, down = self._with_today()
        year = math.sqrt(YEAR_DAYS)
        return days, *_scaled(sharpe(days, total, squares), sortino(days, total, down), year)


class Quality:
    """Statistics of outcomes, overall and by each of ``DIMENSIONS``.

    With ``samples`` it also keeps results for a bootstrap, at most ``SAMPLES`` of a cell.
    """

    def __init__(self, *, samples: bool = False) -> None:
        self._samples = samples
        self._cells: dict[Traits, tuple[Sums, tuple[Curve, ...]]] = {}
        self._whole = Curve()
        self._curves: dict[tuple[str, str], Curve] = {}

    def add(self, outcome: Outcome) -> None:
        """Count an outcome; they must come in the order of their UTC days of closing."""
        cell = self._cells.get(outcome.kind)
        if cell is None:
            cell = self._cells[outcome.kind] = self._cell(outcome.kind)
        sums, curves = cell
        sums.add(outcome)
        day, pnl = outcome.closed // DAY_MS, outcome.pnl
        for curve in curves:
            curve.add(day, pnl)

    def _cell(self, kind: Traits) -> tuple[Sums, tuple[Curve, ...]]:
        """Make the cell of a new kind, with the curves of every group that it belongs to."""
        groups = zip(DIMENSIONS, kind, strict=True)
        curves = [self._curves.setdefault(group, Curve()) for group in groups]
        return Sums([] if self._samples else None), (self._whole, *curves)

    def overall(self) -> Figures:
        """Return the figures of all outcomes."""
        return _figures(self._merged(self._cells), self._whole)

    def values(self, dimension: str) -> list[str]:
        """Return the values that outcomes have in a dimension, sorted."""
        return sorted(value for name, value in self._curves if name == dimension)

    def group(self, dimension: str, value: str) -> Figures:
        """Return the figures of one group; KeyError if nothing belongs to it."""
        curve = self._curves[dimension, value]
        return _figures(self._merged(self._kinds(dimension, value)), curve)

    def samples(self, dimension: str = "", value: str = "") -> list[float] | None:
        """Return a group's results (all of them without a dimension), in an order that is always the
        same; None for more than ``SAMPLES``, and where none are kept.
        """
        kinds = self._kinds(dimension, value) if dimension else list(self._cells)
        if not self._samples or sum(self._cells[kind][0].n for kind in kinds) > SAMPLES:
            return None
        return [pnl for kind in sorted(kinds) for pnl in self._cells[kind][0].samples or ()]

    def _kinds(self, dimension: str, value: str) -> list[Traits]:
        return [kind for kind in self._cells if getattr(kind, dimension) == value]

    def _merged(self, kinds: Iterable[Traits]) -> Sums:
        merged = Sums()
        for kind in kinds:
            merged.merge(self._cells[kind][0])
        return merged


def _figures(sums: Sums, curve: Curve) -> Figures:
    n, wins, losses = sums.n, sums.wins, sums.losses
    low, high = wilson(wins, n)
    win, loss = _per(sums.won, wins), _per(-sums.lost, losses)
    pnl = sums.won - sums.lost
    days, sharpe_daily, sortino_daily = curve.ratios()
    return Figures(
        trades=n,
        profitable=wins,
        accuracy_pct=_per(100.0 * wins, n),
        accuracy_low_pct=low,
        accuracy_high_pct=high,
        pnl=pnl,
        average_win=win,
        average_loss=loss,
        payoff_ratio=None if win is None or loss is None else win / -loss,
        expectancy=_per(pnl, n),
        deviation=deviation(n, pnl, sums.squares),
        profit_factor=_per(sums.won, sums.lost),
        max_drawdown=curve.deepest,
        sharpe_trade=sharpe(n, pnl, sums.squares),
        sortino_trade=sortino(n, pnl, sums.down),
        sharpe_daily=sharpe_daily,
        sortino_daily=sortino_daily,
        days=days,
        average_duration_s=_per(sums.duration, n),
        best=sums.best if n else None,
        worst=sums.worst if n else None,
        average_mfe=_per(sums.mfe, n),
        average_mae=_per(sums.mae, n),
    )


def _per(total: float, count: float) -> float | None:
    return total / count if count else None


def _scaled(
    one: float | None, other: float | None, factor: float
) -> tuple[float | None, float | None]:
    return (None if one is None else one * factor), (None if other is None else other * factor)


def deviation(n: int, total: float, squares: float) -> float | None:
    """Return the standard deviation (n - 1) from a sum and a sum of squares; None below two values.

    0.0 where the values differ by no more than rounding.
    """
    if n < 2:
        return None
    spread = squares - total * total / n
    return math.sqrt(spread / (n - 1)) if spread > NOISE * squares else 0.0


def sharpe(n: int, total: float, squares: float) -> float | None:
    """Return mean / standard deviation (n - 1); None where that is 0 or unknown."""
    spread = deviation(n, total, squares)
    return total / n / spread if spread else None


def sortino(n: int, total: float, down: float) -> float | None:
    """Return mean / downside deviation; ``down`` is the sum of squared losses.

    None without any loss, and below two values.
    """
    return total / n / math.sqrt(down / n) if n > 1 and down > 0.0 else None


def wilson(successes: int, n: int) -> tuple[float | None, float | None]:
    """Return Wilson's 95 % interval of a proportion, in percent; (None, None) for no trials."""
    if not n:
        return None, None
    p, zz = successes / n, Z95 * Z95
    centre = p + zz / (2 * n)
    half = Z95 * math.sqrt(p * (1 - p) / n + zz / (4 * n * n))
    scale = 1 + zz / n
    return 100 * max(0.0, (centre - half) / scale), 100 * min(1.0, (centre + half) / scale)


def normal_interval(figures: Figures) -> tuple[float, float] | None:
    """Return the normal 95 % interval of the expectancy, USDT; None below two trades."""
    if figures.expectancy is None or figures.deviation is None:
        return None
    half = Z95 * figures.deviation / math.sqrt(figures.trades)
    return figures.expectancy - half, figures.expectancy + half
