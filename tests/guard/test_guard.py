"""Instance lock, HALT latch and instance id, with real processes."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest

import tradebot
from tradebot.core.model.errors import AlreadyRunningError, JournalError
from tradebot.guard import latch
from tradebot.guard.instance import instance_id
from tradebot.guard.latch import clear_halt, halt_present, read_halts, write_halt
from tradebot.guard.lock import (
    ENGINE,
    PID_FILE,
    InstanceLock,
    Owner,
    Traded,
    is_held,
    lock_holder,
    lock_owner,
    may_be_fenced,
)
from tradebot.guard.process import _portable_start, process_start
from tradebot.guard.registry import note_of, registered

ROOT = Path(tradebot.__file__).parents[1]
HOLDER = """
import sys
import threading
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


def test_a_resume_removes_only_what_was_there_when_it_was_posted(tmp_path: Path) -> None:
    write_halt(tmp_path, "first", "me")
    posted = read_halts(tmp_path)[0].wall
    time.sleep(0.005)
    write_halt(tmp_path, "second", "me", "close-all", "paper-0001")
    clear_halt(tmp_path, posted)
    (left,) = read_halts(tmp_path)
    assert (left.reason, left.kind, left.run) == ("second", "close-all", "paper-0001")
    assert (tmp_path / "HALT").stat().st_mode & 0o777 == 0o600
    clear_halt(tmp_path, left.wall)
    assert not halt_present(tmp_path)


def test_a_halt_that_could_not_wait_for_the_lock_is_not_cleared_with_the_older_ones(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The disk is slow: somebody writes a row between what a resume has read and what it keeps."""
    keep = latch._keep

    def slowly(path: Path, rows: Sequence[latch.HaltRow]) -> None:
        write_halt(tmp_path, "late", "me", "close-all", account="demo")
        keep(path, rows)

    monkeypatch.setattr(latch, "LOCK_S", 0.0)
    monkeypatch.setattr(latch, "_keep", slowly)
    write_halt(tmp_path, "first", "me")
    posted = read_halts(tmp_path)[0].wall
    time.sleep(0.005)
    clear_halt(tmp_path, posted)
    assert [row.reason for row in read_halts(tmp_path)] == ["late"]


WRITER = """
import sys, time
from pathlib import Path
from tradebot.guard.latch import write_halt
for i in range(300):
    now = time.time_ns() // 1_000_000
    write_halt(Path(sys.argv[1]), f"{sys.argv[2]}-{i}", "me")
    print(f"{sys.argv[2]}-{i}", now)
"""


def test_no_halt_is_lost_to_a_resume_at_the_same_moment(tmp_path: Path) -> None:
    """Two writers and a clearer at once: every row written after the clearer's posting is there."""
    command = [sys.executable, "-c", WRITER, str(tmp_path)]
    writers = [
        subprocess.Popen([*command, name], cwd=ROOT, stdout=subprocess.PIPE, text=True)
        for name in ("a", "b")
    ]
    cleared = clears = 0
    while any(writer.poll() is None for writer in writers):
        if clears < 40:  # the last rows come without one
            cleared, clears = time.time_ns() // 1_000_000, clears + 1
            clear_halt(tmp_path, cleared)
            time.sleep(0.01)
    written = [line.split() for writer in writers for line in writer.communicate()[0].splitlines()]
    assert len(written) == 600
    left = [row.reason for row in read_halts(tmp_path)]
    assert len(left) == len(set(left))
    assert {reason for reason, wall in written if int(wall) > cleared} <= set(left)


def test_rows_of_an_older_version_are_halts(tmp_path: Path) -> None:
    (tmp_path / "HALT").write_text('{"reason": "x", "who": "me", "wall": 5}\n{"wall": "no"}\n[]\n')
    (row,) = read_halts(tmp_path)
    assert (row.kind, row.run) == ("halt", None)


@pytest.mark.parametrize("what", ["fifo", "directory"])
def test_whatever_stands_there_latches_and_nobody_hangs_on_it(tmp_path: Path, what: str) -> None:
    if what == "fifo":
        os.mkfifo(tmp_path / "HALT")
    else:
        (tmp_path / "HALT").mkdir()
    write_halt(tmp_path, "nervous", "me")
    assert halt_present(tmp_path)
    assert read_halts(tmp_path) == []


def test_what_we_write_is_for_the_user_alone(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        data_dir = tmp_path / "made" / "data"
        with InstanceLock(data_dir):
            write_halt(data_dir, "x", "me")
            instance_id(data_dir)
            modes = {path.name: path.stat().st_mode & 0o777 for path in data_dir.iterdir()}
        assert set(modes.values()) == {0o600}, modes
        assert len(modes) == 4
        assert {p.stat().st_mode & 0o777 for p in (data_dir, data_dir.parent)} == {0o700}
        there = tmp_path / "there"
        there.mkdir(mode=0o777)
        (there / "HALT").touch(mode=0o666)
        write_halt(there, "x", "me")
        assert there.stat().st_mode & 0o777 == 0o700
        assert (there / "HALT").stat().st_mode & 0o777 == 0o600
        shared = tmp_path / "shared"
        shared.mkdir(mode=0o777)
        (shared / "holiday.jpg").touch()
        write_halt(shared, "x", "me")
        assert (
            shared.stat().st_mode & 0o777 == 0o777
        )  # a directory of more than ours stays as it is
    finally:
        os.umask(before)


def test_who_holds_the_lock_and_as_what(tmp_path: Path) -> None:
    with InstanceLock(tmp_path, "close-all"):
        assert lock_owner(tmp_path) is None  # nobody trades
        holder_of = lock_holder(tmp_path)
        assert holder_of is not None
        assert (holder_of.pid, holder_of.role) == (os.getpid(), "close-all")
        assert not may_be_fenced(tmp_path, holder_of)
        assert is_held(tmp_path)
        assert registered() == []
        with pytest.raises(AlreadyRunningError, match="close-all is at work"):
            InstanceLock(tmp_path).acquire()
    assert not is_held(tmp_path)
    with holder(tmp_path):
        owner = lock_owner(tmp_path)
        assert owner is not None
        assert may_be_fenced(tmp_path, owner)
        assert registered() == [tmp_path]
    assert registered() == []


def test_a_forged_note_names_nobody(tmp_path: Path) -> None:
    """The note says that another process is the engine: it does not hold the lock, so it is none."""
    with subprocess.Popen(
        [sys.executable, "-c", "import sys; sys.stdin.read()"], stdin=-1
    ) as victim:
        forged = {"pid": victim.pid, "started": process_start(victim.pid), "role": "engine"}
        (tmp_path / "tradebot.lock").touch()
        (tmp_path / "tradebot.pid").write_text(json.dumps(forged))
        assert lock_owner(tmp_path) is None
        with holder(tmp_path) as real:
            (tmp_path / "tradebot.pid").write_text(json.dumps(forged))
            owner = lock_owner(tmp_path)
            assert owner is not None
            assert owner.pid == real.pid  # it is noted in two places
            note_of(tmp_path).write_text(json.dumps(forged))
            assert lock_owner(tmp_path) is None
            assert is_held(tmp_path)
            assert not may_be_fenced(tmp_path, Owner(victim.pid, process_start(victim.pid) or ""))


def test_an_engine_is_registered_even_where_that_fails(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "file" / "state"))
    with InstanceLock(tmp_path / "data") as lock:
        assert lock.held
        assert registered() == []


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


@pytest.mark.parametrize("taken", ["1e999", "-1e999", "NaN", "[" * 100_000])
def test_a_note_with_a_moment_that_is_none_is_a_damaged_one(tmp_path: Path, taken: str) -> None:
    with InstanceLock(tmp_path):
        note = tmp_path / PID_FILE
        told = json.loads(note.read_text())
        note.write_text(json.dumps({**told, "taken": 17}).replace("17}", f"{taken}}}"))
        owner = lock_owner(tmp_path)  # the registry's
        assert owner is not None
        assert (owner.pid, owner.taken) == (os.getpid(), told["taken"])


def test_the_note_of_an_engine_of_an_older_version_is_understood(tmp_path: Path) -> None:
    with InstanceLock(tmp_path, traded=Traded("demo", "127.0.0.1:1", "abc")):
        note = tmp_path / PID_FILE
        told = json.loads(note.read_text())
        told["traded"] = {"environment": "demo", "host": "127.0.0.1:1", "fingerprint": "abc"}
        note.write_text(json.dumps(told))
        owner = lock_owner(tmp_path)
        assert owner is not None
        assert owner.traded == Traded("demo", "127.0.0.1:1", "abc")


@pytest.mark.parametrize(("role", "waits"), [("incident", True), (ENGINE, False)])
def test_a_start_waits_for_a_command_and_for_no_engine(
    tmp_path: Path, role: str, waits: bool
) -> None:
    held = InstanceLock(tmp_path, role)
    held.acquire()
    threading.Timer(0.5, held.release).start()
    begun = time.monotonic()
    if waits:
        with InstanceLock(tmp_path):
            assert time.monotonic() - begun >= 0.4
        return
    with pytest.raises(AlreadyRunningError):
        InstanceLock(tmp_path).acquire()
    assert time.monotonic() - begun < 0.4
