"""What the alerts room passes around, and what it needs of the rest.

A row of the audit trail, or a condition that the alerter sees by itself, becomes an ``Alert`` (``texts``); each
channel makes one ``Decision`` of it (``policy``); the outbox (``outbox``, ``store``) delivers what is to be sent
(``channels``); ``telegram`` takes commands from a phone. The room knows neither journal nor lock: ``app/alerter.py``
hands it ``Readings`` and a ``Commander``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import field
from decimal import Decimal
from typing import Any, Literal, Protocol, TypeAlias

from tradebot.core.model.frozen import frozen

Level: TypeAlias = Literal["critical", "warning", "info", "extra"]
"""How much it matters; ``extra`` is off by default."""

Sound: TypeAlias = Literal["on", "silent", "off"]

LEVEL_SOUNDS: Mapping[Level, Sound] = {
    "critical": "on",
    "warning": "on",
    "info": "on",
    "extra": "off",
}
"""What holds for a level that ``[alerts.on]`` does not name."""

KINDS: Mapping[str, Level] = {
    "halt": "critical",
    "close_all": "critical",
    "no_stop": "critical",
    "liquidation_risk": "critical",
    "liquidated": "critical",
    "stop_rejected": "critical",
    "loss_limit": "critical",
    "reconcile": "critical",
    "foreign": "critical",
    "engine_dead": "critical",
    "engine_hung": "critical",
    "disk_full": "critical",
    "journal": "critical",
    "key_refused": "critical",
    "alarm": "critical",
    "loss_near": "warning",
    "feed": "warning",
    "clock": "warning",
    "banned": "warning",
    "order_unknown": "warning",
    "drift": "warning",
    "demoted": "warning",
    "incident": "warning",
    "channel": "warning",
    "resume": "warning",
    "changed": "warning",
    "commands": "warning",
    "notice": "warning",
    "started": "info",
    "ended": "info",
    "entry": "info",
    "exit": "info",
    "day": "info",
    "month": "info",
    "recovered": "info",
    "note": "info",
    "signal": "extra",
    "refusal": "extra",
    "ghost": "extra",
}
"""Every kind of alert with its level; ``[alerts.on]`` has a key of the same name for each."""

Memory: TypeAlias = dict[str, Any]
"""What has to be remembered between two rows, as JSON types; kept in one transaction with the cursor."""

SIMULATED = "SIMULATED"
"""How the text of an alert from a simulated market or from files begins."""


@frozen
class AuditRow:
    """A row of the audit trail: ``body`` in JSON types, ``ts`` market time, ``wall`` real time (UTC ms).

    ``fact`` is the body as the value it was written from (the journal's ``read_fact``): an effect, a command, or what
    begins and ends a run; None for a row that makes no sense.
    ``mark`` is the beginning of its hash: the same number in a journal put back from a copy is another row.
    """

    seq: int
    run: str
    ts: int
    wall: int
    kind: str
    body: Mapping[str, Any]
    fact: Any
    mark: str = ""


@frozen
class Held:
    """An open position: quantity in base units, money in USDT; ``stop`` None where none is known."""

    symbol: str
    side: str
    qty: Decimal
    entry: Decimal
    mark: Decimal | None
    pnl: Decimal | None
    stop: Decimal | None


@frozen
class Scene:
    """How a run stands right now, as its snapshot has it; money in USDT, None where it is not known.

    ``simulated``: prices from the embedded market or from files. ``beat`` is when its engine last wrote (real clock,
    UTC ms).
    """

    run: str
    mode: str
    market: str
    simulated: bool
    state: str = "running"
    equity: Decimal | None = None
    start_equity: Decimal | None = None
    day_pnl: Decimal | None = None
    positions: Sequence[Held] = ()
    halts: Mapping[str, str] = field(default_factory=dict)
    beat: int | None = None


@frozen
class Alert:
    """Something worth telling.

    ``seq`` is the audit row it comes from, None for what the alerter sees itself; ``source`` names either
    (``audit:17``, ``engine_dead:paper-0007:1732...``) and is told once a channel. What has the same ``key`` within ten
    minutes becomes one message. ``time`` is real time (UTC ms). ``text``: what happened, how things stand, what to do.
    ``file`` is a path to attach where the channel can, "" for none.
    """

    seq: int | None
    source: str
    kind: str
    level: Level
    key: str
    text: str
    time: int
    data: Mapping[str, Any] = field(default_factory=dict)
    run: str = ""
    mode: str = ""
    market: str = ""
    simulated: bool = False
    file: str = ""


@frozen
class Condition:
    """What no audit row says: engine_dead, engine_hung, disk_full or journal; ``over`` when it has passed.

    ``data`` has its numbers (``pid``, ``since_ms``, ``seconds``, ``free_bytes``, ``why``) in JSON types.
    """

    kind: str
    since: int
    over: bool = False
    data: Mapping[str, Any] = field(default_factory=dict)


Fate: TypeAlias = Literal["send", "silent", "held", "muted", "off"]


@frozen
class Decision:
    """What becomes of an alert on one channel; ``why`` in words unless it is sent, ``until`` (UTC ms) when held."""

    fate: Fate
    why: str = ""
    until: int = 0


@frozen
class Wishes:
    """What the user wants told, from ``[alerts]``; ``quiet`` in minutes of the day in ``zone`` (IANA name)."""

    channels: tuple[str, ...]
    on: Mapping[str, Sound] = field(default_factory=dict)
    simulated: bool = False
    amounts: bool = True
    quiet: tuple[int, int] | None = None
    zone: str = "UTC"
    summary_at: int = 5
    silent_channels: tuple[str, ...] = ()


@frozen
class OwnerSeen:
    """The engine that holds the lock: its process, what names its start, and the account that it trades ("": none).

    ``taken`` is when it took the lock, ``shown`` when its start was last seen to go on (UTC ms); 0 where it does not say.
    """

    pid: int
    started: str
    account: str = ""
    taken: int = 0
    shown: int = 0


@frozen
class Sighting:
    """What is to be seen beside the audit trail at one moment (``wall``, UTC ms).

    ``scenes``: the runs that are not over, the newest first. ``trouble``: what an engine that cannot write its journal
    says of it; ``halt_words`` who has set the HALT file and why. ``free_bytes`` None where the disk cannot be asked; ``side_rows`` protective orders in the side file;
    ``closing`` the newest close-all of an account as ``status --json`` has it. ``busy``: no engine, but a command such as a
    close-all works on the journal. ``reports`` are the pages of whole months. ``waits``: the engine sends and writes
    nothing before a resume. ``readable``: whether the journal could be read; else nothing is known of its runs. ``unmade``:
    it could not since it is of an older version, or not there yet, which the next start mends. ``left`` names the process and
    the start of an engine that went, and not in order.
    """

    wall: int
    owner: OwnerSeen | None
    scenes: Sequence[Scene] = ()
    halted: bool = False
    halt_words: str = ""
    trouble: str = ""
    free_bytes: int | None = None
    side_rows: int = 0
    closing: Mapping[str, Any] | None = None
    busy: bool = False
    reports: Sequence[str] = ()
    waits: bool = False
    readable: bool = True
    unmade: bool = False
    left: tuple[int, str] | None = None


class Readings(Protocol):
    """Everything the alerter reads; it writes none of it."""

    def rows(self, after: int, limit: int) -> Sequence[AuditRow]:
        """Return the audit rows behind number ``after``, at most ``limit``; JournalError when it cannot be read."""
        ...

    def newest_start(self) -> int:
        """Return the number of the row before the newest start of an engine that works; else that of the newest row."""
        ...

    def scene(self, run: str) -> Scene | None:
        """Return how a run stands; None for one that the journal does not know."""
        ...

    def look(self) -> Sighting:
        """Return what is to be seen beside the audit trail; never raises."""
        ...


class Commander(Protocol):
    """The two acts there are; nothing else can be asked for from outside."""

    def halt(self, reason: str, who: str) -> str:
        """Latch the HALT file, then post the command; return what is open, in words."""
        ...

    def close_all(self, who: str) -> tuple[str, ...]:
        """Return the words of the command that closes everything, to be run in a process of its own."""
        ...


__all__ = [
    "KINDS",
    "LEVEL_SOUNDS",
    "SIMULATED",
    "Alert",
    "AuditRow",
    "Commander",
    "Condition",
    "Decision",
    "Fate",
    "Held",
    "Level",
    "Memory",
    "OwnerSeen",
    "Readings",
    "Scene",
    "Sighting",
    "Sound",
    "Wishes",
]
