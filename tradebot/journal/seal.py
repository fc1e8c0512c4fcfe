"""What a key holder vouches for besides the chain: heads, states, and which rows there are at all.

A signed row shows when it is changed, but not when it is gone: so one signature covers the list of them.
"""

from __future__ import annotations

import json
import sqlite3
from typing import Literal, TypeAlias

from tradebot.core.model.codec import canonical
from tradebot.core.model.errors import JournalError
from tradebot.journal.audit import GENESIS, AuditKey, chain
from tradebot.journal.facts import TOLD
from tradebot.journal.rows import IN_PROCESS, Head

_State: TypeAlias = tuple[str, int, int, int, str]
Signed: TypeAlias = Literal["here", "anywhere", "not"]

FORGED_STATE = "was changed, or written without the key or for another journal"

HOLDS = "holds"
"""The row of ``meta`` with the signature over the lists."""

_LISTS = (
    "SELECT run FROM state ORDER BY run",
    "SELECT seq, mac FROM heads ORDER BY rowid",
    "SELECT run, bars, first, mac FROM blocks ORDER BY run, bars, first",
    "SELECT version, name, wall FROM migrations ORDER BY version",
)

LAG_MS = 120_000
"""The most that a log may reach beyond the state of a run with a broker outside: that is saved every minute."""

LIFE = ("RunBegun", "RunResumed", "RunEnded", *TOLD)
"""Kinds of audit rows about a run's life, and told of it, which no state has to follow."""


def sign_state(key: AuditKey, row: _State, link: str = "") -> str:
    """Return the keyed hash of a state row (run, log_seq, audit_seq, wall, body).

    ``link`` is the chain's hash at ``audit_seq``, which no other journal has: a row of one with the same key is none of
    this. Older versions signed without it ("").
    """
    return key.sign("state", *row, link) if link else key.sign("state", *row)


def link_at(db: sqlite3.Connection, seq: int) -> str | None:
    """Return the chain's hash at a row, None where it has no such row."""
    if seq == 0:
        return GENESIS
    row = db.execute("SELECT hash FROM audit WHERE seq = ?", (seq,)).fetchone()
    return None if row is None else str(row[0])


def signed_state(db: sqlite3.Connection, key: AuditKey, row: _State, mac: object) -> Signed:
    """Return whether a state row was signed for its place in this journal's chain, for any place by an older version, or not."""
    link = link_at(db, row[2])
    if link is not None and mac == sign_state(key, row, link):
        return "here"
    return "anywhere" if mac == sign_state(key, row) else "not"


def sign_head(key: AuditKey, head: Head, why: str, wall: int) -> str:
    """Return the keyed hash of a published head."""
    return key.sign("head", head.seq, head.hash, why, wall)


def sign_holds(db: sqlite3.Connection, key: AuditKey) -> str:
    """Return the keyed hash over which states, heads, blocks and migrations there are."""
    lists = [[[str(value) for value in row] for row in db.execute(sql)] for sql in _LISTS]
    return key.sign("holds", canonical(lists))


def holds(db: sqlite3.Connection, key: AuditKey) -> bool:
    """Whether the lists are as they were signed; they are not where the signature is missing."""
    row = db.execute("SELECT value FROM meta WHERE key = ?", (HOLDS,)).fetchone()
    return row is not None and row[0] == sign_holds(db, key)


def check_head(db: sqlite3.Connection, key: AuditKey) -> str | None:
    """Return in words what is wrong with the last published head; None when it is genuine."""
    row = db.execute("SELECT seq, hash, why, wall, mac FROM heads ORDER BY rowid DESC").fetchone()
    if row is None:
        return None
    seq, digest, why, wall, mac = row
    if mac != sign_head(key, Head(seq, digest), why, wall):
        return "its last published head was changed, or written without the key"
    return None if contains(db, Head(seq, digest)) else "it does not hold its last published head"


def contains(db: sqlite3.Connection, head: Head) -> bool:
    """Whether the chain has the row a head names."""
    if head.seq == 0:
        return True
    row = db.execute("SELECT hash FROM audit WHERE seq = ?", (head.seq,)).fetchone()
    return row is not None and row[0] == head.hash


def check_state(db: sqlite3.Connection, key: AuditKey, run: str) -> str | None:
    """Return in words why a run cannot go on from its state; None when it can.

    A simulated run's state holds all it did. One with a broker outside saves it now and then, and lives
    through the log behind it again: that must be all there, and not reach further than a state may lag.
    """
    row = db.execute(
        "SELECT run, log_seq, audit_seq, wall, body, mac FROM state WHERE run = ?", (run,)
    ).fetchone()
    marks = ", ".join("?" * len(LIFE))
    (last,) = db.execute(
        f"SELECT coalesce(max(seq), 0) FROM audit WHERE run = ? AND kind NOT IN ({marks})",
        (run, *LIFE),
    ).fetchone()
    if row is None:
        return f"the state of {run} is gone" if last else None
    *content, mac = row
    kept = (content[0], content[1], content[2], content[3], content[4])
    signed = signed_state(db, key, kept, mac)
    if signed == "not" or (signed == "anywhere" and not _may_be_loose(db, key, run, kept)):
        return f"the state of {run} {FORGED_STATE}"
    if _is_outside(db, run):
        return _check_tail(db, run, content[1], content[3])
    if content[2] < last:
        return f"the state of {run} is older than what it did ({content[2]} < {last})"
    return None


def _may_be_loose(db: sqlite3.Connection, key: AuditKey, run: str, row: _State) -> bool:
    """Whether a state may be signed for any place: no version that signs for one began the run, or saved a state of it.

    A row about the run's life that was written without the key says nothing.
    """
    lives = db.execute(
        "SELECT seq, run, ts, wall, kind, body, prev, hash FROM audit"
        " WHERE run = ? AND kind IN ('RunBegun', 'RunResumed') ORDER BY seq",
        (run,),
    )
    for seq, name, ts, wall, kind, body, prev, digest in lives:
        if chain(key, (seq, name, ts, wall, kind, body), prev) != digest:
            return False
        said = json.loads(body)
        if said.get("placed"):
            return kind == "RunResumed" and row[1] == said["after"] and row[2] < int(seq)
    return True


def _is_outside(db: sqlite3.Connection, run: str) -> bool:
    row = db.execute("SELECT venue FROM runs WHERE id = ?", (run,)).fetchone()
    return row is not None and row[0] not in IN_PROCESS


def _check_tail(db: sqlite3.Connection, run: str, log_seq: int, wall: int) -> str | None:
    """Return in words what is wrong with the log behind a state saved at ``wall`` (UTC ms)."""
    (num,) = db.execute("SELECT num FROM runs WHERE id = ?", (run,)).fetchone()
    packed = "SELECT coalesce(max(last), 0) FROM blocks WHERE run = ?"
    start = max(log_seq, *db.execute(packed, (num,)).fetchone())
    count, newest, until = db.execute(
        "SELECT count(*), max(seq), max(wall) FROM log WHERE run = ? AND seq > ?", (num, start)
    ).fetchone()
    if count and count != newest - start:
        return f"of the log behind the state of {run} {newest - start - count} events are gone"
    if count and until - wall > LAG_MS:
        return f"the state of {run} is older than it may be ({(until - wall) // 1000} s)"
    return None


def forged(words: str, path: str) -> JournalError:
    """Return the error for a journal that does not pass."""
    return JournalError(
        words,
        hint="tradebot db verify tells more; tradebot db restore FILE puts a backup back",
        file=path,
    )
