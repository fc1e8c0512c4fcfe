"""``backtest``: from options to an answer, and what the other run commands share with it.

Apart from them, because a backtest is over in seconds: it imports no journal, no asyncio, no TUI.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

from tradebot.app.backtest import BacktestResult, Notebook, run_backtest
from tradebot.app.build import make_session
from tradebot.cli.drawing import check_page, drawn
from tradebot.cli.options import RunOptions
from tradebot.cli.output import Result, show
from tradebot.cli.settings import read_config
from tradebot.config import Config
from tradebot.core.model.errors import StrategyError
from tradebot.core.model.events import MarketEvent
from tradebot.core.model.times import iso
from tradebot.core.trading.snapshot import Heading, trade_row
from tradebot.market.files.feed import FileFeed, open_files
from tradebot.market.files.gaps import Gap
from tradebot.plugins.strategies import StrategySpec, load_strategy

SHOWN_GAPS = 5
"""Gaps of the data that are named in the warnings; the rest is counted."""


def backtest(options: RunOptions) -> int:
    """Run a strategy over files, as fast as they can be read; nothing is journalled."""
    config = read_config(options.common, options.flags())
    spec = chosen_strategy(config)
    check_page(options.html)
    gaps: list[Gap] = []
    feed = open_files(options.files, options.symbols, on_gap=gaps.append)
    notebook = Notebook(equity=options.plot or options.html is not None)
    session = make_session(config, spec.build, feed.symbols, feed.interval, record=notebook.take)
    with progress(options) as bar:
        outcome = run_backtest(
            session,
            _cut(feed.steps(), options.duration_ms),
            lambda first, last: Heading(None, "backtest", feed.label, spec.name, first, last),
            notebook,
            config.digest(),
            lambda: bar(feed.progress),
        )
    result = drawn(_result(outcome, feed, gaps, options), notebook.equity, options)
    return show(result, as_json=options.common.json)


def chosen_strategy(config: Config) -> StrategySpec:
    """Return the strategy the configuration names."""
    chosen = config.strategy
    return load_strategy(chosen.name, config.strategy_dir(), chosen.params)


def _cut(
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


def _result(
    outcome: BacktestResult, feed: FileFeed, gaps: Sequence[Gap], options: RunOptions
) -> Result:
    trades = [trade_row(None, trade) for trade in outcome.notebook.trades]
    stopped = outcome.stopped
    text = ""
    if not options.common.json:
        from tradebot.cli.summary import render

        text = render(outcome.summary, outcome.positions, trades)
    data = {
        "summary": outcome.summary,
        "positions": outcome.positions,
        "hashes": outcome.hashes,
        "trades": trades,
    }
    return Result(
        "backtest",
        data,
        data_warnings(gaps, feed.has_funding),
        text=text,
        error=StrategyError(stopped.reason) if stopped is not None and stopped.failed else None,
    )


def _gap(gap: Gap) -> str:
    kind = "mark bars" if gap.mark else "bars"
    return f"{gap.symbol}: {gap.count} {kind} are missing, {iso(gap.first)} to {iso(gap.last)}"


def data_warnings(gaps: Sequence[Gap], funding_known: bool) -> list[str]:
    """Say what was wrong with the data: its gaps, and funding nobody gave."""
    said = [_gap(gap) for gap in gaps[:SHOWN_GAPS]]
    if len(gaps) > SHOWN_GAPS:
        said.append(f"and {len(gaps) - SHOWN_GAPS} more gaps in the data")
    if not funding_known:
        said.append("no funding file was given: funding counts as 0")
    return said
