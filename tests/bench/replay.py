"""A day of five symbols at one-second prices: the same prices through a backtest and through ``replay``, side by side.

The backtest plays the embedded market without a journal; the replay reads the journal that a paper run of the same market has
written. CPU seconds of this process, in turn, the least of several; beside it the backtest on steps that are in memory.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

from tradebot.app.backtest import Notebook, run_backtest
from tradebot.app.build import make_session
from tradebot.app.replay import replay_run
from tradebot.config import load_config
from tradebot.core.model.values import HOUR_MS, MINUTE_MS
from tradebot.core.trading.snapshot import Heading
from tradebot.market.feed import SimulatedSource, Step
from tradebot.plugins.strategies import load_strategy

SYMBOLS = ("ADA/USDT", "BTC/USDT", "ETH/USDT", "SOL/USDT", "XRP/USDT")
SEED = 42


def journal(folder: Path, hours: float) -> None:
    """Run paper for so many hours of market time."""
    words = ["paper", "--speed", "max", "--for", f"{round(hours * 60)}m", "--headless", "--json"]
    where = ["--symbols", ",".join(SYMBOLS), "--seed", str(SEED), "--data-dir", str(folder)]
    command = [sys.executable, "-m", "tradebot", *words, *where]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def steps_of(source: SimulatedSource, hours: float) -> Iterator[Step]:
    """Yield the steps of so many hours."""
    first = 0
    for step in source.steps():
        first = first or step[0].at
        if step[0].at >= first + hours * HOUR_MS:
            return
        yield step


def backtest(steps: Callable[[], Iterable[Step]]) -> str:
    """Play steps without a journal; return the fingerprint of the orders."""
    config = load_config(None, {}, ("risk.profile=paper",))
    spec = load_strategy("ema_cross", config.base_dir)
    heading = Heading("bench", "backtest", "", "ema_cross", None, None)
    notebook = Notebook()
    session = make_session(
        *(config, spec.build, SYMBOLS, MINUTE_MS), quotes=True, record=notebook.take
    )
    for bar in SimulatedSource(SYMBOLS, SEED).history():
        session.engine.warm(bar)
    return run_backtest(session, steps(), lambda *_: heading, notebook, "").hashes["orders"]


def timed(work: Callable[[], Any]) -> tuple[float, Any]:
    """Return the CPU seconds of a call, and what it returns."""
    begun = time.process_time()
    found = work()
    return time.process_time() - begun, found


def measure(hours: float, runs: int) -> dict[str, Any]:
    """Return the figures."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        journal(folder, hours)
        kept = list(steps_of(SimulatedSource(SYMBOLS, SEED), hours))
        jobs: dict[str, Callable[[], Any]] = {
            "backtest": lambda: backtest(lambda: steps_of(SimulatedSource(SYMBOLS, SEED), hours)),
            "in_memory": lambda: backtest(lambda: kept),
            "replay": lambda: replay_run(folder / "tradebot.db", "paper-0001", folder),
        }
        times: dict[str, list[float]] = {name: [] for name in jobs}
        for _ in range(runs):
            for name, work in jobs.items():
                seconds, found = timed(work)
                times[name].append(seconds)
            assert found.equal
    least = {f"{name}_s": round(min(taken), 3) for name, taken in times.items()}
    ratio = round(least["replay_s"] / least["backtest_s"], 2)
    return {
        "hours": hours,
        "events": found.events,
        "effects": found.effects,
        **least,
        "ratio": ratio,
    }


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--hours", type=float, default=24.0)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--json", action="store_true")
    args = parser.parse_args()
    figures = measure(args.hours, args.runs)
    lines = "\n".join(f"{name:<12} {value}" for name, value in figures.items())
    print(json.dumps(figures) if args.json else lines)  # noqa: T201 - the answer
