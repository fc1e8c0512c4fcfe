"""Every fault on every path of a position, at least 200 combinations, with the venue's record as the oracle.

Holds at every event: no entry while blocked, never above the cap, no position without a whole stop for longer than 5 s unless the
fault keeps the bot from knowing, nothing sent twice. End: the books agree to the last digit, no stop outlives its position.
What was played is noted, so that a sweep that broke off goes on: ``TRADEBOT_SWEEPS`` names the folder of the note.
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

from conftest import FULL
from kits.disaster_sweep import FAULTS, PATHS, play

NOTES = os.environ.get("TRADEBOT_SWEEPS", "")
LEAST = 200
SAMPLE = (("stream cut", "stop"),)


def test_faults_x_paths(tmp_path: Path) -> None:
    note = Path(NOTES or tmp_path) / "faults_x_paths.jsonl"
    note.parent.mkdir(parents=True, exist_ok=True)
    rows = [json.loads(line) for line in note.read_text().splitlines()] if note.exists() else []
    done = {(row["fault"], row["path"]): row["wrong"] for row in rows}
    plan = [(fault, path) for fault in FAULTS for path in PATHS] if FULL else list(SAMPLE)
    with note.open("a") as file:
        for number, (fault, path) in enumerate(plan):
            if (fault, path) in done:
                continue
            wrong = play(tmp_path / str(number), FAULTS[fault], PATHS[path])
            done[fault, path] = wrong
            file.write(json.dumps({"fault": fault, "path": path, "wrong": wrong}) + "\n")
            file.flush()
            if FULL:
                bad = sum(bool(said) for said in done.values())
                said = f"{len(done)} of {len(plan)} combinations, {bad} wrong"
                print(said, file=sys.stderr)  # noqa: T201 - the sweep's count
    assert {key: said for key, said in done.items() if said} == {}
    assert not FULL or len(done) >= LEAST
