"""What keeps two engines apart and entries from leaving: instance lock, HALT latch, instance id.

All of it lies in the data directory: ``tradebot.lock`` (held through the operating system),
``tradebot.pid`` (who holds it; apart, because a lock file may not be readable while it is held),
``HALT`` and ``instance``.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import secrets
import string
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from types import TracebackType

from filelock import FileLock, Timeout

from tradebot.clock import SYSTEM, Clock
from tradebot.core.model.errors import AlreadyRunningError, JournalError

LOCK_FILE = "tradebot.lock"
PID_FILE = "tradebot.pid"
HALT_FILE = "HALT"
INSTANCE_FILE = "instance"

_ALPHABET = string.ascii_lowercase + string.digits
_INSTANCE = re.compile(r"[a-z0-9]{6}")


@dataclass(frozen=True, slots=True)
class Owner:
    """The process that holds the lock. ``started`` names its start, so a reused pid is told apart."""

    pid: int
    started: str

    @property
    def alive(self) -> bool:
        """Whether that very process still runs (stopped or hung counts as running)."""
        return process_start(self.pid) == self.started


@dataclass(frozen=True, slots=True)
class HaltRow:
    """One halt: why, by whom, and when (real clock, UTC milliseconds)."""

    reason: str
    who: str
    wall: int


class InstanceLock:
    """The lock of a data directory: one engine per journal.

    The operating system lets go of it when the process ends, however it ends.
    """

    def __init__(self, data_dir: Path) -> None:
        self.data_dir = data_dir
        self._lock = FileLock(data_dir / LOCK_FILE, thread_local=False)

    def __enter__(self) -> InstanceLock:
        self.acquire()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.release()

    @property
    def held(self) -> bool:
        """Whether this object holds the lock."""
        return self._lock.is_locked

    def acquire(self) -> None:
        """Take the lock or raise AlreadyRunningError naming the pid; JournalError if it cannot be."""
        with _on_disk(self.data_dir / LOCK_FILE):
            self.data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
            try:
                self._lock.acquire(timeout=0)
            except Timeout:
                raise self._taken() from None
            try:
                self._sign()
            except BaseException:
                self._lock.release()
                raise

    def release(self) -> None:
        """Let go of the lock; nothing happens if it is not held."""
        if self._lock.is_locked:
            with contextlib.suppress(OSError):  # a leftover is harmless: its process is gone
                (self.data_dir / PID_FILE).unlink(missing_ok=True)
            self._lock.release()

    def _sign(self) -> None:
        pid = os.getpid()
        owner = Owner(pid, process_start(pid) or "")
        _replace_durably(self.data_dir / PID_FILE, json.dumps(asdict(owner)))

    def _taken(self) -> AlreadyRunningError:
        owner = lock_owner(self.data_dir)
        who = f"process {owner.pid}" if owner else "another process"
        return AlreadyRunningError(
            f"an engine already runs on {self.data_dir} ({who})",
            hint="tradebot status shows it; --data-dir starts one beside it",
            file=str(self.data_dir / LOCK_FILE),
        )


def lock_owner(data_dir: Path) -> Owner | None:
    """Return the living process that holds the directory's lock; None if there is none."""
    try:
        data = json.loads((data_dir / PID_FILE).read_text(encoding="utf-8"))
        owner = Owner(int(data["pid"]), str(data["started"]))
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return owner if owner.alive else None


def process_start(pid: int) -> str | None:
    """Return a text that names a process's start, the same whenever asked; None if there is no such.

    A process that ended and only waits to be collected (a zombie) counts as gone.
    """
    if sys.platform == "linux":
        return _linux_start(pid)
    return _portable_start(pid)


def write_halt(data_dir: Path, reason: str, who: str, clock: Clock = SYSTEM) -> None:
    """Set the latch: while the file exists no entry leaves. Returns when it is on the disk.

    Each halt adds a line. The file's existence is the latch, so a disk too full for the line still
    halts; JournalError only when not even the file can be made.
    """
    path = data_dir / HALT_FILE
    with _on_disk(path):
        data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
        try:
            line = asdict(HaltRow(reason, who, clock.wall_ms()))
            with contextlib.suppress(OSError):
                os.write(handle, json.dumps(line).encode() + b"\n")
            os.fsync(handle)
        finally:
            os.close(handle)
        _sync_directory(data_dir)


def halt_present(data_dir: Path) -> bool:
    """Whether the latch is set; a directory that cannot be looked at counts as set."""
    try:
        (data_dir / HALT_FILE).lstat()
    except FileNotFoundError:
        return False
    except OSError:
        return True
    return True


def read_halts(data_dir: Path) -> list[HaltRow]:
    """Return why the latch is set, oldest first; empty when it is not, or when no line was kept."""
    try:
        lines = (data_dir / HALT_FILE).read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return []
    rows = []
    for line in lines:
        with contextlib.suppress(ValueError, TypeError):  # half a line of a full disk
            rows.append(HaltRow(**json.loads(line)))
    return rows


def clear_halt(data_dir: Path) -> None:
    """Remove the latch (``resume`` alone does this); nothing happens if it is not set."""
    path = data_dir / HALT_FILE
    with _on_disk(path):
        try:
            path.unlink()
        except FileNotFoundError:
            return
        _sync_directory(data_dir)


def instance_id(data_dir: Path) -> str:
    """Return the directory's instance id (6 characters a-z 0-9), made once.

    Raises JournalError when the file is damaged: a new id would disown orders on the exchange.
    """
    path = data_dir / INSTANCE_FILE
    with _on_disk(path):
        data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
        if not path.exists():
            made = "".join(secrets.choice(_ALPHABET) for _ in range(6))
            with contextlib.suppress(FileExistsError):  # another process was faster: its id counts
                _create_durably(path, made + "\n")
        text = path.read_text(encoding="utf-8", errors="replace").strip()
    if not _INSTANCE.fullmatch(text):
        raise JournalError(
            f"the instance id is damaged ({text[:20]!r})",
            hint="write the 6 characters back that your order ids begin with after 'tb'",
            file=str(path),
        )
    return text


def _linux_start(pid: int) -> str | None:
    try:
        stat = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
        boot = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
    except OSError:
        return None
    # The name in brackets may hold anything, so count from its end: state is field 3, start 22.
    state, *rest = stat.rpartition(")")[2].split()
    return None if state in "ZX" else f"{boot}/{rest[18]}"


def _portable_start(pid: int) -> str | None:
    try:
        answer = subprocess.run(
            ["ps", "-o", "stat=,lstart=", "-p", str(pid)],
            capture_output=True,
            text=True,
            timeout=5,
            check=False,
            env={**os.environ, "LC_ALL": "C", "TZ": "UTC"},
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    state, _, started = answer.stdout.strip().partition(" ")
    return None if answer.returncode or state.startswith("Z") else " ".join(started.split())


@contextmanager
def _on_disk(path: Path) -> Iterator[None]:
    """Turn the block's OSError into a JournalError that names the file."""
    try:
        yield
    except OSError as error:
        raise JournalError(
            f"cannot use the file: {error.strerror or error}",
            hint="check that the directory exists and that you may write to it",
            file=str(path),
        ) from error


def _create_durably(path: Path, text: str) -> None:
    """Create a file with its text complete and on disk; FileExistsError if it exists."""
    draft = _draft(path, text)
    try:
        os.link(draft, path)  # unlike a rename, never replaces
    finally:
        draft.unlink(missing_ok=True)
    _sync_directory(path.parent)


def _replace_durably(path: Path, text: str) -> None:
    os.replace(_draft(path, text), path)
    _sync_directory(path.parent)


def _draft(path: Path, text: str) -> Path:
    draft = path.with_name(f"{path.name}.{os.getpid()}.new")
    with draft.open("w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    return draft


def _sync_directory(path: Path) -> None:
    """Force a directory's entries to disk, where the system lets one open a directory."""
    if hasattr(os, "O_DIRECTORY"):
        handle = os.open(path, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
