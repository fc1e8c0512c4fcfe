"""A feed on a venue in process: the venue's clock by hand is the feed's, too."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from random import Random
from typing import Any

from tradebot.core.model.events import Event, FundingRate
from tradebot.core.model.facts import INSTRUMENTS
from tradebot.core.model.values import MINUTE_MS, Bar, MarkBar, Quote
from tradebot.market.binance.source import BinanceSource, MarketRules
from tradebot.market.feed import Step
from tradebot.venue.clock import HandClock
from tradebot.venue.core import Venue
from tradebot.venue.prices import PriceFeed
from tradebot.venue.server import Server
from tradebot.venue.settings import AccountScript, Settings
from tradebot.wire.hosts import Hosts, find_hosts

PATIENCE_S = 60.0


class VenueClockAsOurs:
    """The venue's time as our machine's: both clocks stand still until it is moved."""

    def __init__(self, clock: HandClock) -> None:
        self.hand = clock

    def wall_ms(self) -> int:
        return self.hand.now()

    def monotonic(self) -> float:
        return self.hand.now() / 1000

    def sleep(self, seconds: float) -> None:
        self.hand.advance(round(seconds * 1000))


@dataclass
class Ear:
    """What a feed tells: steps, words and complaints."""

    held: set[str] = field(default_factory=set)
    steps: list[Step] = field(default_factory=list)
    words: list[Event] = field(default_factory=list)
    said: list[str] = field(default_factory=list)

    def tell(self, event: Event) -> None:
        self.words.append(event)

    def say(self, text: str) -> None:
        self.said.append(text)

    def holds(self, symbol: str) -> bool:
        return symbol in self.held

    def of(self, kind: type[Any], symbol: str | None = None) -> list[Any]:
        """The events of exactly one kind, in the order they came."""
        return [
            event
            for step in self.steps
            for event in step
            if type(event) is kind and symbol in (None, event.symbol)
        ]

    @property
    def bars(self) -> list[Bar]:
        return self.of(Bar)

    @property
    def quotes(self) -> list[Quote]:
        return self.of(Quote)

    @property
    def marks(self) -> list[MarkBar]:
        return self.of(MarkBar)

    @property
    def rates(self) -> list[FundingRate]:
        return self.of(FundingRate)


@dataclass
class Scene:
    """A venue with a feed on it."""

    venue: Venue
    server: Server
    clock: HandClock
    hosts: Hosts
    ear: Ear
    symbols: tuple[str, ...]
    source: BinanceSource
    task: asyncio.Task[None] | None = None

    async def listen(self, cursor: dict[str, Any] | None = None, since: int | None = None) -> None:
        """Let the feed begin, and wait until its streams are open."""
        before = self.venue.streams.count
        await self.source.open(self.ear, cursor)
        self.task = asyncio.ensure_future(self.source.feed(self.ear.steps.append, since))
        await self.until(lambda: self.venue.streams.count >= before + 3)

    async def leave(self) -> None:
        """End the feed."""
        if self.task is not None:
            self.task.cancel()
            await asyncio.gather(self.task, return_exceptions=True)
            self.task = None
            await self.source.close()

    async def until(
        self, what: Callable[[], object], seconds: float = PATIENCE_S, pace: int = 0
    ) -> None:
        """Wait until something is so, the clock moving by ``pace`` ms; a feed that fails meanwhile raises here."""
        async with asyncio.timeout(seconds):
            while not what():
                if self.task is not None and self.task.done():
                    self.task.result()
                self.clock.advance(pace)
                await asyncio.sleep(0.005)

    async def pass_time(self, ms: int, pace: int = 250) -> None:
        """Move the clock on in small steps, and let what was sent arrive."""
        for _ in range(ms // pace):
            self.clock.advance(pace)
            for _ in range(4):
                await asyncio.sleep(0)
        await asyncio.sleep(0.01)


def source_on(
    hosts: Hosts, symbols: Sequence[str], clock: HandClock, **named: Any
) -> BinanceSource:
    """Return a source on a venue; ``plays`` and others as named."""
    rules = MarketRules({symbol: INSTRUMENTS[symbol] for symbol in symbols}, 0)
    return BinanceSource(
        hosts,
        rules,
        MINUTE_MS,
        named.pop("timeframe", MINUTE_MS),
        named.pop("warmup", 10),
        clock=VenueClockAsOurs(clock),
        draw=Random(1),
        **named,
    )


@asynccontextmanager
async def scene(
    feed: Callable[[int], PriceFeed],
    start: int,
    symbols: Sequence[str],
    settings: Settings | None = None,
    **named: Any,
) -> AsyncIterator[Scene]:
    """Run a venue at a time; the feed is begun with ``listen``."""
    clock = HandClock(start)
    settings = settings or Settings(account=AccountScript(margin_type="isolated"))
    venue = Venue(feed(start), clock, settings, keep=True)
    server = Server(venue)
    await server.start()
    venue.start()
    hosts = find_hosts("live", server.url)
    made = Scene(
        venue, server, clock, hosts, Ear(), tuple(symbols),
        source_on(hosts, symbols, clock, **named),
    )  # fmt: skip
    try:
        yield made
    finally:
        await made.leave()
        await server.stop()
        venue.stop()


__all__ = ["Ear", "Scene", "scene", "source_on"]
