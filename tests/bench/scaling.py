"""Ten times the bars and five symbols: how time and memory grow.

The longer file is the same bars again and again, every other time backwards, so that prices go on without
a jump and time never stops. The other symbols have the same path at another price level, two of them
backwards.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import measure
from measure import SYMBOLS, Ran

MINUTE_MS = 60_000
TARGETS = {"longer": 10.5, "symbols": 5.5}

DIVISORS = {"BTC/USDT": 1, "ETH/USDT": 10, "SOL/USDT": 100, "XRP/USDT": 1000, "ADA/USDT": 1000}
"""Price levels at which $1,000 buys some lots of each symbol, and two decimals are still fine."""

BACKWARDS = ("ETH/USDT", "XRP/USDT")

Row = tuple[str, str, str, str, str]
"""Open, high, low, close, volume."""


def read(path: Path) -> tuple[str, int, list[Row]]:
    """Return the header, the first time (UTC ms) and the rows of a file of one-minute bars."""
    with path.open() as lines:
        header = next(lines)
        rows: list[Row] = []
        first = 0
        for line in lines:
            time, opened, high, low, close, volume = line.rstrip("\n").split(",")
            first = first or int(time)
            rows.append((opened, high, low, close, volume))
    return header, first, rows


def backwards(rows: list[Row]) -> Iterator[Row]:
    """Yield the bars as seen by somebody for whom time runs the other way."""
    for opened, high, low, close, volume in reversed(rows):
        yield close, high, low, opened, volume


def write_longer(path: Path, times: int, header: str, first: int, rows: list[Row]) -> None:
    """Write the rows ``times`` times over, to and fro."""
    with path.open("w") as file:
        file.write(header)
        time = first
        for lap in range(times):
            for row in backwards(rows) if lap % 2 else rows:
                file.write(f"{time},{','.join(row)}\n")
                time += MINUTE_MS


def write_symbol(path: Path, symbol: str, header: str, first: int, rows: list[Row]) -> None:
    """Write the rows at the symbol's price level."""
    divisor = DIVISORS[symbol]
    with path.open("w") as file:
        file.write(header)
        path_of = backwards(rows) if symbol in BACKWARDS else iter(rows)
        for index, (*prices, volume) in enumerate(path_of):
            text = ",".join(f"{Decimal(price) / divisor:.2f}" for price in prices)
            file.write(f"{first + index * MINUTE_MS},{text},{volume}\n")


def figures(done: dict[str, list[Ran]]) -> dict[str, dict[str, Any]]:
    """Return the medians of every case and its ratio to the plain one."""
    cases: dict[str, dict[str, Any]] = {}
    for name, runs in done.items():
        cases[name] = {
            "run_s": measure.median([ran.result()["run_s"] for ran in runs]),
            "peak_mb": measure.median([ran.peak_mb for ran in runs], 1),
            "trades": runs[0].result()["trades"],
        }
    base = cases["one"]
    for case in cases.values():
        case["time_ratio"] = round(case["run_s"] / base["run_s"], 2)
        case["memory_ratio"] = round(case["peak_mb"] / base["peak_mb"], 2)
    return cases


def prepare(path: Path, times: int, folder: Path) -> None:
    """Write the longer file and one file for each symbol."""
    header, first, rows = read(path)
    write_longer(longer_file(folder), times, header, first, rows)
    for symbol in SYMBOLS:
        write_symbol(symbol_file(folder, symbol), symbol, header, first, rows)


def longer_file(folder: Path) -> Path:
    """Return where the longer file lies."""
    return folder / "longer.csv"


def symbol_file(folder: Path, symbol: str) -> Path:
    """Return where a symbol's file lies."""
    return folder / f"{symbol.replace('/', '')}-1m-bench.csv"


def report(args: argparse.Namespace, path: Path, folder: Path) -> None:
    """Write the cases, measure them in turn, print."""
    measure.say(f"writing {args.times} times the bars of {path.name}, and five symbols")
    # in a process of its own: what this one holds would count into the peak of its children
    itself = [sys.executable, __file__, "--times", str(args.times)]
    measure.run([*itself, "--data", path, "--prepare", folder])
    longer, files = longer_file(folder), [symbol_file(folder, symbol) for symbol in SYMBOLS]
    with path.open() as lines:
        bars = sum(1 for _ in lines) - 1
    plain = files[SYMBOLS.index("BTC/USDT")]
    names = ",".join(SYMBOLS)
    done = measure.interleave(
        args.runs,
        {
            "one": lambda: measure.run(measure.phase("run", "BTC/USDT", plain)),
            "longer": lambda: measure.run(measure.phase("run", "BTC/USDT", longer)),
            "symbols": lambda: measure.run(measure.phase("run", names, *files)),
        },
    )
    cases = figures(done)
    titles = {
        "one": f"{bars:,} bars, one symbol",
        "longer": f"{args.times} times the bars",
        "symbols": f"{len(SYMBOLS)} symbols",
    }
    table: list[list[Any]] = [
        ["run phase", "s", "time ratio", "target", "peak MB", "memory ratio", "trades"]
    ]
    for name, c in cases.items():
        target = f"<= {TARGETS[name]}" if name in TARGETS else None
        table.append(
            [
                *(titles[name], c["run_s"], c["time_ratio"], target),
                *(c["peak_mb"], c["memory_ratio"], c["trades"]),
            ]
        )
    data = {"bars": bars, "times": args.times, "runs": args.runs, "cases": cases}
    measure.answer(args, data, table)


def main() -> None:
    """Run from the command line."""
    parser = measure.options(str(__doc__))
    measure.add_data(parser)
    parser.add_argument("--times", type=int, default=10, help="how much longer (default 10)")
    parser.add_argument("--prepare", type=Path, help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.prepare is not None:
        prepare(args.data, args.times, args.prepare)
        return
    with measure.bars_file(args) as path, tempfile.TemporaryDirectory() as folder:
        report(args, path, Path(folder))


if __name__ == "__main__":
    main()
