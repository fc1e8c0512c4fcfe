"""A day of paper trading on five symbols at one-second prices, and whether three days stay as small.

The day is timed whole, from the shell's point of view. Then one longer run is watched from outside: its
resident memory, and the journal's files, at moments of market time read from the journal's snapshot.
"""

from __future__ import annotations

import argparse
import json
import sqlite3
import subprocess
import tempfile
import time
from pathlib import Path
from typing import Any

import measure
from measure import SYMBOLS

HOUR_MS = 3_600_000
POINTS = (6, 24, 48, 72)
TARGETS = {"aimed_s": 10.0, "most_s": 20.0}
LOOK_S = 0.2


def command(hours: float, folder: Path, speed: str = "max") -> list[str]:
    """Return the user's command for so many hours of market time."""
    words = ["--speed", speed, "--for", f"{round(hours * 60)}m", "--headless", "--json"]
    where = ["--symbols", ",".join(SYMBOLS), "--seed", "42", "--data-dir", str(folder)]
    return measure.tradebot("paper", *words, *where)


def day(runs: int, hours: float) -> dict[str, Any]:
    """Return the medians of whole runs, each with a new journal."""
    done = []
    for number in range(runs):
        measure.say(f"run {number + 1} of {runs}: {hours:g} h")
        with tempfile.TemporaryDirectory() as folder:
            done.append(measure.run(command(hours, Path(folder))))
    walls = [ran.wall_s for ran in done]
    summary = done[0].result()["data"]["summary"]
    return {
        "hours": hours,
        "runs": runs,
        "wall_s": measure.median(walls),
        "wall_s_min_max": [round(min(walls), 3), round(max(walls), 3)],
        "peak_mb": measure.median([ran.peak_mb for ran in done], 1),
        "trades": summary["completed_trades"],
        "equity": summary["equity"],
    }


def watch(hours: float, points: tuple[float, ...]) -> list[dict[str, Any]]:
    """Run once and look at memory and journal when each point of market time has passed."""
    measure.say(f"watching {hours:g} h")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        process = subprocess.Popen(
            command(hours, folder), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        seen: list[dict[str, Any]] = []
        begun: int | None = None
        look: dict[str, Any] = {}
        ahead = list(points)
        while process.poll() is None:
            now = market_time(folder)
            begun = now if begun is None else begun
            memory = resident_mb(process.pid)
            if now is not None and begun is not None and memory is not None:
                look = {"hour": (now - begun) / HOUR_MS, "resident_mb": memory, **sizes(folder)}
                if ahead and look["hour"] >= ahead[0]:
                    seen.append({"point": ahead.pop(0), **_rounded(look)})
            time.sleep(LOOK_S)
        if process.returncode:
            raise SystemExit(f"the watched run ended with {process.returncode}")
        if look:  # the last look before the end stands for a point the run ended on
            seen.append({"point": hours, **_rounded(look)})
        return [*seen, {"point": "ended", "hour": hours, "resident_mb": None, **sizes(folder)}]


def market_time(folder: Path) -> int | None:
    """Return how far the run has come (UTC ms of market time), None before its first commit."""
    path = folder / "tradebot.db"
    if not path.exists():
        return None
    try:
        db = sqlite3.connect(f"file:{path}?mode=ro", uri=True)
        try:
            row = db.execute("SELECT body FROM snapshot").fetchone()
        finally:
            db.close()
    except sqlite3.Error:  # being made right now
        return None
    return None if row is None else int(json.loads(row[0])["at"])


def resident_mb(pid: int) -> float | None:
    """Return a process's resident memory in MB; None when it is gone."""
    try:
        pages = Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return None
    for line in pages.splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) / 1024
    return None


def sizes(folder: Path) -> dict[str, float]:
    """Return the sizes of the journal and of its write-ahead log in MB."""
    found = {}
    for name, suffix in (("journal_mb", ""), ("wal_mb", "-wal")):
        path = folder / f"tradebot.db{suffix}"
        found[name] = round(path.stat().st_size / 2**20, 1) if path.exists() else 0.0
    return found


def _rounded(look: dict[str, Any]) -> dict[str, Any]:
    return {name: round(value, 1) for name, value in look.items()}


def report(args: argparse.Namespace) -> None:
    """Measure and print."""
    timed = day(args.runs, args.hours)
    points = tuple(float(point) for point in POINTS if point < args.watch)
    seen = watch(args.watch, points) if args.watch else []
    table: list[list[Any]] = [["", "wall s", "MB", "journal MB", "WAL MB"]]
    table.append([f"{args.hours:g} h, whole process", timed["wall_s"], timed["peak_mb"], "-", "-"])
    for look in seen:
        when = look["point"] if look["point"] == "ended" else f"at {look['hour']:g} h"
        sizes_ = [look["journal_mb"], look["wal_mb"]]
        table.append([f"{args.watch:g} h, {when}", "-", look["resident_mb"], *sizes_])
    data = {"symbols": len(SYMBOLS), "day": timed, "targets": TARGETS, "watched": seen}
    measure.answer(args, data, table)


def main() -> None:
    """Run from the command line."""
    parser = measure.options(str(__doc__))
    parser.add_argument("--hours", type=float, default=24.0, help="hours timed (default 24)")
    parser.add_argument(
        "--watch", type=float, default=72.0, help="hours of the watched run (default 72; 0: none)"
    )
    report(parser.parse_args())


if __name__ == "__main__":
    main()
