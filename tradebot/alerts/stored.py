"""What the outbox keeps of an alert and a channel: the tables, and their rows as values. Times in UTC milliseconds."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Literal, TypeAlias

from tradebot.alerts.model import Alert, Decision, Level
from tradebot.core.model.frozen import frozen

OutboxState: TypeAlias = Literal["waiting", "held", "sent", "coalesced", "muted", "expired"]

PHONE = "phone"
"""What is kept under this name says why no commands come from the phone, and since when; empty while they do."""

SCHEMA = """
CREATE TABLE IF NOT EXISTS meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS outbox (
    id INTEGER PRIMARY KEY, channel TEXT NOT NULL, source TEXT NOT NULL, seq INTEGER, kind TEXT NOT NULL,
    level TEXT NOT NULL, key TEXT NOT NULL, text TEXT NOT NULL, data TEXT NOT NULL, run TEXT NOT NULL,
    mode TEXT NOT NULL, market TEXT NOT NULL, file TEXT NOT NULL, created INTEGER NOT NULL,
    due INTEGER NOT NULL, silent INTEGER NOT NULL, state TEXT NOT NULL, attempts INTEGER NOT NULL DEFAULT 0,
    next_try INTEGER NOT NULL DEFAULT 0, last_error TEXT NOT NULL DEFAULT '', sent INTEGER,
    UNIQUE (channel, source));
CREATE INDEX IF NOT EXISTS outbox_waiting ON outbox (channel, state) WHERE state IN ('waiting', 'held');
CREATE INDEX IF NOT EXISTS outbox_next ON outbox (channel, level != 'critical', attempts, id)
    WHERE state IN ('waiting', 'held');
CREATE INDEX IF NOT EXISTS outbox_retried ON outbox (channel, next_try) WHERE state = 'waiting' AND next_try > 0;
CREATE INDEX IF NOT EXISTS outbox_created ON outbox (channel, created);
CREATE INDEX IF NOT EXISTS outbox_sent ON outbox (channel, sent);
CREATE TABLE IF NOT EXISTS tries (channel TEXT NOT NULL, at INTEGER NOT NULL, critical INTEGER NOT NULL);
CREATE INDEX IF NOT EXISTS tries_by_time ON tries (channel, at);
CREATE TABLE IF NOT EXISTS channels (
    channel TEXT PRIMARY KEY, failures INTEGER NOT NULL DEFAULT 0, others_from INTEGER NOT NULL DEFAULT 0,
    not_before INTEGER NOT NULL DEFAULT 0, stopped TEXT NOT NULL DEFAULT '', error TEXT NOT NULL DEFAULT '',
    failing_since INTEGER, delivered INTEGER, digest INTEGER NOT NULL DEFAULT 0,
    settings TEXT NOT NULL DEFAULT '') WITHOUT ROWID;
"""


@frozen
class OutboxRow:
    """What became of an alert on a channel; times in UTC ms, ``sent`` None before."""

    id: int
    channel: str
    source: str
    seq: int | None
    kind: str
    level: str
    text: str
    created: int
    state: str
    attempts: int
    next_try: int
    last_error: str
    sent: int | None


@frozen
class ChannelRow:
    """How a channel does: failures in a row, why it is stopped ("": it is not), when it last delivered (UTC ms)."""

    channel: str
    failures: int = 0
    stopped: str = ""
    error: str = ""
    failing_since: int | None = None
    delivered: int | None = None
    waiting: int = 0
    held: int = 0
    expired_critical: int = 0


@frozen
class Outgoing:
    """What a channel needs of an item beside its text."""

    id: int
    source: str
    seq: int | None
    kind: str
    level: Level
    text: str
    created: int
    data: Mapping[str, Any]
    run: str
    mode: str
    market: str
    file: str


INSERT = (
    "INSERT OR IGNORE INTO outbox (channel, source, seq, kind, level, key, text, data, run, mode, market,"
    " file, created, due, silent, state, last_error, sent)"
    " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
)

TRIED = "INSERT INTO tries VALUES (?, ?, ?)"
"""That a channel was given a message: which, when, and whether it was critical."""

_STATES: Mapping[str, OutboxState] = {
    "send": "waiting",
    "silent": "waiting",
    "held": "held",
    "muted": "muted",
    "off": "muted",
}


def columns_of(
    alert: Alert, channel: str, decision: Decision, now: int, delivered: int | None
) -> tuple[object, ...]:
    """Return an alert as it is entered for a channel; ``delivered`` is when it went out already."""
    state: OutboxState = _STATES[decision.fate] if delivered is None else "sent"
    begins = now if alert.seq is None or alert.level == "critical" else alert.time
    due = decision.until if decision.fate == "held" else begins
    data = json.dumps(alert.data, sort_keys=True, default=str)
    return (
        *(channel, alert.source, alert.seq, alert.kind, alert.level, alert.key, alert.text, data),
        *(alert.run, alert.mode, alert.market, alert.file, alert.time, due),
        *(decision.fate == "silent", state, decision.why, delivered),
    )


def source_of(seq: int, number: int, mark: str) -> str:
    """Return what names the alert with this ``number``, from 0, of those that an audit row led to."""
    return f"{seq}.{number}.{mark}"


def mark_of(seq: int | None, source: str) -> str:
    """Return how a text ends, so that the same told twice can be seen: ``#17``, the audit row's number.

    A further alert of the row is no double of its first: ``#17.2``.
    """
    if seq is None:
        return f"#{source}"
    parts = source.split(".")
    more = int(parts[1]) if len(parts) > 1 and parts[1].isdecimal() else 0
    return f"#{seq}.{more + 1}" if more else f"#{seq}"


__all__ = [
    "INSERT",
    "PHONE",
    "SCHEMA",
    "TRIED",
    "ChannelRow",
    "OutboxRow",
    "Outgoing",
    "columns_of",
    "mark_of",
    "source_of",
]
