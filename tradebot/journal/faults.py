"""SQLite's and the disk's errors in words a user can act on."""

from __future__ import annotations

import errno
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tradebot.core.model.errors import JournalError, MissingJournalError, SchemaError

_RESTORE = "restore it from a backup (tradebot db backup makes them), or move it away to start anew"
_NOT_OURS = "choose another --data-dir, or move the file away"
_SPACE = "free some space; nothing of the failed commit was kept"
_RIGHTS = "check that the directory exists and that you may write to it"

_NO_TEXT = "Could not decode to UTF-8"

# Keyed by SQLite's primary result code (the low byte of the extended one).
_WORDS: dict[int, tuple[type[JournalError], str, str]] = {
    sqlite3.SQLITE_NOTADB: (SchemaError, "this is not a database", _NOT_OURS),
    sqlite3.SQLITE_CORRUPT: (JournalError, "the database is corrupt", _RESTORE),
    sqlite3.SQLITE_FULL: (JournalError, "the disk is full", _SPACE),
    sqlite3.SQLITE_BUSY: (
        JournalError,
        "the database is locked by another program",
        "close what holds it, then try again",
    ),
    sqlite3.SQLITE_CANTOPEN: (JournalError, "the database cannot be opened", _RIGHTS),
    sqlite3.SQLITE_READONLY: (JournalError, "the database cannot be written", _RIGHTS),
    sqlite3.SQLITE_IOERR: (JournalError, "reading or writing the disk failed", "check the disk"),
    sqlite3.SQLITE_CONSTRAINT: (
        JournalError,
        "a row contradicts one already there",
        "was the journal written by two programs? tradebot db verify tells",
    ),
}


@contextmanager
def faults(path: Path) -> Iterator[None]:
    """Turn SQLite and OS errors of the block into JournalError (or SchemaError) naming ``path``."""
    try:
        yield
    except sqlite3.Error as error:
        raise _of_sqlite(error, path) from error
    except OSError as error:
        raise _of_os(error, path) from error
    except UnicodeDecodeError as error:  # SQLite's own complaint quotes what it cannot read
        words = f"the database is corrupt (text in it is no UTF-8: {error.reason})"
        raise JournalError(words, hint=_RESTORE, file=str(path)) from error


def missing(path: Path) -> MissingJournalError:
    """Return the error for a journal that does not exist yet."""
    return MissingJournalError(
        "there is no journal yet", hint="run tradebot paper first", file=str(path)
    )


def _of_sqlite(error: sqlite3.Error, path: Path) -> JournalError:
    if _NO_TEXT in str(error):  # it quotes what it cannot read, which may be a whole row
        return JournalError(
            "the database is corrupt (text in it is no UTF-8)", hint=_RESTORE, file=str(path)
        )
    code = getattr(error, "sqlite_errorcode", None)
    known = _WORDS.get(code & 0xFF) if code is not None else None
    if known is None:
        return JournalError(str(error), file=str(path))
    kind, words, hint = known
    return kind(f"{words} ({error})", hint=hint, file=str(path))


def _of_os(error: OSError, path: Path) -> JournalError:
    if error.errno == errno.ENOSPC:
        return JournalError("the disk is full", hint=_SPACE, file=str(path))
    words = error.strerror or str(error)
    return JournalError(f"cannot use the file: {words}", hint=_RIGHTS, file=str(path))
