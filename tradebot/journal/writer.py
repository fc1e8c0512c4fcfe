"""The one writer.

Growth, measured with five symbols on one quote per symbol and second plus 1m bars (439,200 events a
market day): the newest day lies unpacked, 41 MB; every day before it takes 6.4 MB packed, 0.09 MB of
that for bars, until it is dropped. 30 days thus level off near 230 MB, but for the bars of runs that
may go on. Audit rows and the tables grow with trading alone (about 0.6 kB per effect) and stay for good.
An event costs about 2.2 us to append in batches of 500 and 2.3 us to pack a day later; a commit about
0.2 ms by itself.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Literal, TypeVar

import aiosqlite

from tradebot.clock import SYSTEM, Clock
from tradebot.core.model.errors import JournalError
from tradebot.journal.audit import AuditKey
from tradebot.journal.facts import Told
from tradebot.journal.faults import faults
from tradebot.journal.rows import Batch, CommandRow, Head, NewRun, RunEnd, RunResumed
from tradebot.journal.store import Store

KEEP_DAYS = 30
BUSY_MS = 2_000
"""How long a write waits for another process's short transaction (a posted command)."""

_T = TypeVar("_T")


class Journal:
    """The one writer of a journal file; hold the instance lock before opening it.

    Every method is one transaction, and a cancelled caller leaves none half-way. Failures raise
    JournalError, keep nothing of what failed, and leave the journal usable.
    """

    def __init__(self, store: Store, db: aiosqlite.Connection) -> None:
        self._store = store
        self._db = db

    @classmethod
    async def open(
        cls,
        path: Path,
        *,
        key: AuditKey,
        max_pages: int | None = None,
        keep_days: int = KEEP_DAYS,
        busy_ms: int = BUSY_MS,
        clock: Clock = SYSTEM,
        quick: bool = False,
        strict: bool = True,
    ) -> Journal:
        """Open the file, made and migrated as needed; runs left running become interrupted.

        ``max_pages`` bounds the file (4 KiB pages). Raises SchemaError for another program's or a
        newer database, JournalError for a corrupt, locked, cut or unwritable one and for a wrong key.
        ``quick`` leaves out the look at every page: a close-all does not wait for it. Without ``strict`` one that
        was cut, or whose heads are not as signed, is opened all the same and ``doubts`` say why not: an account
        must be protected.
        """
        store = Store(
            path,
            key,
            keep_days=keep_days,
            busy_ms=busy_ms,
            clock=clock,
            quick=quick,
            strict=strict,
        )
        journal = cls(store, await _connect(store))
        if max_pages is not None:
            await journal.limit_pages(max_pages)
        return journal

    @property
    def path(self) -> Path:
        """The journal's file."""
        return self._store.path

    @property
    def key(self) -> AuditKey:
        """The key that signs it."""
        return self._store.key

    @property
    def doubts(self) -> tuple[JournalError, ...]:
        """What a journal that was opened without ``strict`` is not opened for otherwise."""
        return tuple(self._store.doubts)

    @property
    def maintenance_error(self) -> JournalError | None:
        """Why the last packing of the log failed; None when it did not. Commits are not affected."""
        return self._store.maintenance_error

    async def begin_run(self, run: NewRun) -> str:
        """Start a run: returns its id (``paper-0007``). JournalError if the nonce was used before."""
        return await self._on_thread(self._store.begin_run, run)

    async def resume_run(self, run_id: str, resumed: RunResumed, wall: int) -> None:
        """Go on with an interrupted run; JournalError for any other and for a used nonce."""
        await self._on_thread(self._store.resume_run, run_id, resumed, wall)

    async def commit(self, *batches: Batch, full: bool = False) -> None:
        """Write a batch of each run, all or none: events, effects with chain and tables, state, snapshot.

        With ``full`` it is on the disk itself when this returns (synchronous=FULL), for intents that
        must outlive a power cut; else a power cut may take the last commits, a crash none.
        """
        await self._on_thread(self._commit, batches, full)

    async def end_run(
        self,
        run_id: str,
        state: Literal["ended", "interrupted"],
        error: str | None,
        summary: Mapping[str, object] | None,
        wall: int,
    ) -> Head:
        """Write how a run ended and publish the chain's head, which is returned."""
        return await self.end_runs([RunEnd(run_id, state, error, summary)], wall)

    async def end_runs(self, ends: Sequence[RunEnd], wall: int) -> Head:
        """Write how several runs ended, in one transaction and in this order; the head is returned."""
        return await self._on_thread(self._store.end_runs, ends, wall)

    async def vouch(self, run: str) -> None:
        """Raise JournalError unless a run's state is genuine and its newest: before it goes on."""
        await self._on_thread(self._store.vouch, run)

    async def publish_head(self, why: str, wall: int) -> Head:
        """Publish the chain's head (at a sign-off); ``db verify`` can be given the returned value."""
        return await self._on_thread(self._store.publish_head, why, wall)

    @property
    def head(self) -> Head:
        """The end of the audit chain."""
        return self._store.head

    async def tell(self, facts: Sequence[Told], why: str, wall: int) -> Head:
        """Write rows that belong to no run and publish the chain's head, which is returned."""
        return await self._on_thread(self._store.tell, facts, why, wall)

    async def pending_commands(self, after: int = 0) -> list[CommandRow]:
        """Return commands without an answer and with ids above ``after``, oldest first.

        A command is answered by a ``CommandDone`` among a batch's effects, from any run.
        """
        return await self._on_thread(self._store.pending_commands, after)

    async def limit_pages(self, pages: int | None) -> None:
        """Bound the file to ``pages`` pages, as a full disk would; None lifts the bound."""
        await self._on_thread(self._store.limit_pages, pages)

    async def close(self) -> None:
        """Close the file. Runs not ended stay running and are interrupted for the next open."""
        with faults(self.path):
            with suppress(JournalError):  # a file that cannot be written is closed all the same
                await self._on_thread(self._store.settle)
            await self._db.close()

    async def __aenter__(self) -> Journal:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    def _commit(self, batches: Sequence[Batch], full: bool) -> None:
        self._store.commit(*batches, full=full)
        for batch in () if full else batches:  # somebody may wait to send; the next batch will do
            self._store.maintain(batch.run, batch.wall)

    async def _on_thread(self, work: Callable[..., _T], *args: object) -> _T:
        # aiosqlite's public calls hop to its thread once per statement, and a cancellation between
        # two of them would leave a transaction open. One hop for the whole piece of work: queued, it
        # runs to its end whatever becomes of the caller.
        try:
            result: _T = await self._db._execute(work, *args)  # type: ignore[no-untyped-call]
        except ValueError as error:
            if str(error) != "Connection closed":
                raise
            raise JournalError("the journal is closed", file=str(self.path)) from error
        return result


async def _connect(store: Store) -> aiosqlite.Connection:
    """Open the store on a database thread of its own."""
    failures: list[Exception] = []

    def connect() -> sqlite3.Connection:
        try:
            return store.connect()
        except Exception as error:
            failures.append(error)
            return sqlite3.connect(":memory:")

    # When the opening itself raises, aiosqlite does not wait for its thread, and a loop that closes
    # meanwhile makes that thread print a traceback. So the failure is carried out by hand.
    db = await aiosqlite.Connection(connect, iter_chunk_size=64)
    if failures:
        await db.close()
        raise failures[0]
    return db
