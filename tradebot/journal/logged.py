"""Reading the event log: packed blocks and raw rows, in the order of events."""

from __future__ import annotations

import heapq
import sqlite3
import zlib
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

from tradebot.core.model import codec
from tradebot.core.model.errors import JournalError
from tradebot.journal.faults import faults
from tradebot.journal.pack import BAR, LogRow, unpack
from tradebot.journal.rows import LoggedEvent

_LOG = "SELECT seq, at, exchange_time, wall, kind, payload FROM log WHERE run = ? AND seq > ?"


def damaged(what: str, error: Exception) -> JournalError:
    """Return the error for a row that makes no sense."""
    return JournalError(f"{what} is damaged ({error})", hint="tradebot db verify tells more")


def read_blocks(db: sqlite3.Connection, num: int, bars: int, after: int) -> Iterator[LogRow]:
    """Yield the packed rows of a run's bars (1) or other events (0), one block in memory at a time."""
    cursor = db.execute(
        "SELECT first, data FROM blocks WHERE run = ? AND bars = ? AND last > ? ORDER BY first",
        (num, bars, after),
    )
    for first, data in cursor:
        try:
            rows = list(unpack(data))
        except (ValueError, zlib.error) as error:
            raise damaged(f"the packed log at event {first}", error) from error
        yield from rows if rows[0][0] > after else (row for row in rows if row[0] > after)


def read_log(
    opened: Callable[[Path], sqlite3.Connection], path: Path, num: int, after: int, only_bars: bool
) -> Iterator[LoggedEvent]:
    """Yield a run's events behind event ``after`` as the journal has them when it is opened."""
    with closing(opened(path)) as db, faults(path):
        db.execute("BEGIN")  # packing in between would move rows from one table to the other
        packed = [read_blocks(db, num, 1, after)]
        raw = _LOG
        if only_bars:
            raw += f" AND kind = '{BAR}'"
        else:
            packed.append(read_blocks(db, num, 0, after))
        for row in heapq.merge(*packed):
            yield _logged(*row)
        for row in db.execute(raw + " ORDER BY seq", (num, after)):
            yield _logged(*row)


def _logged(
    seq: int, at: int, exchange_time: int, wall: int, kind: str, payload: str
) -> LoggedEvent:
    try:
        event = codec.event_from_payload(kind, at, exchange_time, payload)
    except ValueError as error:
        raise damaged(f"event {seq} of the log", error) from error
    return LoggedEvent(seq, at, exchange_time, wall, event)
