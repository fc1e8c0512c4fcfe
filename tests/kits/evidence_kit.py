"""Journals that show what a gate wants: the real writer, host and engine, a feed that claims production, a clock of ours.

Only here can a feed claim what it is not connected to: in the package the claim comes from a TLS connection alone.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from kits.binance_kit import VenueClockAsOurs
from kits.strategy_kit import strategy_text
from tradebot.app.host import opened
from tradebot.app.queued import QueueRunner
from tradebot.app.runner import Ending, Pace
from tradebot.app.setup import Setup
from tradebot.config import Config, load_config
from tradebot.core.model.documents import LinksDocument
from tradebot.core.model.events import MarketEvent
from tradebot.core.model.facts import INSTRUMENTS
from tradebot.core.model.values import DAY_MS, HOUR_MS, MINUTE_MS, Bar, Instrument, Quote
from tradebot.core.risk.ceilings import BLACKOUT_HOURS
from tradebot.market.cursor import Cursor
from tradebot.market.feed import Hooks, Step
from tradebot.plugins.strategies import load_strategy
from tradebot.venue.clock import HandClock

SYMBOL = "XRP/USDT"
SECRET = "a key that does not lie beside the journal"
PRODUCTION = {
    "rest": (("fapi.binance.com", "52.84.1.1"),),
    "stream": (("fstream.binance.com", "52.84.1.2"),),
}
QUOTE_MS = 20_000
PERIOD = 12
"""Minutes from one signal to the next."""

BODY = """
if bar.open_time // 60000 % self.params.every:
    return None
return Signal("long", 1.0, stop=bar.close * 0.99, target=bar.close * 1.025, reason="regular")
"""
"""A signal every so many minutes; on the market below most of them are right."""
STRATEGY = strategy_text(BODY, name="Regular", param="every", default=PERIOD)


def entries_until(now: int, hours: float) -> int:
    """Return the last time (UTC ms) an hour or more before ``now`` up to which entries were taken for so many hours, at most 19.

    What its last signal began is over then. A run that ends whenever the tests happen to run has no trade in it at night.
    """
    step = PERIOD * MINUTE_MS
    end = (now - HOUR_MS) // step * step
    for later in range(DAY_MS // step):
        until = end - later * step
        first = (until - round(hours * HOUR_MS)) // HOUR_MS
        last = (until - 1) // HOUR_MS
        if not any(hour % 24 in BLACKOUT_HOURS for hour in range(first, last + 1)):
            return until
    raise ValueError(f"no day has {hours} hours with entries in a row")


def price_at(minute: int) -> float:
    """Return the close of a minute: after a signal it rises by 3 %, after every third it falls by 1.2 %, and comes back."""
    number, since = divmod(minute, PERIOD)
    top = -0.012 if number % 3 == 2 else 0.03
    way = min(max(since - 1, 0), 4) / 4 if since <= 6 else max(0.0, (10 - since) / 4)
    return 2.0 * (1 + top * way)


def bar_of(open_time: int) -> Bar:
    """Return the bar of a minute, with a volume in which an order of ours is nothing."""
    minute = open_time // MINUTE_MS
    first, last = price_at(minute - 1), price_at(minute)
    texts = [f"{value:.4f}" for value in (first, max(first, last), min(first, last), last)]
    return Bar.of(SYMBOL, open_time, MINUTE_MS, (*texts, "5000000"))


def quote_at(at: int) -> Quote:
    """Return the touch of a moment, with sizes in which an order of ours is nothing."""
    minute, rest = divmod(at, MINUTE_MS)
    first, last = price_at(minute - 1), price_at(minute)
    mark = first + (last - first) * rest / MINUTE_MS
    texts = (f"{mark - 0.0001:.4f}", f"{mark + 0.0001:.4f}", "500000", "500000", f"{mark:.4f}")
    return Quote(SYMBOL, at, at, texts, float(texts[4]))


@dataclass
class ClaimedFeed:
    """Prices of a market as they happen, by a clock that it moves itself, minute by minute; it says where it is.

    ``silent`` says of a minute whether its feed is silent then.
    """

    clock: HandClock
    hours: float
    claims: dict[str, Any] = field(default_factory=lambda: dict(PRODUCTION))
    silent: Callable[[int], bool] = lambda _: False
    late: Callable[[int], bool] = lambda _: False
    environment: str = "live"
    label: str = f"BINANCE USD-M ({SYMBOL})"
    symbols: tuple[str, ...] = (SYMBOL,)
    interval: int = MINUTE_MS
    quotes: bool = True
    offset_ms: int = 0
    instruments: Mapping[str, Instrument] = field(
        default_factory=lambda: {SYMBOL: INSTRUMENTS[SYMBOL]}
    )
    funding_known: bool = True
    wall: Literal[True] = True
    runner: QueueRunner | None = None
    _age: int = 0
    _played: int = 0

    async def feed(self, put: Callable[[Step], None], since: int | None) -> None:
        assert self.runner is not None
        assert self.runner.witness is not None
        for number in range(round(self.hours * 60)):
            opens = self.clock.now() // MINUTE_MS * MINUTE_MS
            due = opens + MINUTE_MS
            while self.clock.now() < due:
                self._age = 6_000 if self.silent(number) else 0
                self.clock.advance(2_500 if self.late(number) else 1_000)
                self.runner.witness.look()
                if self.clock.now() % QUOTE_MS == 0 or self.clock.now() % MINUTE_MS == 1000:
                    await self._hand_on(put, quote_at(self.clock.now()))
            await self._hand_on(put, bar_of(opens))
            if number % 30 == 0:
                await asyncio.sleep(0.001)  # let a commit in

    async def _hand_on(self, put: Callable[[Step], None], event: MarketEvent) -> None:
        assert self.runner is not None
        before = self._played
        put((event,))
        while self._played == before and self.runner.session.stopped is None:
            await asyncio.sleep(0)

    def count(self) -> None:
        """Note that a step has been played: the clock must not go on before."""
        self._played += 1

    async def open(self, hooks: Hooks, cursor: Cursor | None) -> None: ...

    async def close(self) -> None: ...

    def played(self, step: Step) -> None: ...

    def peers(self, kind: str) -> tuple[tuple[str, str], ...]:
        return tuple(self.claims[kind])

    def links(self) -> LinksDocument:
        return {"ages": {"kline": self._age}, "banned_until": None}

    def history(self) -> Iterator[Bar]:
        return iter(())

    def cursor(self) -> Cursor:
        return {}

    def progress(self) -> float | None:
        return None

    def warnings(self, positions: Sequence[Any] = ()) -> list[str]:
        return []

    def length(self) -> int | None:
        return None


def configure(folder: Path, **flags: Any) -> Config:
    """Return the configuration of a directory: this strategy and symbol under the live limits."""
    (folder / "regular.py").write_text(STRATEGY, encoding="utf-8")
    (folder / "bot.toml").write_text(
        f'[strategy]\nname = "regular.py:Regular"\n[market]\nsymbols = ["{SYMBOL}"]\n'
        f'[risk]\nprofile = "live"\n[risk.live]\nsymbols = ["{SYMBOL}"]\n[data]\ndir = "data"\n',
        encoding="utf-8",
    )
    return load_config(folder / "bot.toml", {}, (), {"data.dir": str(folder / "data"), **flags})


async def play(
    folder: Path,
    end: int,
    hours: float,
    *,
    flags: dict[str, Any] | None = None,
    modes: tuple[str, ...] = ("paper", "ghost"),
    **feed: Any,
) -> Ending:
    """Write runs that end at a time (UTC ms) into a directory; the audit key must be in the environment."""
    config = configure(folder, **(flags or {}))
    spec = load_strategy(config.strategy.name, config.strategy_dir(), config.strategy.params)
    clock = HandClock((end - round(hours * HOUR_MS)) // MINUTE_MS * MINUTE_MS)
    source = ClaimedFeed(clock, hours, **feed)
    setup = Setup(
        *(config, source, spec, Pace(1.0, None)),
        modes=modes,
        new=True,
        clock=VenueClockAsOurs(clock),
        processed=source.count,
    )
    async with opened(setup) as (runner, cursor):
        assert isinstance(runner, QueueRunner)
        source.runner = runner
        return await runner.main(cursor)
