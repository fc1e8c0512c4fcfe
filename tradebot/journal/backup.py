"""A copy of the journal, taken while the engine goes on writing."""

from __future__ import annotations

import os
import sqlite3
from contextlib import closing
from pathlib import Path

from tradebot.core.model.errors import JournalError
from tradebot.journal.faults import faults
from tradebot.journal.files import sync_directory, sync_file
from tradebot.journal.reader import open_readonly


def backup(path: Path, target: Path, *, force: bool = False) -> None:
    """Copy the journal to ``target``, checked and on disk; a half copy never bears that name.

    ``force`` replaces an existing file. Raises JournalError when the target exists, is the journal
    itself, cannot be written, or the copy does not pass ``PRAGMA integrity_check``.
    """
    with closing(open_readonly(path)) as source, faults(target):
        _refuse(path, target, force)
        draft = target.with_name(f"{target.name}.{os.getpid()}.part")
        draft.unlink(missing_ok=True)
        try:
            _copy(source, draft)
            sync_file(draft)
            os.replace(draft, target)
        finally:
            draft.unlink(missing_ok=True)
        sync_directory(target.absolute().parent)


def _refuse(path: Path, target: Path, force: bool) -> None:
    if not target.exists():
        return
    if target.is_dir():
        raise JournalError("the target is a directory", hint="name a file", file=str(target))
    if target.samefile(path):
        raise JournalError(
            "the backup would overwrite the journal itself",
            hint="choose another file",
            file=str(target),
        )
    if not force:
        raise JournalError(
            "the target exists", hint="choose another file, or use --force", file=str(target)
        )


def _copy(source: sqlite3.Connection, draft: Path) -> None:
    with closing(sqlite3.connect(draft, isolation_level=None)) as copy:
        # All pages in one step: a step-wise copy starts over whenever the engine writes.
        source.backup(copy)
        copy.execute("PRAGMA journal_mode = DELETE")  # one file, no -wal beside it
        (answer,) = copy.execute("PRAGMA integrity_check(1)").fetchone()
    if answer != "ok":
        raise JournalError(
            f"the copy is not sound ({answer})", hint="tradebot db verify tells more"
        )
