"""Files that survive a power cut."""

from __future__ import annotations

import os
from pathlib import Path


def create_durably(path: Path, text: str, *, mode: int = 0o644) -> None:
    """Create a file that must not exist yet, with its text on disk; FileExistsError if it does.

    The text is complete before the name appears, so no reader sees half of it.
    """
    draft = path.with_name(f"{path.name}.{os.getpid()}.new")
    draft.unlink(missing_ok=True)
    handle = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        os.link(draft, path)  # unlike a rename, never replaces
    finally:
        draft.unlink(missing_ok=True)
    sync_directory(path.parent)


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
