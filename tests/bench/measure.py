"""What all measurements share: processes timed from outside, medians, answers as table or JSON.

The measuring process stays small on purpose: Linux counts the parent's memory at the fork into a
child's peak, so nothing of tradebot is imported here.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
SHARED = HERE.parents[2] / "shared" / "bench"
"""The common benchmark, where it lies beside the repository: generator, oracle, peers' scripts."""

SYMBOLS = ("ADA/USDT", "BTC/USDT", "ETH/USDT", "SOL/USDT", "XRP/USDT")
RESULT = "RESULT "


@dataclass(frozen=True, slots=True)
class Ran:
    """A finished process: wall and CPU seconds, peak memory in MB, and what it wrote to stdout."""

    wall_s: float
    cpu_s: float
    peak_mb: float
    out: str

    def result(self) -> dict[str, Any]:
        """Return the JSON of its ``RESULT`` line, else of its whole output."""
        for line in self.out.splitlines():
            if line.startswith(RESULT):
                return dict(json.loads(line.removeprefix(RESULT)))
        return dict(json.loads(self.out))


def run(
    command: Sequence[str | Path], cwd: Path | None = None, env: Mapping[str, str] | None = None
) -> Ran:
    """Run a command to its end; SystemExit with its last words when it fails."""
    words = [str(word) for word in command]
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        begun = time.perf_counter()
        process = subprocess.Popen(
            words, stdout=out, stderr=err, cwd=cwd, env={**os.environ, **(env or {})}
        )
        _, status, usage = os.wait4(process.pid, 0)
        wall = time.perf_counter() - begun
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode:
            err.seek(0)
            said = err.read().decode(errors="replace")[-2000:]
            raise SystemExit(f"{' '.join(words)} ended with {process.returncode}:\n{said}")
        out.seek(0)
        text = out.read().decode()
    return Ran(wall, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024, text)


def interleave(runs: int, jobs: Mapping[str, Callable[[], Ran]]) -> dict[str, list[Ran]]:
    """Run all jobs in turn, ``runs`` times: a disturbance of the machine meets all of them alike."""
    done: dict[str, list[Ran]] = {name: [] for name in jobs}
    for number in range(runs):
        for name, job in jobs.items():
            say(f"run {number + 1} of {runs}: {name}")
            done[name].append(job())
    return done


def median(values: Sequence[float], digits: int = 3) -> float:
    """Return the rounded median."""
    return round(statistics.median(values), digits)


def tradebot(*words: str | Path) -> list[str]:
    """Return the command line of ``tradebot`` in this interpreter."""
    return [sys.executable, "-m", "tradebot", *map(str, words)]


def phase(name: str, *words: str | Path) -> list[str]:
    """Return the command line of one of phase.py's measurements in a process of its own."""
    return [sys.executable, str(HERE / "phase.py"), name, *map(str, words)]


def say(text: str) -> None:
    """Tell a waiting person on stderr what goes on."""
    sys.stderr.write(text + "\n")
    sys.stderr.flush()


def options(doc: str, runs: int = 5) -> argparse.ArgumentParser:
    """Return a parser with ``--json`` and ``--runs``, described by the script's docstring."""
    parser = argparse.ArgumentParser(description=doc.strip().splitlines()[0])
    parser.add_argument("--json", action="store_true", help="print one JSON document")
    parser.add_argument("--runs", type=int, default=runs, help=f"repetitions (default {runs})")
    return parser


def add_data(parser: argparse.ArgumentParser) -> None:
    """Add the options that say where the bars come from."""
    parser.add_argument("--data", type=Path, help="bench1.csv, ready")
    parser.add_argument("--peers", type=Path, help="an interpreter with numpy and the peers")
    parser.add_argument(
        "--bars", type=int, default=525_600, help="bars to make up without --data and --peers"
    )


@contextmanager
def bars_file(args: argparse.Namespace) -> Iterator[Path]:
    """Give the file asked for: as it is, made by the common generator, or made up."""
    if args.data is not None:
        yield args.data.resolve()
        return
    with tempfile.TemporaryDirectory() as name:
        path = Path(name) / "bench1.csv"
        if args.peers is not None:
            say("making bench1.csv")
            run([args.peers, SHARED / "gen_bench1.py"], cwd=path.parent)
        else:
            run(phase("make", path, str(args.bars)))
        yield path


def answer(
    args: argparse.Namespace, data: Mapping[str, Any], table: Sequence[Sequence[Any]]
) -> None:
    """Print the figures: one JSON document, or the table, whose first row is its head."""
    if args.json:
        sys.stdout.write(json.dumps(data, indent=2) + "\n")
        return
    rows = [["-" if cell is None else str(cell) for cell in row] for row in table]
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    for row in rows:
        cells = [row[0].ljust(widths[0])]
        cells += [cell.rjust(width) for cell, width in zip(row[1:], widths[1:], strict=True)]
        sys.stdout.write("  ".join(cells).rstrip() + "\n")
