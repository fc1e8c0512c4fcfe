"""``db verify``: the chain recomputed, the tables rebuilt, everything that does not agree named."""

from __future__ import annotations

import sqlite3
import zlib
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

from tradebot.journal import schema
from tradebot.journal.audit import GENESIS, AuditKey, chain
from tradebot.journal.faults import faults
from tradebot.journal.noted import read_noted
from tradebot.journal.opening import wrong_key
from tradebot.journal.pack import sign_block, unpack
from tradebot.journal.projection import project, read_fact
from tradebot.journal.reader import open_readonly
from tradebot.journal.rows import Head
from tradebot.journal.seal import (
    FORGED_STATE,
    HOLDS,
    check_state,
    holds,
    sign_head,
    signed_state,
)

MOST = 50
"""Findings of one kind that are listed; the rest is counted."""

_AUDIT = "SELECT seq, run, ts, wall, kind, body, prev, hash FROM audit ORDER BY seq"
_BLOCKS = "SELECT run, bars, first, last, last_at, wall, rows, data, mac FROM blocks"
_Row = tuple[Any, ...]
_LAST: _Row = ((9, 0),)  # sorts behind every key


@dataclass(frozen=True, slots=True)
class Finding:
    """Something that does not agree.

    ``kind`` is pages, key, schema, chain, head, projection, state, log or holds; ``where`` names the table
    and row.
    """

    kind: str
    where: str
    text: str


def verify(path: Path, key: AuditKey, heads: Sequence[Head] = ()) -> list[Finding]:
    """Check a journal, of the moment and beside a running engine; no findings means all agrees.

    ``heads`` are heads noted elsewhere (a sign-off, a printout): the chain must still contain them, and
    with them the head last noted beside the journal. Not covered: an older copy of the whole journal put
    back together with its note, commands and snapshots (anyone may write those), and the last day of the
    event log before it is packed. Raises JournalError when the file cannot be read at all.
    """
    noted = read_noted(path, key)
    known = [(head, "noted elsewhere") for head in heads]
    known += [] if noted is None else [(noted.head, "last noted beside the journal")]
    with closing(open_readonly(path)) as db, faults(path):
        db.row_factory = None
        db.text_factory = _decode  # text that is no UTF-8 is a finding, not a failure
        db.execute("BEGIN")
        broken = list(_few(_pages(db), "pages"))
        if broken:
            return broken  # what such a file says about the rest means nothing
        foreign = list(_few(_key(db, path, key), "key"))
        if foreign:
            return foreign  # with the wrong key every row would look forged
        checks = (
            ("schema", _schema(db)),
            ("chain", _chain(db, key)),
            ("head", _heads(db, key, known)),
            ("projection", _projections(db)),
            ("state", _states(db, key)),
            ("log", _blocks(db, key)),
            ("holds", _holds(db, key)),
        )
        return [finding for kind, check in checks for finding in _few(check, kind)]


def _few(findings: Iterator[Finding], kind: str) -> Iterator[Finding]:
    """Yield the first findings of a kind and count the rest; a check that fails is a finding too."""
    try:
        yield from islice(findings, MOST)
        rest = sum(1 for _ in findings)
    except Exception as error:  # whatever a forger wrote, it is found and not raised
        yield Finding(kind, "", f"cannot be checked: {type(error).__name__}: {error}")
        return
    if rest:
        yield Finding(kind, "", f"and {rest} more")


def _schema(db: sqlite3.Connection) -> Iterator[Finding]:
    """Compare tables, indexes, triggers and views with those of this version, and the steps to them."""
    query = "SELECT type, name, tbl_name, sql FROM sqlite_master WHERE name NOT LIKE 'sqlite_stat%'"
    with closing(sqlite3.connect("", isolation_level=None)) as built:
        schema.build(built)
        wanted = {(kind, name): rest for kind, name, *rest in built.execute(query)}
    have = {(kind, name): rest for kind, name, *rest in db.execute(query)}
    for kind, name in sorted({*wanted, *have}, key=str):
        where = f"{kind} {name}"
        if (kind, name) not in have:
            yield Finding("schema", where, "is missing")
        elif (kind, name) not in wanted:
            yield Finding("schema", where, "does not belong there")
        elif have[kind, name] != wanted[kind, name]:
            yield Finding("schema", where, "is not as this version makes it")
    steps = [(step.version, step.name) for step in schema.MIGRATIONS]
    if list(db.execute("SELECT version, name FROM migrations ORDER BY version")) != steps:
        yield Finding("schema", "migrations", "does not tell the steps of this version")


def _holds(db: sqlite3.Connection, key: AuditKey) -> Iterator[Finding]:
    names = {name for (name,) in db.execute("SELECT key FROM meta")}
    for name in sorted(names - {"key_fingerprint", HOLDS}, key=str):
        yield Finding("holds", f"meta {name}", "does not belong there")
    if not holds(db, key):
        text = "states, heads, blocks or migrations were added or removed without the key"
        yield Finding("holds", "meta", text)


def _pages(db: sqlite3.Connection) -> Iterator[Finding]:
    try:
        for (answer,) in db.execute("PRAGMA integrity_check"):
            if answer != "ok":
                yield Finding("pages", "file", answer)
    except sqlite3.DatabaseError as error:  # too broken even to be checked
        yield Finding("pages", "file", str(error))


def _key(db: sqlite3.Connection, path: Path, key: AuditKey) -> Iterator[Finding]:
    row = db.execute("SELECT value FROM meta WHERE key = 'key_fingerprint'").fetchone()
    if row is None:
        yield Finding("key", "meta", "the fingerprint of the audit key is missing")
    elif row[0] != key.fingerprint:
        yield Finding("key", "meta", wrong_key(path, key, row[0]).message)


def _chain(db: sqlite3.Connection, key: AuditKey) -> Iterator[Finding]:
    """Check every row against its own hash, and that each follows the one before."""
    last, end = 0, GENESIS
    for *content, prev, digest in _rows(db, _AUDIT):
        seq, run, ts, wall, kind, body = content
        where = f"audit {seq}"
        if seq != last + 1:
            gone = f"row {last + 1}" if seq == last + 2 else f"rows {last + 1} to {seq - 1}"
            yield Finding("chain", where, f"{gone} before it missing")
        elif prev != end:
            yield Finding("chain", where, "does not follow the row before it")
        if chain(key, (seq, run, ts, wall, kind, body), prev) != digest:
            yield Finding("chain", where, f"{kind} row was changed, or written without the key")
        last, end = seq, digest


def _heads(
    db: sqlite3.Connection, key: AuditKey, known: list[tuple[Head, str]]
) -> Iterator[Finding]:
    rows = _rows(db, "SELECT seq, hash, why, wall, mac FROM heads")
    for seq, digest, why, wall, mac in rows:
        head = Head(seq, digest)
        if mac != sign_head(key, head, why, wall):
            yield Finding("head", f"heads {seq}", "was changed, or written without the key")
        known.append((head, f"published at {why}"))
    for head, source in known:
        if head.seq == 0 and head.hash == GENESIS:
            continue
        row = db.execute("SELECT hash FROM audit WHERE seq = ?", (head.seq,)).fetchone()
        if row is None:
            yield Finding("head", f"audit {head.seq}", f"the row of the head {source} is gone")
        elif row[0] != head.hash:
            yield Finding("head", f"audit {head.seq}", f"is not the row of the head {source}")


def _projections(db: sqlite3.Connection) -> Iterator[Finding]:
    """Rebuild the tables from the audit trail in a temporary database and compare."""
    with closing(sqlite3.connect("", isolation_level=None)) as rebuilt:
        schema.build(rebuilt)
        rebuilt.execute("BEGIN")
        yield from _rebuild(db, rebuilt)
        for table, columns in schema.PROJECTIONS.items():
            yield from _compare(table, columns, db, rebuilt)


def _rebuild(db: sqlite3.Connection, rebuilt: sqlite3.Connection) -> Iterator[Finding]:
    for seq, run, ts, wall, kind, body, *_ in _rows(db, _AUDIT):
        try:
            for sql, values in project(seq, run, ts, wall, read_fact(kind, body)):
                rebuilt.execute(sql, values)
        except (ValueError, ArithmeticError, sqlite3.Error) as error:
            yield Finding("projection", f"audit {seq}", f"cannot be read as {kind}: {error}")


def _compare(
    table: str, columns: str, db: sqlite3.Connection, rebuilt: sqlite3.Connection
) -> Iterator[Finding]:
    """Walk the table and its rebuilt twin side by side, both in the order of their key."""
    width = len(columns.split(", "))
    query = f"SELECT {columns}, * FROM {table} ORDER BY {columns}"
    stored, wanted = _rows(db, query), _rows(rebuilt, query)
    have, want = next(stored, None), next(wanted, None)
    while have is not None or want is not None:
        mine = _LAST if have is None else _order(have[:width])
        theirs = _LAST if want is None else _order(want[:width])
        if have is not None and mine < theirs:
            yield Finding("projection", _place(table, have[:width]), "has no ground in the audit")
        elif want is not None and theirs < mine:
            yield Finding("projection", _place(table, want[:width]), "is missing")
        elif have is not None and want is not None and have != want:
            yield Finding("projection", _place(table, have[:width]), _changes(have, want))
        if mine <= theirs:
            have = next(stored, None)
        if theirs <= mine:
            want = next(wanted, None)


def _order(values: _Row) -> _Row:
    """Return a sort key in SQLite's order of types: NULL, numbers, text."""
    return tuple((0, 0) if v is None else (2, v) if isinstance(v, str) else (1, v) for v in values)


def _changes(have: _Row, want: _Row) -> str:
    parts = [f"{h!r} instead of {w!r}" for h, w in zip(have, want, strict=True) if h != w]
    return "says " + ", ".join(parts)


def _states(db: sqlite3.Connection, key: AuditKey) -> Iterator[Finding]:
    (end,) = db.execute("SELECT coalesce(max(seq), 0) FROM audit").fetchone()
    rows = _rows(db, "SELECT run, log_seq, audit_seq, wall, body, mac FROM state")
    for run, log_seq, audit_seq, wall, body, mac in rows:
        if type(audit_seq) is int and audit_seq > end:
            yield Finding("state", f"state {run}", f"is ahead of the audit ({audit_seq} > {end})")
        elif signed_state(db, key, (run, log_seq, audit_seq, wall, body), mac) == "not":
            yield Finding("state", f"state {run}", FORGED_STATE)
        elif (wrong := check_state(db, key, run)) is not None:
            yield Finding("state", f"state {run}", wrong)


def loose_states(path: Path, key: AuditKey) -> list[str]:
    """Return the runs that could go on from a state that an older version signed for any journal of this key."""
    with closing(open_readonly(path)) as db, faults(path):
        db.row_factory = None
        rows = db.execute(
            "SELECT run, log_seq, audit_seq, state.wall, body, mac FROM state JOIN runs ON id = run"
            " WHERE runs.state != 'ended' ORDER BY run"
        ).fetchall()
        return [row[0] for row in rows if signed_state(db, key, row[:5], row[5]) == "anywhere"]


def _blocks(db: sqlite3.Connection, key: AuditKey) -> Iterator[Finding]:
    for run, bars, first, last, last_at, wall, rows, data, mac in db.execute(_BLOCKS):
        where = f"blocks {run}, events {first} to {last}"
        if type(data) is not bytes or mac != sign_block(
            key, (run, bars, first, last, last_at, wall, rows, data)
        ):
            yield Finding("log", where, "was changed, or written without the key")
            continue
        try:
            count = _count(unpack(data))
        except (ValueError, zlib.error) as error:
            yield Finding("log", where, f"cannot be unpacked: {error}")
        else:
            if count != rows:
                yield Finding("log", where, f"holds {count} events instead of {rows}")


def _rows(db: sqlite3.Connection, query: str) -> Iterator[_Row]:
    """Yield rows with blobs as text: no column here should hold one, and a hash cannot be made of one."""
    for row in db.execute(query):
        yield tuple(repr(value) if type(value) is bytes else value for value in row)


def _count(rows: Iterable[object]) -> int:
    return sum(1 for _ in rows)


def _decode(raw: bytes) -> str:
    return raw.decode("utf-8", "surrogateescape")


def _place(table: str, values: _Row) -> str:
    return f"{table} {', '.join(map(str, values))}"
