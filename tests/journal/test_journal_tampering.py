"""Every table, every column, every kind of edit by somebody without the key: found, or README says why not.

A sample normally; all of it with ``TRADEBOT_FULL=1``, which prints the counts.
"""

from __future__ import annotations

import os
import random
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from kits.journal_samples import KEY, T0, WALL, new_run, quote, story

from tradebot.core.model.errors import JournalError
from tradebot.journal.rows import Batch
from tradebot.journal.verify import verify
from tradebot.journal.writer import Journal

FULL = os.environ.get("TRADEBOT_FULL") == "1"

FREE = ("commands", "snapshot", "log")
"""What README names as not covered: wishes and pictures that anyone may write, the unpacked last day."""

VALUES = {
    "more": "{c} + 1",
    "text": "{c} || 'x'",
    "other": "'other'",
    "number": "7",
    "null": "NULL",
    "blob": "X'ff00'",
    "no text": "CAST(X'ff' AS TEXT)",
    "empty": "''",
    "of another row": "(SELECT {c} FROM {t} ORDER BY rowid DESC LIMIT 1)",
}

ROWS = {
    "first row gone": "DELETE FROM {t} WHERE rowid = (SELECT min(rowid) FROM {t})",
    "last row gone": "DELETE FROM {t} WHERE rowid = (SELECT max(rowid) FROM {t})",
    "all rows gone": "DELETE FROM {t}",
    "table gone": "DROP TABLE {t}",
    "table renamed": "ALTER TABLE {t} RENAME TO {t}_old",
    "trigger": "CREATE TRIGGER x AFTER UPDATE ON {t} BEGIN DELETE FROM runs; END",
    "index": "CREATE INDEX x ON {t} (1)",
    "view": "CREATE VIEW x AS SELECT * FROM {t}",
    "column": "ALTER TABLE {t} ADD COLUMN x TEXT",
}


@pytest.fixture
async def whole(path: Path) -> bytes:
    """A journal with a row in every table, blocks and states of several runs."""
    async with await Journal.open(path, key=KEY) as journal:
        for n, state in ((1, "ended"), (2, "interrupted"), (3, "interrupted")):
            run = await journal.begin_run(new_run(nonce=f"n{n}"))
            for i in range(3):
                await journal.commit(Batch(run, WALL, [quote(T0 + i)], story(T0 + i), {"n": i}))
            await journal.end_run(
                run, "ended" if state == "ended" else "interrupted", None, {}, WALL
            )
    return path.read_bytes()


def tables(path: Path) -> dict[str, list[str]]:
    """Every table that is covered, with its columns."""
    with closing(sqlite3.connect(path)) as db:
        names = [
            name
            for (name,) in db.execute("SELECT name FROM sqlite_master WHERE type = 'table'")
            if name not in FREE and not name.startswith("sqlite_")
        ]
        return {t: [row[1] for row in db.execute(f"PRAGMA table_info({t})")] for t in names}


def edits(found: dict[str, list[str]]) -> Iterator[tuple[str, str]]:
    """Every edit: what it is, and its SQL."""
    for table, columns in found.items():
        keyed = "key" if table == "meta" else "rowid"  # the one table without a rowid
        for column in columns:
            for kind, value in VALUES.items():
                where = f"{keyed} = (SELECT min({keyed}) FROM {table})"
                new = value.format(c=column, t=table).replace("rowid", keyed)
                yield (
                    f"{table}.{column}: {kind}",
                    f"UPDATE {table} SET {column} = {new} WHERE {where}",
                )
        for kind, sql in ROWS.items():
            yield f"{table}: {kind}", sql.format(t=table).replace("rowid", keyed)


def content(path: Path) -> list[object]:
    """All that is covered, as SQLite reads it."""
    with closing(sqlite3.connect(path)) as db:
        db.text_factory = bytes
        schema: list[object] = list(db.execute("SELECT * FROM sqlite_master ORDER BY rowid"))
        rows = [sorted(db.execute(f"SELECT * FROM {t}"), key=repr) for t in tables(path)]
        return schema + rows


def is_found(path: Path) -> bool:
    try:
        return verify(path, KEY) != []
    except JournalError:
        return True


def test_every_edit_of_every_column_is_found(path: Path, whole: bytes) -> None:
    before = content(path)
    every = list(edits(tables(path)))
    chosen = every if FULL else random.Random(5).sample(every, 70)
    tried, missed = 0, []
    for what, sql in chosen:
        path.write_bytes(whole)
        try:
            with closing(sqlite3.connect(path)) as db, db:
                db.execute("PRAGMA legacy_alter_table = ON")
                db.execute(sql)
        except sqlite3.Error:
            continue  # the table itself does not take it
        if content(path) == before:
            continue  # it said what was there
        tried += 1
        if not is_found(path):
            missed.append(what)
    print(f"{tried} edits of {len(every)} tried, {len(missed)} not found")  # noqa: T201 - the count
    assert missed == []
    assert tried >= len(chosen) // 2


def test_a_schema_that_is_no_text_is_a_finding(path: Path, whole: bytes) -> None:
    """SQLite's own complaint about it is no UTF-8 either."""
    path.write_bytes(whole)
    with closing(sqlite3.connect(path)) as db, db:
        db.execute("PRAGMA writable_schema = ON")
        db.execute(
            "UPDATE sqlite_master SET name = CAST(? AS TEXT), sql = 'CREATE TABLE' WHERE name = 'heads'",
            (b"heads\xf3",),
        )
    with pytest.raises(JournalError, match=r"corrupt|malformed"):
        verify(path, KEY)


def test_every_flipped_byte_is_found_or_changes_nothing(path: Path, whole: bytes) -> None:
    """A byte that no row is read from (free space, counters of SQLite's own) may be anything."""
    before = content(path)
    draw = random.Random(6)
    count, found, silent = (2000 if FULL else 40), 0, 0
    for _ in range(count):
        at = draw.randrange(len(whole))
        flipped = bytearray(whole)
        flipped[at] ^= 1 << draw.randrange(8)
        path.write_bytes(flipped)
        if is_found(path):
            found += 1
        else:
            assert content(path) == before, f"byte {at}"
            silent += 1
    print(f"{count} bytes flipped: {found} found, {silent} changed nothing")  # noqa: T201
