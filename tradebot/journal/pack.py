"""Packing the event log: whole hours become compressed blocks, old blocks go.

An hour of a run gives two blocks, its bars and everything else, so that bars (which a restart feeds to
the strategies again) are found without unpacking quotes, and outlive them. A block is zlib over text:
four columns of whole numbers, each as the difference to the row above, then the kinds, then the
payloads, one line per column and payload.
"""

from __future__ import annotations

import sqlite3
import zlib
from collections.abc import Iterable, Iterator
from itertools import accumulate
from typing import TypeAlias

from tradebot.core.model.values import DAY_MS, HOUR_MS
from tradebot.journal.audit import AuditKey

LogRow: TypeAlias = tuple[int, int, int, int, str, str]
"""seq, at, exchange_time, wall, kind, payload."""

Block: TypeAlias = tuple[int, int, int, int, int, int, int, bytes]
"""run number, bars?, first seq, last seq, last at, last wall, rows, data."""

_LEVEL = 4  # half the time of 6 for 6 % more bytes
BAR = "Bar"


def pack(rows: list[LogRow]) -> bytes:
    """Return rows (ascending by seq, at least one) as one compressed block."""
    seqs, ats, exchange_times, walls, kinds, payloads = zip(*rows, strict=True)
    lags = [at - exchange_time for at, exchange_time in zip(ats, exchange_times, strict=True)]
    lines = [_differences(seqs), _differences(ats), _differences(lags), _differences(walls)]
    return zlib.compress("\n".join((*lines, ",".join(kinds), *payloads)).encode(), _LEVEL)


def unpack(data: bytes) -> Iterator[LogRow]:
    """Yield the rows of a block; ValueError (or zlib.error) if it is none."""
    seqs, ats, lags, walls, kinds, *payloads = zlib.decompress(data).decode().split("\n")
    moments = list(_sums(ats))
    times = (at - lag for at, lag in zip(moments, _sums(lags), strict=True))
    columns = (_sums(seqs), moments, times, _sums(walls), kinds.split(","), payloads)
    return zip(*columns, strict=True)


def pack_hour(db: sqlite3.Connection, num: int, key: AuditKey) -> int | None:
    """Move the oldest hour of a run's log into blocks, inside the caller's transaction.

    Returns the ``at`` of the oldest row left, None when none is.
    """
    rows, rest = _oldest_hour(db, num)
    if not rows:
        return None
    bars = [row for row in rows if row[4] == BAR]
    others = [row for row in rows if row[4] != BAR]
    for part, is_bars in ((bars, 1), (others, 0)):
        if part:
            *_, (last, last_at, _, wall, _, _) = part
            block = (num, is_bars, part[0][0], last, last_at, wall, len(part), pack(part))
            db.execute(
                "INSERT INTO blocks VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
                (*block, sign_block(key, block)),
            )
    db.execute("DELETE FROM log WHERE run = ? AND seq <= ?", (num, rows[-1][0]))
    return rest


def sign_block(key: AuditKey, block: Block) -> str:
    """Return the keyed hash that makes a changed block show."""
    *numbers, data = block
    return key.sign("block", *numbers, data.hex())


def is_due(oldest_at: int, now_at: int) -> bool:
    """Whether the hour of the oldest row is complete and older than a day (market time, ms)."""
    return (oldest_at // HOUR_MS + 1) * HOUR_MS + DAY_MS <= now_at


def drop_old(db: sqlite3.Connection, num: int, now_at: int, now_wall: int, keep_days: int) -> None:
    """Drop blocks older than ``keep_days``: of run ``num`` by market time, of all by the real clock.

    The bars of a run that is not ended stay: a restart needs them.
    """
    span = keep_days * DAY_MS
    ended = "run IN (SELECT num FROM runs WHERE state = 'ended')"
    old = f"DELETE FROM blocks WHERE (bars = 0 OR {ended}) AND "
    db.execute(old + "run = ? AND last_at < ?", (num, now_at - span))
    db.execute(old + "wall < ?", (now_wall - span,))


def _oldest_hour(db: sqlite3.Connection, num: int) -> tuple[list[LogRow], int | None]:
    """Return the rows of a run's oldest hour and the ``at`` of the row that follows, if any."""
    rows: list[LogRow] = []
    cursor = db.execute(
        "SELECT seq, at, exchange_time, wall, kind, payload FROM log WHERE run = ? ORDER BY seq",
        (num,),
    )
    for row in cursor:
        if rows and row[1] // HOUR_MS != rows[0][1] // HOUR_MS:
            cursor.close()
            return rows, row[1]
        rows.append(row)
    return rows, None


def _differences(column: Iterable[int]) -> str:
    last = 0
    parts = []
    for value in column:
        parts.append(str(value - last))
        last = value
    return ",".join(parts)


def _sums(text: str) -> Iterator[int]:
    return accumulate(map(int, text.split(",")))
