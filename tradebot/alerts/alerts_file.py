"""The file of the outbox, and the small things that are remembered in it."""

from __future__ import annotations

import json
import os
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import Any, Self

from tradebot.alerts.stored import SCHEMA
from tradebot.core.model.errors import JournalError
from tradebot.disk import private_directory, private_file

ALERTS_FILE = "alerts.db"

DAMAGED = f"{ALERTS_FILE}.damaged"

AGAIN = "again"

ROOM = "check that the disk has room and that you may write there"
BEGUN_ANEW = f"`tradebot alerts run` begins it anew, as an engine's alerter does, and keeps this one as {DAMAGED}"


class AlertsFile:
    """``alerts.db``; JournalError where it cannot be read or written."""

    first: Callable[[], None] | None = None

    def __init__(self, data_dir: Path, *, readonly: bool = False) -> None:
        self.path = data_dir / ALERTS_FILE
        with self.faults():
            if not readonly:
                private_directory(data_dir)
                private_file(self.path, make=True)
            uri = f"{self.path.absolute().as_uri()}?mode={'ro' if readonly else 'rw'}"
            self.db = sqlite3.connect(uri, uri=True, isolation_level=None, timeout=5.0)
            self.db.row_factory = sqlite3.Row
            if not readonly:
                self._prepare()

    def _prepare(self) -> None:
        self.db.execute("PRAGMA journal_mode = WAL")
        self.db.execute("PRAGMA synchronous = FULL")
        self.db.executescript(f"BEGIN IMMEDIATE; {SCHEMA} COMMIT;")

    def ready(self) -> None:
        """Do what comes first, once; JournalError while the file could not be opened, or takes none of that."""
        if self.first is not None:
            self.first()
            self.first = None

    def close(self) -> None:
        """Close the file."""
        self.db.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @contextmanager
    def faults(self) -> Iterator[None]:
        """Say what goes wrong in the block as a JournalError."""
        try:
            yield
        except (sqlite3.Error, OSError) as error:
            hint = BEGUN_ANEW if is_damage(error) else ROOM
            raise JournalError(
                f"cannot be used: {error}", hint=hint, file=str(self.path)
            ) from error

    @contextmanager
    def transaction(self) -> Iterator[sqlite3.Connection]:
        """Keep what the block writes whole, or nothing of it."""
        with self.faults():
            self.db.execute("BEGIN IMMEDIATE")
            try:
                yield self.db
                self.db.execute("COMMIT")
            except BaseException:
                if self.db.in_transaction:
                    self.db.execute("ROLLBACK")
                raise

    def get(self, key: str, default: Any = None) -> Any:
        """Return a remembered value (JSON types)."""
        with self.faults():
            row = self.db.execute("SELECT value FROM meta WHERE key = ?", (key,)).fetchone()
        return default if row is None else json.loads(row[0])

    def put(self, key: str, value: Any) -> None:
        """Remember a value (JSON types); alone, or as part of the transaction it is called in."""
        text = json.dumps(value, sort_keys=True, default=str)
        with self.faults():
            self.db.execute("INSERT OR REPLACE INTO meta VALUES (?, ?)", (key, text))

    @property
    def cursor(self) -> int | None:
        """The number of the last audit row that was decided on; None at the very first start."""
        found = self.get("cursor")
        return None if found is None else int(found)

    @property
    def again(self) -> int:
        """How often somebody has asked to try again: each time a secret may be another one."""
        return int(self.get(AGAIN, 0))


def is_damage(error: BaseException | None) -> bool:
    """Whether an error says that a file is no outbox any more."""
    codes = (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)
    code: int = getattr(error, "sqlite_errorcode", 0)  # what Python itself says has none
    return isinstance(error, sqlite3.Error) and code & 0xFF in codes


def is_there(data_dir: Path) -> bool:
    """Whether an outbox was ever made here: one whose tables wait for room on the disk is none yet."""
    path = data_dir / ALERTS_FILE
    return os.path.lexists(path) and not _is_blank(path)


def _is_blank(path: Path) -> bool:
    """Whether a file can be read and has no table; why another cannot be used is told where it is opened."""
    with (
        suppress(sqlite3.Error),
        closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True)) as db,
    ):
        return db.execute("SELECT 1 FROM sqlite_master WHERE name = 'channels'").fetchone() is None
    return False


__all__ = ["AGAIN", "ALERTS_FILE", "DAMAGED", "AlertsFile", "is_damage", "is_there"]
