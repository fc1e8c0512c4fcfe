"""The same bars played twice: as the strategy speaks, and with its signals changed.

Signals do not depend on positions, so the strategy says the same both times; what follows goes through gate and
simulated exchange anew. The last third of the time is told apart: whoever chose the change by the first two thirds
has not seen it.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from itertools import takewhile
from pathlib import Path

from tradebot.app.adjusted import Adjustment, adjusted
from tradebot.app.backtest import BacktestResult, Notebook, run_backtest
from tradebot.app.build import make_session
from tradebot.app.prices import open_data
from tradebot.app.rates import booked_funding, steps_of
from tradebot.config import Config
from tradebot.core.model.effects import TradeClosed
from tradebot.core.model.errors import JournalError, UsageError
from tradebot.core.model.events import MarketEvent
from tradebot.core.model.money import ZERO
from tradebot.core.strategy.protocol import Strategy
from tradebot.core.trading.snapshot import Heading
from tradebot.journal.reader import Reader
from tradebot.journal.rows import RunRow
from tradebot.journal.view import TradeRow
from tradebot.plugins.strategies import StrategySpec, load_strategy

Steps = Iterator[Sequence[MarketEvent]]
Tell = Callable[[float | None], None]


@dataclass(frozen=True, slots=True)
class Recording:
    """Bars that can be played again and again: ``steps`` gives them from the start.

    ``paid`` is how often a journalled run's funding was booked: played at these times, and at no others. None of files, which say when it was due.
    """

    symbols: Sequence[str]
    interval: int
    label: str
    steps: Callable[[], Steps]
    paid: int | None = None


@dataclass(frozen=True, slots=True)
class PlayedFigures:
    """What came of a stretch of one play; money in USDT. Trades count where they were entered."""

    trades: int
    wins: int
    gross: Decimal
    fees: Decimal
    funding: Decimal
    pnl: Decimal


@dataclass(frozen=True, slots=True)
class Played:
    """One play: its result, and the figures of all of it and of its last third."""

    result: BacktestResult
    whole: PlayedFigures
    last_third: PlayedFigures


@dataclass(frozen=True, slots=True)
class WhatIf:
    """Both plays of one recording between two moments (UTC ms); ``third`` is where the last third begins."""

    first: int
    last: int
    third: int
    as_it_is: Played
    changed: Played


def what_if(
    config: Config,
    spec: StrategySpec,
    recording: Recording,
    adjustment: Adjustment,
    tell: Callable[[], None] | None = None,
) -> WhatIf:
    """Play a recording as it is, and changed. UsageError for one without a bar."""
    result, trades, (first, last) = _play(config, spec, recording, spec.build, tell)
    third = first + (last - first) * 2 // 3
    as_it_is = _played(result, trades, third)
    build = adjusted(spec.build, adjustment)
    result, trades, _ = _play(config, spec, recording, build, tell)
    return WhatIf(first, last, third, as_it_is, _played(result, trades, third))


def play_again(
    config: Config,
    spec: StrategySpec,
    recording: Recording,
    adjustment: Adjustment | None,
    stretch: tuple[int, int],
) -> PlayedFigures:
    """Play a recording up to the end of a stretch (UTC ms), changed or as it is, and return what came of the stretch."""
    since, until = stretch
    build = spec.build if adjustment is None else adjusted(spec.build, adjustment)
    _, trades, _ = _play(config, spec, _cut(recording, until), build, None)
    return entered(trades, since)


def entered(trades: Iterable[TradeClosed | TradeRow], since: int) -> PlayedFigures:
    """Return what came of the trades entered from a moment (UTC ms) on."""
    return _figures([trade for trade in trades if trade.entry_time >= since])


def _cut(recording: Recording, until: int) -> Recording:
    """Return what of a recording closed before a moment."""

    def steps() -> Steps:
        return takewhile(lambda step: step[0].at < until, recording.steps())

    return replace(recording, steps=steps)


def _play(
    config: Config,
    spec: StrategySpec,
    recording: Recording,
    build: Callable[[str], Strategy],
    tell: Callable[[], None] | None,
) -> tuple[BacktestResult, list[TradeClosed], tuple[int, int]]:
    notebook = Notebook(equity=False)
    session = make_session(
        config, build, recording.symbols, recording.interval, record=notebook.take
    )
    span: list[int | None] = []

    def heading(first: int | None, last: int | None) -> Heading:
        span[:] = first, last
        return Heading(None, "backtest", recording.label, spec.name, first, last)

    result = run_backtest(session, recording.steps(), heading, notebook, config.digest(), tell)
    first, last = span
    if first is None or last is None:
        raise UsageError(f"{recording.label} holds no bars: there is nothing to play again")
    return result, list(notebook.trades), (first, last)


def _played(result: BacktestResult, trades: Sequence[TradeClosed], third: int) -> Played:
    return Played(result, _figures(trades), entered(trades, third))


def _figures(trades: Sequence[TradeClosed | TradeRow]) -> PlayedFigures:
    pnl = sum((trade.pnl for trade in trades), ZERO)
    fees = sum((trade.fees for trade in trades), ZERO)
    funding = sum((trade.funding for trade in trades), ZERO)
    return PlayedFigures(
        trades=len(trades),
        wins=sum(trade.pnl > 0 for trade in trades),
        gross=pnl + fees - funding,
        fees=fees,
        funding=funding,
        pnl=pnl,
    )


def recorded_in(files: Sequence[Path], symbols: Sequence[str] | None) -> Recording:
    """Return the bars of market data files, opened anew for every play."""
    feed = open_data(files, symbols)
    return Recording(
        feed.symbols, feed.interval, feed.label, lambda: open_data(files, symbols).steps()
    )


# -- a journalled run -------------------------------------------------------------------------------


def recording_of(path: Path, run: RunRow) -> Recording:
    """Return the bars a run has seen. UsageError where none are left of them."""
    with Reader(path) as reader:
        bars = reader.stream_bars(run.id)
        head = next(bars, None)
        symbols = sorted({bar.symbol for bar in bars} | ({head.symbol} if head else set()))
        paid = len(reader.funding(run.id))
    if head is None:
        raise UsageError(
            f"{run.id} has no bars in its event log: it cannot be played again",
            hint="name the files it ran on instead: tradebot whatif FILE... --set-signal ...",
        )
    label = f"the bars of {run.id}"
    return Recording(symbols, head.interval, label, lambda: _steps(path, run.id), paid)


def _steps(path: Path, run: str) -> Steps:
    with Reader(path) as reader:
        yield from steps_of(reader.stream_bars(run), booked_funding(reader, run))


def config_then(run: RunRow) -> Config:
    """Return the configuration a run had; JournalError where this version cannot read it."""
    try:
        return Config.model_validate(json.loads(run.config))
    except ValueError:
        raise JournalError(
            f"the configuration {run.id} ran with cannot be read by this version",
            hint="play it again over files: tradebot whatif FILE...",
        ) from None


def settings_of(run: RunRow, config: Config) -> tuple[Config, StrategySpec]:
    """Return a run's configuration and strategy; UsageError when the strategy is not what it was.

    ``config`` is today's: a strategy's file is looked for beside it.
    """
    then = config_then(run)
    chosen = then.strategy
    name = config.strategy.name if _is_same(config.strategy.name, chosen.name) else chosen.name
    spec = load_strategy(name, config.strategy_dir(), chosen.params)
    if spec.hash != run.strategy_hash:
        raise UsageError(
            f"{run.strategy} is not the strategy that {run.id} ran: its source has changed",
            hint="play it again over files with what it is today: tradebot whatif FILE...",
        )
    return then, spec


def _is_same(name: str, journalled: str) -> bool:
    """Whether a strategy's name is the one that is on record without its folder."""
    return name.replace("\\", "/").rpartition("/")[2] == journalled
