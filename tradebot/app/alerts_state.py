"""How alerts do, for every face: from the alerter's lock and outbox, without the alerter and without apprise."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Literal, TypeAlias

from tradebot.alerts.alerts_file import is_there
from tradebot.alerts.store import OutboxStore
from tradebot.alerts.stored import PHONE, ChannelRow
from tradebot.core.model.errors import JournalError
from tradebot.core.model.text import escaped
from tradebot.core.model.times import iso
from tradebot.disk import private_directory, replace_durably
from tradebot.guard.alerts_lock import alerter_beat, alerter_pid
from tradebot.guard.lock import lock_owner

WANTED_FILE = "alerts.json"
LOG_FILE = "alerts.log"

LAST_MS = 253_402_300_799_999
"""The last moment that has a date, UTC ms."""

STARTING_MS = 20_000
STUCK_MS = 60_000
UNWRITTEN = "alerts.db cannot be written: only what is critical goes out, from memory"

AlertsWord: TypeAlias = Literal["off", "starting", "running", "idle", "UNRECORDED", "STUCK", "DOWN"]
"""``idle``: nothing to tell, since no engine runs and nothing waits; ``STUCK``: it gives no sign of life.

``UNRECORDED``: it works and can write nothing down.
"""


@dataclass(frozen=True, slots=True)
class AlertsState:
    """The channels that are wanted, the alerter's process, and how each channel does."""

    word: AlertsWord
    wanted: tuple[str, ...] = ()
    pid: int | None = None
    channels: tuple[ChannelRow, ...] = ()
    muted_until: int = 0
    why: str = ""
    phone: str = ""
    """Why no commands come from the phone; "" while they do, or are off."""

    @property
    def waiting(self) -> int:
        """How many messages wait, or are held back."""
        return sum(row.waiting + row.held for row in self.channels)

    @property
    def expired_critical(self) -> int:
        """How many critical alerts nobody took."""
        return sum(row.expired_critical for row in self.channels)

    @property
    def stopped(self) -> tuple[ChannelRow, ...]:
        """The channels that take nothing until somebody mends them."""
        return tuple(row for row in self.channels if row.stopped and row.channel in self.wanted)

    @property
    def alarm(self) -> str:
        """What is wrong, in a few words; "" where nothing is."""
        if self.word in ("DOWN", "STUCK", "UNRECORDED"):
            more = ", EXPIRED" if self.expired_critical else ""
            return f"ALERTS {self.word}{more}"
        if self.expired_critical:
            return f"ALERTS EXPIRED ({self.expired_critical})"
        return "ALERTS STOPPED" if self.stopped else ""

    @property
    def headline(self) -> str:
        """How the alerter does, for where each channel has a line of its own; "" where nobody is to be told anything."""
        if self.word == "off":
            return ""
        waiting = f"{self.waiting} waiting" if self.waiting else ""
        return ", ".join(part for part in (self.alarm or self.word, waiting, self.why) if part)

    @property
    def words(self) -> str:
        """How alerts do, in a line; "" where nobody is to be told anything."""
        if self.word == "off":
            return ""
        parts = [
            self.alarm or self.word,
            *(f"{row.channel}: {row.stopped}" for row in self.stopped),
        ]
        if self.expired_critical:
            parts.append(f"{self.expired_critical} critical taken by nobody")
        parts.append(f"{self.waiting} waiting" if self.waiting else "")
        failing = [row.channel for row in self.channels if row.failures and not row.stopped]
        parts += [f"{', '.join(failing)} failing" if failing else "", self.why, self.phone]
        return ", ".join(part for part in parts if part)


def alerts_state(data_dir: Path, wall: int) -> AlertsState:
    """Return how alerts do at ``wall`` (UTC ms)."""
    wanted, since = _wanted(data_dir)
    pid = alerter_pid(data_dir)
    kept = _kept(data_dir) if is_there(data_dir) else Kept()
    muted = min(kept.muted, LAST_MS) if kept.muted > wall else 0
    if not wanted and pid is None:
        return AlertsState("off", muted_until=muted)
    state = AlertsState("running", wanted, pid, kept.rows, muted)
    word = _word(data_dir, state, wall, since, kept.pulse)
    why = UNWRITTEN if word == "UNRECORDED" else _last_words(data_dir) if word == "DOWN" else ""
    phone = _phone_words(kept.phone) if pid is not None else ""
    return replace(state, word=word, why=why or kept.trouble, phone=phone)


@dataclass(frozen=True, slots=True)
class Kept:
    """What the outbox has of all that; ``trouble`` says why it cannot be read."""

    rows: tuple[ChannelRow, ...] = ()
    muted: int = 0
    pulse: int = 0
    phone: Mapping[str, object] = field(default_factory=dict)
    trouble: str = ""


def _kept(data_dir: Path) -> Kept:
    try:
        with OutboxStore(data_dir, readonly=True) as store:
            rows, phone = tuple(store.channels()), dict(store.get(PHONE, {}))
            muted = int(store.get("muted_until", 0))
            return Kept(rows, muted, int(store.get("pulse", {}).get("wall", 0)), phone)
    except JournalError as error:
        return Kept(trouble=f"alerts.db {error.message}")
    except (ValueError, TypeError, AttributeError, OverflowError):
        return Kept(trouble="alerts.db cannot be understood: the next alerter begins it anew")


def _phone_words(kept: Mapping[str, object]) -> str:
    """Return why no commands come from the phone, and since when."""
    since = kept.get("since")
    if not kept.get("why") or not isinstance(since, int):
        return ""
    return f"{escaped(str(kept['why']))} (since {_time(since)})"


def _word(data_dir: Path, state: AlertsState, wall: int, since: int, pulse: int) -> AlertsWord:
    if state.pid is not None:
        if not pulse or wall - max(pulse, since) <= STUCK_MS:
            return "running"
        return "UNRECORDED" if wall - alerter_beat(data_dir) <= STUCK_MS else "STUCK"
    if wall - since < STARTING_MS:
        return "starting"
    waits = any(row.waiting for row in state.channels if row.channel in state.wanted)
    needed = lock_owner(data_dir) is not None or waits
    return "DOWN" if needed else "idle"


def note_wanted(data_dir: Path, channels: Sequence[str], wall: int) -> None:
    """Note which channels are wanted, for faces that know only the directory; nothing where there are none."""
    path = data_dir / WANTED_FILE
    with suppress(OSError):  # a full disk: it is a note
        if channels:
            private_directory(data_dir)
            replace_durably(path, json.dumps({"channels": list(channels), "wall": wall}))
        else:
            path.unlink(missing_ok=True)


def _wanted(data_dir: Path) -> tuple[tuple[str, ...], int]:
    try:
        note = json.loads((data_dir / WANTED_FILE).read_text(encoding="utf-8"))
        return tuple(escaped(str(name)) for name in note["channels"]), int(note["wall"])
    except (OSError, ValueError, KeyError, TypeError):
        return (), 0


def _last_words(data_dir: Path) -> str:
    """Return the last line that an alerter left behind."""
    try:
        lines = (data_dir / LOG_FILE).read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return ""
    said = [line for line in lines if line.strip()]
    return escaped(said[-1])[:200] if said else ""


def channel_words(row: ChannelRow) -> str:
    """Return how a channel does, in words."""
    parts = []
    if row.stopped:
        parts.append(f"STOPPED: {row.stopped}")
    elif row.failures:
        parts.append(f"failing since {_time(row.failing_since)}: {row.error}")
    parts.append(f"last delivery {_time(row.delivered)}")
    if row.waiting or row.held:
        held = f", {row.held} held back" if row.held else ""
        parts.append(f"{row.waiting} waiting{held}")
    if row.expired_critical:
        parts.append(f"{row.expired_critical} critical EXPIRED")
    return "; ".join(parts)


def _time(at: int | None) -> str:
    return "never" if at is None else f"{iso(at - at % 1000)[5:16].replace('T', ' ')}Z"


def channel_document(row: ChannelRow) -> dict[str, object]:
    """Return a channel as JSON has it."""
    return {
        "channel": row.channel,
        "state": "stopped" if row.stopped else "failing" if row.failures else "ok",
        "error": row.stopped or row.error or None,
        "last_delivery": None if row.delivered is None else iso(row.delivered),
        "waiting": row.waiting,
        "held": row.held,
        "expired_critical": row.expired_critical,
    }


def state_document(state: AlertsState) -> dict[str, object]:
    """Return how alerts do as JSON has it."""
    return {
        "alerter": state.word.lower(),
        "pid": state.pid or None,
        "muted_until": iso(state.muted_until) if state.muted_until else None,
        "why": state.why or None,
        "phone": state.phone or None,
        "channels": [channel_document(row) for row in state.channels],
    }


__all__ = [
    "LOG_FILE",
    "AlertsState",
    "alerts_state",
    "channel_words",
    "note_wanted",
    "state_document",
]
