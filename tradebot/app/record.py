"""Putting what happened on record, while the engine goes on or while it waits.

One transaction at a time. What a failed one was to write stays in hand and goes into the next; nothing is
dropped, and nothing is written twice.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence

from tradebot.app.run import Hosted
from tradebot.clock import SYSTEM, Clock
from tradebot.core.model.errors import JournalError
from tradebot.journal.rows import Batch
from tradebot.journal.writer import Journal

RETRY_S = 1.0
"""Seconds between two tries of a commit that failed."""

STATE_S = 60.0
"""Seconds after which a run with a broker outside saves its state; between them the log is enough."""

Failed = Callable[[JournalError | None], None]
"""Told of the first failure of a row of them, and with None when the journal takes commits again."""


class Record:
    """The commits of the runs of one process. ``batch`` makes a run's, with its state or without.

    Of a run with a broker outside most commits hold no state. ``failing`` is the error of the last commit,
    None where it stood.
    """

    def __init__(
        self,
        journal: Journal,
        runs: Sequence[Hosted],
        batch: Callable[[Hosted, bool], Batch],
        clock: Clock = SYSTEM,
        told: Failed | None = None,
    ) -> None:
        self.failing: JournalError | None = None
        self._journal = journal
        self._runs = runs
        self._batch = batch
        self._clock = clock
        self._told = told
        self._turn = asyncio.Lock()
        self._saved: tuple[float, int] | None = None
        self.committed = clock.monotonic()

    async def commit(self, *, full: bool = False) -> bool:
        """Write everything since the last commit in one transaction; False if it could not be.

        ``full`` waits for the disk itself. Several may be asked for at once: they take turns.
        """
        async with self._turn:
            due = self._is_state_due()
            batches: list[Batch] = []
            try:
                for run in self._runs:
                    batches.append(self._batch(run, due or not run.session.broker.outside))
                await self._journal.commit(*batches, full=full)
            except Exception as error:  # of whatever kind: what was not written goes into the next
                self._give_back(batches)
                self._note(_journal_error(error))
                return False
            self.committed = self._clock.monotonic()
            if due:
                self._saved = self.committed, self._clock.wall_ms()
            self._note(None)
            return True

    def _is_state_due(self) -> bool:
        """Whether a minute has passed by either clock: one may be set, the other stands while a machine sleeps."""
        if self._saved is None:
            return True
        since, wall = self._saved
        passed = self._clock.wall_ms() - wall
        return self._clock.monotonic() - since >= STATE_S or not 0 <= passed < STATE_S * 1000

    def save_state(self) -> None:
        """Have the next commit hold the state, whenever it was saved last."""
        self._saved = None

    def _give_back(self, batches: Sequence[Batch]) -> None:
        for run, batch in zip(self._runs, batches, strict=False):
            run.give_back(batch)

    def _note(self, error: JournalError | None) -> None:
        before, self.failing = self.failing, error
        if (before is None) != (error is None) and self._told is not None:
            self._told(error)


def _journal_error(error: Exception) -> JournalError:
    """Return a failure of a commit as the journal's; one that nobody thought of is named by its type."""
    if isinstance(error, JournalError):
        return error
    return JournalError(f"{type(error).__name__}: {error}")
