"""``backtest`` and ``paper``: from options to an answer."""

from __future__ import annotations

import signal
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from types import FrameType
from typing import Any

from tradebot.assembly import make_session, pick_instruments
from tradebot.backtest import Notebook, Outcome, run_backtest
from tradebot.cli.lines import lines_of
from tradebot.cli.options import RunOptions
from tradebot.cli.output import Result, show
from tradebot.cli.settings import read_config
from tradebot.cli.summary import render
from tradebot.config import Config
from tradebot.core.effects import Effect
from tradebot.core.errors import StrategyError, UsageError
from tradebot.core.events import Event, MarketEvent
from tradebot.core.times import iso
from tradebot.market.files import FileFeed, open_files
from tradebot.market.gaps import Gap
from tradebot.paper import PaperHost, Setup, closed_trades
from tradebot.report import Heading, trade_row
from tradebot.runner import Ending, Pace
from tradebot.sources import FileSource, SimulatedSource, Source, step_time
from tradebot.strategies import StrategySpec, load_strategy

INTERRUPTED = 130

SHOWN_GAPS = 5
"""Gaps of the data that are named in the warnings; the rest is counted."""

REFRESH_S = 0.1


def backtest(options: RunOptions) -> int:
    """Run a strategy over files, as fast as they can be read; nothing is journalled."""
    config = read_config(options.common, options.flags())
    spec = _strategy(config)
    gaps: list[Gap] = []
    feed = open_files(options.files, options.symbols, on_gap=gaps.append)
    notebook = Notebook()
    session = make_session(config, spec.build, feed.symbols, feed.interval, sink=notebook.take)
    with _progress(options) as bar:
        outcome = run_backtest(
            session,
            _cut(feed.steps(), options.duration_ms),
            lambda first, last: Heading(None, "backtest", feed.label, spec.name, first, last),
            notebook,
            config.digest(),
            lambda: bar(feed.progress),
        )
    return show(_backtest_result(outcome, feed, gaps), as_json=options.common.json)


def paper(options: RunOptions) -> int:
    """Trade on paper, journalled; an interrupted run goes on."""
    config = read_config(options.common, options.flags())
    if config.market.source == "binance" and not options.files:
        raise UsageError(
            "Binance's market data is not connected yet",
            hint="use --market sim, or name recorded files",
            key="market.source",
        )
    gaps: list[Gap] = []
    source = _source(options, config, gaps)
    pick_instruments(config, source.symbols)
    speed = config.market.speed
    host_setup = Setup(
        config=config,
        source=source,
        spec=_strategy(config),
        pace=Pace(None if speed == "max" else float(speed), options.duration_ms),
        seed=None if options.files else config.market.seed,
        new=options.new,
        observe=_observe,
        said=_say,
    )
    ending, signalled = _host(host_setup, options)
    code = show(_paper_result(ending, source, gaps, config), as_json=options.common.json)
    return INTERRUPTED if signalled == signal.SIGINT and code == 0 else code


def _strategy(config: Config) -> StrategySpec:
    chosen = config.strategy
    return load_strategy(chosen.name, config.base_dir, chosen.params)


def _source(options: RunOptions, config: Config, gaps: list[Gap]) -> Source:
    if options.files:
        return FileSource(open_files(options.files, options.symbols, on_gap=gaps.append))
    return SimulatedSource(config.market.symbols, config.market.seed)


def _cut(
    steps: Iterator[list[MarketEvent]], duration_ms: int | None
) -> Iterator[list[MarketEvent]]:
    """Give the steps of the first ``duration_ms`` of market time, all of them without one."""
    if duration_ms is None:
        return steps
    return _first(steps, duration_ms)


def _first(steps: Iterator[list[MarketEvent]], duration_ms: int) -> Iterator[list[MarketEvent]]:
    end = None
    for step in steps:
        time = step_time(step)
        end = time + duration_ms if end is None else end
        if time >= end:
            return
        yield step


# -- the engine's thread and this one -----------------------------------------------------------


def _host(setup: Setup, options: RunOptions) -> tuple[Ending, int]:
    """Run the engine in its thread while this one waits; return the ending and the signal, if any."""
    host = PaperHost(setup)
    caught: list[int] = []

    def stop(number: int, _frame: FrameType | None) -> None:
        caught.append(number)
        host.stop(f"signal {signal.Signals(number).name}")

    with _signals(stop), _progress(options, shown=setup.pace.speed is None) as bar:
        host.start()
        while not host.wait(REFRESH_S):
            bar(host.progress)
    return host.result(), caught[0] if caught else 0


@contextmanager
def _signals(handler: Callable[[int, FrameType | None], None]) -> Iterator[None]:
    """Answer INT, TERM and HUP with an orderly stop; a hang-up must not kill a headless run."""
    names = ("SIGINT", "SIGTERM", "SIGHUP")
    numbers = [getattr(signal, name) for name in names if hasattr(signal, name)]
    before = [(number, signal.signal(number, handler)) for number in numbers]
    try:
        yield
    finally:
        for number, old in before:
            signal.signal(number, old)


@contextmanager
def _progress(options: RunOptions, shown: bool = True) -> Iterator[Callable[[float | None], None]]:
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


def _observe(event: Event, effects: Sequence[Effect]) -> None:
    for line in lines_of(event.at, effects):
        _say(line)


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)  # noqa: T201 - talk goes to stderr


# -- answers ------------------------------------------------------------------------------------


def _backtest_result(outcome: Outcome, feed: FileFeed, gaps: Sequence[Gap]) -> Result:
    trades = [trade_row(None, trade) for trade in outcome.notebook.trades.values()]
    stopped = outcome.stopped
    data = {
        "summary": outcome.summary,
        "positions": outcome.positions,
        "hashes": outcome.hashes,
        "trades": trades,
    }
    return Result(
        "backtest",
        data,
        _warnings(gaps, feed.has_funding),
        text=render(outcome.summary, outcome.positions, trades),
        error=StrategyError(stopped.reason) if stopped is not None and stopped.failed else None,
    )


def _paper_result(ending: Ending, source: Source, gaps: Sequence[Gap], config: Config) -> Result:
    trades = closed_trades(config, str(ending.summary["run"]))
    data: dict[str, Any] = {
        "summary": ending.summary,
        "state": ending.state,
        "why": ending.why,
        "positions": ending.positions,
        "hashes": ending.hashes,
    }
    return Result(
        "paper",
        data,
        _warnings(gaps, source.funding_known),
        text=render(ending.summary, ending.positions, trades),
        error=ending.error,
    )


def _gap(gap: Gap) -> str:
    kind = "mark bars" if gap.mark else "bars"
    return f"{gap.symbol}: {gap.count} {kind} are missing, {iso(gap.first)} to {iso(gap.last)}"


def _warnings(gaps: Sequence[Gap], funding_known: bool) -> list[str]:
    said = [_gap(gap) for gap in gaps[:SHOWN_GAPS]]
    if len(gaps) > SHOWN_GAPS:
        said.append(f"and {len(gaps) - SHOWN_GAPS} more gaps in the data")
    if not funding_known:
        said.append("no funding file was given: funding counts as 0")
    return said
