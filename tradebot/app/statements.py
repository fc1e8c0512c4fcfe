"""What people state while an engine holds the journal: judged in a process of its own, and put on record by the engine.

Nothing of what a sign-off stands on may have changed between the judgement and its row.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from threading import Event

from tradebot.app.approved_anew import note_before, worth_here
from tradebot.app.run import Hosted
from tradebot.app.sealed import STATEMENT, Sealed
from tradebot.app.stating import PersonsWord, Sworn, ask_child, changed, judge_statement
from tradebot.clock import SYSTEM, Clock
from tradebot.config import Config
from tradebot.core.model.effects import CommandDone, Halted
from tradebot.core.model.errors import TradebotError
from tradebot.core.model.money import plain
from tradebot.journal.audit import AuditKey
from tradebot.journal.facts import (
    Demoted,
    IncidentOpened,
    Reviewed,
    SignedOff,
    SignoffRevoked,
    StageRaised,
)
from tradebot.journal.reader import Reader
from tradebot.journal.rows import CommandRow
from tradebot.journal.testimony import read_said

_CHANGES = (SignedOff, SignoffRevoked, StageRaised, IncidentOpened, Demoted, Halted)
_KINDS = tuple(kind.__name__ for kind in _CHANGES)


class Statements:
    """Takes statements for the runs of an engine, one after the other; ``path`` is its journal, ``key`` that of its chain.

    ``born`` is when the engine began (UTC ms): what was stated before asked another.
    """

    def __init__(
        self,
        config: Config,
        path: Path,
        runs: Sequence[Hosted],
        key: AuditKey,
        clock: Clock = SYSTEM,
        born: int | None = None,
    ) -> None:
        self._key = key
        self._clock = clock
        self._config = config
        self._path = path
        self._runs = runs
        self._born = clock.wall_ms() if born is None else born
        self._tasks: set[asyncio.Task[None]] = set()
        self._turn = asyncio.Lock()

    def take(self, row: CommandRow) -> None:
        """Begin to judge a statement; its answer comes when that is done. To be called inside the loop."""
        if row.wall < self._born:
            self._runs[0].refuse(row.id, "its engine ended before it could answer")
            return
        task = asyncio.get_running_loop().create_task(self._judge(row))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _judge(self, row: CommandRow) -> None:
        run, heard = self._runs[0], self._clock.wall_ms()
        try:
            stated = self._read(row, heard)
            if stated.kind == "revoke":  # that waits for nobody
                self._put(run, row, judge_statement(self._config, None, stated))
                return
            async with self._turn:
                await self._put_judged(run, row, stated)
        except TradebotError as error:
            run.refuse(row.id, error.message)
        except Exception as error:  # whatever it is, the run goes on, and nothing is signed
            run.refuse(row.id, f"it cannot be judged: {type(error).__name__}: {error}")

    async def _put_judged(self, run: Hosted, row: CommandRow, stated: PersonsWord) -> None:
        """Have a statement judged, and put it on record; TradebotError where that cannot be."""
        signs = stated.kind == "sign"
        worth, approved = await self._worth(run) if signs else ("", "")
        done = await self._judged(stated, worth, approved)
        await asyncio.to_thread(note_before, self._config, worth)
        await asyncio.to_thread(self._refuse_changed, done)
        self._refuse_waiting()  # and from here on nothing else has its turn
        self._put(run, row, done)

    def _read(self, row: CommandRow, heard: int) -> PersonsWord:
        """Return what was ``heard`` at a time (UTC ms); RefusedError for what nobody with the key has stated just then.

        To take a sign-off back needs no key.
        """
        sealed = Sealed.read(row.review)
        stated = PersonsWord.read(sealed.body)
        if stated.kind != "revoke":
            STATEMENT.refuse_forged(sealed, self._key, heard)
        return stated

    async def _judged(self, stated: PersonsWord, worth: str, approved: str) -> Sworn:
        """Return the judgement of a process of its own; an engine that ends waits for none."""
        over = Event()
        ask = partial(ask_child, self._config, stated, worth, approved, over=over.is_set)
        try:
            return await asyncio.to_thread(ask)
        finally:
            over.set()

    async def _worth(self, run: Hosted) -> tuple[str, str]:
        """Return what ``worth_of`` does, of the newest live run where this engine hosts none."""
        if run.identity.mode == "live":
            return worth_of(run)
        return await asyncio.to_thread(worth_here, self._config)

    def _refuse_changed(self, done: Sworn) -> None:
        """Raise RefusedError where the journal got a row since that the judgement would have to know of."""
        with Reader(self._path) as reader:
            if any(said.seq > done.head.seq for said in read_said(reader, _KINDS)):
                raise changed()

    def _refuse_waiting(self) -> None:
        """The same of what waits for the next commit."""
        for run in self._runs:
            waiting = [fact for _, fact in (*run.facts, *run.effects)]
            if any(isinstance(fact, _CHANGES) for fact in waiting):
                raise changed()

    def _put(self, run: Hosted, row: CommandRow, done: Sworn) -> None:
        now = max(run.time(), run.session.engine.now)
        run.facts.append((now, done.row))
        run.effects.append((now, CommandDone(now, row.id, True, done.text)))
        if isinstance(done.row, Reviewed):
            run.reviewed()
        if isinstance(done.row, SignedOff) and done.completes and run.identity.mode == "live":
            run.sign_anew(done.row)


def worth_of(run: Hosted) -> tuple[str, str]:
    """Return what a live run's approved loss would count from now (USDT, decimal text), and the sign-off that it counts from."""
    engine = run.session.engine
    return plain(engine.equity() - engine.portfolio.brought), engine.watch.approved


__all__ = ["Statements", "worth_of"]
