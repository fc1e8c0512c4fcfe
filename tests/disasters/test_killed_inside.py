"""SIGKILL inside disasters: at points of the client, the stream, the journal and the loop, then a start as a supervisor makes it.

Holds at every kill: nothing is on the exchange that is on no record, nothing is sent twice, no position is bare for longer than the
disaster makes it, and the books agree in the end. Real client, real sockets, real journal; time is shared with the venue.
What was played is noted, so that a sweep that broke off goes on: ``TRADEBOT_SWEEPS`` names the folder of these notes.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from conftest import ROOT
from kits import wire_kills

pytestmark = pytest.mark.full

HARNESS = wire_kills.__file__
KILLS = int(os.environ.get("TRADEBOT_KILLS", "48"))
"""In each disaster; at least 40 are asked for."""
AT_ONCE = 8
NOTES = os.environ.get("TRADEBOT_SWEEPS", "")


@pytest.mark.parametrize("name", [name for name in wire_kills.SCENES if name])
def test_killed_inside(tmp_path: Path, name: str) -> None:
    notes = Path(NOTES or tmp_path) / f"killed_inside_{name}.jsonl"
    notes.parent.mkdir(parents=True, exist_ok=True)
    notes.touch()
    if not (done := noted(notes)):
        done = played(tmp_path, [("none", 0)], name, notes)
    assert done[0]["wrong"] == []
    plan = [kill for kill in spread(done[0]["passed"]) if kill not in keys(done)]
    for first in range(0, len(plan), AT_ONCE):
        done = played(tmp_path, plan[first : first + AT_ONCE], name, notes)
        said = f"{name}: {len(done) - 1} kills, {sum(bool(row['wrong']) for row in done)} wrong"
        print(said, file=sys.stderr)  # noqa: T201 - the sweep's count
    assert [row for row in done if row["wrong"]] == []
    assert sum(row["deaths"] for row in done) >= min(KILLS, 40)


def keys(rows: list[dict[str, Any]]) -> set[tuple[str, int]]:
    """The kills that were played."""
    return {(row["point"], row["k"]) for row in rows}


def spread(passed: dict[str, int]) -> list[tuple[str, int]]:
    """Return kills of all points in turn, evenly over the times each is passed."""
    most = -(-KILLS // len(passed))
    found = {
        (point, 1 + i * (count - 1) // max(1, most - 1))
        for point, count in passed.items()
        for i in range(most)
    }
    return sorted(found)


def noted(notes: Path) -> list[dict[str, Any]]:
    """Return what was played so far, a row each."""
    return [json.loads(line) for line in notes.read_text().splitlines()]


def played(
    folder: Path, plan: list[tuple[str, int]], name: str, notes: Path
) -> list[dict[str, Any]]:
    """Play kills one after the other, each noted when it is over; return all that is noted."""
    with notes.open("a") as file:
        done = subprocess.run(
            [sys.executable, HARNESS, str(folder), json.dumps(plan), name],
            stdout=file,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
            timeout=120 + 120 * len(plan),
            env={"PYTHONPATH": str(ROOT), "PATH": "", "HOME": str(folder)},
        )
    assert done.returncode == 0, done.stderr
    return noted(notes)
