"""The end of a run that trades an account: what nobody knows yet is waited for, and what is open stays or is closed.

Entries have been latched and cancelled when this begins. The market, timers and answers go on meanwhile: what an entry
still fills is protected, and an order of unknown fate is looked up.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from typing import Literal

from tradebot.app.heartbeat import Heartbeat
from tradebot.app.run import Hosted
from tradebot.clock import Clock
from tradebot.core.model.errors import LeftoverError, TradebotError
from tradebot.core.model.values import OrderStatus

OnStop = Literal["keep", "flatten"]

SETTLE_S = 10.0
"""Seconds that a broker outside has to take cancels, and to say what became of unknown orders."""

FLATTEN_S = 60.0
"""Seconds in which everything has to be closed; what is on its way then has as long again."""

BOOK_S = 5.0
"""Seconds for which what was closed may still be on its way into the books."""

LOOK_S = 0.1
"""Seconds between two looks at whether all is over."""

LET_GO_S = 5.0
"""Seconds in which the tasks of a run that ends let go, a broker's requests on their way with them: after that they hang."""

LONGEST_S = SETTLE_S + 2 * FLATTEN_S + BOOK_S + LET_GO_S
"""Seconds that an orderly end may take in all: a supervisor has to wait longer before it kills."""

OPEN_ENDED = frozenset({OrderStatus.PENDING, OrderStatus.UNKNOWN, OrderStatus.CANCELLING})
"""An order in one of these is not where it is going to stay."""

Breathe = Callable[[float], Awaitable[None]]
"""Does what is due for so many seconds at most: one thing that came, timers, what is to be sent."""


class Settling:
    """Ends the runs of accounts. ``kept`` is set when somebody will not wait: then all stays as it is, at once."""

    def __init__(self, runs: Sequence[Hosted], breathe: Breathe, clock: Clock) -> None:
        self._runs = [run for run in runs if run.session.broker.outside]
        self._breathe = breathe
        self._clock = clock
        self.kept = asyncio.Event()

    async def run(
        self, idle: Callable[[], bool], on_stop: OnStop, why: str
    ) -> TradebotError | None:
        """Wait until all is settled, then keep or close what is open; return what went wrong with closing it.

        ``idle`` says whether everything has left that was to be sent, ``why`` why the run ends.
        """
        keeps = on_stop == "keep"
        await self._until(
            lambda: idle() and not any(_is_unsettled(r, keeps) for r in self._runs), SETTLE_S
        )
        if keeps or self.kept.is_set():
            return None
        return await self.close(why)

    async def close(self, why: str) -> TradebotError | None:
        """Close everything on the runs' accounts; return what went wrong with it."""
        for run in self._runs:
            if (error := await self._flatten(run, why)) is not None:
                return error
        return None

    async def _until(self, done: Callable[[], bool], seconds: float) -> None:
        until = self._clock.monotonic() + seconds
        while not (done() or self.kept.is_set()) and self._clock.monotonic() < until:
            await self._breathe(LOOK_S)

    async def _flatten(self, run: Hosted, why: str) -> TradebotError | None:
        """Close everything on a run's account by the routine of a close-all, and prove it; the books hear of it."""
        still = run.standstill
        if still is None or still.standing() is not None:  # somebody else sees to it
            return None
        work = asyncio.ensure_future(still.close_down(run.session, f"on_stop: {why}", FLATTEN_S))
        await self._until(work.done, FLATTEN_S * 2)
        if not work.done():
            work.cancel()
            with suppress(asyncio.CancelledError):
                await work
            if self.kept.is_set():
                return None
            return LeftoverError(
                "what is open could not be closed in time", hint="tradebot close-all"
            )
        error = work.result()
        if error is None:
            await self._until(run.session.engine.is_flat, BOOK_S)
        return error


def _is_unsettled(run: Hosted, keeps: bool) -> bool:
    """Whether an entry is out, an order is nobody knows where, or something open has no stop yet.

    Where positions are kept, one that is being closed is not: a limit was reached, and its next try is due.
    """
    engine = run.session.engine
    waits = any(order.status in OPEN_ENDED for order in engine.table.live.values())
    if waits or engine.table.entries or any(b.bare_since for b in engine.books.values()):
        return True
    return keeps and any(book.closing and book.holding.qty for book in engine.books.values())


async def let_go(tasks: Sequence[asyncio.Task[None]], heartbeat: Heartbeat) -> None:
    """Cancel tasks and wait for their own ends, and show that this is no standstill: requests on their way are still answered."""
    for task in tasks:
        task.cancel()
    working = set(tasks)
    for _ in range(round(LET_GO_S / LOOK_S)):
        if not working:
            return
        _, working = await asyncio.wait(working, timeout=LOOK_S)
        heartbeat.beat()
