"""Whether the journal's files are still the ones that were opened.

SQLite goes on writing into a file that was removed, renamed or cut under it, and nobody would notice: so
whoever writes a journal looks at its name now and then.
"""

from __future__ import annotations

import os
from pathlib import Path

from tradebot.journal.store import WAL_LIMIT


class FileWatch:
    """The identity of a journal that this process has open, and of its write-ahead log."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._log = path.with_name(f"{path.name}-wal")
        self._journal = _stat(path)
        self._log_seen = _stat(self._log)

    def look(self) -> str | None:
        """Return in words what became of the files; None while they are what they were."""
        now, log = _stat(self._path), _stat(self._log)
        words = _changed("the journal", self._journal, now, None)
        words = words or _changed("the journal's write-ahead log", self._log_seen, log, WAL_LIMIT)
        if words is None:
            self._journal, self._log_seen = now, log
        return words


def _changed(
    what: str, before: os.stat_result | None, now: os.stat_result | None, least: int | None
) -> str | None:
    """Say what became of a file; one that shrinks to ``least`` bytes was made shorter by SQLite itself."""
    if before is None:
        return None  # it was not there yet
    if now is None:
        return f"{what} was removed or renamed"
    if (now.st_dev, now.st_ino) != (before.st_dev, before.st_ino):
        return f"another file stands in the place of {what}"
    smallest = before.st_size if least is None else min(before.st_size, least)
    return f"{what} was cut short" if now.st_size < smallest else None


def _stat(path: Path) -> os.stat_result | None:
    try:
        return path.stat()
    except OSError:
        return None
