"""The wire before a venue in this process: the real ccxt client, a clock moved by hand."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from random import Random
from typing import Any

from kits import venue_kit
from kits.venue_kit import QUIET, make_venue
from tradebot.venue.clock import HandClock
from tradebot.venue.core import Venue
from tradebot.venue.script import ScriptRow
from tradebot.venue.server import Server
from tradebot.venue.settings import AccountScript, Settings
from tradebot.wire.api_key import ApiKey
from tradebot.wire.client import Wire
from tradebot.wire.hosts import find_hosts


class BesideClock:
    """Our clock beside the venue's: its own error, and a wall clock that can be set."""

    def __init__(self, venue: HandClock, behind_ms: int = 0) -> None:
        self._venue = venue
        self._begin = venue.now()
        self.behind_ms = behind_ms
        self.set_by = 0
        self.jumped_ms = 0

    def venue_jumps(self, ms: int) -> None:
        """Set the venue's clock only: ours goes on as if nothing had been."""
        self.jumped_ms += ms
        self._venue.jump(ms)

    def wall_ms(self) -> int:
        return self._venue.now() - self.jumped_ms - self.behind_ms + self.set_by

    def monotonic(self) -> float:
        return (self._venue.now() - self.jumped_ms - self._begin) / 1000

    def sleep(self, seconds: float) -> None:
        self._venue.advance(round(seconds * 1000))


@dataclass
class Line:
    """A wire with the venue behind it."""

    wire: Wire
    venue: Venue
    server: Server
    venue_clock: HandClock
    clock: BesideClock

    def asked(self, method: str, path: str) -> list[dict[str, Any]]:
        """Return the requests of one kind that reached the venue."""
        rows = self.venue.ledger.of("request")
        return [row for row in rows if (row["method"], row["path"]) == (method, path)]


@asynccontextmanager
async def connected(
    rows: Sequence[ScriptRow] = QUIET,
    *,
    settings: Settings | None = None,
    account: AccountScript | None = None,
    behind_ms: int = 0,
    keys: bool = True,
) -> AsyncIterator[Line]:
    clock = HandClock(venue_kit.START)
    venue = make_venue(rows, settings=settings, account=account, clock=clock)
    server = Server(venue)
    await server.start()
    venue.start()
    ours = BesideClock(clock, behind_ms)
    held = venue.credentials
    api_key = ApiKey(held.key, held.secret) if keys else None
    wire = Wire(find_hosts("local", server.url), clock=ours, api_key=api_key, draw=Random(1))
    try:
        async with wire:
            yield Line(wire, venue, server, clock, ours)
    finally:
        await server.stop()
        venue.stop()
