"""Binance's production prices (or those of a venue on this machine) as a run's source."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from random import Random
from typing import Literal

from tradebot.core.model.documents import LinksDocument, PositionDocument
from tradebot.core.model.events import FundingRate
from tradebot.core.model.values import MINUTE_MS, Bar, Instrument, MarkBar, Quote
from tradebot.market.binance.feed import BinanceFeed, Put, Start
from tradebot.market.binance.rest import Rest
from tradebot.market.cursor import Cursor
from tradebot.market.feed import HISTORY_BARS, Hooks, Step
from tradebot.wire.client import Wire
from tradebot.wire.hosts import Hosts
from tradebot.wire.peers import Kind
from tradebot.wire.rules import read_rules


@dataclass(frozen=True, slots=True)
class MarketRules:
    """What is known before a run begins: the symbols' rules, and how far the exchange's clock is ahead (ms)."""

    rules: Mapping[str, Instrument]
    offset_ms: int


def read_market(wire: Wire, symbols: Sequence[str], known: Mapping[str, Instrument]) -> MarketRules:
    """Ask the exchange for its time and its rules, on a loop of its own; ExchangeError where that fails."""

    async def ask() -> MarketRules:
        async with wire:
            await wire.measure()
            info = await Rest(wire, MINUTE_MS).data.exchange_info()
            return MarketRules(read_rules(info, symbols, known), wire.time.offset_ms)

    return asyncio.run(ask())


def place_of(hosts: Hosts) -> str:
    """Return in words where prices come from: the exchange, its Demo Trading, or a venue on this machine."""
    demo = hosts.environment == "demo"
    if hosts.loopback:
        return f"{'DEMO ' if demo else ''}LOOPBACK {hosts.host}"
    return "BINANCE DEMO" if demo else "BINANCE USD-M"


class BinanceSource:
    """Closed bars of ``interval`` ms, mark and touch of some symbols; strategies see ``warmup`` bars of ``timeframe`` ms first.

    ``wire`` is held open while it is used. ``plays`` says that no account outside is traded: what nobody heard is
    played to the simulated one.
    """

    wall: Literal[True] = True
    quotes = True
    funding_known = True

    def __init__(
        self,
        wire: Wire,
        market: MarketRules,
        interval: int,
        timeframe: int,
        warmup: int,
        *,
        plays: bool = True,
        draw: Random | None = None,
    ) -> None:
        self.symbols = tuple(sorted(market.rules))
        self.interval = interval
        self.instruments = market.rules
        self.offset_ms = market.offset_ms
        self.label = f"{place_of(wire.hosts)} ({', '.join(self.symbols)})"
        self.environment = wire.hosts.environment
        self._wire = wire
        self._rest = Rest(wire, interval)
        self._opened = False
        self._feed: BinanceFeed | None = None
        self._timeframe = timeframe
        self._back = max((warmup + 1) * timeframe, HISTORY_BARS * interval)
        self._plays = plays
        self._draw = draw or Random()
        self._past: list[Bar] = []
        self._played: dict[str, dict[str, int]] = {"bars": {}, "funded": {}, "heard": {}}

    async def open(self, hooks: Hooks, cursor: Cursor | None) -> None:
        """Connect; read the past for a new run, or take up where one stood. ExchangeError where that fails."""
        self._hooks = hooks
        self._rest.told = hooks.say
        await self._wire.__aenter__()
        self._opened = True
        await self._wire.measure()
        for name, times in self._played.items():
            times.update((cursor or {}).get(name, {}))
        if cursor is None:
            await self._read_past()

    async def _read_past(self) -> None:
        now = self._wire.time.now()
        first = (now - self._back) // self._timeframe * self._timeframe
        found = await asyncio.gather(
            *(self._rest.history(symbol, first, now) for symbol in self.symbols)
        )
        self._past = sorted(
            (bar for bars in found for bar in bars), key=lambda bar: (bar.open_time, bar.symbol)
        )

    async def close(self) -> None:
        """Let go of the connections."""
        if self._opened:
            self._opened = False
            await self._wire.__aexit__(None, None, None)

    def history(self) -> Iterator[Bar]:
        """Yield the bars before the start, oldest first."""
        yield from self._past

    async def feed(self, put: Put, since: int | None) -> None:
        """Hand on steps until cancelled; bars after ``since`` first."""
        start = self._start(since)
        self._feed = BinanceFeed(self._rest, self.interval, start, self._hooks, self._draw)
        await self._feed.run(put)

    def links(self) -> LinksDocument:
        """Return how its connections stand: ages of streams (ms), and a ban's end (real clock, UTC ms)."""
        ages: dict[str, int | None] = {} if self._feed is None else {**self._feed.ages()}
        return {"ages": ages, "banned_until": self._wire.banned_until}

    def peers(self, kind: Kind) -> tuple[tuple[str, str], ...]:
        """Return host and address of whom its connections were with, by the connections themselves."""
        return self._wire.peers.rows(kind)

    def _start(self, since: int | None) -> Start:
        now = self._wire.time.now()
        newest = (now // self.interval - 1) * self.interval
        known = {bar.symbol: bar.open_time for bar in self._past} | self._played["bars"]
        self._past = []
        begun = now if since is None else since + self.interval
        seen = newest if since is None else since
        return Start(
            # an account's state is saved once a minute only: what was seen since must not be shown again
            bars={s: max(known.get(s, seen), since or 0) for s in self.symbols},
            funded={s: self._played["funded"].get(s, begun) for s in self.symbols},
            heard=dict(self._played["heard"]),
            plays=self._plays,
        )

    def played(self, step: Step) -> None:
        """Note what has been played: a run that goes on begins behind it."""
        for event in step:
            match event:
                case Quote():
                    self._played["heard"][event.symbol] = event.exchange_time
                case FundingRate():
                    self._played["funded"][event.symbol] = event.at - event.at % MINUTE_MS
                case MarkBar():
                    pass
                case Bar():
                    self._played["bars"][event.symbol] = event.open_time

    def cursor(self) -> Cursor:
        """Return, by symbol, the newest bar's open time, the newest funding and when it was heard last (UTC ms)."""
        return {name: dict(times) for name, times in self._played.items()}

    def progress(self) -> float | None:
        """Return None: it does not end."""
        return None

    def length(self) -> int | None:
        """Return None: it does not end."""
        return None

    def warnings(self, positions: Sequence[PositionDocument] = ()) -> list[str]:  # noqa: ARG002
        """Return nothing: what was strange was said when it came."""
        return []
