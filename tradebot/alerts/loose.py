"""What is kept in memory while ``alerts.db`` cannot be written: critical alerts go out all the same."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass, field

from tradebot.alerts.channels import Delivered, Message, Outway, answer_of
from tradebot.alerts.model import Alert, Memory
from tradebot.alerts.outbox import MINUTE, shortened
from tradebot.alerts.store import OutboxStore
from tradebot.alerts.stored import Outgoing, mark_of
from tradebot.clock import Clock

UNRECORDED = "#unrecorded"
AGAIN_MS = 10 * MINUTE
"""One that was not taken is tried again after so long."""
MOST = 1_000
"""Alerts that are kept; the oldest go first."""


@dataclass(slots=True)
class Loose:
    """How far the audit trail was read without recording it (None: not at all yet), and what of it is critical.

    ``delivered`` has when each (channel, source) was taken (UTC ms); ``only`` the channels of what is on record already and
    waits for some of them; ``asked`` those whose waiting ones were taken over.
    """

    cursor: int | None
    told: Memory
    found: dict[str, Alert] = field(default_factory=dict)
    delivered: dict[tuple[str, str], int] = field(default_factory=dict)
    tried: dict[tuple[str, str], int] = field(default_factory=dict)
    only: dict[str, set[str]] = field(default_factory=dict)
    asked: set[str] = field(default_factory=set)

    def take_waiting(self, store: OutboxStore, channel: str, taken: Collection[int]) -> None:
        """Keep, once, what is critical and waits for a channel: what became of it cannot be recorded either.

        ``taken`` are those that went out and could not be noted. Asked for while nothing is on its way there.
        """
        if channel in self.asked:
            return
        self.asked.add(channel)
        items = [item.id for item in store.items(channel) if item.critical]
        items = [number for number in items if number not in taken]
        for one in store.outgoing(items).values() if items else ():
            where = (one.run, one.mode, one.market)
            known = (one.kind, one.level, "", one.text, one.created, one.data)
            self.found.setdefault(one.source, Alert(one.seq, one.source, *known, *where))
            self.only.setdefault(one.source, set()).add(channel)

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

    def next_for(self, channel: str, now: int) -> Alert | None:
        """Return the oldest that a channel has not taken and may be tried, and note the try."""
        for source, alert in self.found.items():
            where = (channel, source)
            if where in self.delivered or self._is_soon(where, now):
                continue
            if channel not in self.only.get(source, (channel,)):
                continue
            self.tried[where] = now
            return alert
        return None

    def _is_soon(self, where: tuple[str, str], now: int) -> bool:
        """Whether it was tried just now; a try ahead of ``now`` is one by a clock that was set back since."""
        tried = self.tried.get(where)
        return tried is not None and tried <= now < tried + AGAIN_MS

    async def deliver(self, outway: Outway, clock: Clock) -> float:
        """Send a channel the next one; return for how many seconds there is nothing more to do."""
        alert = self.next_for(outway.name, clock.wall_ms())
        if alert is None:
            return 1.0
        answer = await answer_of(outway, self.message_of(alert))
        if isinstance(answer, Delivered):
            self.delivered[outway.name, alert.source] = clock.wall_ms()
        return 1.0 / max(1, outway.rate.second)

    def message_of(self, alert: Alert) -> Message:
        """Return what goes out, marked as not recorded."""
        mark = mark_of(alert.seq, alert.source)
        text = f"{shortened(alert.text)} {mark} {UNRECORDED}"
        where = (alert.data, alert.run, alert.mode, alert.market, alert.file)
        known = (0, alert.source, alert.seq, alert.kind, alert.level, alert.text, alert.time)
        return Message(text, [Outgoing(*known, *where)])


__all__ = ["UNRECORDED", "Loose"]
