"""A month's report: a journal with 5,000 trades and 45,000 equity rows, in a process of its own.

The journal is made once; then ``report --no-advice --json`` and ``--html`` run on it, and ``report --json`` with the advice, which has no bars
to play anything again. Time is the process's own CPU
and the wall's, memory the peak that ``wait4`` says of it. Ten years of a daily benchmark are read and put beside a curve of
as many points in this process, by its own CPU.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import subprocess
import sys
import tempfile
import time
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
SECRET = "6b" * 32
MAY, MINUTE = 1_746_057_600_000, 60_000
TARGETS = {
    "cpu_s": 2.0,
    "peak_mb": 80.0,
    "html_mb": 1.5,
    "benchmark_cpu_s": 0.1,
    "advice_cpu_s": 20.0,
}
TEN_YEARS = 2_600
"""Weekdays."""


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--trades", type=int, default=5_000)
    parser.add_argument("--rows", type=int, default=45_000)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument(
        "--build", type=Path, metavar="FOLDER", help="make the journal, and no more"
    )
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    if options.build:
        sys.path[:0] = [str(ROOT), str(ROOT / "tests")]
        asyncio.run(build(options.build, options.trades, options.rows))
        return 0
    with tempfile.TemporaryDirectory() as name:
        sizes = ("--trades", str(options.trades), "--rows", str(options.rows))
        subprocess.run([sys.executable, __file__, "--build", name, *sizes], check=True)
        found = [measure(Path(name)) for _ in range(options.runs)]
        for one in found:
            one["benchmark_cpu_s"] = beside_ten_years(Path(name), options.rows)
    middle = {key: sorted(one[key] for one in found)[len(found) // 2] for key in found[0]}
    answer = {"trades": options.trades, "rows": options.rows, **middle}
    answer["ok"] = all(answer[key] <= most for key, most in TARGETS.items())
    print(json.dumps(answer))  # noqa: T201 - the answer
    return 0 if answer["ok"] else 1


def measure(folder: Path) -> dict[str, Any]:
    """Run the report with and without a page, and with its advice; return what it took."""
    advised = [sys.executable, "-m", "tradebot", "report", "--json"]
    words = [*advised, "--no-advice"]
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "TRADEBOT_DATA_DIR": str(folder)}
    environment["TRADEBOT_AUDIT_KEY"] = SECRET
    wall, cpu, peak, report = run(words, environment)
    page = folder / "report.html"
    page_wall, _, page_peak, _ = run([*words, "--html", str(page)], environment)
    _, advice_cpu, advice_peak, told = run(advised, environment)
    for path in folder.glob("reports/*.advice.json"):
        path.unlink()  # what was kept would be read the next time
    return {
        "trades_told": report["data"]["report"]["head"]["trades"],
        "wall_s": round(wall, 2),
        "cpu_s": round(cpu, 2),
        "peak_mb": round(max(peak, page_peak), 1),
        "page_wall_s": round(page_wall, 2),
        "html_mb": round(page.stat().st_size / 2**20, 2),
        "advice_tests": told["data"]["report"]["advice"]["tests"],
        "advice_cpu_s": round(advice_cpu - cpu, 2),
        "advice_peak_mb": round(advice_peak, 1),
    }


def beside_ten_years(folder: Path, rows: int) -> float:
    """Return the CPU seconds that reading ten years of daily values and comparing them takes."""
    sys.path[:0] = [str(ROOT)]
    from tradebot.reports.monthly.benchmark_file import read_benchmark
    from tradebot.reports.monthly.comparison import Growth, compare

    first = date(2016, 1, 4)
    days = (first + timedelta(days=i // 5 * 7 + i % 5) for i in range(TEN_YEARS))
    path = folder / "ten.csv"
    path.write_text(
        "date,close\n" + "".join(f"{day},{100 + i % 37}\n" for i, day in enumerate(days))
    )
    start, day_ms = 1_451_865_600_000, 86_400_000
    every = TEN_YEARS // 5 * 7 * day_ms // rows
    curve = Growth(
        [start + i * every for i in range(rows)], [1 + i % 41 / 1e3 for i in range(rows)]
    )
    began = time.process_time()
    found = compare(read_benchmark(f"{path}:ten years"), curve, curve.times[-1])
    took = time.process_time() - began
    assert found.n > TEN_YEARS - 10
    assert found.beta is not None
    return round(took, 3)


def run(words: list[str], environment: dict[str, str]) -> tuple[float, float, float, Any]:
    """Return wall seconds, CPU seconds, peak MB and the document of a process."""
    began = time.perf_counter()
    with tempfile.TemporaryFile() as out:
        child = subprocess.Popen(words, stdout=out, env=environment)
        _, status, usage = os.wait4(child.pid, 0)
        child.returncode = os.waitstatus_to_exitcode(status)
        out.seek(0)
        document = json.loads(out.read())
    if child.returncode:
        raise SystemExit(document["error"]["message"])
    cpu = usage.ru_utime + usage.ru_stime
    return time.perf_counter() - began, cpu, usage.ru_maxrss / 1024, document


async def build(folder: Path, trades: int, rows: int) -> None:
    """Write the journal of a run of one month."""
    import hashlib

    from kits.journal_samples import new_run, signal

    from tradebot.core.model.effects import Effect, EquityPoint, FillBooked, TradeClosed
    from tradebot.core.model.values import Fill, Side
    from tradebot.journal.audit import AuditKey
    from tradebot.journal.paths import journal_path
    from tradebot.journal.rows import Batch
    from tradebot.journal.writer import Journal

    key = AuditKey(hashlib.sha256(SECRET.encode()).digest(), "environment")
    symbol, equity, price = "BTC/USDT", Decimal(10_000), Decimal(60_000)
    every = 31 * 24 * 60 * MINUTE // max(1, rows)
    async with await Journal.open(journal_path(folder), key=key) as journal:
        run_id = await journal.begin_run(new_run())
        effects: list[tuple[int, Effect]] = []
        closed = 0
        for n in range(rows):
            at = MAY + n * every
            if n * trades // rows >= closed and closed < trades and n:
                closed += 1
                won = closed * 7919 % 100 < 45
                pnl = Decimal("2.31") if won else Decimal("-2.17")
                equity += pnl
                began = at - 15 * MINUTE
                for i, side in enumerate((Side.BUY, Side.SELL)):
                    fill = Fill(
                        *(symbol, 2 * closed + i, f"o{closed}-{i}", side, Decimal("0.01"), price),
                        *(Decimal("0.3"), False, began if side is Side.BUY else at),
                    )
                    held = Decimal("0.01") if side is Side.BUY else Decimal(0)
                    effects.append((at, FillBooked(at, fill, held, price, pnl)))
                effects.append((at, signal(closed, began)))
                told = TradeClosed(
                    *(closed, at, symbol, "long", Decimal("0.01"), began, price, at, price),
                    *(Decimal("0.6"), Decimal(0), pnl, "target" if won else "stop", closed),
                    *(Decimal("-1.5"), Decimal("2.5"), price, Decimal("-0.2")),
                    *(Decimal(59_700), Decimal(60_400), Decimal("3.2")),
                )
                effects.append((at, told))
            why = "start" if not n else "trade" if n < rows - 1 else "end"
            effects.append((at, EquityPoint(at, equity, equity, Decimal(0), why)))
            if len(effects) > 2_000:
                await journal.commit(Batch(run_id, at, [], effects))
                effects = []
        await journal.commit(Batch(run_id, MAY, [], effects))
        await journal.end_run(run_id, "ended", None, {"start_equity": "10000"}, MAY)


if __name__ == "__main__":
    raise SystemExit(main())
