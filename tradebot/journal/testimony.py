"""What evidence is judged by: the audit chain read once from end to end, checked as it is read.

Nothing here comes from the tables that follow from the chain, so a row that was changed there changes nothing.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tradebot.core.model.errors import JournalError
from tradebot.journal.audit import GENESIS, AuditKey, chain
from tradebot.journal.facts import TOLD, Rekeyed
from tradebot.journal.faults import faults
from tradebot.journal.noted import read_noted
from tradebot.journal.projection import Fact, read_fact
from tradebot.journal.reader import Reader, open_readonly
from tradebot.journal.rows import Head
from tradebot.journal.seal import check_head, contains, holds

KINDS = frozenset(
    {
        *("RunBegun", "RunResumed", "RunEnded", "TradeClosed", "TradeReopened", "GhostClosed"),
        *("FillBooked", "Halted", "Resumed", *TOLD),
    }
)
"""The kinds of rows that evidence is made of."""

OF_LIVE = frozenset({"Place", "OrderChanged", "AccountCompared"})
"""Kinds that say something of live runs only: how soon an exchange answered, and whether it holds what we think."""

_OF_KINDS = """SELECT seq, run, ts, wall, kind, body FROM audit
    WHERE run IN (SELECT id FROM runs UNION SELECT '') AND kind IN ({}) ORDER BY seq"""

_ROWS = "SELECT seq, run, ts, wall, kind, body, prev, hash FROM audit ORDER BY seq"


@dataclass(frozen=True, slots=True)
class Said:
    """A row of the chain: its number, run, market and real time (UTC ms), and what it says."""

    seq: int
    run: str
    at: int
    wall: int
    fact: Fact


@dataclass(slots=True)
class Testimony:
    """Rows that evidence is made of, oldest first. ``broken`` says why the chain proves nothing, "" where it does.

    ``weak`` is said of the key where it lies beside the journal, ``weak_until`` is the last row first signed with one that
    did; ``head`` is the chain's end, ``newest`` the latest real time (UTC ms) that any row bears.
    """

    rows: list[Said] = field(default_factory=list)
    broken: str = ""
    weak: bool = False
    weak_until: int = 0
    fingerprint: str = ""
    head: Head = field(default_factory=lambda: Head(0, GENESIS))
    newest: int = 0


def read_said(reader: Reader, kinds: Sequence[str], *, skip: bool = False) -> Iterator[Said]:
    """Yield the rows of some kinds, oldest first, without a look at the chain.

    JournalError for one that cannot be read, unless those are to be left out (``skip``).
    """
    marks = ", ".join("?" * len(kinds))
    for seq, run, ts, wall, kind, body in reader.select(_OF_KINDS.format(marks), *kinds):
        try:
            yield Said(seq, run, ts, wall, read_fact(kind, body))
        except (ValueError, TypeError, ArithmeticError) as error:
            if skip:
                continue
            text = f"row {seq} of the audit chain cannot be read: {error}"
            raise JournalError(text, hint="tradebot db verify", file=str(reader.path)) from error


def read_testimony(path: Path, key: AuditKey, kinds: frozenset[str] = KINDS) -> Testimony:
    """Return what a journal has to say; JournalError where it cannot be read at all.

    Of a chain that is broken anywhere nothing is believed, but what it says is returned all the same.
    """
    found = Testimony(weak=key.is_weak, fingerprint=key.fingerprint)
    noted = read_noted(path, key)
    with closing(open_readonly(path)) as db, faults(path):
        db.row_factory = None
        db.execute("BEGIN")
        row = db.execute("SELECT value FROM meta WHERE key = 'key_fingerprint'").fetchone()
        if row is None or row[0] != key.fingerprint:
            found.broken = "another key has written it"
        for said in _read(db.execute(_ROWS), key, found, kinds):
            found.rows.append(said)
            if isinstance(said.fact, Rekeyed) and said.fact.weak:
                found.weak_until = said.seq
        if not found.broken and (wrong := check_head(db, key)) is not None:
            found.broken = wrong
        if not found.broken and noted is not None and not contains(db, noted.head):
            found.broken = "it was cut behind the head last noted, or is an older copy"
        if not found.broken and not holds(db, key):
            found.broken = "states, heads or blocks were added or removed without the key"
    return found


def _read(
    rows: Iterator[Sequence[Any]], key: AuditKey, found: Testimony, kinds: frozenset[str]
) -> Iterator[Said]:
    last, end = 0, GENESIS
    for seq, run, ts, wall, kind, body, prev, digest in rows:
        content = (seq, run, ts, wall, kind, body)
        if seq != last + 1 or prev != end or chain(key, content, prev) != digest:
            found.broken = found.broken or f"its row {seq} is not as it was written"
        last, end = seq, digest
        found.newest = max(found.newest, wall if isinstance(wall, int) else 0)
        if kind in kinds or (kind in OF_LIVE and str(run).startswith("live-")):
            try:
                yield Said(seq, run, ts, wall, read_fact(kind, body))
            except (ValueError, TypeError, ArithmeticError):
                found.broken = found.broken or f"its row {seq} cannot be read"
    found.head = Head(last, str(end))
