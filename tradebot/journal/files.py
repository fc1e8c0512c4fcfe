"""Files that nobody else may read and that survive a power cut."""

from __future__ import annotations

import contextlib
import os
import stat
from pathlib import Path

FILE_MODE = 0o600


def create_durably(path: Path, text: str) -> None:
    """Create a file that must not exist yet, with its text on disk; FileExistsError if it does.

    The text is complete before the name appears, so no reader sees half of it.
    """
    draft = _draft(path, text)
    try:
        os.link(draft, path)  # unlike a rename, never replaces
    finally:
        draft.unlink(missing_ok=True)
    sync_directory(path.parent)


def replace_durably(path: Path, text: str) -> None:
    """Give a file this text, whole or not at all, on disk when it returns."""
    os.replace(_draft(path, text), path)
    sync_directory(path.parent)


def private_directory(path: Path) -> None:
    """Make a directory, and what is missing above it, for its owner alone whatever the umask."""
    for missing in reversed([part for part in (path, *path.parents) if not part.exists()]):
        with contextlib.suppress(FileExistsError):
            missing.mkdir(mode=0o700)


def private_database(path: Path) -> None:
    """Make the file of a database that is not there yet, and close it and what lies beside it to others.

    SQLite would make it readable for all, and gives its log the database's mode.
    """
    with contextlib.suppress(FileExistsError):
        os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, FILE_MODE))
    for name in (path.name, f"{path.name}-wal", f"{path.name}-shm"):
        with contextlib.suppress(OSError):
            found = path.with_name(name).lstat()
            if stat.S_ISREG(found.st_mode) and stat.S_IMODE(found.st_mode) != FILE_MODE:
                path.with_name(name).chmod(FILE_MODE)


def sync_file(path: Path) -> None:
    """Force a file's contents to disk."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def sync_directory(path: Path) -> None:
    """Force a directory's entries to disk, where the system lets one open a directory."""
    if hasattr(os, "O_DIRECTORY"):
        sync_file(path)


def _draft(path: Path, text: str) -> Path:
    draft = path.with_name(f"{path.name}.{os.getpid()}.new")
    draft.unlink(missing_ok=True)
    handle = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, FILE_MODE)
    with os.fdopen(handle, "w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    return draft
