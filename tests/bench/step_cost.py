"""What gate, sizing, watch and monitor cost of an engine step.

Three kinds of process in turn: reading and parsing alone, the whole run phase, and the run phase with a
clock around every guard, less what the clock itself costs. The step is the run phase without reading.
"""

from __future__ import annotations

import statistics
from functools import partial
from pathlib import Path
from typing import Any

import measure


def main() -> None:
    """Run from the command line."""
    parser = measure.options(str(__doc__))
    measure.add_data(parser)
    args = parser.parse_args()
    with measure.bars_file(args) as path:
        data = weigh(args.runs, path)
    table: list[list[Any]] = [["", "calls", "s", "% of step", "% of run phase"]]
    table.append(["run phase", data["bars"], data["run_s"], "-", 100.0])
    table.append(["engine step", data["bars"], data["step_s"], 100.0, data["step_pct"]])
    for name, guard in data["guards"].items():
        table.append([name, guard["calls"], guard["s"], guard["step_pct"], guard["run_pct"]])
    measure.answer(args, data, table)


def weigh(runs: int, path: Path) -> dict[str, Any]:
    """Return the medians of whole, step and guards, and their shares in percent."""
    done = measure.interleave(
        runs,
        {
            name: partial(measure.run, measure.phase(name, "BTC/USDT", path))
            for name in ("parse", "run", "cost")
        },
    )
    results = {name: [ran.result() for ran in found] for name, found in done.items()}
    run_s = statistics.median(result["run_s"] for result in results["run"])
    step_s = run_s - statistics.median(result["run_s"] for result in results["parse"])
    first = results["cost"][0]["guards"]
    guards: dict[str, dict[str, Any]] = {}
    for name, guard in first.items():
        spent = statistics.median(result["guards"][name]["s"] for result in results["cost"])
        guards[name] = _share(guard["calls"], spent, step_s, run_s)
    spent = sum(guard["s"] for guard in guards.values())
    guards["together"] = _share(sum(g["calls"] for g in first.values()), spent, step_s, run_s)
    return {
        "runs": runs,
        "bars": results["run"][0]["bars"],
        "run_s": round(run_s, 3),
        "step_s": round(step_s, 3),
        "step_pct": round(100 * step_s / run_s, 1),
        "guards": guards,
    }


def _share(calls: int, spent: float, step_s: float, run_s: float) -> dict[str, Any]:
    return {
        "calls": calls,
        "s": round(spent, 4),
        "step_pct": round(100 * spent / step_s, 1),
        "run_pct": round(100 * spent / run_s, 1),
    }


if __name__ == "__main__":
    main()
