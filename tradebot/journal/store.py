"""The journal's writes, synchronous: what the writer runs on its database thread.

One ``Store`` holds the one writing connection. Numbers it keeps in memory (head of the chain, next
event of each run) move on only after a commit stood.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from tradebot.clock import SYSTEM, Clock
from tradebot.core.model import codec
from tradebot.core.model.errors import JournalError
from tradebot.core.model.events import Command
from tradebot.core.model.values import Quote
from tradebot.disk import private_directory, private_file
from tradebot.journal import schema
from tradebot.journal.audit import GENESIS, AuditKey, chain
from tradebot.journal.facts import Told
from tradebot.journal.faults import faults
from tradebot.journal.noted import Noted, has_log, write_noted
from tradebot.journal.opening import check, find_doubts
from tradebot.journal.pack import drop_old, is_due, pack_hour
from tradebot.journal.projection import Fact, fact_body, project
from tradebot.journal.rows import (
    Batch,
    CommandRow,
    Head,
    NewRun,
    RunBegun,
    RunEnd,
    RunEnded,
    RunResumed,
)
from tradebot.journal.schema import on_disk, transaction
from tradebot.journal.seal import (
    HOLDS,
    check_state,
    forged,
    holds,
    sign_head,
    sign_holds,
    sign_state,
)

WAL_LIMIT = 64 * 2**20
"""Bytes a write-ahead log that has grown is cut down to."""

_UNLIMITED_PAGES = 2**32 - 2
_HOURS_PER_COMMIT = 4  # catching up after a jump in time must not hold up a commit for long
_HOURS_AT_END = 48

_EVENT = "INSERT INTO log VALUES (?, ?, ?, ?, ?, ?, ?)"
_AUDIT = "INSERT INTO audit VALUES (?, ?, ?, ?, ?, ?, ?, ?)"


@dataclass(slots=True)
class _Hosted:
    """A run this process writes: its number, last event, last market time, oldest raw row."""

    num: int
    log_seq: int
    at: int
    oldest_at: int | None
    has_state: bool


class Store:
    """The writing side of one journal file. Every method runs on the thread that opened it."""

    def __init__(
        self,
        path: Path,
        key: AuditKey,
        *,
        keep_days: int,
        busy_ms: int,
        clock: Clock = SYSTEM,
        quick: bool = False,
        strict: bool = True,
    ) -> None:
        self._clock = clock
        self.path = path
        self.key = key
        self.maintenance_error: JournalError | None = None
        self._keep_days = keep_days
        self._busy_ms = busy_ms
        self.head = Head(0, GENESIS)
        self._hosted: dict[str, _Hosted] = {}
        self._leftovers: list[int] = []
        self._sealing = True
        self._quick, self._strict = quick, strict
        self.doubts: list[JournalError] = []
        self._db: sqlite3.Connection

    def connect(self) -> sqlite3.Connection:
        """Open, check, migrate and take over the file; return the connection.

        Raises JournalError or SchemaError; the connection is closed then.
        """
        with faults(self.path):
            private_directory(self.path.parent)
            for name in (self.path.name, f"{self.path.name}-wal", f"{self.path.name}-shm"):
                # SQLite would make it readable for all
                private_file(self.path.with_name(name), make=name == self.path.name)
            db = sqlite3.connect(
                self.path, isolation_level=None, timeout=self._busy_ms / 1000, cached_statements=256
            )
            try:
                self._take_over(db)
            except BaseException:
                db.close()
                raise
        return db

    def begin_run(self, new: NewRun) -> str:
        """Allot an id, journal the nonce, and make the run current."""
        with faults(self.path):
            num, run = self._next_run(new.mode)
            self._refuse_used(new.nonce)
            values = asdict(new)
            values["seed"] = None if new.seed is None else str(new.seed)
            wall = values.pop("wall")
            begun = RunBegun(num=num, **values, placed=True)
            self._live_through(run, 0, wall, begun)
            self._host(run, num)
        self._quietly(self._drop_old, self._hosted[run], wall)
        return run

    def resume_run(self, run: str, resumed: RunResumed, wall: int) -> None:
        """Make an interrupted run current again under a new nonce."""
        with faults(self.path):
            row = self._db.execute("SELECT num, state FROM runs WHERE id = ?", (run,)).fetchone()
            if row is None or row[1] != "interrupted":
                state = "unknown" if row is None else row[1]
                raise JournalError(
                    f"run {run} cannot go on: it is {state}",
                    hint="only an interrupted run can; --new starts another",
                    file=str(self.path),
                )
            self._refuse_used(resumed.nonce)
            self._host(run, row[0])
            try:
                self._live_through(run, self._hosted[run].at, wall, replace(resumed, placed=True))
            except BaseException:
                del self._hosted[run]
                raise
        self._quietly(self._drop_old, self._hosted[run], wall)

    def end_runs(self, ends: Sequence[RunEnd], wall: int) -> Head:
        """Write how runs ended, all or none, publish the heads and pack their logs. Returns the last."""
        lives = [(end.run, self._current(end.run).at, end.fact()) for end in ends]
        before = self.head
        with faults(self.path):
            try:
                with on_disk(self._db), transaction(self._db):
                    for run, at, fact in lives:
                        self.head = self._append_facts(run, wall, [(at, fact)])
                        self._write_head(self.head, f"{run} {fact.state}", wall)
            except BaseException:
                self.head = before
                raise
        self._note()
        for run, _, fact in lives:
            hosted = self._hosted.pop(run)
            if (
                fact.state == "ended"
            ):  # an interrupted one goes on soon, and quitting should be quick
                self._quietly(self._pack_all, hosted)
        return self.head

    def commit(self, *batches: Batch, full: bool) -> None:
        """Write batches, each of another run, in one transaction; ``full`` waits for the disk itself."""
        hosted = [self._current(batch.run) for batch in batches]
        before = self.head
        with faults(self.path):
            try:
                with on_disk(self._db, full), transaction(self._db):
                    ends = [self._write(run, b) for run, b in zip(hosted, batches, strict=True)]
            except BaseException:
                self.head = before
                raise
        for run, batch, log_seq in zip(hosted, batches, ends, strict=True):
            self._move_on(run, batch, log_seq)

    def _write(self, hosted: _Hosted, batch: Batch) -> int:
        """Write a batch inside the caller's transaction; return the number of its last event."""
        facts: list[tuple[int, Fact]] = [
            (event.at, event) for event in batch.events if isinstance(event, Command)
        ]
        facts += [*batch.effects, *batch.facts]
        log_seq = self._append_events(hosted, batch)
        self.head = self._append_facts(batch.run, batch.wall, facts)
        self._replace_state(batch, log_seq, self.head)
        return log_seq

    def publish_head(self, why: str, wall: int) -> Head:
        """Record the chain's end with a reason, so that a later cut behind it shows; return it."""
        return self.tell((), why, wall)

    def tell(self, facts: Sequence[Told], why: str, wall: int) -> Head:
        """Write rows that belong to no run, and publish the head behind them."""
        with faults(self.path), on_disk(self._db), transaction(self._db):
            head = self._append_facts("", wall, ((wall, fact) for fact in facts))
            self._write_head(head, why, wall)
        self.head = head
        self._note()
        return head

    def maintain(self, run: str, wall: int) -> None:
        """Pack hours that are due and drop what is too old; a bounded piece of work per call.

        A failure changes nothing and is kept in ``maintenance_error``: the log is as good unpacked,
        and a full disk shows at the next commit anyway.
        """
        hosted = self._hosted.get(run)
        if hosted is not None:
            self._quietly(self._pack_due, hosted, wall)

    def pending_commands(self, after: int) -> list[CommandRow]:
        """Return commands nobody has answered, with ids above ``after``, oldest first."""
        with faults(self.path):
            rows = self._db.execute(
                "SELECT id, run, name, who, reason, wall, review FROM commands WHERE id > ?"
                " AND NOT EXISTS (SELECT 1 FROM acks WHERE acks.command = commands.id) ORDER BY id",
                (after,),
            )
            return [CommandRow(*row) for row in rows]

    def limit_pages(self, pages: int | None) -> None:
        """Let the file grow to at most ``pages`` pages; None lifts the limit."""
        self._db.execute(f"PRAGMA max_page_count = {pages or _UNLIMITED_PAGES}")

    def _take_over(self, db: sqlite3.Connection) -> None:
        had_log = has_log(self.path)
        version = schema.schema_version(db, self.path)  # before anything is written to it
        if version:
            check(db, self.path, self.key, quick=self._quick)
        self.doubts = find_doubts(db, self.path, self.key, empty=not version, had_log=had_log)
        if self.doubts and self._strict:
            raise self.doubts[0]
        (mode,) = db.execute("PRAGMA journal_mode = WAL").fetchone()
        if mode != "wal":  # without it readers would hold up the writer
            raise JournalError(
                f"the disk does not support write-ahead logging (it stays {mode})",
                hint="put the data directory on a local disk",
                file=str(self.path),
            )
        db.execute("PRAGMA synchronous = NORMAL")
        db.execute(f"PRAGMA journal_size_limit = {WAL_LIMIT}")
        self._db = db
        # what was not as signed is never signed again: db verify goes on finding it
        self._sealing = version < schema.SEALED or holds(db, self.key)
        schema.migrate(db, self.path, clock=self._clock, within=self._migrated)
        self._load_head()
        self._bury_dead_runs()

    def _migrated(self, version: int) -> None:
        """Sign a schema's step inside its transaction."""
        if version == schema.SEALED:
            fingerprint = ("key_fingerprint", self.key.fingerprint)
            self._db.execute("INSERT OR IGNORE INTO meta VALUES (?, ?)", fingerprint)
        if version >= schema.SEALED:
            self._seal()

    def vouch(self, run: str) -> None:
        """Raise JournalError unless a run's journalled state is genuine, and its newest."""
        with faults(self.path):
            wrong = check_state(self._db, self.key, run)
        if wrong is not None:
            raise forged(wrong, str(self.path))

    def settle(self) -> None:
        """Bring everything into the one file and note its head: the log is not needed any more."""
        with faults(self.path):
            self._db.execute("PRAGMA wal_checkpoint(PASSIVE)")
        if self.head.seq and not self.doubts:
            write_noted(self.path, self.key, Noted(self.head, open=False))

    def _seal(self) -> None:
        """Sign which rows there are, inside the transaction that changed it."""
        if self._sealing:
            seal = (HOLDS, sign_holds(self._db, self.key))
            self._db.execute("INSERT OR REPLACE INTO meta VALUES (?, ?)", seal)

    def _note(self) -> None:
        # what contradicts the note is found again at every start, until it is mended
        if not self.doubts:
            write_noted(self.path, self.key, Noted(self.head, open=True))

    def _load_head(self) -> None:
        row = self._db.execute("SELECT seq, hash FROM audit ORDER BY seq DESC LIMIT 1").fetchone()
        self.head = Head(*row) if row else Head(0, GENESIS)

    def _bury_dead_runs(self) -> None:
        """Mark runs still called running as interrupted: their process died without a word."""
        wall = self._clock.wall_ms()
        dead = self._db.execute("SELECT id FROM runs WHERE state = 'running'").fetchall()
        for (run,) in dead:
            ended = RunEnded("interrupted", "the process ended without a word", None)
            self._live_through(run, 0, wall, ended)

    def _next_run(self, mode: str) -> tuple[int, str]:
        (num,) = self._db.execute("SELECT coalesce(max(num), 0) + 1 FROM runs").fetchone()
        (count,) = self._db.execute(
            "SELECT coalesce(max(CAST(substr(id, ?) AS INTEGER)), 0) + 1 FROM runs WHERE mode = ?",
            (len(mode) + 2, mode),
        ).fetchone()
        return num, f"{mode}-{count:04d}"

    def _refuse_used(self, nonce: str) -> None:
        if self._db.execute("SELECT 1 FROM nonces WHERE nonce = ?", (nonce,)).fetchone():
            raise JournalError(f"the nonce {nonce} was used before", file=str(self.path))

    def _live_through(self, run: str, ts: int, wall: int, fact: Fact) -> Head:
        """Write one row of a run's life in a transaction of its own, ends with the head published."""
        with on_disk(self._db), transaction(self._db):
            head = self._append_facts(run, wall, [(ts, fact)])
            if isinstance(fact, RunEnded):
                self._write_head(head, f"{run} {fact.state}", wall)
        self.head = head
        self._note()
        return head

    def _write_head(self, head: Head, why: str, wall: int) -> None:
        row = (head.seq, head.hash, why, wall, sign_head(self.key, head, why, wall))
        self._db.execute("INSERT INTO heads VALUES (?, ?, ?, ?, ?)", row)
        self._seal()

    def _host(self, run: str, num: int) -> None:
        log = self._db.execute(
            "SELECT max(seq), (SELECT at FROM log WHERE run = :n ORDER BY seq DESC LIMIT 1),"
            " (SELECT at FROM log WHERE run = :n ORDER BY seq LIMIT 1) FROM log WHERE run = :n",
            {"n": num},
        ).fetchone()
        packed = self._db.execute(
            "SELECT coalesce(max(last), 0), coalesce(max(last_at), 0) FROM blocks WHERE run = ?",
            (num,),
        ).fetchone()
        state = self._db.execute("SELECT log_seq FROM state WHERE run = ?", (run,)).fetchone()
        seq = max(log[0] or 0, packed[0], state[0] if state else 0)
        self._hosted[run] = _Hosted(num, seq, log[1] or packed[1], log[2], state is not None)
        others = self._db.execute(
            "SELECT num FROM runs WHERE EXISTS (SELECT 1 FROM log WHERE log.run = runs.num)"
        ).fetchall()
        mine = {hosted.num for hosted in self._hosted.values()}
        self._leftovers = [other for (other,) in others if other not in mine]

    def _current(self, run: str) -> _Hosted:
        hosted = self._hosted.get(run)
        if hosted is None:
            raise JournalError(f"run {run} is not running here", file=str(self.path))
        return hosted

    def _append_events(self, hosted: _Hosted, batch: Batch) -> int:
        rows: list[tuple[int, int, int, int, int, str, str]] = []
        num, seq, wall = hosted.num, hosted.log_seq, batch.wall
        add, join = rows.append, ",".join
        for event in batch.events:
            seq += 1
            if type(event) is Quote:  # nearly all there is: no call into the codec
                text = join((event.symbol, *event.text))
                add((num, seq, event.at, event.exchange_time, wall, "Quote", text))
            else:
                time, kind = codec.exchange_time_of(event), type(event).__name__
                add((num, seq, event.at, time, wall, kind, codec.event_payload(event)))
        self._db.executemany(_EVENT, rows)
        return seq

    def _append_facts(self, run: str, wall: int, facts: Iterable[tuple[int, Fact]]) -> Head:
        """Append to the chain and bring the tables up to date; return the new head, not yet kept."""
        seq, prev = self.head.seq, self.head.hash
        for ts, fact in facts:
            seq += 1
            row = (seq, run, ts, wall, type(fact).__name__, fact_body(fact))
            digest = chain(self.key, row, prev)
            self._db.execute(_AUDIT, (*row, prev, digest))
            prev = digest
            for sql, values in project(seq, run, ts, wall, fact):
                self._db.execute(sql, values)
        return Head(seq, prev)

    def _replace_state(self, batch: Batch, log_seq: int, head: Head) -> None:
        if batch.state is not None:
            row = (batch.run, log_seq, head.seq, batch.wall, codec.canonical(batch.state))
            self._db.execute(
                "INSERT OR REPLACE INTO state VALUES (?, ?, ?, ?, ?, ?)",
                (*row, sign_state(self.key, row, head.hash)),
            )
            hosted = self._hosted[batch.run]
            if not hosted.has_state:
                self._seal()
        if batch.snapshot is not None:
            self._db.execute(
                "INSERT OR REPLACE INTO snapshot VALUES (?, ?, ?)",
                (batch.run, batch.wall, codec.canonical(batch.snapshot)),
            )

    def _move_on(self, hosted: _Hosted, batch: Batch, log_seq: int) -> None:
        hosted.log_seq = log_seq
        hosted.has_state = hosted.has_state or batch.state is not None
        if batch.events:
            hosted.at = batch.events[-1].at
            if hosted.oldest_at is None:
                hosted.oldest_at = batch.events[0].at

    def _pack_due(self, hosted: _Hosted, wall: int) -> None:
        hours = self._pack_hours(hosted, _HOURS_PER_COMMIT, hosted.at)
        if hours:
            self._drop_old(hosted, wall)
        if self._leftovers and hours < _HOURS_PER_COMMIT:
            with transaction(self._db):  # hours of runs that died: one at a time
                rest = pack_hour(self._db, self._leftovers[0], self.key)
                self._seal()
            if rest is None:
                del self._leftovers[0]

    def _pack_hours(self, hosted: _Hosted, most: int, at: int = 1 << 62) -> int:
        """Pack the hours that are due, so many at most; one seal, the dearer the more there are, covers them."""
        hours, oldest_at = 0, hosted.oldest_at
        if oldest_at is None or not is_due(oldest_at, at):
            return 0
        with transaction(self._db):
            while hours < most and oldest_at is not None and is_due(oldest_at, at):
                oldest_at = pack_hour(self._db, hosted.num, self.key)
                hours += 1
            self._seal()
        hosted.oldest_at = oldest_at
        return hours

    def _pack_all(self, hosted: _Hosted) -> None:
        while hosted.oldest_at is not None:
            self._pack_hours(hosted, _HOURS_AT_END)

    def _drop_old(self, hosted: _Hosted, wall: int) -> None:
        with transaction(self._db):
            drop_old(self._db, hosted.num, hosted.at, wall, self._keep_days)
            self._seal()

    def _quietly(self, work: Callable[..., None], *args: object) -> None:
        """Do maintenance; its failure is kept in ``maintenance_error`` instead of raised."""
        try:
            with faults(self.path):
                work(*args)
            self.maintenance_error = None
        except JournalError as error:
            self.maintenance_error = error
