"""One year of minutes through the whole bot: run phase and whole process, beside the peers'.

The work is checked: trades and final equity must equal the oracle's (for bench1.csv) or those of
``reference.py`` (for other bars). Nothing here is run by the benchmark alone: it is ``tradebot backtest``.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable
from datetime import datetime
from decimal import Decimal
from functools import partial
from hashlib import file_digest
from pathlib import Path
from typing import Any

import measure
from measure import Ran
from reference import Expected, Trade, fingerprint, play

FLAGS = ["--symbols", "BTC/USDT", "--profile", "bench", "--set", "sim.taker_fee=0.0004"]
PARAMS = ["--param", "stop_atr=0", "--param", "target_atr=0", "--param", "conviction=1"]

PEERS = {"backtesting.py": "backtestingpy_b.py", "basana": "basana_b.py"}

TARGETS = {
    "run_vs_backtesting.py": (">=", 1.2),
    "run_vs_basana": (">=", 2.0),
    "wall_vs_backtesting.py": ("<=", 0.75),
    "peak_mb": ("<=", 80.0),
}


def expected_of(path: Path) -> tuple[str, Expected]:
    """Return what must come out of a file of bars, and who says so."""
    oracle = measure.SHARED / "oracle.json"
    if oracle.exists():
        known = json.loads(oracle.read_text())
        with path.open("rb") as file:
            own = file_digest(file, "sha256").hexdigest()
        if own == known["data"]["sha256"]:
            result = known["result"]
            equity = Decimal(result["final_equity_exact"])
            return "oracle", Expected(result["trades_closed"], result["trades_sha256"], equity)
    return "reference", play(path)


def of_command(answer: dict[str, Any]) -> Expected:
    """Return what ``tradebot backtest --json`` says came out."""
    data = answer["data"]
    trades = [_trade(row) for row in data["trades"]]
    equity = Decimal(data["summary"]["equity"])
    return Expected(len(trades), fingerprint(trades), equity)


def of_phase(result: dict[str, Any]) -> Expected:
    """Return what the run phase in process says came out."""
    return Expected(result["trades"], result["trades_sha256"], Decimal(result["equity"]))


def _trade(row: dict[str, Any]) -> Trade:
    entered, left = _ms(row["entry_time"]), _ms(row["exit_time"])
    prices = Decimal(row["entry_price"]), Decimal(row["exit_price"])
    return entered, prices[0], Decimal(row["qty"]), left, prices[1]


def _ms(text: str) -> int:
    return round(datetime.fromisoformat(text).timestamp() * 1000)


def jobs(path: Path, peers: Path | None) -> dict[str, Callable[[], Ran]]:
    """Return what is to be run in turn."""
    found: dict[str, Callable[[], Ran]] = {
        "run phase": lambda: measure.run(measure.phase("run", "BTC/USDT", path)),
        "tradebot": lambda: measure.run(
            measure.tradebot("backtest", path, *FLAGS, *PARAMS, "--json")
        ),
    }
    if peers is not None:
        scripts = measure.SHARED / "peers"
        env = {"PYTHONPATH": str(scripts)}
        for name, script in PEERS.items():
            command = [peers, scripts / script]
            found[name] = partial(measure.run, command, cwd=path.parent, env=env)
    return found


def figures(bars: int, done: dict[str, list[Ran]]) -> dict[str, dict[str, Any]]:
    """Return the medians of every engine."""
    phases = [ran.result()["run_s"] for ran in done["run phase"]]
    engines = {"tradebot": _figures(bars, phases, done["tradebot"])}
    for name in PEERS:
        if name in done:
            runs = [ran.result()["run_s"] for ran in done[name]]
            engines[name] = _figures(bars, runs, done[name])
    return engines


def _figures(bars: int, phases: list[float], whole: list[Ran]) -> dict[str, Any]:
    run_s = measure.median(phases)
    return {
        "run_s": run_s,
        "run_s_min_max": [round(min(phases), 3), round(max(phases), 3)],
        "bars_per_s": round(bars / run_s),
        "wall_s": measure.median([ran.wall_s for ran in whole]),
        "wall_s_min_max": [
            round(min(ran.wall_s for ran in whole), 3),
            round(max(ran.wall_s for ran in whole), 3),
        ],
        "peak_mb": measure.median([ran.peak_mb for ran in whole], 1),
    }


def ratios(engines: dict[str, dict[str, Any]]) -> dict[str, float]:
    """Return the figures the targets are set for, as far as the peers were run."""
    own = engines["tradebot"]
    found: dict[str, float] = {"peak_mb": own["peak_mb"]}
    for name in PEERS:
        if name in engines:
            found[f"run_vs_{name}"] = round(own["bars_per_s"] / engines[name]["bars_per_s"], 2)
            found[f"wall_vs_{name}"] = round(own["wall_s"] / engines[name]["wall_s"], 2)
    return found


def met(found: dict[str, float]) -> dict[str, bool]:
    """Say of every target with a figure whether it is met."""
    return {
        name: found[name] >= limit if sign == ">=" else found[name] <= limit
        for name, (sign, limit) in TARGETS.items()
        if name in found
    }


def report(args: argparse.Namespace, path: Path) -> bool:
    """Measure, print, and return whether the work was right."""
    who, expected = expected_of(path)
    with path.open("rb") as lines:
        bars = sum(1 for _ in lines) - 1
    done = measure.interleave(args.runs, jobs(path, args.peers))
    results = [of_command(ran.result()) for ran in done["tradebot"]]
    results += [of_phase(ran.result()) for ran in done["run phase"]]
    right = all(result == expected for result in results)
    engines = figures(bars, done)
    found = ratios(engines)
    data = {
        "bars": bars,
        "runs": args.runs,
        "checked_by": who,
        "equal": right,
        "trades": results[0].trades,
        "equity": str(results[0].equity),
        "trades_sha256": results[0].trades_sha256,
        "engines": engines,
        "ratios": found,
        "targets_met": met(found),
    }
    table: list[list[Any]] = [["engine", "run s", "bars/s", "process s", "peak MB"]]
    for name, e in engines.items():
        table.append([name, e["run_s"], f"{e['bars_per_s']:,}", e["wall_s"], e["peak_mb"]])
    for name, value in found.items():
        target = " ".join(map(str, TARGETS.get(name, ("", ""))))
        table.append([name, value, target, "", ""])
    table.append([f"equals the {who}", "yes" if right else "NO", "", "", ""])
    measure.answer(args, data, table)
    return right


def main() -> None:
    """Run from the command line; exit code 1 when the work was wrong."""
    parser = measure.options(str(__doc__))
    measure.add_data(parser)
    args = parser.parse_args()
    with measure.bars_file(args) as path:
        right = report(args, path)
    raise SystemExit(0 if right else 1)


if __name__ == "__main__":
    main()
