"""kill -9 of the real client before the venue: around each request, byte, message and commit, and at every await.

Promises 1, 2 and 4: nothing is on the exchange that is on no record, nothing twice, the books agree to the last digit, and
no position is without a stop for more than 5 s from the restart on. The venue's own ledger is what is compared with.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

HARNESS = Path(__file__).parents[1] / "kits" / "wire_kills.py"
ROOT = HARNESS.parents[2]

MOST = {"leaving": 45, "turn": 70, "answer": 15, "read.before": 8, "read.after": 8}
"""At so many passings of a point the run is killed in the whole sweep, of ``OTHERS`` others."""
OTHERS = 20


def play(folder: Path, plan: list[tuple[str, int]]) -> list[dict[str, Any]]:
    done = subprocess.run(
        [sys.executable, str(HARNESS), str(folder), json.dumps(plan)],
        capture_output=True,
        text=True,
        check=False,
        timeout=60 + 60 * len(plan),
        env={"PYTHONPATH": str(ROOT), "PATH": "", "HOME": str(folder)},
    )
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


def spread(count: int, most: int) -> list[int]:
    """Return passings from the first to the last, as many as wanted, evenly spread."""
    if count <= most:
        return list(range(1, count + 1))
    return sorted({1 + i * (count - 1) // (most - 1) for i in range(most)})


def test_nothing_is_lost_doubled_or_left_bare(tmp_path: Path) -> None:
    rows = play(tmp_path, [("stop.after", 1), ("leaving", 130), ("turn", 1700)])
    assert [row["wrong"] for row in rows] == [[], [], []]
    assert [row["deaths"] for row in rows] == [1, 1, 1]


@pytest.mark.full
def test_every_point(tmp_path: Path) -> None:
    (straight,) = play(tmp_path, [("none", 0)])
    assert straight["wrong"] == []
    assert straight["fills"] >= 5
    plan = [
        (point, k)
        for point, count in sorted(straight["passed"].items())
        for k in spread(count, MOST.get(point, OTHERS))
    ]
    wrong, died = [], 0
    for first in range(0, len(plan), 20):
        for row in play(tmp_path, plan[first : first + 20]):
            died += row["deaths"]
            if row["wrong"]:
                wrong.append(row)
        said = f"{died} kills at {first + 20} of {len(plan)} places of {len(straight['passed'])} points"
        print(f"{said}, {len(wrong)} wrong", file=sys.stderr)  # noqa: T201 - the sweep's count
    assert wrong == []
    assert died >= 200
