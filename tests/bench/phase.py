"""Measurements inside one process, printed as a ``RESULT`` line: run by the other scripts.

``phase.py run SYMBOLS FILE...`` times the run phase of a backtest (reading and parsing included),
``parse`` reading and parsing alone, ``cost`` the run phase and what it spends on gate and watch;
``make FILE BARS`` writes bars that are made up.
"""

from __future__ import annotations

import functools
import inspect
import json
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

from reference import fingerprint, make_up

SETTINGS = [
    "risk.profile=bench",
    "sim.taker_fee=0.0004",
    "strategy.params.stop_atr=0",
    "strategy.params.target_atr=0",
    "strategy.params.conviction=1",
]
"""The common benchmark's rules as ``--set`` has them; FLAGS are the same on the command line."""

GUARDS = {
    "gate": ("tradebot.core.risk.gate", None),
    "desk": ("tradebot.core.risk.desk", None),
    "sizing": ("tradebot.core.risk.sizing", None),
    "watch": ("tradebot.core.trading.reactions", "Reactions.value"),
    "monitor": ("tradebot.core.state.loss_limit", None),
}
"""Where risk is worked out: a module's public functions, or one method."""


def play(symbols: list[str], files: list[Path]) -> dict[str, Any]:
    """Run the backtest; the clock runs from the first byte read to the last bar traded."""
    from tradebot.app.backtest import Notebook, run_backtest
    from tradebot.app.build import make_session
    from tradebot.config import load_config
    from tradebot.core.trading.snapshot import Heading
    from tradebot.market.files.feed import open_files
    from tradebot.plugins.strategies import load_strategy

    config = load_config(None, {}, SETTINGS)
    spec = load_strategy("ema_cross", Path(), config.strategy.params)
    feed = open_files(files, symbols)
    notes = Notebook()
    session = make_session(config, spec.build, feed.symbols, feed.interval, record=notes.take)
    begun = time.perf_counter()
    outcome = run_backtest(
        session,
        feed.steps(),
        lambda first, last: Heading(None, "backtest", feed.label, spec.name, first, last),
        notes,
        config.digest(),
    )
    took = time.perf_counter() - begun
    trades = ((t.entry_time, t.entry_price, t.qty, t.exit_time, t.exit_price) for t in notes.trades)
    return {
        "run_s": took,
        "bars": (session.engine.now + 1 - feed.first_time) // feed.interval * len(symbols),
        "trades": len(notes.trades),
        "trades_sha256": fingerprint(trades),
        "equity": outcome.summary["equity"],
    }


def parse(symbols: list[str], files: list[Path]) -> dict[str, Any]:
    """Read and parse the files, and do nothing with the bars."""
    from tradebot.market.files.feed import open_files

    feed = open_files(files, symbols)
    begun = time.perf_counter()
    steps = sum(1 for _ in feed.steps())
    return {"run_s": time.perf_counter() - begun, "steps": steps}


@dataclass(slots=True)
class Meter:
    """Calls and nanoseconds of one guard. Calls inside another guard's call are not counted twice."""

    calls: int = 0
    spent_ns: int = 0


class Metering:
    """Puts meters around the guards of this process."""

    def __init__(self) -> None:
        self.meters: dict[str, Meter] = {}
        self._inside = False

    def install(self) -> None:
        """Wrap every guard that this version has, wherever it was imported to by name."""
        for name, (module_name, path) in GUARDS.items():
            try:
                module = import_module(module_name)
            except ModuleNotFoundError:
                continue
            meter = self.meters[name] = Meter()
            if path is not None:
                owner, method = path.split(".")
                cls = getattr(module, owner)
                setattr(cls, method, self._metered(meter, getattr(cls, method)))
                continue
            for function in _public(module):
                _rebind(function, self._metered(meter, function))

    def overhead_ns(self, calls: int = 200_000) -> float:
        """Return what the clock adds to one metered call."""
        meter = Meter()
        idle = self._metered(meter, lambda: None)
        for _ in range(calls):
            idle()
        return meter.spent_ns / calls

    def _metered(self, meter: Meter, function: Callable[..., Any]) -> Callable[..., Any]:
        clock = time.perf_counter_ns

        @functools.wraps(function)
        def metered(*args: Any, **named: Any) -> Any:
            if self._inside:
                return function(*args, **named)
            self._inside = True
            begun = clock()
            try:
                return function(*args, **named)
            finally:
                meter.spent_ns += clock() - begun
                meter.calls += 1
                self._inside = False

        return metered


def cost(symbols: list[str], files: list[Path]) -> dict[str, Any]:
    """Run the backtest with meters around the guards."""
    import tradebot.app.build  # noqa: F401 - all names must be bound before they are bound anew

    metering = Metering()
    metering.install()
    each = metering.overhead_ns()
    result = play(symbols, files)
    guards = {
        name: {"calls": meter.calls, "s": max(0.0, meter.spent_ns - meter.calls * each) / 1e9}
        for name, meter in metering.meters.items()
    }
    return {**result, "guards": guards}


def _public(module: Any) -> list[Callable[..., Any]]:
    return [
        function
        for name, function in inspect.getmembers(module, inspect.isfunction)
        if function.__module__ == module.__name__ and not name.startswith("_")
    ]


def _rebind(function: Callable[..., Any], other: Callable[..., Any]) -> None:
    """Replace a function in every module of tradebot that holds it by name."""
    for name, module in list(sys.modules.items()):
        if name.startswith("tradebot"):
            for held, value in list(vars(module).items()):
                if value is function:
                    setattr(module, held, other)


def main() -> None:
    """Do what the first word says and print the result."""
    name, *words = sys.argv[1:]
    if name == "make":
        make_up(Path(words[0]), int(words[1]))
        result: dict[str, Any] = {"bars": int(words[1])}
    else:
        work = {"run": play, "parse": parse, "cost": cost}[name]
        result = work(words[0].split(","), [Path(word) for word in words[1:]])
    sys.stdout.write(f"RESULT {json.dumps(result)}\n")


if __name__ == "__main__":
    main()
