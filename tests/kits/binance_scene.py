"""An engine that trades on the venue through the real ccxt client, all in one process and in virtual time.

Sockets, signatures, JSON and the journal are the real ones; only time jumps when nobody has anything to do.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Iterable, Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from random import Random
from typing import Any

from kits import live_kit
from kits.strategy_kit import write_strategy
from tradebot.app.host import opened
from tradebot.broker.binance import BinanceBroker
from tradebot.core.model.values import Bar, Quote
from tradebot.venue.bus import Tick
from tradebot.venue.clock import Timer
from tradebot.venue.core import Venue
from tradebot.venue.server import Server
from tradebot.venue.settings import AccountScript, Settings
from tradebot.wire.api_key import ApiKey
from tradebot.wire.client import Wire
from tradebot.wire.hosts import find_hosts

D = Decimal
WALLET = D(10_000)


class LoopVenueClock:
    """The virtual loop's time as the venue's."""

    def __init__(self, loop: live_kit.VirtualLoop, start: int) -> None:
        self._loop = loop
        self._start = start

    def now(self) -> int:
        return self._start + round(self._loop.virtual * 1000)

    def call_at(self, due: int, action: Callable[[], None]) -> Timer:
        timer = Timer(due, action)
        timer.handle = self._loop.call_later(max(0, due - self.now()) / 1000, timer.run)
        return timer

    def jump(self, ms: int) -> None:
        self._start += ms


class GivenFeed:
    """No prices of its own: they are given to the venue as they happen."""

    label = "given"
    trades = False

    def __init__(self, symbols: Sequence[str]) -> None:
        self.symbols = tuple(symbols)

    def history(self) -> Iterable[Bar]:
        return ()

    def ticks(self) -> Iterator[Tick]:
        return iter(())


class Street:
    """Shows each quote to the venue in the moment in which it happens."""

    def __init__(self, venue: Venue) -> None:
        self._venue = venue

    def live_through(self, quotes: Sequence[Any]) -> None:
        for quote in quotes:
            if isinstance(quote, Quote):
                self._venue.take(quote)


@dataclass
class Scene:
    """What a test looks at when the run is over.

    ``cash`` and ``held`` are the venue's at the run's end: its clock runs on until the journal is closed, and funding with it.
    """

    ending: Any
    session: Any
    venue: Venue
    wire: Wire
    broker: BinanceBroker
    cash: Decimal
    held: dict[str, Decimal]

    def agree(self) -> None:
        """The engine's ledger is the venue's own, to the last digit."""
        engine = self.session.engine
        assert engine.portfolio.cash == self.cash
        for symbol, book in engine.books.items():
            assert book.holding.qty == self.held.get(symbol, 0)

    def requests(self, method: str, path: str) -> list[dict[str, Any]]:
        rows = self.venue.ledger.of("request")
        return [row for row in rows if (row["method"], row["path"]) == (method, path)]


@dataclass
class Live:
    """What somebody who meddles with a running engine and its venue has in hand."""

    runner: Any
    venue: Venue
    wire: Wire
    broker: BinanceBroker
    clock: live_kit.VirtualClock

    @property
    def engine(self) -> Any:
        return self.runner.session.engine

    async def until(self, what: Callable[[], object], seconds: float = 900.0) -> float:
        """Wait until something is so; return how long that took (s)."""
        begun = self.clock.monotonic()
        while not what():
            if self.clock.monotonic() - begun > seconds:
                raise AssertionError(f"not so within {seconds:g} s")
            await asyncio.sleep(0.05)
        return self.clock.monotonic() - begun

    async def opened(self, symbol: str) -> Any:
        """Wait until a position and its stop are there, at the venue and here; return the engine's state of it."""
        book = self.engine.books[symbol]
        await self.until(lambda: book.holding.qty and book.stop and not book.bare_since)
        await self.until(lambda: not self.broker._errands.busy)
        return book

    def halts(self) -> set[str]:
        return set(self.engine.halts.reasons)


Meddle = Callable[[Live], Coroutine[Any, Any, None]]


async def trade(
    loop: live_kit.VirtualLoop,
    data_dir: Path,
    minutes: Sequence[Sequence[Bar]],
    *,
    faults: Sequence[dict[str, Any]] = (),
    seed: int = 1,
    every: int = 2,
    broken_off: int = 0,
    back_at: int = 0,
    strategy: str = "ema_cross",
    params: dict[str, Any] | None = None,
    meddle: Meddle | None = None,
    **named: Any,
) -> Scene:
    """Let an engine trade minutes of prices on the venue, under faults.

    ``meddle`` works beside the run, which is stopped when it is done.

    ``broken_off``: after so many minutes the engine is gone in the middle of whatever it does; the venue goes on, and
    after ``back_at`` minutes the engine starts anew.
    """
    start = minutes[0][0].open_time
    symbols = [bar.symbol for bar in minutes[0]]
    clock = live_kit.VirtualClock(loop, start)
    account = AccountScript(wallet=WALLET, margin_type="isolated", leverage=1)
    settings = Settings(account=account, seed=seed)
    venue = Venue(GivenFeed(symbols), LoopVenueClock(loop, start), settings, keep=True)
    server = Server(venue)
    await server.start()
    venue.start()
    venue.faults.set(list(faults))
    api_key = ApiKey(venue.credentials.key, venue.credentials.secret)
    hosts = find_hosts("demo", server.url)

    async def run(given: Sequence[Sequence[Bar]], stop_after_s: float | None) -> Scene | None:
        feed = live_kit.LateFeed(clock, Street(venue), symbols, given, seed, every)
        async with Wire(hosts, clock=clock, api_key=api_key, draw=Random(seed)) as wire:
            broker = BinanceBroker(wire, symbols)
            setup = live_kit.late_setup(data_dir, feed, broker, clock, strategy, params, **named)
            loop.busy += 1  # opening a journal takes real time only
            async with opened(setup) as (runner, cursor):
                loop.busy -= 1
                playing = asyncio.create_task(runner.main(cursor))
                if meddle is not None:
                    live = Live(runner, venue, wire, broker, clock)
                    await _meddled(playing, runner, meddle(live))
                await asyncio.wait([playing], timeout=stop_after_s)
                if not playing.done():
                    playing.cancel()
                    await asyncio.wait([playing])
                    return None
                exchange = venue.desk.exchange
                held = {symbol: held.qty for symbol, held in exchange.positions.items()}
                return Scene(
                    *(playing.result(), runner.session, venue, wire, broker),
                    cash=exchange.cash,
                    held=held,
                )

    try:
        if broken_off:
            assert await run(minutes, broken_off * 60.0) is None
            alone = minutes[broken_off:back_at]
            feed = live_kit.LateFeed(clock, Street(venue), symbols, alone, seed, every)
            await feed.feed(lambda _: None, None)
        found = await run(minutes[back_at:], None)
        assert found is not None
        return found
    finally:
        await server.stop()
        venue.stop()
        await asyncio.sleep(0)


async def _meddled(
    playing: asyncio.Task[Any], runner: Any, work: Coroutine[Any, Any, None]
) -> None:
    """Let somebody meddle until he is done, or the run is; what he raises is raised when the run has been stopped."""
    meddling = asyncio.create_task(work)
    await asyncio.wait([playing, meddling], return_when=asyncio.FIRST_COMPLETED)
    runner.request_stop("seen")
    await asyncio.wait([playing])
    if not meddling.done():
        meddling.cancel()
        raise AssertionError("the run ended before it was seen")
    meddling.result()


HOLDS = 'return Signal("long", 0.9, stop=bar.close * 0.97, target=bar.close * 1.2, reason="always")'
"""Long wherever nothing is held."""


def meddled(folder: Path, start: int, meddle: Meddle, **named: Any) -> Scene:
    """Let an engine hold XRP from the first minute on, and somebody meddle with it; return how it ended."""
    own = write_strategy(folder, HOLDS, "long.py")
    bars = live_kit.swinging("XRP/USDT", 2.2, named.pop("seed", 0), 20, start)
    found: Scene = live_kit.play(
        lambda loop: trade(
            *(loop, folder / "data", [[bar] for bar in bars]),
            strategy=own,
            meddle=meddle,
            **named,
        )
    )
    return found
