"""A copy of the journal, taken while the engine goes on writing, and the way back from one."""

from __future__ import annotations

import os
import sqlite3
from contextlib import closing, suppress
from pathlib import Path

from tradebot.clock import SYSTEM, Clock
from tradebot.core.model.errors import JournalError
from tradebot.disk import FILE_MODE, check_target, private_file, replacing
from tradebot.journal.audit import AuditKey
from tradebot.journal.faults import faults
from tradebot.journal.noted import Noted, write_noted
from tradebot.journal.reader import Reader, open_readonly
from tradebot.journal.verify import verify


def backup(path: Path, target: Path, *, force: bool = False) -> None:
    """Copy the journal to ``target``, checked and on disk; a half copy never bears that name.

    ``force`` replaces an existing file. Raises JournalError when the target exists, is the journal
    itself, or the copy does not pass ``PRAGMA integrity_check``; the errors of ``disk.replacing`` when it is
    no file or cannot be written.
    """
    with closing(open_readonly(path)) as source, faults(target):
        _refuse(path, check_target(target), force)
        with replacing(target, FILE_MODE) as draft, faults(target):
            _copy(source, draft)


def _refuse(path: Path, target: Path, force: bool) -> None:
    if not target.exists():
        return
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
    private_file(draft, make=True)
    with closing(sqlite3.connect(draft, isolation_level=None)) as copy:
        # All pages in one step: a step-wise copy starts over whenever the engine writes.
        source.backup(copy)
        copy.execute("PRAGMA journal_mode = DELETE")  # one file, no -wal beside it
        (answer,) = copy.execute("PRAGMA integrity_check(1)").fetchone()
    if answer != "ok":
        raise JournalError(
            f"the copy is not sound ({answer})", hint="tradebot db verify tells more"
        )


def restore(path: Path, source: Path, key: AuditKey, clock: Clock = SYSTEM) -> Path | None:
    """Put a backup in the journal's place; return where the journal that stood there is kept, if one did.

    Hold the instance lock. At every moment one of the two journals stands there whole. Raises JournalError
    for a backup that is none, does not verify, or was written with another key.
    """
    _check_backup(path, source, key)
    there = Path(os.path.realpath(path))
    with replacing(there, FILE_MODE) as draft, faults(path):
        with closing(open_readonly(source)) as db:
            _copy(db, draft)
        kept = _set_aside(there, there.with_name(f"{there.name}.before-{clock.wall_ms()}"))
    with Reader(path) as reader:
        head = reader.head()
    if head is not None:  # from now on this is the newest there is
        write_noted(path, key, Noted(head, open=False))
    return kept


def _check_backup(path: Path, source: Path, key: AuditKey) -> None:
    if path.exists() and source.exists() and source.samefile(path):
        raise JournalError(
            "this is the journal itself", hint="name a file that db backup made", file=str(source)
        )
    if not source.is_file():
        raise JournalError("there is no such backup", file=str(source))
    findings = verify(source, key)
    if findings:
        first = findings[0]
        raise JournalError(
            f"the backup does not verify: {first.where}: {first.text} ({len(findings)} finding(s))",
            hint="choose another backup",
            file=str(source),
        )


def _set_aside(path: Path, kept: Path) -> Path | None:
    """Give the journal another name as well, with all that its write-ahead log holds."""
    if not path.exists():
        return None
    with suppress(sqlite3.Error), closing(sqlite3.connect(path, isolation_level=None)) as db:
        db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    os.link(path, kept)
    for end in ("-wal", "-shm"):  # a log of the old file would be read into the new one
        beside = path.with_name(path.name + end)
        if beside.exists():
            os.replace(beside, kept.with_name(kept.name + end))
    return kept
