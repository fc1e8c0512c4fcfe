"""A process that has let go of its engine's lock is about to end: close-all waits for that, and calls nothing over before."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tradebot.app import fencing
from tradebot.guard.lock import InstanceLock, lock_owner, may_be_fenced

LEAVING = """
import sys, time
from pathlib import Path
from tradebot.guard.lock import InstanceLock
with InstanceLock(Path(sys.argv[1])):
    print("held", flush=True)
    sys.stdin.readline()
print("free", flush=True)
time.sleep(float(sys.argv[2]))
"""


def leaving(data_dir: Path, seconds: float) -> subprocess.Popen[str]:
    """Start a process that holds the lock until it is told, and then takes its time to end."""
    return subprocess.Popen(
        [sys.executable, "-c", LEAVING, str(data_dir), str(seconds)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )


def told(process: subprocess.Popen[str], word: str) -> bool:
    assert process.stdout is not None
    return process.stdout.readline().strip() == word


@pytest.mark.parametrize(
    ("seconds", "why"), [(0.3, ""), (30.0, "is not proved to be the engine")], ids=["ends", "stays"]
)
def test_it_is_waited_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, seconds: float, why: str
) -> None:
    monkeypatch.setattr(fencing, "KILLED_S", 5.0 if not why else 0.5)
    with leaving(tmp_path, seconds) as process:
        assert told(process, "held")
        owner = lock_owner(tmp_path)
        assert owner is not None
        assert process.stdin is not None
        process.stdin.write("\n")
        process.stdin.flush()
        assert told(process, "free")
        assert not may_be_fenced(tmp_path, owner)
        assert fencing.let_end(owner, tmp_path) == why
        assert owner.alive is bool(why)
        process.kill()


def test_one_beside_whose_lock_is_held_is_not(tmp_path: Path) -> None:
    with leaving(tmp_path, 0.3) as process:
        assert told(process, "held")
        owner = lock_owner(tmp_path)
        assert owner is not None
        assert fencing.let_end(owner, tmp_path) == "is not proved to be the engine"
        assert owner.alive
        process.kill()
    with InstanceLock(tmp_path) as lock:
        assert lock.held
