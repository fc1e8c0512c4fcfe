"""Instance lock, HALT latch and instance id, with real processes."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

import tradebot
from tradebot.core.model.errors import AlreadyRunningError, JournalError
from tradebot.guard.lock import (
    InstanceLock,
    _portable_start,
    clear_halt,
    halt_present,
    instance_id,
    lock_owner,
    process_start,
    read_halts,
    write_halt,
)

ROOT = Path(tradebot.__file__).parents[1]
HOLDER = """
import sys
from pathlib import Path
from tradebot.guard.lock import InstanceLock
with InstanceLock(Path(sys.argv[1])):
    print("held", flush=True)
    sys.stdin.read()
"""


@contextmanager
def holder(data_dir: Path) -> Iterator[subprocess.Popen[str]]:
    """Run another process that holds the lock until its input ends."""
    command = [sys.executable, "-c", HOLDER, str(data_dir)]
    with subprocess.Popen(
        command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "held\n"
        yield process


def test_one_engine_per_directory(tmp_path: Path) -> None:
    with holder(tmp_path) as other:
        owner = lock_owner(tmp_path)
        assert owner is not None
        assert (owner.pid, owner.started) == (other.pid, process_start(other.pid))
        lock = InstanceLock(tmp_path)
        with pytest.raises(AlreadyRunningError, match=f"process {other.pid}") as caught:
            lock.acquire()
        assert caught.value.exit_code == 5
        assert not lock.held
        assert lock_owner(tmp_path) == owner  # the refused one left its mark alone
    assert lock_owner(tmp_path) is None
    with InstanceLock(tmp_path) as lock:
        assert lock.held


def test_a_dead_process_holds_nothing(tmp_path: Path) -> None:
    with holder(tmp_path) as other:
        os.kill(other.pid, signal.SIGKILL)
        other.wait()
    assert (tmp_path / "tradebot.pid").exists()
    assert lock_owner(tmp_path) is None
    with InstanceLock(tmp_path):
        owner = lock_owner(tmp_path)
        assert owner is not None
        assert owner.pid == os.getpid()
    assert not (tmp_path / "tradebot.pid").exists()


def test_a_stopped_process_still_holds(tmp_path: Path) -> None:
    with holder(tmp_path) as other:
        os.kill(other.pid, signal.SIGSTOP)
        owner = lock_owner(tmp_path)
        assert owner is not None
        assert owner.alive
        with pytest.raises(AlreadyRunningError):
            InstanceLock(tmp_path).acquire()
        os.kill(other.pid, signal.SIGCONT)


def test_two_locks_in_one_process(tmp_path: Path) -> None:
    with InstanceLock(tmp_path / "a"), InstanceLock(tmp_path / "b"):
        with pytest.raises(AlreadyRunningError):
            InstanceLock(tmp_path / "a").acquire()
        assert lock_owner(tmp_path / "a") == lock_owner(tmp_path / "b")


def test_a_reused_pid_is_told_apart(tmp_path: Path) -> None:
    data = {"pid": os.getpid(), "started": "some other start"}
    (tmp_path / "tradebot.pid").write_text(json.dumps(data))
    assert lock_owner(tmp_path) is None


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"pid": "x", "started": ""}', "\x00"])
def test_a_damaged_pid_file_names_nobody(tmp_path: Path, text: str) -> None:
    (tmp_path / "tradebot.pid").write_text(text)
    assert lock_owner(tmp_path) is None


def test_releasing_twice_is_harmless(tmp_path: Path) -> None:
    lock = InstanceLock(tmp_path)
    lock.release()
    lock.acquire()
    lock.release()
    lock.release()


def test_a_directory_that_cannot_be_used(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    place = tmp_path / "file" / "data"
    with pytest.raises(JournalError, match="cannot use the file"):
        InstanceLock(place).acquire()
    with pytest.raises(JournalError):
        write_halt(place, "x", "me")
    with pytest.raises(JournalError):
        instance_id(place)
    assert halt_present(place)  # cannot be looked at: no entries


def test_process_starts() -> None:
    mine = process_start(os.getpid())
    assert mine == process_start(os.getpid())
    assert mine != process_start(1)  # the start of the machine, or of its container
    with subprocess.Popen([sys.executable, "-c", ""]) as child:
        os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)
        assert process_start(child.pid) is None  # ended, not yet collected
    assert process_start(child.pid) is None


def test_process_starts_without_proc() -> None:
    mine = _portable_start(os.getpid())
    if mine is None:
        pytest.skip("there is no ps on this machine")
    assert mine == _portable_start(os.getpid())
    assert _portable_start(2**22 + 1) is None


def test_the_latch(tmp_path: Path) -> None:
    assert not halt_present(tmp_path)
    assert read_halts(tmp_path) == []
    write_halt(tmp_path, "nervous", "me")
    write_halt(tmp_path, "ünder", "policy")
    assert halt_present(tmp_path)
    assert [(h.reason, h.who) for h in read_halts(tmp_path)] == [
        ("nervous", "me"),
        ("ünder", "policy"),
    ]
    clear_halt(tmp_path)
    clear_halt(tmp_path)
    assert not halt_present(tmp_path)


def test_an_empty_or_damaged_latch_is_one(tmp_path: Path) -> None:
    (tmp_path / "HALT").write_bytes(b'{"reason": "half')
    assert halt_present(tmp_path)
    assert read_halts(tmp_path) == []
    clear_halt(tmp_path)
    (tmp_path / "HALT").symlink_to(tmp_path / "nowhere")
    assert halt_present(tmp_path)


def test_the_latch_on_a_full_disk(tmp_path: Path) -> None:
    if not Path("/dev/full").exists():
        pytest.skip("there is no /dev/full on this machine")
    (tmp_path / "HALT").symlink_to("/dev/full")  # every write to it fails for want of space
    with contextlib.suppress(JournalError):  # a device cannot be synced
        write_halt(tmp_path, "nervous", "me")
    assert halt_present(tmp_path)


def test_the_instance_id_is_made_once(tmp_path: Path) -> None:
    made = instance_id(tmp_path / "data")
    assert len(made) == 6
    assert made.isascii()
    assert made.isalnum()
    assert made == made.lower()
    assert instance_id(tmp_path / "data") == made
    assert [file.name for file in (tmp_path / "data").iterdir()] == ["instance"]
    assert instance_id(tmp_path / "other") != made


@pytest.mark.parametrize("text", ["", "ABC123", "abc12", "abc1234", "ab/123"])
def test_a_damaged_instance_id_is_not_replaced(tmp_path: Path, text: str) -> None:
    (tmp_path / "instance").write_text(text)
    with pytest.raises(JournalError, match="instance id is damaged"):
        instance_id(tmp_path)
    assert (tmp_path / "instance").read_text() == text
