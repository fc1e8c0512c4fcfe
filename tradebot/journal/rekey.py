"""Another key for a journal: everything it signs is signed anew, in one transaction, and the change is on record.

What was first signed under a key that lay beside the journal stays known as such: a strong key signs later what a weak
one vouched for, and cannot make it worth more.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

from tradebot.core.model.errors import JournalError
from tradebot.journal import schema
from tradebot.journal.audit import GENESIS, AuditKey, chain
from tradebot.journal.facts import Rekeyed
from tradebot.journal.faults import faults
from tradebot.journal.noted import Noted, write_noted
from tradebot.journal.pack import sign_block
from tradebot.journal.projection import fact_body
from tradebot.journal.rows import Head
from tradebot.journal.seal import HOLDS, link_at, sign_head, sign_holds, sign_state
from tradebot.journal.verify import verify

_MANY = 1000
_ROWS = f"SELECT seq, run, ts, wall, kind, body FROM audit WHERE seq > ? ORDER BY seq LIMIT {_MANY}"


def rekey(
    path: Path, old: AuditKey, new: AuditKey, wall: int, *, max_pages: int | None = None
) -> Head:
    """Sign a journal with another key, and return the new head: those noted before are void.

    Hold the instance lock. JournalError where the journal does not verify with the old key, the new one will not do, or
    the disk is full; then it is as it was. ``max_pages`` bounds the file (4 KiB pages).
    """
    if new.fingerprint == old.fingerprint:
        raise JournalError("that is the key it has", hint="give another one", file=str(path))
    if new.is_weak:
        raise JournalError(
            "the new key lies beside the journal: whoever can change one can sign the other",
            hint="keep it in another place",
            file=str(path),
        )
    findings = verify(path, old)
    if findings:
        raise JournalError(
            f"the journal does not verify with the key it has: {len(findings)} finding(s)",
            hint="tradebot db verify tells them",
            file=str(path),
        )
    with faults(path), closing(sqlite3.connect(path, isolation_level=None)) as db:
        if max_pages is not None:
            db.execute(f"PRAGMA max_page_count = {max_pages}")
        with schema.on_disk(db), schema.transaction(db):
            head = _sign_anew(db, old, new, wall)
        db.execute("PRAGMA wal_checkpoint(PASSIVE)")
    write_noted(path, new, Noted(head, open=False))
    return head


def _sign_anew(db: sqlite3.Connection, old: AuditKey, new: AuditKey, wall: int) -> Head:
    heads = db.execute("SELECT rowid, seq, why, wall FROM heads").fetchall()
    wanted = {seq for _, seq, _, _ in heads}
    hashes, end = {0: GENESIS}, Head(0, GENESIS)
    for seq, prev, digest in _chain(db, new):
        db.execute("UPDATE audit SET prev = ?, hash = ? WHERE seq = ?", (prev, digest, seq))
        end = Head(seq, digest)
        if seq in wanted:
            hashes[seq] = digest
    end = _append(db, new, end, Rekeyed(old.fingerprint, new.fingerprint, old.is_weak), wall)
    for rowid, seq, why, at in heads:
        head = Head(seq, hashes[seq])
        values = (head.hash, sign_head(new, head, why, at), rowid)
        db.execute("UPDATE heads SET hash = ?, mac = ? WHERE rowid = ?", values)
    published = (end.seq, end.hash, "rekey", wall, sign_head(new, end, "rekey", wall))
    db.execute("INSERT INTO heads VALUES (?, ?, ?, ?, ?)", published)
    _sign_states_and_blocks(db, new)
    fingerprint = ("key_fingerprint", new.fingerprint)
    db.execute("INSERT OR REPLACE INTO meta VALUES (?, ?)", fingerprint)
    db.execute("INSERT OR REPLACE INTO meta VALUES (?, ?)", (HOLDS, sign_holds(db, new)))
    return end


def _chain(db: sqlite3.Connection, new: AuditKey) -> Iterator[tuple[int, str, str]]:
    """Yield number, previous hash and hash of each row under the new key, some at a time."""
    last, end = 0, GENESIS
    while rows := db.execute(_ROWS, (last,)).fetchall():
        for row in rows:
            prev, end, last = end, chain(new, row, end), row[0]
            yield last, prev, end


def _append(db: sqlite3.Connection, key: AuditKey, head: Head, fact: Rekeyed, wall: int) -> Head:
    row = (head.seq + 1, "", wall, wall, "Rekeyed", fact_body(fact))
    digest = chain(key, row, head.hash)
    db.execute("INSERT INTO audit VALUES (?, ?, ?, ?, ?, ?, ?, ?)", (*row, head.hash, digest))
    return Head(row[0], digest)


def _sign_states_and_blocks(db: sqlite3.Connection, new: AuditKey) -> None:
    for row in db.execute("SELECT run, log_seq, audit_seq, wall, body FROM state").fetchall():
        mac = sign_state(new, row, link_at(db, row[2]) or "")
        db.execute("UPDATE state SET mac = ? WHERE run = ?", (mac, row[0]))
    key: tuple[Any, ...]
    for key in db.execute("SELECT run, bars, first FROM blocks").fetchall():
        row = db.execute(
            "SELECT run, bars, first, last, last_at, wall, rows, data FROM blocks"
            " WHERE run = ? AND bars = ? AND first = ?",
            key,
        ).fetchone()
        where = "UPDATE blocks SET mac = ? WHERE run = ? AND bars = ? AND first = ?"
        db.execute(where, (sign_block(new, row), *key))
