"""The report on a backtest: a journal's own, on tables that are thrown away with it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace

from tradebot import __version__
from tradebot.app.adjusted import Adjustment
from tradebot.app.advising import (
    AdviceCase,
    PlayedAgain,
    advice_on,
    loss_of,
    settings_in,
    third_of,
)
from tradebot.app.backtest import BacktestResult
from tradebot.app.report import ReportWish, Told, read_report
from tradebot.app.whatif import Recording, entered, play_again
from tradebot.config import Config
from tradebot.core.model.frozen import frozen
from tradebot.core.model.money import exact
from tradebot.core.model.times import of_iso
from tradebot.core.model.values import Bar
from tradebot.journal.reader import Reader
from tradebot.journal.rows import RunBegun
from tradebot.journal.scratch import RUN, ScratchJournal
from tradebot.plugins.strategies import StrategySpec
from tradebot.reports.advice.gather import refused_entries
from tradebot.reports.monthly.comparison import Benchmark
from tradebot.reports.monthly.document import seed_of
from tradebot.reports.monthly.period import Period, month_of


@frozen
class BacktestCase:
    """What a backtest ran with; ``recording`` are its bars, to be played again."""

    config: Config
    spec: StrategySpec
    recording: Recording


def scratch_of(config: Config, spec: StrategySpec, label: str) -> ScratchJournal:
    """Return tables for a backtest that begins now."""
    return ScratchJournal(
        RunBegun(
            num=1,
            mode="backtest",
            venue="local",
            market=label,
            seed=None,
            config=config.canonical_json(),
            config_hash=config.digest(),
            strategy=spec.name,
            strategy_hash=spec.hash,
            nonce="bt",
            instance="",
            version=__version__,
        )
    )


@contextmanager
def told_of(
    book: ScratchJournal, outcome: BacktestResult, benchmarks: Sequence[Benchmark] = ()
) -> Iterator[tuple[Reader, Told | None]]:
    """Give the reader of a backtest's tables and the report on it; None for one without a moment."""
    summary = outcome.summary
    book.end({**summary})
    with Reader(book.path) as reader, exact():
        if summary["from"] is None or summary["to"] is None:
            yield reader, None
            return
        period = _period(of_iso(summary["from"]), of_iso(summary["to"]))
        wish = ReportWish(first=period.first, last=period.last, run=RUN)
        yield reader, read_report(reader, wish, benchmarks)


def _period(first: int, last: int) -> Period:
    """Return the month that the bars are of, as ``report`` would; else from the first to the last."""
    month = month_of(first)
    return month if month.holds(last) else Period(first, last + 1)


def with_advice(
    reader: Reader, told: Told, case: BacktestCase, tell: Callable[[float], None] = lambda _: None
) -> Told:
    """Return a backtest's report with what should be changed, played again over its files; ``tell`` as of ``advice_on``."""
    report = told.report
    third = third_of(report)
    as_it_is = entered(told.trades, third)  # the backtest itself: it need not be played again
    signals = {(RUN, row.id): row for row in reader.signals(RUN) if row.time < third}

    def play(change: Adjustment) -> PlayedAgain:
        stretch = (third, report.ended + 1)
        changed = play_again(case.config, case.spec, case.recording, change, stretch)
        return PlayedAgain(as_it_is.pnl, changed.pnl, changed.trades)

    advice = advice_on(
        AdviceCase(
            told.trades,
            third,
            {key: row.confidence for key, row in signals.items()},
            refused_entries(signals.values()),
            _bars(case.recording, third),
            seed_of(report),
            play,
            loss_of(report),
            settings=settings_in(case.config, case.spec),
        ),
        tell,
    )
    return replace(told, report=replace(report, advice=advice))


def _bars(recording: Recording, until: int) -> Iterator[Bar]:
    """Yield the bars that closed before a moment (UTC ms)."""
    for step in recording.steps():
        for event in step:
            if isinstance(event, Bar):
                if event.open_time + event.interval > until:
                    return
                yield event


__all__ = ["BacktestCase", "scratch_of", "told_of", "with_advice"]
