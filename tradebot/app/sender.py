"""What leaves for a broker outside, and in which order: record, then epoch and latch, then the broker.

An order that can open something leaves only when it is on the disk itself. One that protects waits for the
journal no longer than ``PROTECT_S``: then it is written to stderr and the side file, trading halts, and it goes.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TypeGuard

from tradebot.app.record import Record
from tradebot.app.run import Hosted
from tradebot.clock import SYSTEM, Clock
from tradebot.core.model.effects import Cancel, Place
from tradebot.core.model.errors import TradebotError
from tradebot.core.model.events import Event, JournalBack, JournalFailed, OrderUpdate
from tradebot.core.model.values import Order, OrderStatus
from tradebot.core.trading.session import Outgoing
from tradebot.journal.side import SideRow, append_side

PROTECT_S = 0.25
"""Seconds for which a protective order waits for the journal, and then for the side file."""
LATE_S = 0.05
"""Where that wait ends so much too late our own loop was busy: it says nothing of the journal, which is given one more."""

Answer = Callable[[Event], None]


class Sender:
    """Sends what one run's session has in its outbox. ``answer`` takes events back to the session."""

    def __init__(
        self,
        run: Hosted,
        record: Record,
        side_file: Path,
        answer: Answer,
        told: Callable[[str], None],
        clock: Clock = SYSTEM,
    ) -> None:
        self._run = run
        self._record = record
        self._side_file = side_file
        self._answer = answer
        self._told = told
        self._clock = clock
        self._waiting: set[str] = set()
        self._withdrawn: set[str] = set()
        self._unsent: set[str] = set()
        self._tasks: set[asyncio.Task[None]] = set()

    @property
    def idle(self) -> bool:
        """Whether everything has left."""
        return not self._tasks

    def take(self, effects: Sequence[Outgoing]) -> None:
        """Send effects, each when it may leave; returns at once."""
        opening: list[Place] = []
        others: list[Outgoing] = []
        for effect in effects:
            if _opens(effect):
                opening.append(effect)
            elif not self._withdraws(effect):
                others.append(effect)
        if not opening and not others:
            return
        self._waiting.update(place.approved.order.id for place in opening)
        task = asyncio.create_task(self._send(opening, others))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def drain(self, seconds: float) -> None:
        """Wait until everything has left, at most so long."""
        if self._tasks:
            await asyncio.wait(set(self._tasks), timeout=seconds)

    def _withdraws(self, effect: Outgoing) -> bool:
        """Whether it cancels an order that has not left: then neither leaves."""
        if not isinstance(effect, Cancel):
            return False
        if effect.order_id in self._waiting:
            self._withdrawn.add(effect.order_id)
            return True
        return effect.order_id in self._unsent

    async def _send(self, opening: Sequence[Place], others: Sequence[Outgoing]) -> None:
        placed = any(isinstance(effect, Place) for effect in (*opening, *others))
        commit = asyncio.ensure_future(self._record.commit(full=placed))
        if others:
            await self._protect(commit, others)
        if opening:
            await self._open(commit, opening)

    async def _protect(self, commit: asyncio.Future[bool], effects: Sequence[Outgoing]) -> None:
        """Send what closes, protects or asks: after the commit, or without it when that takes too long.

        Trading halts where an order leaves unrecorded; a question or a cancel may be missing in a record.
        """
        places = [effect for effect in effects if isinstance(effect, Place)]
        stands = await self._taken(commit)
        if stands is None:
            stands = False
            if places:
                now = self._run.session.engine.now
                text = f"it has not answered within {PROTECT_S * 1000:g} ms"
                self._answer(JournalFailed(now, text))
                commit.add_done_callback(self._tell_of_late)
        if not stands:
            await self._put_aside(places)
        for effect in effects:
            self._leave(effect)

    async def _taken(self, commit: asyncio.Future[bool]) -> bool | None:
        """Return whether a commit stands; None where the journal was too slow, by a wait in which this loop worked."""
        for last in (False, True):
            began = self._clock.monotonic()
            try:
                return await asyncio.wait_for(asyncio.shield(commit), PROTECT_S)
            except TimeoutError:
                if last or self._clock.monotonic() - began < PROTECT_S + LATE_S:
                    break
        return None

    def _tell_of_late(self, commit: asyncio.Future[bool]) -> None:
        """A commit that was too slow stands after all: the journal takes what is written; else the record says why not."""
        if not commit.cancelled() and commit.exception() is None and commit.result():
            self._answer(JournalBack(self._run.session.engine.now))

    async def _put_aside(self, places: Sequence[Place]) -> None:
        """Write protective orders where they are found again: to stderr, and to the side file if it takes them."""
        if not places:
            return
        now, wall, run = self._run.session.engine.now, self._clock.wall_ms(), self._run.identity.run
        for place in places:
            self._told(f"{run}: not in the journal, sent all the same: {place.approved.order}")
        names = ", ".join(place.approved.order.id for place in places)
        self._run.incident("side_file", f"sent without being in the journal: {names}")
        rows = [SideRow(run, now, wall, place) for place in places]
        with contextlib.suppress(OSError, TimeoutError):
            work = asyncio.to_thread(append_side, self._side_file, rows)
            await asyncio.wait_for(work, PROTECT_S)

    async def _open(self, commit: asyncio.Future[bool], places: Sequence[Place]) -> None:
        """Send what can open something, if it is on record; and then only what nobody has withdrawn."""
        stands = await commit
        for place in places:
            order = place.approved.order
            self._waiting.discard(order.id)
            if order.id in self._withdrawn:
                self._drop(order, "withdrawn before it was sent")
            elif not stands:
                self._drop(order, "it could not be put on record")
            else:
                self._leave(place)

    def _drop(self, order: Order, why: str) -> None:
        """Tell that an order has not left and never will."""
        self._withdrawn.discard(order.id)
        self._unsent.add(order.id)
        self._answer(self._run.session.unsent(order, why))

    def _leave(self, effect: Outgoing) -> None:
        """Hand an effect over; epoch and latch are looked at there, with nothing in between."""
        try:
            for event in self._run.session.hand_over(effect):
                self._answer(event)  # a broker outside answers later: this is that it has not left
                if isinstance(event, OrderUpdate):
                    self._unsent.add(event.order_id)
        except Exception as error:  # of whatever kind: what else waits to leave must leave
            name = type(error).__name__
            text = error.message if isinstance(error, TradebotError) else f"{name}: {error}"
            self._told(f"{self._run.identity.run}: {text}")
            if isinstance(effect, Place):  # it may have left, or not
                now, order = self._run.session.engine.now, effect.approved.order
                unknown = OrderStatus.UNKNOWN
                self._answer(OrderUpdate(now, order.symbol, order.id, unknown, now, reason=text))


def _opens(effect: Outgoing) -> TypeGuard[Place]:
    """Whether an effect can open or enlarge something: by what the order is, not by its name."""
    return isinstance(effect, Place) and not effect.approved.order.reduce_only
