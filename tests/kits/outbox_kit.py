"""The alerter on a hand-driven clock, with readings that a test writes and channels that do what a script says."""

from __future__ import annotations

import asyncio
import json
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from tradebot.alerts.alerter import Alerter
from tradebot.alerts.channels import Answered, Broken, Delivered, Message, NotDelivered
from tradebot.alerts.model import AuditRow, OwnerSeen, Scene, Sighting, Wishes
from tradebot.alerts.outbox import Rate
from tradebot.alerts.store import OutboxStore
from tradebot.app.alert_readings import JournalReadings
from tradebot.core.model.errors import JournalError
from tradebot.core.model.times import of_iso
from tradebot.journal.projection import read_fact

NOON = of_iso("2026-11-27T12:00:00Z")
RUN = "live-0001"
SCENE = Scene(RUN, "live", "BINANCE USD-M", simulated=False, beat=NOON)


@dataclass
class Hands:
    """A clock that goes when it is told to."""

    now: int = NOON

    def wall_ms(self) -> int:
        return self.now

    def monotonic(self) -> float:
        return self.now / 1000

    def sleep(self, seconds: float) -> None:
        self.now += int(seconds * 1000)


@dataclass
class WrittenReadings:
    """An audit trail that a test writes."""

    clock: Hands
    written: list[AuditRow] = field(default_factory=list)
    fails: bool = False
    owner: OwnerSeen | None = field(default_factory=lambda: OwnerSeen(1, "a"))
    seen: Sighting | None = None
    started: int = 0
    copies: int = 0

    def notify(self, level: str, text: str) -> int:
        """Write a row of the engine's own words; returns its number."""
        return self.write("Notify", level=level, text=text)

    def write(self, kind: str, **words: Any) -> int:
        """Write a row of a kind, of this moment; returns its number."""
        seq, at = len(self.written) + 1, self.clock.now
        body = {"at": at, **words}
        fact = read_fact(kind, json.dumps(body))
        self.written.append(
            AuditRow(seq, RUN, at, at, kind, body, fact, f"{self.copies:x}{seq:07x}")
        )
        return seq

    def rows(self, after: int, limit: int) -> Sequence[AuditRow]:
        if self.fails:
            raise JournalError("the disk failed")
        return [row for row in self.written if row.seq > after][:limit]

    def newest_start(self) -> int:
        return self.started

    def replace(self, *rows: AuditRow, started: int = 0) -> None:
        """Put another journal in its place, whose engine began behind row ``started``."""
        self.written, self.started, self.copies = list(rows), started, self.copies + 1

    def scene(self, run: str) -> Scene | None:
        return replace(SCENE, run=run, beat=self.clock.now)

    def look(self) -> Sighting:
        if self.seen is not None:
            return replace(self.seen, wall=self.clock.now)
        scene = replace(SCENE, beat=self.clock.now)
        return Sighting(self.clock.now, self.owner, (scene,), free_bytes=1 << 30)


@dataclass
class ScriptedWay:
    """A channel: ``fates`` are ok, lost, 429, down, broken, one a message; then all is taken."""

    name: str
    clock: Hands
    rate: Rate = field(default_factory=Rate)
    joins: bool = True
    fates: deque[str] = field(default_factory=deque)
    always: str = "ok"
    tries: list[tuple[int, Message, str]] = field(default_factory=list)
    closed: bool = False

    async def send(self, message: Message) -> Answered:
        fate = self.fates.popleft() if self.fates else self.always
        self.tries.append((self.clock.now, message, fate))
        if fate == "ok":
            return Delivered()
        if fate == "429":
            return NotDelivered("answered 429", 7.0)
        if fate == "broken":
            return Broken("answered 401")
        return NotDelivered("no answer")

    async def close(self) -> None:
        self.closed = True

    def taken(self) -> list[Message]:
        """What arrived, ``lost`` answers too."""
        return [message for _, message, fate in self.tries if fate in ("ok", "lost")]

    def seqs(self) -> list[int]:
        """The audit rows that arrived, as often as they did."""
        return [one.seq for message in self.taken() for one in message.alerts if one.seq]


class Desk:
    """All of it together."""

    def __init__(self, folder: Path, wishes: Wishes | None = None, *ways: ScriptedWay) -> None:
        self.clock = Hands()
        self.folder = folder
        self.readings = WrittenReadings(self.clock)
        self.ways = ways or (ScriptedWay("telegram", self.clock),)
        for way in self.ways:
            way.clock = self.clock
        self.wishes = wishes or Wishes(tuple(way.name for way in self.ways))
        folder.mkdir(exist_ok=True)
        self.store = OutboxStore(folder)
        self.store.db.execute("PRAGMA synchronous = OFF")
        for way in self.ways:
            self.store.resettle(way.name, "settings")
        self.alerter = self._alerter()

    def _alerter(self) -> Alerter:
        return Alerter(
            *(self.readings, self.store, self.ways, self.wishes),
            jitter=lambda: 0.5,
            clock=self.clock,
        )

    def restart(self) -> None:
        """Have another alerter go on with the file."""
        self.store.close()
        self.store = OutboxStore(self.folder)
        self.store.db.execute("PRAGMA synchronous = OFF")
        self.alerter = self._alerter()

    def turn(self, seconds: float = 0.0) -> None:
        """Look, deliver all that goes, then let time pass."""
        while self.alerter.look():
            pass
        asyncio.run(self._deliver())
        self.clock.sleep(seconds)

    async def _deliver(self) -> None:
        for way in self.ways:
            for _ in range(100):
                if await self.alerter.deliver_once(way) > 0:
                    break

    def run(self, seconds: float, step: float = 1.0) -> None:
        """Live through a time."""
        for _ in range(int(seconds / step)):
            self.turn(step)


class Onlooker:
    """An alerter on a real data directory, from its first row on; what it would send is kept in memory.

    ``now`` is its clock (UTC ms); the outbox is in a folder of its own.
    """

    def __init__(self, data_dir: Path, folder: Path, now: int) -> None:
        self.clock = Hands(now)
        self.way = ScriptedWay("webhook", self.clock, joins=False, rate=Rate(1_000, 10_000, 10_000))
        folder.mkdir(exist_ok=True)
        self.store = OutboxStore(folder)
        self.store.put("cursor", 0)
        self.alerter = Alerter(
            *(JournalReadings(data_dir, self.clock), self.store, [self.way]),
            Wishes(("webhook",), on={"extra": "on"}, simulated=True),
            jitter=lambda: 0.0,
            clock=self.clock,
        )

    def look(self, now: int | None = None) -> list[str]:
        """Look once, and send what goes; returns the kinds of what arrived so far."""
        self.clock.now = self.clock.now if now is None else now
        while self.alerter.look():
            pass
        asyncio.run(self._deliver())
        return [alert.kind for message in self.way.taken() for alert in message.alerts]

    def first_lines(self) -> list[tuple[str, str]]:
        """Read all there is; return kind and first line of what every row leads to."""
        while self.alerter.look():
            pass
        rows = self.store.listed(limit=100_000)
        return [(row.kind, row.text.partition("\n")[0]) for row in rows]

    async def _deliver(self) -> None:
        while await self.alerter.deliver_once(self.way) == 0:
            pass
