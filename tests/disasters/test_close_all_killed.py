"""The close-all itself is killed (SIGKILL) at each of its points, and then run again.

Holds after every kill: a position that is open has its stop. End: flat, the second time ends with 0.
"""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import pytest
from conftest import FULL
from kits import close_harness
from kits.disaster_kit import Scene, scene
from kits.paper_kit import ROOT

pytestmark = pytest.mark.slow

SYMBOLS = {"ETHUSDT": "0.02", "XRPUSDT": "20"}
LEAST = 40
"""Points there are at least."""
PATIENCE = "80"
"""Seconds: so many in a row use up a minute's request weight, and then the next one waits for the minute to turn."""
SAMPLE = (9, 24)
"""The points of a short run: in the middle of the closes, and of the stops' cancels."""


def test_killed_at_each_point_and_run_again(tmp_path: Path) -> None:
    with scene(tmp_path) as it:
        points = range(1, 400) if FULL else SAMPLE
        passed = 0
        for number in points:
            hold(it)
            code = killed_at(it, number)
            if code == 0:
                passed = int((it.folder / "passed").read_text())
                break
            assert code == -signal.SIGKILL, number
            assert bare(it) == [], number
            assert it.close_all("--wait", PATIENCE)["data"]["closed"] is True, number
            assert it.flat(), number
        if FULL:
            assert passed >= LEAST


def hold(it: Scene) -> None:
    """Have a position with a stop and a target in each symbol."""
    for symbol, qty in SYMBOLS.items():
        it.act("foreign_order", symbol=symbol, side="BUY", qty=qty)
    for row in it.venue.state()["positions"]:
        symbol, mark = row["symbol"], float(row["markPrice"])
        digits = 2 if symbol == "ETHUSDT" else 4
        levels = (f"{mark * share:.{digits}f}" for share in (0.9, 1.1))
        it.protect(symbol, "SELL", SYMBOLS[symbol], *levels)


def killed_at(it: Scene, number: int) -> int:
    """Run a close-all that is killed at a point; return its exit code."""
    words = [
        "close-all",
        "--json",
        "--wait",
        PATIENCE,
        "--account",
        "demo",
        "--data-dir",
        str(it.bot.data_dir),
    ]
    command = [
        sys.executable,
        close_harness.__file__,
        str(number),
        str(it.folder / "passed"),
        *words,
    ]
    env = it.bot._env(it.exchange)
    env["PYTHONPATH"] = f"{ROOT}:{ROOT / 'tests'}"
    done = subprocess.run(command, env=env, cwd=it.folder, capture_output=True, timeout=120)
    return done.returncode


def bare(it: Scene) -> list[str]:
    """Return the symbols that are held without a stop."""
    found = it.venue.state()
    stops = {row["symbol"] for row in found["algo_orders"] if row["orderType"] == "STOP_MARKET"}
    return [row["symbol"] for row in found["positions"] if row["symbol"] not in stops]
