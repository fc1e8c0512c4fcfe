"""close-all against the venue, ten positions with a stop and a target each, every request taking 50 ms.

The engine is the installed command; times are its own rows in ``close-all.jsonl`` (one clock on one machine). Beside it
a serial client does the same one request after the other.

    python tests/bench/close_all.py [--repeats 5] [--json]
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from kits.disaster_kit import POSITION, QUIET, Scene, scene

DELAY_MS = 50
ROUND_TRIP_S = DELAY_MS / 1000
MANDATORY_S = 4.0
QTY = {"BTCUSDT": "0.002", "ETHUSDT": "0.02", "SOLUSDT": "0.3", "ADAUSDT": "60", "XRPUSDT": "20"}
ENTRY = {
    "BTCUSDT": "90000",
    "ETHUSDT": "3000",
    "SOLUSDT": "130",
    "ADAUSDT": "0.5",
    "XRPUSDT": "2.2",
}


def positions() -> list[str]:
    """Ten: both legs of five symbols."""
    return [
        POSITION.format(symbol=name, side=side, qty=f"{sign}{qty}", entry=ENTRY[name])
        for name, qty in QTY.items()
        for side, sign in (("LONG", ""), ("SHORT", "-"))
    ]


def protect(it: Scene) -> None:
    """Put a stop and a target behind each leg."""
    for row in it.venue.state()["positions"]:
        mark, long = float(row["markPrice"]), row["positionSide"] == "LONG"
        digits = 4 if mark < 10 else 1
        for kind, share in (("STOP_MARKET", 0.9), ("TAKE_PROFIT_MARKET", 1.1)):
            level = mark * (share if long else 2 - share)
            it.signed(
                *("POST", "/fapi/v1/algoOrder"),
                algoType="CONDITIONAL",
                symbol=row["symbol"],
                side="SELL" if long else "BUY",
                positionSide=row["positionSide"],
                type=kind,
                quantity=row["positionAmt"].lstrip("-"),
                triggerPrice=f"{level:.{digits}f}",
                workingType="MARK_PRICE",
            )


def opened(folder: Path, work: Callable[[Scene], dict[str, float]]) -> dict[str, float]:
    """Do something with an account of ten positions at a venue that takes its time."""
    with scene(folder, *positions(), account="hedge = true\n") as it:
        protect(it)
        it.faults({"do": "delay", "ms": DELAY_MS, "path": "/fapi/*"})
        return work(it)


def by_engine(it: Scene) -> dict[str, float]:
    """The engine is alive: asked from another terminal, it closes on its own connections."""
    it.engine(QUIET)
    it.bot.until(lambda: len(it.venue.asked("GET", "/fapi/v3/positionRisk")) >= 1)
    time.sleep(3)
    begun = time.time()
    it.close_all("--wait", "60")
    steps = it.steps()
    latched = (
        min(
            json.loads(line)["wall"] for line in (it.bot.data_dir / "HALT").read_text().splitlines()
        )
        / 1000
    )
    closes = [step.wall / 1000 for step in steps if step.step == "close"]
    answers = [step.wall / 1000 for step in steps if step.step == "answer"]
    done = next(step.wall / 1000 for step in steps if step.step == "done")
    proved = max(step.wall / 1000 for step in steps if step.step == "read")
    sides = {(s.more["symbol"], s.more["side"]) for s in steps if s.step == "close"}
    assert len(sides) == 10, sides
    assert {step.role for step in steps if step.step == "close"} == {"engine"}
    return {
        "command_to_latch_s": latched - begun,
        "latch_to_first_close_s": min(closes) - latched,
        "first_close_to_last_accepted_s": max(answers) - min(closes),
        "first_close_to_all_cancelled_s": done - min(closes),
        "proof_beyond_the_wait_s": proved - done - MANDATORY_S,
    }


def without_engine(it: Scene) -> dict[str, float]:
    """Nobody runs: the command does it, from its own start on."""
    begun = time.time()
    it.close_all("--wait", "60")
    steps = it.steps()
    closes = [step.wall / 1000 for step in steps if step.step == "close"]
    answers = [step.wall / 1000 for step in steps if step.step == "answer"]
    reads = [step.more["begun"] / 1000 for step in steps if step.step == "read"]
    return {
        "start_to_first_read_s": min(reads) - begun,
        "start_to_first_close_s": min(closes) - begun,
        "first_close_to_last_accepted_s": max(answers) - min(closes),
    }


def serially(it: Scene) -> dict[str, float]:
    """The baseline: one request after the other, each answered before the next."""
    begun = time.time()
    for path in ("/fapi/v1/openAlgoOrders", "/fapi/v1/openOrders"):
        it.signed("GET", path)
    legs = it.signed("GET", "/fapi/v3/positionRisk")
    first = time.time()
    for leg in legs:
        it.signed(
            *("POST", "/fapi/v1/order"),
            symbol=leg["symbol"],
            side="SELL" if leg["positionSide"] == "LONG" else "BUY",
            positionSide=leg["positionSide"],
            type="MARKET",
            quantity=leg["positionAmt"].lstrip("-"),
        )
    return {"first_close_s": first - begun, "first_close_to_last_accepted_s": time.time() - first}


def importing() -> float:
    """Seconds to import what talks to the exchange: the larger part of a dead engine's close."""
    code = "import time; t = time.time(); from tradebot.wire.library import load_class; load_class(); print(time.time() - t)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return float(done.stdout)


def medians(rows: list[dict[str, float]]) -> dict[str, float]:
    return {key: round(statistics.median(row[key] for row in rows), 3) for key in rows[0]}


def measure(repeats: int) -> dict[str, Any]:
    """Return the medians of each way."""
    found: dict[str, Any] = {}
    for name, work in (("engine", by_engine), ("dead", without_engine), ("serial", serially)):
        rows = []
        for _ in range(repeats):
            with tempfile.TemporaryDirectory() as folder:
                rows.append(opened(Path(folder), work))
        found[name] = medians(rows)
    found["import_s"] = round(statistics.median(importing() for _ in range(repeats)), 3)
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--json", action="store_true")
    words = parser.parse_args()
    found = measure(words.repeats)
    if words.json:
        sys.stdout.write(json.dumps(found))
        return
    for name, figures in found.items():
        sys.stdout.write(f"{name} {figures}\n")


if __name__ == "__main__":
    main()
