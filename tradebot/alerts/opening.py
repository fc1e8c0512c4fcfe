"""How the outbox is opened, whatever became of its file: who is to be told cannot wait for a repair, or for room.

One that is damaged is set aside. One that cannot be opened, on a disk without room for its log, is stood in for: what it
holds is read, nothing is written, and it is opened as soon as it can be.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path

from tradebot.alerts.alerts_file import ALERTS_FILE, DAMAGED, is_damage
from tradebot.alerts.store import OutboxStore
from tradebot.alerts.stored import PHONE, SCHEMA
from tradebot.core.model.errors import JournalError
from tradebot.disk import on_disk

Opened = Callable[[bool], None]
"""Is told that the file is open, and whether it was begun anew."""


class StandIn(OutboxStore):
    """An outbox whose file cannot be opened yet: writing raises JournalError until ``ready`` has opened it."""

    def __init__(self, data_dir: Path, opened: Opened) -> None:
        self.path = data_dir / ALERTS_FILE
        self.db = _copy_of(self.path)
        self._opened = opened
        self._is_open = False

    def ready(self) -> None:
        """Open the file if that can be done now; JournalError where it cannot."""
        if not self._is_open:
            store, anew = open_or_begin(self.path.parent)
            self.db.close()
            self.db, self._is_open = store.db, True
            self.first = lambda: self._opened(anew)
        super().ready()

    @contextmanager
    def transaction(self) -> Iterator[sqlite3.Connection]:
        """Keep what the block writes, once there is a file."""
        self._check()
        with super().transaction() as db:
            yield db

    def put(self, key: str, value: object) -> None:
        """Remember a value, once there is a file."""
        self._check()
        super().put(key, value)

    def _check(self) -> None:
        if not self._is_open:
            raise JournalError("could not be opened yet", file=str(self.path))


def open_or_stand_in(data_dir: Path, opened: Opened) -> tuple[OutboxStore, bool | None]:
    """Return the outbox, and whether it was begun anew; None: what is returned stands in for one that cannot be opened.

    ``opened`` hears of it when it is.
    """
    try:
        return open_or_begin(data_dir)
    except JournalError:
        return StandIn(data_dir, opened), None


def open_or_begin(data_dir: Path) -> tuple[OutboxStore, bool]:
    """Return the outbox, and whether it was begun anew since the one that was there is damaged: that is set aside.

    JournalError for one that cannot be used for another reason.
    """
    try:
        store = OutboxStore(data_dir)
        with store.faults():
            (found,) = store.db.execute("PRAGMA quick_check(1)").fetchone()
        if found == "ok" and _is_sound(store):
            return store, False
        store.close()
    except JournalError as error:
        if not is_damage(error.__cause__):
            raise
    with on_disk(data_dir / ALERTS_FILE):
        for end in ("-wal", "-shm"):
            (data_dir / f"{ALERTS_FILE}{end}").unlink(missing_ok=True)
        (data_dir / ALERTS_FILE).replace(data_dir / DAMAGED)
    return OutboxStore(data_dir), True


def _is_sound(store: OutboxStore) -> bool:
    """Whether what is remembered can be understood: the alerter could not begin with it else."""
    try:
        kept, pulse = store.get("memory", {}), store.get("pulse", {})
        numbers = [
            store.cursor or 0,
            store.again,
            store.get("muted_until", 0),
            pulse.get("wall", 0),
        ]
        parts = [kept.get("told", {}), kept.get("watch", {}), store.get(PHONE, {})]
    except (ValueError, TypeError, AttributeError, OverflowError):
        return False
    return all(isinstance(one, int) for one in numbers) and all(
        isinstance(one, dict) for one in parts
    )


def _copy_of(path: Path) -> sqlite3.Connection:
    """Return what can be read of an outbox, in memory: without its log where there is no room to read that."""
    for how in ("mode=ro", "mode=ro&immutable=1"):
        copy = _empty()
        with suppress(sqlite3.Error):
            uri = f"{path.absolute().as_uri()}?{how}"
            with closing(sqlite3.connect(uri, uri=True, timeout=1.0)) as db:
                db.backup(copy)
            copy.execute("SELECT * FROM outbox, meta, tries, channels LIMIT 1")
            return copy
        copy.close()
    copy = _empty()
    copy.executescript(SCHEMA)
    return copy


def _empty() -> sqlite3.Connection:
    copy = sqlite3.connect(":memory:", isolation_level=None)
    copy.row_factory = sqlite3.Row
    return copy


__all__ = ["DAMAGED", "StandIn", "open_or_begin", "open_or_stand_in"]
