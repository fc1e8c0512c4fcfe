"""What is kept in memory while ``alerts.db`` cannot be written: critical alerts go out all the same."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from tradebot.alerts.channels import Message
from tradebot.alerts.model import Alert, Memory
from tradebot.alerts.outbox import MINUTE, shortened
from tradebot.alerts.stored import Outgoing, mark_of

UNRECORDED = "#unrecorded"
AGAIN_MS = 10 * MINUTE
"""One that was not taken is tried again after so long."""
MOST = 1_000
"""Alerts that are kept; the oldest go first."""


@dataclass(slots=True)
class Loose:
    """How far the audit trail was read without recording it, and what of it is critical.

    ``delivered`` has when each (channel, source) was taken (UTC ms).
    """

    cursor: int
    told: Memory
    found: dict[str, Alert] = field(default_factory=dict)
    delivered: dict[tuple[str, str], int] = field(default_factory=dict)
    tried: dict[tuple[str, str], int] = field(default_factory=dict)

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
            self.tried[where] = now
            return alert
        return None

    def _is_soon(self, where: tuple[str, str], now: int) -> bool:
        """Whether it was tried just now; a try ahead of ``now`` is one by a clock that was set back since."""
        tried = self.tried.get(where)
        return tried is not None and tried <= now < tried + AGAIN_MS

    def message_of(self, alert: Alert) -> Message:
        """Return what goes out, marked as not recorded."""
        mark = mark_of(alert.seq, alert.source)
        text = f"{shortened(alert.text)} {mark} {UNRECORDED}"
        where = (alert.data, alert.run, alert.mode, alert.market, alert.file)
        known = (0, alert.source, alert.seq, alert.kind, alert.level, alert.text, alert.time)
        return Message(text, [Outgoing(*known, *where)])


__all__ = ["UNRECORDED", "Loose"]
