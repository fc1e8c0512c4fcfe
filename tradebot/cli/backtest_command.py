"""``backtest``: from options to an answer, and what the other run commands share with it.

Apart from them, because a backtest is over in seconds: it imports no journal, no asyncio, no TUI.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace

from tradebot.app.backtest import BacktestResult, Notebook, run_backtest
from tradebot.app.build import make_session
from tradebot.app.faults import stop_error
from tradebot.app.prices import open_data
from tradebot.cli.drawing import drawn, reporter
from tradebot.cli.options import RunOptions
from tradebot.cli.output import Result, show
from tradebot.cli.settings import read_config
from tradebot.config import Config
from tradebot.core.model.errors import TradebotError
from tradebot.core.model.events import MarketEvent
from tradebot.core.trading.snapshot import Heading, run_warnings, trade_row
from tradebot.plugins.aside import prints_aside
from tradebot.plugins.strategies import StrategySpec, load_strategy


def backtest(options: RunOptions) -> int:
    """Run a strategy over files, as fast as they can be read; nothing is kept in the journal."""
    config = read_config(options.common, options.flags())
    spec = chosen_strategy(config)
    evidence = _evidence(config, spec) if options.record else ""
    feed = open_data(options.files, options.symbols)
    notebook = Notebook(equity=options.plot)
    with reporter(options, config, spec, feed.label) as reports:
        session = make_session(
            config, spec.build, feed.symbols, feed.interval, record=notebook.take
        )
        if reports is not None:
            reports.listen(session)
        with progress(options) as bar, prints_aside():
            outcome = run_backtest(
                session,
                cut(feed.steps(), options.duration_ms),
                lambda first, last: Heading(None, "backtest", feed.label, spec.name, first, last),
                notebook,
                config.digest(),
                lambda: bar(feed.progress),
            )
        warnings = feed.warnings(session.engine.now, outcome.positions)
        warnings += [*run_warnings(session.engine), *filter(None, [notebook.unfilled()])]
        result = drawn(_result(outcome, warnings, options), outcome, options)
        if reports is not None:
            result = reports.reported(result, outcome)
        if options.record and outcome.stopped is None:
            from tradebot.cli.recorded import recorded

            try:
                result = recorded(result, outcome, config, spec, evidence, options)
            except TradebotError as error:  # the result is told all the same
                result = replace(result, data={**result.data, "record": None}, error=error)
    return show(result, as_json=options.common.json)


def _evidence(config: Config, spec: StrategySpec) -> str:
    from tradebot.app.asked import refuse_foreign_key
    from tradebot.plugins.evidence import evidence_of

    refuse_foreign_key(config.data_dir())
    return evidence_of(spec, config.strategy.timeframe, config.market.symbols).hash


def chosen_strategy(config: Config) -> StrategySpec:
    """Return the strategy the configuration names."""
    chosen = config.strategy
    return load_strategy(chosen.name, config.strategy_dir(), chosen.params)


def cut(
    steps: Iterator[Sequence[MarketEvent]], duration_ms: int | None
) -> Iterator[Sequence[MarketEvent]]:
    """Give the steps of the first ``duration_ms`` of market time, all of them without one."""
    if duration_ms is None:
        return steps
    return _first(steps, duration_ms)


def _first(
    steps: Iterator[Sequence[MarketEvent]], duration_ms: int
) -> Iterator[Sequence[MarketEvent]]:
    from tradebot.market.feed import step_time

    end = None
    for step in steps:
        time = step_time(step)
        end = time + duration_ms if end is None else end
        if time >= end:
            return
        yield step


@contextmanager
def progress(options: RunOptions, shown: bool = True) -> Iterator[Callable[[float | None], None]]:
    """Show a progress bar on a terminal's stderr; elsewhere nothing."""
    if not shown or options.common.json or options.headless or not sys.stderr.isatty():
        yield lambda _: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

    columns = (TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task(options.mode, total=1.0)

        def bar(share: float | None) -> None:
            progress.update(task, total=None if share is None else 1.0, completed=share or 0.0)

        yield bar


def _result(outcome: BacktestResult, warnings: Sequence[str], options: RunOptions) -> Result:
    trades = [trade_row(None, trade) for trade in outcome.notebook.trades]
    text = ""
    if not options.common.json:
        from tradebot.cli.summary import render

        text = render(outcome.summary, outcome.positions, trades, outcome.hashes)
    data = {
        "summary": outcome.summary,
        "positions": outcome.positions,
        "hashes": outcome.hashes,
        "trades": trades,
    }
    return Result(
        "backtest",
        data,
        warnings,
        text=text,
        error=stop_error(outcome.stopped),
    )
