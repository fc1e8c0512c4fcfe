"""How long it takes to summarise a million hypothetical trades, and to run a ghost for a day.

Run it as a script: ``python tests/bench/ghost.py``. The targets are 5 s and 20 s.
"""

from __future__ import annotations

import random
import resource
import sqlite3
import sys
import tempfile
import time
from collections.abc import Iterator, Sized
from contextlib import closing
from pathlib import Path

from tradebot.__main__ import main
from tradebot.core.ghost.quality import DIMENSIONS, Outcome, Quality, Traits
from tradebot.journal import schema
from tradebot.journal.reader import Reader
from tradebot.reports.signal_quality import quality_report

SIGNALS = 1_000_000
DAY_MS = 86_400_000


def outcomes(count: int, seed: int = 1) -> list[Outcome]:
    """Return made-up outcomes over a year: every symbol, side, tier, hour and verdict."""
    draw = random.Random(seed)
    symbols = ("ADA/USDT", "BTC/USDT", "ETH/USDT", "SOL/USDT", "XRP/USDT")
    kinds = [
        Traits(symbol, side, tier, f"{hour:02d}", verdict, "bench")
        for symbol in symbols
        for side in ("long", "short")
        for tier in ("high", "medium", "low")
        for hour in range(24)
        for verdict in ("approved", "refused", "held")
    ]
    step = 365 * DAY_MS / count
    return [
        Outcome(draw.choice(kinds), int(i * step), draw.gauss(0.1, 10.0), 600.0, 5.0, -4.0)
        for i in range(count)
    ]


def summarise(rows: list[Outcome]) -> float:
    """Add all rows up, ask for every figure, and return the seconds it took."""
    start = time.perf_counter()
    quality = Quality(samples=True)
    for row in rows:
        quality.add(row)
    assert quality.overall().trades == len(rows)
    for dimension in DIMENSIONS:
        for value in quality.values(dimension):
            quality.group(dimension, value)
    return time.perf_counter() - start


def report(count: int) -> float:
    """Put outcomes into a journal's tables, read them back, report, and return the seconds of that."""
    rows = outcomes(count)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "tradebot.db"
        with closing(sqlite3.connect(path, isolation_level=None)) as db:
            schema.migrate(db, path)
            db.execute("BEGIN")
            db.execute(f"INSERT INTO runs VALUES ({_marks(RUN)})", RUN)
            db.executemany(f"INSERT INTO ghosts VALUES ({_marks(range(22))})", _ghosts(rows))
            db.executemany(f"INSERT INTO signals VALUES ({_marks(range(15))})", _signals(rows))
            db.execute("COMMIT")
        del rows  # or the cycle collector would walk a million of them again and again
        start = time.perf_counter()
        with Reader(path) as reader:
            told = quality_report(reader, [reader.run("ghost-0001")])
        assert told["overall"]["trades"] == count
        return time.perf_counter() - start


RUN = (
    *(1, "ghost-0001", "ghost", "none", "bench", None, "{}", "", "bench", "", "", "", "ended"),
    *(None, None, 0, None, 1),
)
TIERS = {"high": 0.9, "medium": 0.6, "low": 0.3}


def _marks(values: Sized) -> str:
    return ", ".join("?" * len(values))


def _ghosts(rows: list[Outcome]) -> Iterator[tuple[object, ...]]:
    for i, row in enumerate(rows):
        head = ("ghost-0001", i, row.kind.symbol, row.kind.side, "1000", "1", "closed")
        money = ("1", "0", f"{row.pnl:.8f}", str(row.mfe), str(row.mae))
        yield (
            *head,
            row.closed,
            row.closed,
            "1",
            row.closed,
            "1",
            *money,
            600,
            "stop",
            i + 1,
            0,
            0,
        )


def _signals(rows: list[Outcome]) -> Iterator[tuple[object, ...]]:
    for i, row in enumerate(rows):
        kind = row.kind
        said = (kind.symbol, kind.side, TIERS[kind.tier], "1", None, None, "", kind.verdict)
        yield ("ghost-0001", i, row.closed, 0, *said, "[]", "{}", None)


def run_a_day() -> float:
    """Run a ghost for 24 h of the embedded market with five symbols; return the seconds it took."""
    symbols = "BTC/USDT,ETH/USDT,ADA/USDT,SOL/USDT,XRP/USDT"
    with tempfile.TemporaryDirectory() as folder:
        command = ["ghost", "--symbols", symbols, "--speed", "max", "--for", "24h", "--headless"]
        start = time.perf_counter()
        assert main([*command, "--data-dir", folder]) == 0
        seconds = time.perf_counter() - start
        assert (Path(folder) / "tradebot.db").exists()
    return seconds


if __name__ == "__main__":
    sys.stdout.write(f"{SIGNALS:,} outcomes summarised in {summarise(outcomes(SIGNALS)):.2f} s\n")
    sys.stdout.write(f"{SIGNALS:,} rows of a journal reported in {report(SIGNALS):.2f} s\n")
    sys.stdout.write(f"24 h with five symbols in {run_a_day():.2f} s\n")
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    sys.stdout.write(f"largest memory {peak:.0f} MB, the million rows included\n")
