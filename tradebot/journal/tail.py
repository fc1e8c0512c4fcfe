"""The end of the audit trail for who follows it: rows behind a number, whatever run they are of."""

from __future__ import annotations

from typing import NamedTuple

from tradebot.journal.reader import Reader

_ROWS = "SELECT seq, run, ts, wall, kind, body, hash FROM audit WHERE seq > ? ORDER BY seq LIMIT ?"
_START = "SELECT coalesce(max(seq), 0) FROM audit WHERE kind IN ('RunBegun', 'RunResumed')"


class TailRow(NamedTuple):
    """An audit row as it is stored: ``body`` is JSON text, ``ts`` market time, ``wall`` real time (UTC ms)."""

    seq: int
    run: str
    ts: int
    wall: int
    kind: str
    body: str
    hash: str


def rows_behind(reader: Reader, seq: int, limit: int) -> list[TailRow]:
    """Return the rows behind a number, in order."""
    return [TailRow(*row) for row in reader.select(_ROWS, seq, limit)]


def newest_row(reader: Reader) -> int:
    """Return the newest row's number, 0 where there is none."""
    head = reader.head()
    return 0 if head is None else head.seq


def newest_start(reader: Reader) -> int:
    """Return the number of the newest row about a start, 0 where nothing was ever started."""
    (row,) = reader.select(_START)
    return int(row[0])


__all__ = ["TailRow", "newest_row", "newest_start", "rows_behind"]
