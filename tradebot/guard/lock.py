"""What keeps two engines apart: the lock of a data directory, and who holds it.

``tradebot.lock`` is held through the operating system; ``tradebot.pid`` says by whom and as what (apart,
because a lock file may not be readable while it is held). The note alone proves nothing: whoever is taken
for the holder must hold the lock.
"""

from __future__ import annotations

import contextlib
import json
import os
import sys
from dataclasses import asdict, dataclass, field
from pathlib import Path
from types import TracebackType

from filelock import FileLock, Timeout

from tradebot.clock import SYSTEM
from tradebot.core.model.errors import AlreadyRunningError
from tradebot.disk import (
    FILE_MODE,
    on_disk,
    private_directory,
    private_file,
    replace_durably,
)
from tradebot.guard import registry
from tradebot.guard.process import holds_lock, process_start

LOCK_FILE = "tradebot.lock"
PID_FILE = "tradebot.pid"

ENGINE = "engine"
"""The role of a process that trades; others hold the lock for one command, and go by its name."""

BRIEFLY_S = 2.0
"""Seconds for which a start waits for who holds the lock for one command: a supervisor takes "another runs" for the last word."""
LOOK_S = 0.02
"""Seconds between two tries meanwhile."""


@dataclass(frozen=True, slots=True)
class Traded:
    """The account that an engine trades: demo or live, where it is, and its key's fingerprint.

    ``url`` is a venue's on this machine, empty for Binance itself; ``demo_rest`` and ``demo_stream`` are Demo Trading's.
    """

    environment: str
    host: str
    fingerprint: str
    url: str = ""
    demo_rest: str = ""
    demo_stream: str = ""


@dataclass(frozen=True, slots=True)
class Owner:
    """The process that holds the lock. ``started`` names its start, so a reused pid is told apart.

    ``traded`` is the account it works on; None where all its orders are simulated. ``taken`` is when it took the lock
    (UTC ms), 0 for an older version's, which does not say.
    """

    pid: int
    started: str
    role: str = ENGINE
    traded: Traded | None = None
    taken: int = field(default=0, compare=False)

    @property
    def alive(self) -> bool:
        """Whether that very process still runs (stopped or hung counts as running)."""
        return process_start(self.pid) == self.started


class InstanceLock:
    """The lock of a data directory: one engine per journal, or one command that acts without an engine.

    The operating system lets go of it when the process ends, however it ends. ``traded`` is the account that is
    worked on meanwhile; ``wait_s`` for how long one is waited for who is no engine.
    """

    def __init__(
        self,
        data_dir: Path,
        role: str = ENGINE,
        traded: Traded | None = None,
        wait_s: float | None = None,
    ) -> None:
        self._wait_s = wait_s if wait_s is not None else BRIEFLY_S if role == ENGINE else 0.0
        self.data_dir = data_dir
        self.role = role
        self.traded = traded
        self._lock = FileLock(data_dir / LOCK_FILE, mode=FILE_MODE, thread_local=False)

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
        with on_disk(self.data_dir / LOCK_FILE):
            private_directory(self.data_dir)
            private_file(self.data_dir / LOCK_FILE)
            self._take()
            try:
                self._sign()
            except BaseException:
                self._lock.release()
                raise

    def _take(self) -> None:
        deadline = SYSTEM.monotonic() + self._wait_s
        while True:
            try:
                self._lock.acquire(timeout=0)
                return
            except Timeout:
                if lock_owner(self.data_dir) is not None or SYSTEM.monotonic() >= deadline:
                    raise self._taken() from None
            SYSTEM.sleep(LOOK_S)

    def release(self) -> None:
        """Let go of the lock; nothing happens if it is not held."""
        if self._lock.is_locked:
            if self._is_noted:
                registry.unregister(self.data_dir)
            with contextlib.suppress(OSError):  # a leftover is harmless: its process is gone
                (self.data_dir / PID_FILE).unlink(missing_ok=True)
            self._lock.release()

    def _sign(self) -> None:
        pid = os.getpid()
        owner = Owner(pid, process_start(pid) or "", self.role, self.traded, SYSTEM.wall_ms())
        replace_durably(self.data_dir / PID_FILE, json.dumps(asdict(owner)))
        if self._is_noted:
            registry.register(self.data_dir, asdict(owner))

    @property
    def _is_noted(self) -> bool:
        """Whether kill commands must find it: as an engine on a data directory."""
        return self.role == ENGINE

    def _taken(self) -> AlreadyRunningError:
        owner = lock_holder(self.data_dir)
        who = f"process {owner.pid}" if owner else "another process"
        busy = owner is not None and owner.role != ENGINE
        what = f"{owner.role} is at work" if owner and busy else "an engine already runs"
        return AlreadyRunningError(
            f"{what} on {self.data_dir} ({who})",
            hint="tradebot status shows it; --data-dir starts one beside it",
            file=str(self.data_dir / LOCK_FILE),
        )


_TRADED = ("environment", "host", "fingerprint", "url", "demo_rest", "demo_stream")


def lock_holder(data_dir: Path) -> Owner | None:
    """Return the living process that holds the directory's lock, whatever for; None if there is none.

    An engine is noted in two places: a damaged or forged note in one of them does not hide it.
    """
    for note in _notes(data_dir):
        owner = _noted(note)
        if owner and owner.alive and holds_lock(owner.pid, data_dir / LOCK_FILE) is not False:
            return owner
    return None


def _notes(data_dir: Path) -> tuple[Path, Path]:
    return data_dir / PID_FILE, registry.note_of(data_dir)


def _noted(note: Path) -> Owner | None:
    try:
        data = json.loads(note.read_text(encoding="utf-8"))
        traded = data.get("traded")
        return Owner(
            *(int(data["pid"]), str(data["started"]), str(data.get("role", ENGINE))),
            None if traded is None else Traded(**{n: str(traded.get(n, "")) for n in _TRADED}),
            int(data.get("taken") or 0),
        )
    except (
        OSError,
        ValueError,
        KeyError,
        TypeError,
        AttributeError,
        OverflowError,
        RecursionError,
    ):
        return None


def show_start(data_dir: Path, wall: int) -> None:
    """Show that this process' start goes on (UTC ms): before its journal can, the time of its notes does. Nothing of it may fail."""
    for note in _notes(data_dir):
        with contextlib.suppress(OSError):
            if (owner := _noted(note)) is not None and owner.pid == os.getpid():
                os.utime(note, (wall / 1000, wall / 1000))


def holds_for(data_dir: Path, wall: int) -> int:
    """Return for how long this process has held the directory's lock at a moment (UTC ms), 0 where it does not."""
    owners = [owner for note in _notes(data_dir) if (owner := _noted(note)) is not None]
    ours = next((one.taken for one in owners if one.pid == os.getpid() and one.taken), 0)
    return max(0, wall - ours) if ours else 0


def shown_start(data_dir: Path) -> int:
    """Return when the start of the engine that holds the lock was last seen to go on (UTC ms); 0 where that cannot be told.

    A note that is missing or damaged shows nothing: then the other one does.
    """
    shown = 0
    for note in _notes(data_dir):
        with contextlib.suppress(OSError):
            if _noted(note) is not None:
                shown = max(shown, int(note.stat().st_mtime * 1000))
    return shown


def lock_owner(data_dir: Path) -> Owner | None:
    """Return the engine that holds the directory's lock; None if there is none."""
    owner = lock_holder(data_dir)
    return owner if owner is not None and owner.role == ENGINE else None


def left_behind(data_dir: Path) -> Owner | None:
    """Return the engine that went without taking its note back: it did not end in order. None where there is none."""
    for note in _notes(data_dir):
        owner = _noted(note)
        if owner and owner.role == ENGINE and not owner.alive and _noted(note) == owner:
            return owner
    return None


def is_held(data_dir: Path) -> bool:
    """Whether anybody holds the directory's lock; asked of the system, whatever the note says."""
    path = data_dir / LOCK_FILE
    if not path.exists():
        return False
    probe = FileLock(path, mode=FILE_MODE, thread_local=False)
    try:
        probe.acquire(timeout=0)
    except Timeout:
        return True
    except OSError:
        return False
    probe.release()
    return False


def may_be_fenced(data_dir: Path, owner: Owner) -> bool:
    """Whether a process may be killed as the hung engine: it holds the lock, and holds it as an engine.

    Where the system does not tell who holds a lock, that somebody does has to be enough.
    """
    if owner.role != ENGINE or not owner.alive:
        return False
    holds = holds_lock(owner.pid, data_dir / LOCK_FILE)
    if holds is None and sys.platform != "linux":
        return is_held(data_dir)
    return bool(holds)
