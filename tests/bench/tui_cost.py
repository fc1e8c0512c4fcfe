"""What the screens cost: CPU share at two looks a second, the engine's delay with and without, memory.

A headless engine runs on the embedded market; its order latencies are read from the summary, and the beats
of its journal show whether it is kept waiting. The screen runs on a pty of its own that somebody reads.
``--minutes`` is how long each part is watched.
"""

from __future__ import annotations

import contextlib
import os
import pty
import select
import signal
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import pairwise
from pathlib import Path
from typing import Any

from measure import answer, options, say, tradebot

TICKS = os.sysconf("SC_CLK_TCK")
PAGE_MB = os.sysconf("SC_PAGE_SIZE") / (1 << 20)
LOOK_S = 0.02
KEYS = {"paper": b"1", "plot": b"2", "signals": b"3", "risk": b"4"}
SETTLE_S = 4.0


class Screen:
    """A command with screens on a pty, which is read so that it never waits for us."""

    def __init__(self, words: Sequence[str], rows: int = 40, columns: int = 120) -> None:
        self.pid, self.fd = pty.fork()
        if self.pid == 0:
            os.environ.update(TERM="xterm-256color", LINES=str(rows), COLUMNS=str(columns))
            os.execv(words[0], list(words))

    def watch(self, seconds: float) -> None:
        """Read what it draws for some seconds."""
        deadline = time.monotonic() + seconds
        while (left := deadline - time.monotonic()) > 0:
            if select.select([self.fd], [], [], left)[0]:
                os.read(self.fd, 1 << 16)

    def press(self, keys: bytes) -> None:
        """Press keys."""
        os.write(self.fd, keys)

    def close(self) -> None:
        """End it."""
        os.kill(self.pid, signal.SIGTERM)
        with contextlib.suppress(OSError):
            while os.read(self.fd, 1 << 16):
                pass
        os.waitpid(self.pid, 0)
        os.close(self.fd)


def cpu_s(pid: int) -> float:
    """Return the CPU seconds a process has used."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICKS


def memory_mb(pid: int) -> float:
    """Return a process's resident memory in MB."""
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * PAGE_MB


@contextmanager
def engine(data_dir: Path, speed: str) -> Iterator[subprocess.Popen[bytes]]:
    """Run a headless engine."""
    words = tradebot("paper", "--headless", "--speed", speed, "--data-dir", data_dir)
    with subprocess.Popen(words, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        time.sleep(SETTLE_S)
        try:
            yield process
        finally:
            process.send_signal(signal.SIGTERM)


def beats(data_dir: Path, seconds: float, screen: Screen | None) -> list[float]:
    """Return the wall milliseconds between the engine's commits, as the journal has them."""
    uri = f"{(data_dir / 'tradebot.db').absolute().as_uri()}?mode=ro"
    db = sqlite3.connect(uri, uri=True)
    seen: list[int] = []
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        (wall,) = db.execute("SELECT max(wall) FROM snapshot").fetchone()
        if wall is not None and (not seen or wall != seen[-1]):
            seen.append(wall)
        if screen is None:
            time.sleep(LOOK_S)
        else:
            screen.watch(LOOK_S)
    db.close()
    return [float(b - a) for a, b in pairwise(seen)]


def quantiles(values: list[float]) -> dict[str, float]:
    """Return the median and the 99th percentile."""
    cuts = statistics.quantiles(values, n=100)
    return {"p50_ms": round(cuts[49], 1), "p99_ms": round(cuts[98], 1)}


def shares(screen: Screen, seconds: float) -> dict[str, float]:
    """Return the percent of one CPU that the screen takes in each view."""
    found = {}
    for view, key in KEYS.items():
        screen.press(key)
        screen.watch(2.0)
        begun = cpu_s(screen.pid)
        screen.watch(seconds)
        found[view] = round(100 * (cpu_s(screen.pid) - begun) / seconds, 1)
    return found


def together(seconds: float, speed: str) -> dict[str, float]:
    """Return the engine's commit intervals when the screen is in its own process, as ``paper`` has it."""
    say("engine and screen in one process")
    with tempfile.TemporaryDirectory() as name:
        screen = Screen(tradebot("paper", "--speed", speed, "--data-dir", name))
        try:
            screen.watch(SETTLE_S)
            return quantiles(beats(Path(name), seconds, screen))
        finally:
            screen.close()


def measured(minutes: float, speed: str) -> dict[str, Any]:
    """Return all figures of one engine, first alone, then watched."""
    seconds = minutes * 60
    with tempfile.TemporaryDirectory() as name:
        data_dir = Path(name)
        with engine(data_dir, speed) as process:
            say("the engine alone")
            alone = quantiles(beats(data_dir, seconds, None))
            cpu = cpu_s(process.pid)
            screen = Screen(tradebot("tui", "--data-dir", data_dir))
            try:
                screen.watch(SETTLE_S)
                say("the engine watched")
                first = memory_mb(screen.pid)
                watched = quantiles(beats(data_dir, seconds, screen))
                say("view by view")
                share = shares(screen, seconds / len(KEYS))
                last = memory_mb(screen.pid)
            finally:
                screen.close()
            return {
                "speed": speed,
                "minutes": minutes,
                "commit_interval_alone": alone,
                "commit_interval_watched": watched,
                "commit_interval_one_process": together(seconds, speed),
                "cpu_share_pct": share,
                "memory_first_mb": round(first, 1),
                "memory_last_mb": round(last, 1),
                "engine_memory_mb": round(memory_mb(process.pid), 1),
                "engine_cpu_s": round(cpu_s(process.pid) - cpu, 2),
            }


def main() -> None:
    """Measure and print."""
    parser = options(__doc__ or "", runs=1)
    parser.add_argument("--minutes", type=float, default=1.0, help="minutes per part (default 1)")
    parser.add_argument("--speed", default="60", help="market minutes a minute (default 60)")
    args = parser.parse_args()
    data = measured(args.minutes, args.speed)
    table = [["figure", "value"]]
    for key, value in data.items():
        parts = value.items() if isinstance(value, dict) else [("", value)]
        table += [[f"{key} {part}".strip(), str(figure)] for part, figure in parts]
    answer(args, data, table)


if __name__ == "__main__":
    if sys.platform != "linux":
        raise SystemExit("this measurement reads /proc: it needs Linux")
    main()
