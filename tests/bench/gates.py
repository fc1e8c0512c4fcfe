"""All gates but parity over a journal of thirty days with five symbols: CPU seconds and megabytes of a process of its own.

The real writer builds the journal: what a paper and a ghost run of that length leave of signals, orders, fills, trades and
outcomes, and an hourly row of where prices came from.
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
from dataclasses import replace
from pathlib import Path
from statistics import median
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT), str(ROOT / "tests")]

SYMBOLS = 5
AN_HOUR = 2
"""Trades of a symbol in an hour, and hypothetical ones."""
MOST_S, MOST_MB = 3.0, 150.0
HOUR_MS = 3_600_000
SECRET = "a key that does not lie beside the journal"

JUDGE = """
import json, resource, sys, time
from pathlib import Path
from tradebot.app.checklist import Checklist
from tradebot.app.ours import Ours
from tradebot.app.readiness import judge
from tradebot.config import load_config
from tradebot.plugins.strategies import load_strategy

config = load_config(None, {}, (), {"data.dir": sys.argv[1]})
begun = time.process_time()
found = judge(config, load_strategy("ema_cross", Path()), found=Checklist((), Ours()), progress=None)
seconds = time.process_time() - begun
(ghost,) = (one for one in found.verdicts if one.gate == "ghost")
print(json.dumps({
    "seconds": seconds,
    "megabytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
    "broken": found.testimony.broken,
    "rows": found.testimony.head.seq,
    "ghost": [len(ghost.left_out), ghost.have],
}))
"""


async def build(folder: Path, hours: int) -> None:
    """Write the journal of so many hours that end now."""
    from kits import journal_samples as samples

    from tradebot.core.model.effects import Effect, GhostClosed
    from tradebot.journal.audit import AuditKey
    from tradebot.journal.facts import Provenance
    from tradebot.journal.rows import Batch
    from tradebot.journal.writer import Journal

    folder.mkdir(parents=True, exist_ok=True)
    key = AuditKey.find(folder, {"TRADEBOT_AUDIT_KEY": SECRET})
    assert key is not None
    end = time.time_ns() // 1_000_000
    async with await Journal.open(folder / "tradebot.db", key=key) as journal:
        runs = {}
        for mode, venue in (("ghost", "none"), ("paper", "local")):
            new = samples.new_run(mode, mode, venue=venue, wall=end - hours * HOUR_MS)
            runs[mode] = await journal.begin_run(new)
        number = 0
        for hour in range(hours + 1):
            at = end - (hours - hour) * HOUR_MS
            row = Provenance(
                *("n", "hourly", "live", (), (), (), "bench", "1", "live", at, at),
                *(0, hour * HOUR_MS, 0, 0, 0, "1", "hash"),
            )
            paper: list[Effect] = []
            ghost: list[Effect] = []
            for _ in range(SYMBOLS * AN_HOUR):
                number += 1
                name = f"o{number}"
                laid = samples.laid(number)
                assert isinstance(laid, GhostClosed)
                paper += [
                    *(samples.signal(number, at), samples.place(name, number)),
                    *(samples.changed(name), samples.booked(number, name)),
                    replace(samples.closed(number, signal_id=number), at=at),
                ]
                ghost += [samples.signal(number, at), samples.haunted(number, at), laid]
            for mode, effects in (("paper", paper), ("ghost", ghost)):
                batch = Batch(runs[mode], at, effects=[(at, one) for one in effects])
                batch.facts.append((at, replace(row, nonce=mode)))
                await journal.commit(batch)


def measure(folder: Path) -> dict[str, Any]:
    """Judge in a process of its own; return seconds, megabytes and what was found."""
    env = {**os.environ, "TRADEBOT_AUDIT_KEY": SECRET, "PYTHONPATH": str(ROOT)}
    words = [sys.executable, "-c", JUDGE, str(folder)]
    done = subprocess.run(words, env=env, capture_output=True, text=True, check=True)
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def main() -> None:
    """Build, judge, print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--days", type=float, default=30)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--json", action="store_true")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        data = Path(folder) / "data"
        asyncio.run(build(data, round(args.days * 24)))
        found = [measure(data) for _ in range(args.runs)]
    told = {
        **found[0],
        "days": args.days,
        "seconds": round(median(one["seconds"] for one in found), 3),
        "megabytes": round(max(one["megabytes"] for one in found), 1),
        "most_seconds": MOST_S,
        "most_megabytes": MOST_MB,
    }
    lines = (
        f"{told['rows']:,} rows of the chain, {args.days:g} days: all gates but parity",
        f"{told['seconds']:8.2f} s    (at most {MOST_S:g})",
        f"{told['megabytes']:8.1f} MB   (at most {MOST_MB:g})",
    )
    print(json.dumps(told) if args.json else "\n".join(lines))  # noqa: T201 - the answer


if __name__ == "__main__":
    main()
