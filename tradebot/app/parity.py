"""Parity: a run that counts comes out the same when it is lived through again, and its bars lead to the same decisions."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path

from tradebot.app.readiness import Progress
from tradebot.app.replay import replay_run
from tradebot.core.model.errors import TradebotError
from tradebot.core.model.money import exact
from tradebot.core.model.times import iso
from tradebot.core.model.values import Bar
from tradebot.core.strategy.protocol import Strategy
from tradebot.core.strategy.resample import Resampler, timeframe_ms
from tradebot.journal.reader import Reader
from tradebot.plugins.strategies import StrategySpec


def what_differs(
    path: Path, run: str, spec: StrategySpec, timeframe: str, folder: Path, progress: Progress
) -> str:
    """Return in words why a run does not come out as it was, "" where it does.

    Its bars are given to two fresh strategies each for itself, then all of its events to a fresh engine.
    """
    progress(run, 0.0)
    try:
        first, second = (decisions_of(path, run, spec, timeframe) for _ in range(2))
        if first != second:
            return f"the same bars of {run} lead to other decisions each time ({first[:12]}, then {second[:12]})"
        done = replay_run(path, run, folder, progress=lambda share: progress(run, share))
    except TradebotError as error:
        return f"{run} cannot be replayed: {error.message}"
    progress(run, 1.0)
    if done.difference is None:
        return ""
    return f"{run} comes out otherwise from event {done.difference.event} on ({iso(done.difference.at)})"


def decisions_of(path: Path, run: str, spec: StrategySpec, timeframe: str) -> str:
    """Return a sha256 (hex) over what fresh strategies say to each bar of a run, in the order in which these came."""
    digest = hashlib.sha256()
    with Reader(path) as reader, exact():
        for line in _said(reader, run, spec, timeframe_ms(timeframe)):
            digest.update(line.encode())
    return digest.hexdigest()


def _answer(strategy: Strategy, bar: Bar) -> object:
    """Return what a strategy says to a bar; what it raises is no answer, and the same each time all the same."""
    try:
        return strategy.on_bar(bar)
    except Exception as error:  # a user's code may raise anything
        return error


def _said(reader: Reader, run: str, spec: StrategySpec, timeframe: int) -> Iterator[str]:
    strategies: dict[str, Strategy] = {}
    resamplers: dict[str, Resampler] = {}
    for row in reader.events(run):
        bar = row.event
        if type(bar) is not Bar:
            continue
        if bar.symbol not in strategies:
            strategies[bar.symbol] = spec.build(bar.symbol)
        if bar.interval != timeframe and bar.symbol not in resamplers:
            resamplers[bar.symbol] = Resampler(bar.interval, timeframe)
        bar = bar.punctual()
        resampler = resamplers.get(bar.symbol)
        for whole in (bar,) if resampler is None else resampler.add(bar):
            yield f"{whole.symbol} {whole.open_time} {_answer(strategies[bar.symbol], whole)!r}\n"
