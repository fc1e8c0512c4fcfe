"""The HALT file: while it exists no entry leaves. Each row says why, by whom, and how far it goes.

A row of kind ``halt`` stops entries until a recorded resume; one of kind ``close-all`` also tells every
engine that sees it to close. The file's existence is the latch: a row that did not fit on a full disk, or
that nobody can read, still halts.
"""

from __future__ import annotations

import contextlib
import json
import os
import stat
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal, TypeAlias

from tradebot.clock import SYSTEM, Clock
from tradebot.core.model.text import cleaned
from tradebot.disk import (
    FILE_MODE,
    on_disk,
    private_directory,
    private_file,
    replace_durably,
    sync_directory,
)

HALT_FILE = "HALT"

LONGEST = 1 << 20
"""Bytes of the file that are read: the newest rows are at its end."""

LOCK_S = 0.5
"""Seconds a writer waits for another one; a halt does not wait longer for anybody."""

Kind: TypeAlias = Literal["halt", "close-all"]


@dataclass(frozen=True, slots=True)
class HaltRow:
    """One halt: why, by whom, and when (real clock, UTC milliseconds).

    ``kind`` is halt or close-all; of a close-all ``run`` is the one run that is meant, ``account`` the
    account: demo or live. Neither: all runs of the engine.
    """

    reason: str
    who: str
    wall: int
    kind: Kind = "halt"
    run: str | None = None
    account: str | None = None

    def closes(self, run: str, account: str | None = None) -> bool:
        """Whether the row tells a run to close: one that trades an ``account`` (demo or live), or a simulated one.

        A row for all simulated runs does not mean an account; one that names the run does.
        """
        if self.kind != "close-all":
            return False
        if account is None:
            return self.account is None and self.run in (None, run)
        return self.account == account or (self.account is None and self.run == run)


def write_halt(
    data_dir: Path,
    reason: str,
    who: str,
    kind: Kind = "halt",
    run: str | None = None,
    account: str | None = None,
    clock: Clock = SYSTEM,
) -> None:
    """Set the latch: while the file exists no entry leaves. Returns when it is on the disk.

    Each halt adds a row. JournalError only when not even the file can be made.
    """
    path = data_dir / HALT_FILE
    with on_disk(path):
        private_directory(data_dir)
        private_file(path)
        try:
            _append(path, HaltRow(reason, who, clock.wall_ms(), kind, run, account))
        except OSError:
            if not os.path.lexists(path):
                raise
            return  # whatever it is that stands there, it latches
        sync_directory(data_dir)


def halt_mark(data_dir: Path) -> tuple[int, int, int] | None:
    """Return what is another one when the latch was written to since; None where it is not there or cannot be seen."""
    try:
        found = os.lstat(f"{data_dir}/{HALT_FILE}")  # asked for fifty times a second
    except OSError:
        return None
    return found.st_ino, found.st_size, found.st_mtime_ns


def halt_present(data_dir: Path) -> bool:
    """Whether the latch is set; a directory that cannot be looked at counts as set."""
    try:
        os.lstat(f"{data_dir}/{HALT_FILE}")
    except FileNotFoundError:
        return False
    except OSError:
        return True
    return True


def read_halts(data_dir: Path) -> list[HaltRow]:
    """Return why the latch is set, oldest first; empty when it is not, or when no row was kept."""
    try:
        handle = os.open(data_dir / HALT_FILE, os.O_RDONLY | _NOT_WAITING)
    except OSError:
        return []
    try:
        return _rows(handle)
    except OSError:
        return []
    finally:
        os.close(handle)


def clear_halt(data_dir: Path, before: int | None = None, clock: Clock = SYSTEM) -> None:
    """Remove the latch (``resume`` alone does this); nothing happens if it is not set.

    ``before`` (real clock, UTC milliseconds) is when the resume was posted: rows written after it stay,
    and with them the latch. A row of the future was written by a clock that went wrong, and goes too.
    """
    path = data_dir / HALT_FILE
    with on_disk(path):
        try:
            handle = os.open(path, os.O_RDONLY | _NOT_WAITING)
        except FileNotFoundError:
            return
        except OSError:
            handle = -1  # nothing that could hold a row
        try:
            with _locked(handle):
                newer = [] if before is None else _newer(handle, before, clock.wall_ms())
                _keep(path, newer)
                # who could not get the lock may have written meanwhile to the file that has just gone
                late = [] if before is None else _newer(handle, before, clock.wall_ms())
            for row in late:
                if row not in newer:
                    _append(path, row)
        finally:
            if handle >= 0:
                os.close(handle)
        sync_directory(data_dir)


_NOT_WAITING = getattr(os, "O_NONBLOCK", 0)  # opening a pipe must not hang


def _append(path: Path, row: HaltRow) -> None:
    """Add a row to the file that bears the name when it is written, not to one just cleared."""
    line = json.dumps(asdict(row)).encode() + b"\n"
    while True:
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | _NOT_WAITING, FILE_MODE)
        try:
            with _locked(handle):
                if not _is_named(path, handle):
                    continue
                with contextlib.suppress(OSError):  # a full disk: the file itself is the latch
                    os.write(handle, line)
                os.fsync(handle)
                if _is_named(
                    path, handle
                ):  # else it was cleared by somebody who did not see the row
                    return
        finally:
            os.close(handle)


def _keep(path: Path, rows: Sequence[HaltRow]) -> None:
    if rows:
        replace_durably(path, "".join(json.dumps(asdict(row)) + "\n" for row in rows))
    else:
        path.unlink(missing_ok=True)


def _newer(handle: int, before: int, now: int) -> list[HaltRow]:
    return [row for row in _rows(handle) if before < row.wall <= now] if handle >= 0 else []


def _rows(handle: int) -> list[HaltRow]:
    found = os.fstat(handle)
    if not stat.S_ISREG(found.st_mode):
        return []
    os.lseek(handle, max(0, found.st_size - LONGEST), os.SEEK_SET)
    rows = []
    for line in os.read(handle, LONGEST).decode("utf-8", "replace").splitlines():
        with contextlib.suppress(ValueError, TypeError):  # half a line of a full disk
            row = HaltRow(**cleaned(json.loads(line)))
            if isinstance(row.wall, int):
                rows.append(row)
    return rows


def _is_named(path: Path, handle: int) -> bool:
    """Whether the path still leads to the open file; one that was cleared meanwhile does not."""
    try:
        there = path.stat()
    except OSError:
        return False
    mine = os.fstat(handle)
    return (there.st_dev, there.st_ino) == (mine.st_dev, mine.st_ino)


@contextmanager
def _locked(handle: int) -> Iterator[None]:
    """Keep clearing and writing apart; who cannot get the lock in time goes on without."""
    if sys.platform == "win32" or handle < 0:
        yield
        return
    import fcntl

    deadline = SYSTEM.monotonic() + LOCK_S
    while True:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            if SYSTEM.monotonic() < deadline:
                SYSTEM.sleep(0.01)
                continue
        break
    yield
