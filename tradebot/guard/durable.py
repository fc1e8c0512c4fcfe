"""Files that nobody else may read and that survive a power cut."""

from __future__ import annotations

import contextlib
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tradebot.core.model.errors import JournalError

FILE_MODE = 0o600
DIRECTORY_MODE = 0o700

OURS = ("tradebot.", "HALT", "instance", "audit.", "close-all.jsonl", "engine.log")
"""How names begin that a data directory of ours may hold: with others in it, its mode is theirs."""


@contextmanager
def on_disk(path: Path) -> Iterator[None]:
    """Turn the block's OSError into a JournalError that names the file."""
    try:
        yield
    except OSError as error:
        raise JournalError(
            f"cannot use the file: {error.strerror or error}",
            hint="check that the directory exists and that you may write to it",
            file=str(path),
        ) from error


def private_directory(path: Path) -> None:
    """Make a directory, and what is missing above it, for its owner alone whatever the umask.

    One that is there is closed to others where it is the user's and holds nothing but our files.
    """
    for missing in reversed([part for part in (path, *path.parents) if not part.exists()]):
        with contextlib.suppress(FileExistsError):
            missing.mkdir(mode=DIRECTORY_MODE)
    if _is_ours(path):
        with contextlib.suppress(OSError):
            path.chmod(DIRECTORY_MODE)


def private_file(path: Path) -> None:
    """Close a file to others; nothing happens where it is not there, or is not the user's."""
    with contextlib.suppress(OSError):
        found = path.lstat()
        if stat.S_ISREG(found.st_mode) and stat.S_IMODE(found.st_mode) != FILE_MODE:
            path.chmod(FILE_MODE)


def create_durably(path: Path, text: str) -> None:
    """Create a file with its text complete and on disk; FileExistsError if it exists."""
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


def sync_directory(path: Path) -> None:
    """Force a directory's entries to disk, where the system lets one open a directory."""
    if hasattr(os, "O_DIRECTORY"):
        handle = os.open(path, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


def _draft(path: Path, text: str) -> Path:
    draft = path.with_name(f"{path.name}.{os.getpid()}.new")
    draft.unlink(missing_ok=True)
    handle = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, FILE_MODE)
    with os.fdopen(handle, "w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    return draft


def _is_ours(path: Path) -> bool:
    with contextlib.suppress(OSError):
        if stat.S_IMODE(path.stat().st_mode) == DIRECTORY_MODE:
            return False  # nothing to do
        owner = getattr(os, "geteuid", lambda: 0)()
        names = [entry.name for entry in os.scandir(path)]
        return path.stat().st_uid == owner and all(name.startswith(OURS) for name in names)
    return False
