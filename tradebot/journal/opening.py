"""What is looked at before a journal is written to: its pages, its key, its last heads."""

from __future__ import annotations

import sqlite3
from pathlib import Path

from tradebot.core.model.errors import JournalError
from tradebot.journal import schema
from tradebot.journal.audit import AuditKey
from tradebot.journal.noted import LOST_LOG, lost, read_noted
from tradebot.journal.seal import check_head, contains, forged


def check(db: sqlite3.Connection, path: Path, key: AuditKey, *, quick: bool) -> None:
    """Raise JournalError for a journal that cannot be read, or that another key has written.

    ``quick`` leaves out the look at every page.
    """
    if not quick:
        schema.check_structure(db, path)
    row = db.execute("SELECT value FROM meta WHERE key = 'key_fingerprint'").fetchone()
    if row is not None and row[0] != key.fingerprint:
        raise wrong_key(path, key, row[0])


def find_doubts(
    db: sqlite3.Connection, path: Path, key: AuditKey, *, empty: bool, had_log: bool
) -> list[JournalError]:
    """Return what the last published head, and the one last noted, say against a journal, or an empty one."""
    noted = read_noted(path, key)
    if empty:
        return [lost(path, LOST_LOG)] if noted is not None and noted.open and not had_log else []
    doubts = []
    wrong = check_head(db, key)
    if wrong is not None:
        doubts.append(forged(f"the journal is not as written: {wrong}", str(path)))
    if noted is not None and not contains(db, noted.head):
        gone = f"the journal does not hold the head last noted ({noted.head.seq})"
        doubts.append(lost(path, f"{gone}: it was cut, or is an older copy"))
    return doubts


def wrong_key(path: Path, key: AuditKey, wanted: str) -> JournalError:
    """Return the error for a journal that another key has written."""
    return JournalError(
        f"the audit key from the {key.source} ({key.fingerprint}) is not the one this journal was"
        f" written with ({wanted})",
        hint="set TRADEBOT_AUDIT_KEY, or restore audit.key or the keyring entry it was made with",
        file=str(path),
    )
