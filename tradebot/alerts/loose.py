"""What is kept in memory while ``alerts.db`` cannot be written: critical alerts go out all the same, within the budget."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field

from tradebot.alerts.channels import Delivered, Message, NotDelivered, Outway, answer_of
from tradebot.alerts.model import Alert, Memory
from tradebot.alerts.outbox import (
    LONGEST,
    MINUTE,
    SECOND,
    Rate,
    Try,
    free_from,
    shortened,
    wait_after,
)
from tradebot.alerts.store import OutboxStore
from tradebot.alerts.stored import TRIED, Outgoing, mark_of
from tradebot.alerts.under_way import UnderWay
from tradebot.clock import Clock
from tradebot.core.model.errors import JournalError

UNRECORDED = "#unrecorded"
AGAIN_MS = 10 * MINUTE
"""One that was not taken is tried again after so long."""
MOST = 1_000
"""Alerts that are kept; the oldest go first."""


@dataclass(slots=True)
class Loose:
    """How far the audit trail was read without recording it (None: not at all yet), and what of it is critical.

    ``delivered`` has when each (channel, source) was taken (UTC ms); ``only`` the channels of what is on record already and
    waits for some of them; ``asked`` those whose waiting ones were taken over. ``given`` has when each channel was given a
    message, ``before`` when that was by the file, ``not_before`` until when its server wants nothing, ``latest`` when
    that was last looked at (UTC ms).
    """

    cursor: int | None
    told: Memory
    found: dict[str, Alert] = field(default_factory=dict)
    delivered: dict[tuple[str, str], int] = field(default_factory=dict)
    tried: dict[tuple[str, str], int] = field(default_factory=dict)
    only: dict[str, set[str]] = field(default_factory=dict)
    asked: set[str] = field(default_factory=set)
    given: dict[str, list[int]] = field(default_factory=dict)
    before: dict[str, list[int]] = field(default_factory=dict)
    not_before: dict[str, int] = field(default_factory=dict)
    latest: dict[str, int] = field(default_factory=dict)

    def take_waiting(
        self, store: OutboxStore, channel: str, taken: Collection[int], *, last: bool
    ) -> None:
        """Keep what is critical and waits for a channel: what became of it cannot be recorded either.

        ``taken`` are those that went out and could not be noted, or are on their way; ``last``: none is, so that nothing
        else comes to wait in the file.
        """
        if channel in self.asked:
            return
        if last:
            self.asked.add(channel)
        items = [item.id for item in store.items(channel) if item.critical]
        items = [number for number in items if number not in taken]
        for one in store.outgoing(items).values() if items else ():
            where = (one.run, one.mode, one.market)
            known = (one.kind, one.level, "", one.text, one.created, one.data)
            if one.source not in self.found or one.source in self.only:
                self.only.setdefault(one.source, set()).add(channel)
            self.found.setdefault(one.source, Alert(one.seq, one.source, *known, *where))

    @property
    def alerts(self) -> list[Alert]:
        """What is to be entered later, oldest first; rows of the audit trail are read again anyway."""
        return [alert for alert in self.found.values() if alert.seq is None]

    def add(self, alerts: Iterable[Alert]) -> None:
        """Keep what is critical."""
        for alert in alerts:
            if alert.level == "critical":
                self.found.setdefault(alert.source, alert)
        while len(self.found) > MOST:
            del self.found[next(iter(self.found))]

    def next_for(
        self, channel: str, now: int, away: Collection[str] = (), *, joins: bool = False
    ) -> list[Alert]:
        """Return what a channel has not taken and may be tried: all that is new where several go as one text, else the oldest.

        ``away`` are the marks of what is under way.
        """
        ready = [one for one in self.found.values() if self._is_ready(one, channel, now, away)]
        fresh = [one for one in ready if (channel, one.source) not in self.tried]
        return _fitting(fresh) if joins and len(fresh) > 1 else ready[:1]

    def _is_ready(self, alert: Alert, channel: str, now: int, away: Collection[str]) -> bool:
        where = (channel, alert.source)
        if where in self.delivered or self._is_soon(where, now):
            return False
        if mark_of(alert.seq, alert.source) in away:
            return False
        return channel in self.only.get(alert.source, (channel,))

    def _is_soon(self, where: tuple[str, str], now: int) -> bool:
        """Whether it was tried just now; a try ahead of ``now`` is one by a clock that was set back since."""
        tried = self.tried.get(where)
        return tried is not None and tried <= now < tried + AGAIN_MS

    async def deliver(
        self, outway: Outway, store: OutboxStore, clock: Clock, under_way: UnderWay
    ) -> float:
        """Send a channel the next ones; return for how many seconds there is nothing more to do."""
        name, now = outway.name, clock.wall_ms()
        alerts = self.next_for(name, now, under_way.marks(name), joins=outway.joins)
        if not alerts:
            return 1.0
        free = self._free_from(name, outway.rate, store, now)
        if free > now:
            return (free - now) / SECOND
        self.given.setdefault(name, []).append(now)
        for alert in alerts:
            self.tried[name, alert.source] = now
        marks = [mark_of(alert.seq, alert.source) for alert in alerts]
        with under_way.sending(name, marks=marks):
            answer = await answer_of(outway, self.message_of(alerts))
        at = clock.wall_ms()
        if isinstance(answer, Delivered):
            self.delivered.update({(name, alert.source): at for alert in alerts})
        elif isinstance(answer, NotDelivered) and answer.retry_after:
            until = at + wait_after(1, 0.0, answer.retry_after)
            self.not_before[name] = max(self.not_before.get(name, 0), until)
            for alert in alerts:  # surely not taken: no reason to wait longer than that
                self.tried.pop((name, alert.source), None)
        return 0.0

    def _free_from(self, channel: str, rate: Rate, store: OutboxStore, now: int) -> int:
        """Return from when on the channel's rate lets a message out, with those that left by the file."""
        if channel not in self.before:
            with suppress(JournalError):
                past = store.past(channel, now)
                self.before[channel] = [one.at for one in past.tries]
                self.not_before.setdefault(channel, past.not_before)
        given, before = self.given.setdefault(channel, []), self.before.get(channel, [])
        back = max([self.latest.get(channel, now), *given, *before]) - now
        self.latest[channel] = now
        if back > SECOND:  # the clock was set back: nothing may wait until it is as late as it was
            given[:], before[:] = [at - back for at in given], [at - back for at in before]
            self.not_before[channel] = self.not_before.get(channel, 0) - back
        given[:] = [at for at in given if at > now - MINUTE]
        tries = [Try(at, critical=True) for at in (*before, *given)]
        return max(free_from(tries, rate, now, critical=True), self.not_before.get(channel, 0))

    def enter_tries(self, store: OutboxStore) -> None:
        """Enter what the channels were given, and answered, now that there is a file again: it counts for their rate."""
        rows = [(channel, at, True) for channel, times in self.given.items() for at in times]
        if not rows and not any(self.not_before.values()):
            return
        with store.transaction() as db:
            db.executemany(TRIED, rows)
            db.executemany(
                "UPDATE channels SET not_before = max(not_before, ?) WHERE channel = ?",
                [(until, channel) for channel, until in self.not_before.items()],
            )
        for channel, times in self.given.items():
            self.before.setdefault(channel, []).extend(times)
        self.given.clear()

    def message_of(self, alerts: Sequence[Alert]) -> Message:
        """Return what goes out, each marked as not recorded."""
        text = "\n\n".join(
            f"{shortened(one.text)} {mark_of(one.seq, one.source)} {UNRECORDED}" for one in alerts
        )
        return Message(text, [_outgoing(one) for one in alerts])


def _fitting(alerts: Sequence[Alert]) -> list[Alert]:
    """Return as many as fit into one message, from the oldest on; at least one."""
    kept: list[Alert] = []
    size = 0
    for one in alerts:
        size += len(one.text) + len(mark_of(one.seq, one.source)) + len(UNRECORDED) + 4
        if kept and size > LONGEST:
            break
        kept.append(one)
    return kept


def _outgoing(alert: Alert) -> Outgoing:
    where = (alert.data, alert.run, alert.mode, alert.market, alert.file)
    known = (0, alert.source, alert.seq, alert.kind, alert.level, alert.text, alert.time)
    return Outgoing(*known, *where)


__all__ = ["UNRECORDED", "Loose"]
