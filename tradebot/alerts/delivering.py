"""One channel's next thing: what is chosen of what waits goes out, and what became of it is noted.

Mostly one send is under way on a channel. Beside one that takes long, critical alerts go out all the same (``hurry``).
"""

from __future__ import annotations

from collections.abc import Callable, Collection

from tradebot.alerts import policy
from tradebot.alerts.channels import Broken, Delivered, Message, NotDelivered, Outway, answer_of
from tradebot.alerts.model import Wishes
from tradebot.alerts.outbox import (
    SECOND,
    Expired,
    Going,
    Item,
    Waiting,
    choose,
    fitting,
    message,
    wait_after,
)
from tradebot.alerts.store import OutboxStore
from tradebot.alerts.under_way import UnderWay
from tradebot.clock import Clock
from tradebot.core.model.errors import JournalError

IDLE_MS = 1_000
"""For so long nothing is looked for on a channel on which nothing waits."""


class Delivery:
    """Delivers what is in the outbox. What went out while that could not be noted is noted later."""

    def __init__(
        self, store: OutboxStore, wishes: Wishes, clock: Clock, jitter: Callable[[], float]
    ) -> None:
        self._store, self._wishes, self._clock, self._jitter = store, wishes, clock, jitter
        self._unnoted: dict[str, list[tuple[Going, int]]] = {}
        self._rests: dict[tuple[str, bool], tuple[tuple[int, int], int, int]] = {}
        self.under_way = UnderWay(clock)

    async def next(self, outway: Outway, *, hurry: bool = False) -> float:
        """Do the next thing for a channel; return for how many seconds there is nothing more to do.

        ``hurry``: only what is critical, beside a send that is under way.
        """
        now = self._clock.wall_ms()
        try:
            rest = self._rest(outway.name, now, hurry)
            if rest > 0:
                return rest
            self._note_late(outway.name)
            self._store.heed_clock(outway.name, now)
            self._hold_quiet(outway.name, now)
            items = self._choosable(outway, hurry)
            past = self._store.past(outway.name, now)
            step = choose(items, past, outway.rate, now, joins=outway.joins)
            if isinstance(step, Expired):
                self._store.note_expired(step.items)
                return 0.0
            if isinstance(step, Waiting):
                until = now + IDLE_MS if step.until is None else step.until
                self._rests[outway.name, hurry] = (self._store.stamp(), now, until)
                return max(0.01, (until - now) / SECOND)
            await self._send(outway, step, past.failures, now)
        except JournalError:
            return 1.0
        return 0.0

    def _choosable(self, outway: Outway, hurry: bool) -> list[Item]:
        """Return what waits and is not under way; while something critical is, or in a hurry, only what is critical."""
        items = self._store.items(outway.name, joins=outway.joins)
        ids, marks = self.under_way.ids(outway.name), self.under_way.marks(outway.name)
        strict = hurry or self.under_way.is_critical(outway.name)
        return [
            item
            for item in items
            if item.id not in ids and item.mark not in marks and (item.critical or not strict)
        ]

    def _rest(self, channel: str, now: int, hurry: bool) -> float:
        """Return for how many seconds nothing has to be looked at: it was, and nobody has written since.

        A clock that was set, and quiet hours that begin, have it looked at again.
        """
        stamp, since, until = self._rests.get((channel, hurry), ((0, 0), 0, 0))
        if not since <= now < until or stamp != self._store.stamp() or channel in self._unnoted:
            return 0.0
        if policy.quiet_until(self._wishes, now) != policy.quiet_until(self._wishes, since):
            return 0.0
        return (until - now) / SECOND

    def _hold_quiet(self, channel: str, now: int) -> None:
        """Hold back what still waits when quiet hours begin, and is not critical."""
        until = policy.quiet_until(self._wishes, now)
        if until is not None:
            self._store.hold(channel, until, f"quiet hours {self._wishes.zone}")

    def unnoted(self, channel: str) -> Collection[int]:
        """Return the numbers of what went out while that could not be noted."""
        return [item.id for going, _ in self._unnoted.get(channel, ()) for item in going.items]

    def _note_late(self, channel: str) -> None:
        """Note what went out while that could not be noted."""
        for going, at in self._unnoted.get(channel, ()):
            self._store.note_sent(channel, going, at)
        self._unnoted.pop(channel, None)

    async def _send(self, outway: Outway, going: Going, failures: int, now: int) -> None:
        """Send one message; it is on record as tried before it leaves."""
        found = self._store.outgoing([item.id for item in going.items])
        bodies = {number: one.text for number, one in found.items()}
        going = fitting(going, bodies)
        critical = going.items[0].critical
        count = 1 + (going.items[0].tried if critical else failures)
        until = now + wait_after(count, self._jitter())
        again = self._store.again
        self._store.note_try(outway.name, going, now, until)
        alerts = [found[item.id] for item in going.items]
        silent = all(item.silent for item in going.items)
        ids = [item.id for item in going.items]
        with self.under_way.sending(outway.name, ids, critical=critical):
            answer = await answer_of(outway, Message(message(going, bodies), alerts, silent))
        now = self._clock.wall_ms()
        if isinstance(answer, Broken) and self._store.again != again:
            answer = NotDelivered(answer.why)  # as it was set up before somebody mended it
        if isinstance(answer, Delivered):
            try:
                self._store.note_sent(outway.name, going, now)
            except JournalError:
                self._unnoted.setdefault(outway.name, []).append((going, now))
                raise
        elif isinstance(answer, Broken):
            self._store.note_failed(outway.name, going, answer.why, now, until, 0)
            self._store.note_stopped(outway.name, answer.why, now)
        else:
            until = now + wait_after(count, self._jitter(), answer.retry_after)
            asked = until if answer.retry_after else 0
            self._store.note_failed(outway.name, going, answer.why, now, until, asked)


__all__ = ["Delivery"]
