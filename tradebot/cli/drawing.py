"""What ``backtest --plot`` and ``--html`` add to its answer."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from tradebot.app.backtest import BacktestResult
from tradebot.cli.options import RunOptions
from tradebot.cli.output import Result
from tradebot.config import Config
from tradebot.disk import write_text
from tradebot.plugins.strategies import StrategySpec


def drawn(
    result: Result, outcome: BacktestResult, options: RunOptions, config: Config, spec: StrategySpec
) -> Result:
    """Return the answer with the charts in it, and the page written, where they were asked for."""
    if options.html is not None:
        page = _page(result, outcome, options, config, spec)
        result = _with_page(result, page, options.html)
    if options.plot and not options.common.json:
        from tradebot.cli.plot import plot

        charts = plot(result.data["summary"], outcome.notebook.equity, result.data["trades"])
        result = replace(result, text=f"{result.text}\n\n{charts}")
    return result


def _page(
    result: Result, outcome: BacktestResult, options: RunOptions, config: Config, spec: StrategySpec
) -> str:
    """Return the page of a backtest's report: the same as a journal's."""
    from tradebot.app.backtest_advice import with_advice
    from tradebot.app.backtest_report import backtest_report
    from tradebot.app.report import made_line
    from tradebot.app.whatif import recorded_in
    from tradebot.reports.monthly.document import document
    from tradebot.reports.monthly.page import empty_page, report_page

    made = backtest_report(outcome, config, spec.hash)
    if made is None:
        return empty_page(f"Backtest, {outcome.summary['strategy']}", result.warnings)
    report, trades = made
    recording = recorded_in(options.files, options.symbols)
    report = with_advice(report, trades, outcome.notebook, config, spec, recording)
    digest = document(report)["hash"]
    return report_page(report, trades, digest=digest, made=made_line(), warnings=result.warnings)


def _with_page(result: Result, text: str, path: Path) -> Result:
    write_text(path, text)
    data = {**result.data, "html": str(path)}
    return replace(result, data=data, text=f"{result.text}\n\nwrote {path}")


__all__ = ["drawn"]
