"""One run in a file of its own: its events, effects and state, and the source of its strategy."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

from tradebot.core.model.errors import JournalError
from tradebot.disk import FILE_MODE, check_target, private_file, replacing
from tradebot.journal import schema
from tradebot.journal.faults import faults
from tradebot.journal.reader import Reader, open_readonly
from tradebot.journal.rows import RunRow

STRATEGY_FILE, STRATEGY_SOURCE = "strategy_file", "strategy_source"
"""Under which keys of ``meta`` an exported file has the strategy's file."""

BY_NAME = (
    *("audit", "nonces", "signals", "orders", "fills", "trades", "equity", "halts", "funding"),
    *("cash", "comparisons", "acks", "ghosts", "state", "snapshot"),
)
BY_NUMBER = ("log", "blocks")


def export_run(
    path: Path, run: RunRow, target: Path, source: tuple[str, bytes] | None, *, force: bool = False
) -> None:
    """Write a run of the journal to ``target``, which ``replay`` and every command that reads a journal take.

    ``source`` is name and text of the strategy's file, None for a built-in one. The rows are as they were signed; the
    chain between them is not, since other runs' rows are left out. Raises JournalError when the target exists and
    ``force`` does not say that it may be replaced.
    """
    there = check_target(target)
    if there.exists() and there.samefile(path):
        raise JournalError(
            "this is the journal itself", hint="choose another file", file=str(target)
        )
    if there.exists() and not force:
        raise JournalError(
            "the target exists", hint="choose another file, or use --force", file=str(target)
        )
    with replacing(target, FILE_MODE) as draft, faults(target):
        private_file(draft, make=True)
        with closing(sqlite3.connect(draft, isolation_level=None)) as db:
            _fill(db, path, run, source)


def exported_source(path: Path) -> tuple[str, bytes] | None:
    """Return name and text of the strategy's file in an exported run, None where it has none."""
    with closing(open_readonly(path)) as db, faults(path):
        rows = db.execute(
            "SELECT key, value FROM meta WHERE key IN (?, ?)", (STRATEGY_FILE, STRATEGY_SOURCE)
        )
        found = {row["key"]: row["value"] for row in rows}
    if len(found) < 2:
        return None
    return Path(str(found[STRATEGY_FILE])).name, bytes.fromhex(str(found[STRATEGY_SOURCE]))


def _fill(
    db: sqlite3.Connection, path: Path, run: RunRow, source: tuple[str, bytes] | None
) -> None:
    schema.migrate(db, path)
    with Reader(path) as reader, reader.moment(), schema.transaction(db):
        ((number,),) = reader.select("SELECT num FROM runs WHERE id = ?", run.id)
        _copy(db, reader, "runs", "num", number)
        for table in BY_NAME:
            _copy(db, reader, table, "run", run.id)
        for table in BY_NUMBER:
            _copy(db, reader, table, "run", number)
        if source is not None:
            name, text = source
            rows = ((STRATEGY_FILE, name), (STRATEGY_SOURCE, text.hex()))
            db.executemany("INSERT INTO meta VALUES (?, ?)", rows)


def _copy(db: sqlite3.Connection, reader: Reader, table: str, column: str, value: object) -> None:
    rows = reader.select(f"SELECT * FROM {table} WHERE {column} = ?", value)
    for row in rows:
        db.execute(f"INSERT INTO {table} VALUES ({', '.join('?' * len(row))})", row)


__all__ = ["export_run", "exported_source"]
