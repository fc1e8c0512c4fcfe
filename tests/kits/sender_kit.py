"""kill -9 of runs with a broker outside, and what must hold after it: the exchange lives on."""

from __future__ import annotations

import json
import pickle
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

from tradebot.core.model.effects import Place
from tradebot.journal.audit import AuditKey
from tradebot.journal.reader import Reader
from tradebot.journal.side import SIDE_FILE, read_side
from tradebot.journal.verify import verify

HARNESS = Path(__file__).parent / "sender_harness.py"
ROOT = HARNESS.parents[2]
MINUTES = 150
NAKED_MS = 5_000


def play(point: str, k: int, folder: Path) -> subprocess.CompletedProcess[str]:
    words = [str(HARNESS), point, str(k), str(folder / "data"), str(folder / "world"), str(MINUTES)]
    return subprocess.run(
        [sys.executable, *words],
        capture_output=True,
        text=True,
        check=False,
        timeout=200,
        env={"PYTHONPATH": str(ROOT), "PATH": ""},
    )


def on_record(folder: Path) -> set[str]:
    """The ids of all orders that the journal, or the side file, knows of."""
    with Reader(folder / "data" / "tradebot.db") as reader:
        run = reader.resolve_run(None).id
        effects = [logged.effect for logged in reader.effects(run)]
    places = [effect for effect in effects if isinstance(effect, Place)]
    places += [row.place for row in read_side(folder / "data" / SIDE_FILE)]
    return {place.approved.order.id for place in places}


def world(folder: Path) -> dict[str, Any]:
    kept = pickle.loads((folder / "world").read_bytes())
    assert isinstance(kept, dict)
    return kept


def check_death(folder: Path) -> None:
    """After a kill: nothing is on the exchange that is not on record, and nothing came twice."""
    if not (folder / "world").exists():
        return
    reached = world(folder)["reached"]
    assert len(reached) == len(set(reached))
    assert set(reached) <= on_record(folder)
    check_journal(folder)


def check_journal(folder: Path) -> None:
    """Wherever it died, the journal is as written: its state may lag, and the log behind it is whole."""
    key = AuditKey.find(folder / "data")
    assert key is not None
    assert verify(folder / "data" / "tradebot.db", key) == []


def survive(folder: Path, kills: list[tuple[str, int]]) -> tuple[int, dict[str, Any]]:
    count = 0
    for point, k in kills:
        done = play(point, k, folder)
        if done.returncode == 0:
            break
        assert done.returncode == -signal.SIGKILL, done.stderr
        count += 1
        check_death(folder)
    else:
        done = play("none", 0, folder)
        assert done.returncode == 0, done.stderr
    return count, json.loads(done.stdout.splitlines()[-1])


def check_end(folder: Path, ending: dict[str, Any]) -> None:
    assert ending["state"] == "ended", ending
    kept = world(folder)
    exchange = kept["exchange"]
    assert ending["cash"] == str(exchange.cash), ending
    assert ending["held"] == {s: str(p.qty) for s, p in exchange.positions.items()}
    assert kept["longest"] <= NAKED_MS
    check_death(folder)
