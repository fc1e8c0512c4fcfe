"""The head last noted, outside the journal: what a cut, an older copy or a lost file is found by.

One small signed file a journal in the user's state directory, written when a run begins or ends and when
the journal is closed. ``open`` tells whether its engine has closed it: a journal that was not closed needs
its write-ahead log.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
from dataclasses import dataclass
from pathlib import Path

import platformdirs

from tradebot.core.model.errors import JournalError
from tradebot.disk import private_directory, replace_durably
from tradebot.journal.audit import KEY_FILE, AuditKey
from tradebot.journal.rows import Head

RESTORE = "`tradebot db restore FILE` puts a backup back; or move what is left away to start anew"


@dataclass(frozen=True, slots=True)
class Noted:
    """The end of the chain when it was last noted, and whether the journal was open then."""

    head: Head
    open: bool


def write_noted(journal: Path, key: AuditKey, noted: Noted) -> None:
    """Note a head; where the state directory cannot be written there is no note."""
    words = (str(noted.head), int(noted.open))
    note = {
        "journal": str(journal),
        "key": key.fingerprint,
        "head": words[0],
        "open": noted.open,
        "mac": key.sign("noted", *words),
    }
    with contextlib.suppress(OSError):
        path = _file(journal)
        private_directory(path.parent)
        replace_durably(path, json.dumps(note))


def read_noted(journal: Path, key: AuditKey) -> Noted | None:
    """Return what this key noted of the journal; None for nothing, and for what another key wrote."""
    try:
        note = json.loads(_file(journal).read_text(encoding="utf-8"))
        words = (str(note["head"]), int(note["open"]))
        if note["mac"] != key.sign("noted", *words):
            return None
        return Noted(Head.parse(words[0]), bool(note["open"]))
    except (OSError, ValueError, KeyError, TypeError):
        return None


def was_written(journal: Path) -> bool:
    """Whether there ever was a journal here, as far as anything but itself tells."""
    beside = (journal.parent / KEY_FILE).exists() and (journal.parent / "instance").exists()
    return beside or _file(journal).exists()


def find_loss(journal: Path, key: AuditKey | None) -> str | None:
    """Return in words what is missing of a journal no engine has open; None when nothing is.

    To be asked before the journal is opened: SQLite makes a new write-ahead log at once.
    """
    size = journal.stat().st_size if journal.exists() else -1
    if size <= 0:
        if not was_written(journal):
            return None
        return "the journal is gone" if size < 0 else "the journal is empty"
    noted = None if key is None else read_noted(journal, key)
    return LOST_LOG if noted is not None and noted.open and not has_log(journal) else None


LOST_LOG = "the journal has lost its write-ahead log, and with it the last it was told"


def has_log(journal: Path) -> bool:
    """Whether the write-ahead log is there and holds something."""
    try:
        return journal.with_name(f"{journal.name}-wal").stat().st_size > 0
    except OSError:
        return False


def lost(journal: Path, words: str) -> JournalError:
    """Return the error for a journal of which something is missing."""
    return JournalError(words, hint=RESTORE, file=str(journal))


def _file(journal: Path) -> Path:
    name = hashlib.sha256(os.fsencode(os.path.realpath(journal))).hexdigest()[:16]
    return platformdirs.user_state_path("tradebot", appauthor=False) / "heads" / f"{name}.json"
