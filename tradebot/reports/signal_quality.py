"""The quality of a run's signals, from the journal: aggregates that follow it, and the report.

A ``Gauge`` adds what has closed since it last looked, so a screen can ask it twice a second.
"""

from __future__ import annotations

import heapq
import random
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from typing import Any, cast

from tradebot.core.ghost.quality import (
    DIMENSIONS,
    SAMPLES,
    SMALL,
    YEAR_DAYS,
    Dimension,
    Figures,
    Outcome,
    Quality,
    Traits,
    normal_interval,
    tier_name,
)
from tradebot.core.model.errors import UsageError
from tradebot.core.model.money import of_float, plain, quotient_at_8
from tradebot.core.model.values import DAY_MS, HOUR_MS
from tradebot.journal.reader import Reader
from tradebot.journal.rows import OutcomeRow, RunRow
from tradebot.journal.view import GhostCounts, as_json
from tradebot.reports.quality_documents import (
    FiguresDocument,
    GroupDocument,
    JudgedRun,
    QualityDocument,
    RulesDocument,
    StandingDocument,
)

SEED = 20250501
"""Seed of the bootstrap: the same trades give the same interval."""

DRAWS = 2_000_000
MOST_RESAMPLES = 2_000
LEAST_RESAMPLES = 400
"""Resamples of a bootstrap, within ``DRAWS`` drawn trades."""

SHOWN: tuple[Dimension, ...] = ("tier", "verdict", "symbol")
"""Dimensions that a screen shows."""

NOTES = (
    (
        "Every long or short signal, refused and held ones too, is one independent hypothetical trade"
        " of the fixed notional, entered as a market order at its close and left by the strategy's"
        " exit or opposite signal, its stop, its target, or the end of the run."
    ),
    "Accuracy: trades with a net result above zero, of the closed ones; 95 % interval after Wilson.",
    (
        "Expectancy: mean net result; 95 % interval by seeded bootstrap, the normal one above"
        f" {SAMPLES:,} trades."
    ),
    (
        "Sharpe and Sortino per trade are not annualised; daily ones take the sums of UTC days, empty"
        f" ones as 0, times the root of {YEAR_DAYS}."
    ),
    "Drawdown is of the summed results, from their peak or 0. MFE and MAE are before fees.",
    f"Fewer than {SMALL} trades are a small sample: marked, and no ground for a decision.",
)

Row = dict[str, Any]
"""A signal with what came of it, by the names of its columns."""


class Sorter:
    """Turns rows of the journal into outcomes of one strategy. Kinds are few, so each is made once."""

    def __init__(self, strategy: str) -> None:
        self._strategy = strategy
        self._kinds: dict[tuple[str, str, str, int, str], Traits] = {}

    def outcome(self, row: OutcomeRow) -> Outcome:
        """Return a row as statistics take it."""
        hour = row.time // HOUR_MS % 24
        key = (row.symbol, row.side, tier_name(row.confidence), hour, row.verdict)
        kind = self._kinds.get(key)
        if kind is None:
            symbol, side, tier, _, verdict = key
            kind = Traits(symbol, side, tier, f"{hour:02d}", verdict, self._strategy)
            self._kinds[key] = kind
        figures = (float(row.pnl), row.duration_s, float(row.mfe), float(row.mae))
        return Outcome(kind, row.exit_time, *figures)


class Gauge:
    """A run's statistics, kept up with its journal."""

    def __init__(self, reader: Reader, run: RunRow, *, samples: bool = False) -> None:
        self.quality = Quality(samples=samples)
        self._reader = reader
        self._run = run
        self._sorter = Sorter(run.strategy)
        self._seen = 0

    def refresh(self) -> int:
        """Count what has closed since the last call; return how many that were."""
        count = 0
        for row in self._reader.outcomes(self._run.id, self._seen):
            self.quality.add(self._sorter.outcome(row))
            self._seen = row.closed
            count += 1
        return count

    def view(self) -> StandingDocument:
        """Return what a screen shows: counts, figures overall, by tier and by verdict (JSON values)."""
        return {
            **self._reader.ghost_counts(self._run.id),
            "overall": figures_row(self.quality.overall()),
            "by": {name: _groups(self.quality, name) for name in SHOWN},
        }


def ghost_runs(reader: Reader, run: str | None, *, every: bool = False) -> list[RunRow]:
    """Return the runs to report: the named one, else the newest with hypothetical trades (or all).

    UsageError when there is none.
    """
    runs = reader.runs() if run is None else [reader.run(run)]
    found = [row for row in runs if row.mode == "ghost" or reader.ghost_counts(row.id)["signals"]]
    if not found:
        what = "no ghost run yet" if run is None else f"{run} is no ghost run"
        raise UsageError(
            f"{what}: there are no hypothetical trades to judge",
            hint="`tradebot ghost` or `tradebot paper --ghost` makes them",
        )
    return found if every else found[:1]


def quality_report(reader: Reader, runs: Sequence[RunRow]) -> QualityDocument:
    """Return the report on one or several runs as JSON values: money as text, ``*_pct`` in percent."""
    quality = Quality(samples=True)
    for outcome in _outcomes(reader, runs):
        quality.add(outcome)
    return {
        "runs": [_run_row(reader, run) for run in runs],
        **_added([reader.ghost_counts(run.id) for run in runs]),
        "overall": _with_interval(quality),
        "rules": _rules(quality),
        "by": {name: _groups(quality, name, intervals=True) for name in DIMENSIONS},
        "notes": list(NOTES),
    }


def _added(counts: Sequence[GhostCounts]) -> GhostCounts:
    return {
        "signals": sum(one["signals"] for one in counts),
        "open": sum(one["open"] for one in counts),
        "closed": sum(one["closed"] for one in counts),
        "unfilled": sum(one["unfilled"] for one in counts),
    }


def _outcomes(reader: Reader, runs: Sequence[RunRow]) -> Iterator[Outcome]:
    """Yield the outcomes of all runs by day of closing; a run's own are in that order."""
    each = [_outcomes_of(reader, run) for run in runs]
    if len(each) == 1:
        return each[0]
    return iter(heapq.merge(*each, key=lambda outcome: outcome.closed // DAY_MS))


def _outcomes_of(reader: Reader, run: RunRow) -> Iterator[Outcome]:
    return map(Sorter(run.strategy).outcome, reader.outcomes(run.id))


def _run_row(reader: Reader, run: RunRow) -> JudgedRun:
    newest = reader.ghosts(run.id, limit=1)
    return {
        "run": run.id,
        "market": run.market,
        "strategy": run.strategy,
        "strategy_hash": run.strategy_hash,
        "state": run.state,
        "from": None if run.summary is None else run.summary.get("from"),
        "to": None if run.summary is None else run.summary.get("to"),
        "notional": plain(newest[0].notional) if newest else None,
    }


def _groups(
    quality: Quality, dimension: Dimension, *, intervals: bool = False
) -> list[GroupDocument]:
    rows: list[GroupDocument] = []
    for value in quality.values(dimension):
        if intervals:
            figures = _with_interval(quality, dimension, value)
        else:
            figures = figures_row(quality.group(dimension, value))
        rows.append(cast("GroupDocument", {dimension: value, **figures}))
    return rows


def _rules(quality: Quality) -> RulesDocument:
    """Return what refusing cost or saved: the result of the trades that the rules did not let through."""
    if "refused" not in quality.values("verdict"):
        return {"refused_trades": 0, "refused_pnl": "0", "effect": "refused nothing that closed"}
    refused = quality.group("verdict", "refused")
    amount = f"${abs(refused.pnl):,.2f}"
    word = f"saved {amount}" if refused.pnl < 0 else f"cost {amount}"
    return {
        "refused_trades": refused.trades,
        "refused_pnl": number(refused.pnl),
        "effect": f"the rules {word} on {refused.trades} refused signals",
    }


def _with_interval(quality: Quality, dimension: str = "", value: str = "") -> FiguresDocument:
    figures = quality.group(dimension, value) if dimension else quality.overall()
    low, high, method = _interval(figures, quality.samples(dimension, value))
    row = figures_row(figures)
    row["expectancy_low"], row["expectancy_high"] = number(low), number(high)
    row["expectancy_interval"] = method
    return row


def _interval(
    figures: Figures, samples: list[float] | None
) -> tuple[float | None, float | None, str]:
    """Return the 95 % interval of the expectancy and how it was made."""
    if samples is None:
        normal = normal_interval(figures)
        return (None, None, "none") if normal is None else (*normal, "normal")
    if len(samples) < 2:
        return None, None, "none"
    low, high, count = bootstrap(samples)
    return low, high, f"bootstrap ({count} resamples, seed {SEED})"


def bootstrap(samples: Sequence[float], seed: int = SEED) -> tuple[float, float, int]:
    """Return the 95 % percentile interval of the mean by resampling (B. Efron, 1979), and how often."""
    n = len(samples)
    count = max(LEAST_RESAMPLES, min(MOST_RESAMPLES, DRAWS // n))
    draw = random.Random(seed).choices
    means = sorted(sum(draw(samples, k=n)) / n for _ in range(count))
    tail = round(0.025 * count)
    return means[tail], means[count - 1 - tail], count


def figures_row(figures: Figures) -> FiguresDocument:
    """Return figures as JSON values: floats as decimal text at 8 decimals, None where undefined."""
    row = {
        name: number(value) if isinstance(value, float) else value
        for name, value in asdict(figures).items()
    }
    return cast("FiguresDocument", {**row, "small": figures.small})


def number(value: float | None) -> str | None:
    """Return a statistic as decimal text at 8 decimals; None stays None."""
    if value is None:
        return None
    return plain(quotient_at_8(of_float(value), of_float(1.0), "ROUND_HALF_EVEN"))


_PLAIN = (
    *("id", "run", "time", "symbol", "side", "confidence", "tier", "price", "stop", "target"),
    *("reason", "verdict", "refusals", "outcome_pnl"),
)
_GHOST = (
    *("state", "notional", "qty", "entry_time", "entry_price", "exit_time", "exit_price", "fees"),
    *("funding", "pnl", "mfe", "mae", "duration_s", "exit_reason", "closed"),
)

SIGNAL_COLUMNS = (*_PLAIN, *(f"ghost_{name}" for name in _GHOST))
"""Columns of ``signals --csv``; those that begin with ``ghost_`` are of the hypothetical trade, and
``ghost_closed`` numbers the closings in their order."""


def signal_rows(
    reader: Reader,
    run: str,
    since: int | None = None,
    symbol: str | None = None,
    verdict: str | None = None,
    limit: int | None = None,
) -> Iterator[Row]:
    """Yield signals with ``SIGNAL_COLUMNS``, each with what its hypothetical trade came to, if any."""
    ghosts = {row.signal: row for row in reader.ghosts(run, since, symbol)}
    for row in reader.signals(run, since, symbol, verdict, limit):
        words = {"tier": _tier(row.confidence), "refusals": "; ".join(row.refusals)}
        signal = as_json(row) | words
        ghost = as_json(ghosts[row.id]) if row.id in ghosts else {}
        said = {name: signal[name] for name in _PLAIN}
        yield said | {f"ghost_{name}": ghost.get(name) for name in _GHOST}


def _tier(confidence: float | None) -> str | None:
    """Return a signal's tier; none for a confidence that is no number, which the gate refuses."""
    return None if confidence is None else tier_name(confidence)
