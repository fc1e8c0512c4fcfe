"""A secret in a file that only its owner may read, or that systemd put there for one service."""

from __future__ import annotations

import os
import stat
from collections.abc import Mapping
from pathlib import Path

from tradebot.core.model.errors import JournalError


def read_private(path: Path, name: str, env: Mapping[str, str]) -> str:
    """Return the text of a file, without the space around it; ``name`` is what named it.

    JournalError where it is no file, cannot be read, or where others may read it.
    """
    try:
        found = path.stat()
        if not stat.S_ISREG(found.st_mode):
            raise _refused("is no regular file", "name a file", path, name)
        if stat.S_IMODE(found.st_mode) & 0o077 and not _is_credential(path, env):
            mode = f"others may read it (mode {stat.S_IMODE(found.st_mode):04o})"
            raise _refused(mode, f"chmod 600 {path}", path, name)
        return path.read_text(encoding="utf-8", errors="replace").strip()
    except (OSError, ValueError) as error:
        why = getattr(error, "strerror", None) or "this can be no file's name"
        hint = "name a file that is there and that you may read"
        raise _refused(f"cannot be read: {why}", hint, path, name) from None


def _is_credential(path: Path, env: Mapping[str, str]) -> bool:
    """Whether systemd put it there for this service alone; it has a mode of its own there."""
    place = env.get("CREDENTIALS_DIRECTORY")
    return place is not None and Path(os.path.realpath(path)).parent == Path(
        os.path.realpath(place)
    )


def _refused(what: str, hint: str, path: Path, name: str) -> JournalError:
    return JournalError(f"the audit key's file {what}", hint=hint, file=str(path), key=name)
