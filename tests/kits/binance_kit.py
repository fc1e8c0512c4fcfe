"""A feed on a venue in process: the venue's clock by hand is the feed's, too."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Any

from tradebot.app.host import Setup, opened
from tradebot.app.queued import QueueRunner
from tradebot.app.runner import Pace
from tradebot.config import load_config
from tradebot.core.model.events import Event, FundingRate
from tradebot.core.model.facts import INSTRUMENTS
from tradebot.core.model.values import MINUTE_MS, Bar, MarkBar, Quote
from tradebot.core.trading.engine import Engine
from tradebot.journal.reader import Reader
from tradebot.market.binance.source import BinanceSource, MarketRules
from tradebot.market.feed import Step
from tradebot.plugins.strategies import load_strategy
from tradebot.venue.clock import HandClock
from tradebot.venue.core import Venue
from tradebot.venue.prices import PriceFeed
from tradebot.venue.server import Server
from tradebot.venue.settings import AccountScript, Settings
from tradebot.wire.client import Wire
from tradebot.wire.hosts import Hosts, find_hosts

PATIENCE_S = 180.0


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
    wire = Wire(hosts, clock=VenueClockAsOurs(clock), draw=Random(1))
    return BinanceSource(
        wire,
        rules,
        MINUTE_MS,
        named.pop("timeframe", MINUTE_MS),
        named.pop("warmup", 10),
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


@dataclass
class Run:
    """A run of a scene's source, on the real host and journal, its clock the venue's."""

    made: Scene
    folder: Path
    runner: QueueRunner
    task: asyncio.Task[Any]
    said: list[str]

    async def play(self, minutes: int, pace: int = 1000) -> None:
        """Let minutes pass; the bar of each has been played when the next one begins."""
        for _ in range(minutes):
            count = self._bars() + len(self.made.symbols)
            await self.made.pass_time(MINUTE_MS, pace)
            await self.until(lambda count=count: self._bars() >= count, pace=20)  # type: ignore[misc]

    def _bars(self) -> int:
        bars = self.made.source.cursor()["bars"].values()
        return sum(at // MINUTE_MS for at in bars)

    async def until(self, what: Callable[[], object], pace: int = 0) -> None:
        """Wait until something is so; a run that ends meanwhile raises what ended it."""

        def so() -> object:
            if self.task.done():
                raise AssertionError(self.task.result())
            return what()

        await self.made.until(so, pace=pace)

    async def kill(self) -> None:
        """End it without a word, as SIGKILL does: nothing more is committed."""
        async with self.runner.record._turn:  # no commit is on its way
            self.task.cancel()
            await asyncio.wait({self.task}, timeout=30)

    @property
    def engine(self) -> Engine:
        return self.runner.session.engine

    def events(self, *kinds: type) -> list[Any]:
        with Reader(self.folder / "tradebot.db") as reader:
            found = [logged.event for logged in reader.events("paper-0001")]
        return [event for event in found if not kinds or type(event) in kinds]

    def effects(self, *kinds: type) -> list[Any]:
        with Reader(self.folder / "tradebot.db") as reader:
            found = [logged.effect for logged in reader.effects("paper-0001", 0)]
        return [effect for effect in found if type(effect) in kinds]


@asynccontextmanager
async def running(
    made: Scene, folder: Path, strategy: str, params: dict[str, Any], **flags: Any
) -> AsyncIterator[Run]:
    """Host a paper run on a scene; it is stopped in order at the end, unless it was killed."""
    config = load_config(None, {}, (), {"data.dir": str(folder), **flags})
    spec = load_strategy(strategy, config.base_dir, params)
    said: list[str] = []
    clock = VenueClockAsOurs(made.clock)
    source = made.source = source_on(made.hosts, made.symbols, made.clock)
    setup = Setup(config, source, spec, Pace(1.0, None), clock=clock, said=said.append)
    async with opened(setup) as (runner, cursor):
        assert isinstance(runner, QueueRunner)
        run = Run(made, folder, runner, asyncio.ensure_future(runner.main(cursor)), said)
        await run.until(lambda: made.venue.streams.count >= 3)
        yield run
        if not run.task.done():
            await asyncio.sleep(0.5)  # a batch is committed every quarter of a second
            runner.request_stop("the test is over")
            await run.task


__all__ = ["Ear", "Run", "Scene", "running", "scene", "source_on"]
