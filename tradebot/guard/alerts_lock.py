"""The alerter's own lock: one of them a data directory, and who it is."""

from __future__ import annotations

import contextlib
import json
import os
from pathlib import Path
from typing import Literal, TypeAlias

from filelock import FileLock, Timeout

from tradebot.core.model.errors import AlreadyRunningError
from tradebot.disk import FILE_MODE, on_disk, private_directory, private_file, replace_durably
from tradebot.guard.process import process_start

ALERTS_LOCK = "alerts.lock"
ALERTS_PID = "alerts.pid"

Place: TypeAlias = Literal["ours", "gone", "another's"]

PROBED_S = 1.0
"""Who only asks whether it is held holds it for a moment."""


class AlertsLock:
    """Held while an alerter works; the system lets go of it when the process ends, however it ends."""

    def __init__(self, data_dir: Path) -> None:
        self.data_dir = data_dir
        self._lock = FileLock(data_dir / ALERTS_LOCK, mode=FILE_MODE, thread_local=False)
        self._file: tuple[int, int] | None = None

    def beat(self) -> None:
        """Give a sign of life that needs no room on the disk."""
        with contextlib.suppress(OSError):
            os.utime(self.data_dir / ALERTS_PID)

    def place(self) -> Place:
        """Return what became of the locked file: a lock on one that was removed keeps nobody from another."""
        try:
            there = os.stat(self.data_dir / ALERTS_LOCK)
        except FileNotFoundError:
            return "gone"
        except OSError:
            return "ours"  # it cannot be told
        return "ours" if (there.st_dev, there.st_ino) == self._file else "another's"

    def __enter__(self) -> AlertsLock:
        path = self.data_dir / ALERTS_LOCK
        with on_disk(path):
            private_directory(self.data_dir)
            private_file(path)
            try:
                self._lock.acquire(timeout=PROBED_S)
            except Timeout:
                raise AlreadyRunningError(
                    f"alerts are already sent for {self.data_dir}",
                    hint="tradebot alerts status shows it",
                    file=str(path),
                ) from None
        with contextlib.suppress(OSError):
            there = os.stat(path)
            self._file = (there.st_dev, there.st_ino)
        pid = os.getpid()
        with contextlib.suppress(OSError):  # a full disk: the lock itself is what counts
            note = {"pid": pid, "started": process_start(pid) or ""}
            replace_durably(self.data_dir / ALERTS_PID, json.dumps(note))
        return self

    def __exit__(self, *_: object) -> None:
        with contextlib.suppress(OSError):
            if self.place() == "ours":
                (self.data_dir / ALERTS_PID).unlink(missing_ok=True)
        self._lock.release()


def alerter_pid(data_dir: Path) -> int | None:
    """Return the process of the alerter that works for a directory; None where none does."""
    path = data_dir / ALERTS_LOCK
    if not path.exists():
        return None
    probe = FileLock(path, mode=FILE_MODE, thread_local=False)
    try:
        probe.acquire(timeout=0)
    except Timeout:
        return _noted(data_dir)
    except OSError:
        return None
    probe.release()
    return None


def alerter_beat(data_dir: Path) -> int:
    """Return when the alerter last gave its sign of life (UTC ms); 0 where that cannot be told."""
    with contextlib.suppress(OSError):
        return (data_dir / ALERTS_PID).stat().st_mtime_ns // 1_000_000
    return 0


def _noted(data_dir: Path) -> int:
    """Return the number that the holder noted, 0 where it could not."""
    try:
        note = json.loads((data_dir / ALERTS_PID).read_text(encoding="utf-8"))
        return int(note["pid"])
    except (OSError, ValueError, KeyError, TypeError):
        return 0


__all__ = ["AlertsLock", "alerter_beat", "alerter_pid"]
