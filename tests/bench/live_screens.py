# ruff: noqa: E402
"""The two races of ``live.py`` in a process whose main thread draws the screens, as ``tradebot live`` does on a terminal.

``python tests/bench/live_screens.py [--rounds 150] [--runs 5] [--json]``. The screens look twice a second at the journal of a paper
run at 60 minutes a minute (another process) and draw on a pty that is read; the races run on a loop of their own in another
thread. Each is run without the screens first, in the same way.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import statistics
import sys
import tempfile
import threading
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE.parent), str(HERE)]

from kits.tui_kit import configured
from live import RACES, race
from tui_cost import SETTLE_S, Screen, engine

from tradebot.tui.app import TradebotApp
from tradebot.tui.setting import Setting
from tradebot.tui.terminal import alone

FIGURES = ("p50_ms", "p99_ms")


def races(rounds: int) -> dict[str, Any]:
    """Run both races here."""
    return {name: asyncio.run(race(name, rounds))["ours"] for name in RACES}


def beside(data_dir: Path, rounds: int, result: Path) -> None:
    """Draw the screens in this thread while another runs the races; be over when they are."""
    with alone(data_dir / "screens.log") as outlet:
        app = TradebotApp(Setting(configured(data_dir), "bench"), outlet)

        def work() -> None:
            time.sleep(SETTLE_S)
            result.write_text(json.dumps(races(rounds)))
            app.call_from_thread(app.exit)

        threading.Thread(target=work, daemon=True).start()
        app.run()


def watched(rounds: int) -> dict[str, Any]:
    """Run the races beside the screens."""
    with tempfile.TemporaryDirectory() as name:
        data_dir, result = Path(name), Path(name) / "result.json"
        words = ["--beside", str(data_dir), "--rounds", str(rounds), "--result", str(result)]
        with engine(data_dir, "60"):
            screen = Screen([sys.executable, str(Path(__file__)), *words])
            try:
                with suppress(OSError):  # it has ended
                    while not result.exists() or not result.read_text():
                        screen.watch(0.2)
            finally:
                screen.close()
        found: dict[str, Any] = json.loads(result.read_text())
        return found


def medians(found: list[dict[str, Any]]) -> dict[str, Any]:
    return {
        name: {
            figure: round(statistics.median(one[name][figure] for one in found), 3)
            for figure in FIGURES
        }
        for name in RACES
    }


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=150)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--beside", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--result", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--json", action="store_true")
    asked = parser.parse_args()
    if asked.beside is not None:
        beside(asked.beside, asked.rounds, asked.result)
        return
    without, with_screens = [], []
    for _ in range(asked.runs):
        without.append(races(asked.rounds))
        with_screens.append(watched(asked.rounds))
    found = {"without_screens": medians(without), "with_screens": medians(with_screens)}
    if asked.json:
        sys.stdout.write(json.dumps(found, indent=2) + "\n")
        return
    for name, values in found.items():
        sys.stdout.write(f"{name}: {json.dumps(values)}\n")


if __name__ == "__main__":
    main()
