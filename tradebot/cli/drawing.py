"""What ``backtest --plot`` adds to its answer, and ``--report``, ``--html``, ``--csv`` and ``--benchmark``."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING

from tradebot.app.backtest import BacktestResult
from tradebot.cli.options import RunOptions
from tradebot.cli.output import Result
from tradebot.config import Config
from tradebot.core.trading.session import Session
from tradebot.disk import write_text
from tradebot.plugins.strategies import StrategySpec

if TYPE_CHECKING:
    from tradebot.journal.scratch import ScratchJournal
    from tradebot.reports.monthly.comparison import Benchmark


def drawn(result: Result, outcome: BacktestResult, options: RunOptions) -> Result:
    """Return the answer with the charts in it where they were asked for."""
    if options.plot and not options.common.json:
        from tradebot.cli.plot import plot

        charts = plot(result.data["summary"], outcome.notebook.equity, result.data["trades"])
        return replace(result, text=f"{result.text}\n\n{charts}")
    return result


class BacktestReporter:
    """Listens to a backtest and reports on it: the same report as a journal's."""

    def __init__(
        self,
        options: RunOptions,
        config: Config,
        spec: StrategySpec,
        book: ScratchJournal,
        benchmarks: list[Benchmark],
    ) -> None:
        self._options = options
        self._config = config
        self._spec = spec
        self._book = book
        self._benchmarks = benchmarks

    def listen(self, session: Session) -> None:
        """Hear everything that a session says."""
        session.sink, session.note = self._book.take, self._book.note

    def reported(self, result: Result, outcome: BacktestResult) -> Result:
        """Return the answer with the report in it; page and tables are written."""
        from tradebot.app.backtest_report import BacktestCase, told_of, with_advice
        from tradebot.app.whatif import recorded_in
        from tradebot.cli.report_files import exported, report_result
        from tradebot.cli.working import working

        options = self._options
        with told_of(self._book, outcome, self._benchmarks) as (reader, told):
            if told is None:
                return self._empty(result)
            if options.advice:
                recording = recorded_in(options.files, options.symbols)
                case = BacktestCase(self._config, self._spec, recording)
                with working(options.common, "what to change") as tell:
                    told = with_advice(reader, told, case, tell)
            rows = exported(reader, told, options.csv)
        more = report_result(
            told,
            as_json=options.common.json or not (options.report or options.benchmarks),
            html=options.html,
            csv=(options.csv, rows),
            warnings=result.warnings,
        )
        text = f"{result.text}\n\n{(more.text or '').strip()}"
        return replace(result, data={**result.data, **more.data}, text=text)

    def _empty(self, result: Result) -> Result:
        """Write the page of a backtest in which nothing happened."""
        path = self._options.html
        if path is None:
            return result
        from tradebot.reports.monthly.page import empty_page

        write_text(path, empty_page(f"Backtest, {self._spec.name}", result.warnings))
        data = {**result.data, "html": str(path)}
        return replace(result, data=data, text=f"{result.text}\n\nwrote {path}")


@contextmanager
def reporter(
    options: RunOptions, config: Config, spec: StrategySpec, label: str
) -> Iterator[BacktestReporter | None]:
    """Give who reports on a backtest over the data of a label; None where no report was asked for."""
    if not options.wants_report:
        yield None
        return
    from tradebot.app.backtest_report import scratch_of
    from tradebot.cli.report_files import check_targets, read_benchmarks

    check_targets(options.html, options.csv)
    benchmarks = read_benchmarks(options.benchmarks, config)
    with scratch_of(config, spec, label) as book:
        yield BacktestReporter(options, config, spec, book, benchmarks)


__all__ = ["BacktestReporter", "drawn", "reporter"]
