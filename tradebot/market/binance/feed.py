"""Binance's prices as they happen: three connections, and REST for what they leave out.

All decisions are made in the pure pieces beside; here messages and answers come in, and steps go out. One look every
quarter of a second finds what is silent, missing or due.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable, Coroutine, Mapping, Sequence
from dataclasses import dataclass
from random import Random
from typing import Any, Final, NoReturn

from tradebot.core.model.errors import ExchangeError
from tradebot.core.model.events import ClockChecked, FeedStatus
from tradebot.core.model.values import Bar, Quote
from tradebot.core.strategy.resample import timeframe_name
from tradebot.market.binance.backoff import Backoff
from tradebot.market.binance.catching import catch_up
from tradebot.market.binance.following import Following, RawTouch
from tradebot.market.binance.messages import (
    Kline,
    MarkPrice,
    StrangeError,
    read_message,
    touched,
)
from tradebot.market.binance.rest import Rest
from tradebot.market.binance.silence import SILENT_MS, Silence
from tradebot.market.binance.streams import Stream
from tradebot.market.feed import Hooks, Step
from tradebot.wire.public import venue_symbol
from tradebot.wire.venue_time import VenueTime

LOOK_S = 0.25
"""Seconds between two looks at what is silent, missing or due."""
POLL_HELD_MS, POLL_MS = 1_000, 5_000
"""While a stream is silent: time between two polls of a symbol with a position, and of one without."""
DEAD_MS = 10_000
"""A connection of which no symbol has said anything for so long is made anew."""
RETRY_MS = 1_000
"""Time between two reads of what is missing."""
HOLD_MS = 5_000
"""Longest time for which prices wait for the bars that were missed before them."""
OLD_S, UNKNOWN_MS = 300.0, 60_000
"""Age of the last comparison of the clocks from which on nobody knows the time, and the error that is told then."""
_NUMBERS = re.compile(r"\d+")
COMPLAIN_MS = 60_000
"""Time between two complaints in the same words."""

KLINE, MARK, TOUCH = "kline", "markPrice", "bookTicker"
STREAMS: Final = (KLINE, MARK, TOUCH)

Put = Callable[[Step], None]


@dataclass(frozen=True, slots=True)
class Start:
    """Where a feed begins: per symbol the newest bar known (open time), the newest funding, the last price heard.

    Times in UTC milliseconds. ``plays`` says that the account is simulated here: bars that nobody heard go
    on with their mark bars, for it to play, and prices wait for them.
    """

    bars: Mapping[str, int]
    funded: Mapping[str, int]
    heard: Mapping[str, int]
    plays: bool


class BinanceFeed:
    """Streams and REST of some symbols, from a start on. Use it once: ``await run(put)``."""

    def __init__(self, rest: Rest, interval: int, start: Start, hooks: Hooks, draw: Random) -> None:
        self._wire = rest.wire
        self._rest = rest
        self._interval = interval
        self._hooks = hooks
        self._draw = draw
        self._plays = start.plays
        self.followed = {
            symbol: Following(symbol, interval, last, start.funded[symbol], start.heard.get(symbol))
            for symbol, last in start.bars.items()
        }
        self._symbols = {venue_symbol(symbol): symbol for symbol in self.followed}
        self._touched = {wired: self.followed[symbol] for wired, symbol in self._symbols.items()}
        self._silence = Silence(self.followed, STREAMS, self._now())
        self._polled: dict[tuple[str, str], int] = {}
        self._busy: dict[str, asyncio.Task[None]] = {}
        self._complained: dict[str, int] = {}
        self._lost = False
        self.streams: tuple[Stream, ...] = ()

    def ages(self) -> dict[str, int]:
        """Return by stream for how many ms it has said nothing."""
        return self._silence.ages(self._now())

    def _now(self) -> int:
        """Return milliseconds of the clock that only goes forward."""
        return round(self._wire.clock.monotonic() * 1000)

    async def run(self, put: Put) -> None:
        """Hand on steps until cancelled."""
        self._put = put
        self.streams = self._connections()
        async with asyncio.TaskGroup() as group:
            self._group = group
            for one in self.followed.values():
                if self._plays and one.deafness.heard is not None:
                    one.held_since = self._now()
                self._catch_up(one, by_clock=True)
            for stream in self.streams:
                group.create_task(stream.keep())
            group.create_task(self._look_often())
            group.create_task(self._wire.keep_time(self._tell_time))

    def _connections(self) -> tuple[Stream, ...]:
        turn = asyncio.Lock()
        kline = f"{KLINE}_{timeframe_name(self._interval)}"
        wanted: tuple[tuple[str, Any, str], ...] = (
            (KLINE, "market", kline),
            (MARK, "market", "markPrice@1s"),
            (TOUCH, "public", TOUCH),
        )
        return tuple(
            Stream(
                name,
                self._wire.hosts.stream_url(category),
                [f"{wired.lower()}@{topic}" for wired in self._symbols],
                self._wire.session,
                Backoff(self._draw.random),
                turn,
                self._hear,
                self._stream_ended,
                self._wire.sit_out,
            )
            for name, category, topic in wanted
        )

    # -- what the streams say --------------------------------------------------------------------------

    def _hear(self, text: str) -> None:
        """Take a stream's message. Of the touches that come within a second only the newest is ever read."""
        now, found = self._now(), touched(text)
        if found is None or (one := self._touched.get(found[0])) is None:
            self._take(text, now)
            return
        if one.unread is None or one.unread.order < found[1]:
            one.unread = RawTouch(found[1], text, now)
        if now >= one.prices.due:
            self._read_touch(one)

    def _read_touch(self, one: Following) -> None:
        """Read the newest touch of a symbol, if that is still to be done."""
        if one.unread is not None:
            unread, one.unread = one.unread, None
            self._take(unread.text, unread.heard)

    def _take(self, text: str, now: int) -> None:
        """Read a message that was heard at a moment of our own clock (ms)."""
        try:
            message = read_message(text, self._symbols, self._interval)
        except StrangeError as error:
            self._complain(error.message, error.kind)
            return
        if message is None:
            return
        one = self.followed[message.symbol]
        match message:
            case Kline(bar=bar, closed=closed):
                self._speaks(one, KLINE, now)
                if closed:
                    self._release(one, one.bars.take(bar))
                else:
                    one.bars.see_open(bar.open_time)
            case MarkPrice():
                self._speaks(one, MARK, now)
                self._read_touch(one)
                one.see_due(message)
                self._price(one, one.prices.see_mark(message, now))
            case _:
                self._speaks(one, TOUCH, now)
                self._price(one, one.prices.see_touch(message, now))

    def _speaks(self, one: Following, stream: str, now: int) -> None:
        silent = self._silence.hear(one.symbol, stream, now)
        if silent is not None:
            text = f"it was silent for {silent / 1000:.1f} s"
            self._hooks.tell(FeedStatus(0, one.symbol, True, text))

    def _price(self, one: Following, quote: Quote | None) -> None:
        """Hand a quote on; one after a gap waits until the bars of the gap have been played."""
        if quote is None:
            return
        was_deaf = one.deafness.hear(self._wire.time.now())
        if was_deaf and self._plays and one.held_since is None:
            one.held_since = self._now()
            self._catch_up(one, by_clock=True)
        if one.held_since is None:
            self._put((quote,))

    def _let_go(self, one: Following) -> None:
        """Hand prices on that waited for bars."""
        if one.held_since is not None:
            one.held_since = None
            self._read_touch(one)
            self._price(one, one.prices.newest(self._now()))

    def _release(self, one: Following, bars: Sequence[Bar]) -> None:
        """Hand closed bars on; where something must be read for them first, they wait for it."""
        one.pending += bars
        if not one.pending or one.symbol in self._busy:
            return
        if self._plays and one.missed:
            self._catch_up(one)
        else:
            self._hand_on(one.steps({}, ()))

    def _hand_on(self, steps: Sequence[Step]) -> None:
        for step in steps:
            self._put(step)

    def _stream_ended(self, name: str, why: str) -> None:
        self._complain(f"the {name} stream ended: {why}")

    def _complain(self, text: str, kind: str = "") -> None:
        """Tell people of something strange once a minute: of each ``kind``, else of what differs in more than numbers."""
        kind = kind or _NUMBERS.sub("#", text)
        now, said = self._now(), self._complained.get(kind)
        if said is None or now - said >= COMPLAIN_MS:
            self._complained = {k: v for k, v in self._complained.items() if now - v < COMPLAIN_MS}
            self._complained[kind] = now
            self._hooks.say(text)

    # -- every quarter of a second ---------------------------------------------------------------------

    async def _look_often(self) -> NoReturn:
        while True:
            await asyncio.sleep(LOOK_S)
            self.look()

    def look(self) -> None:
        """Find what is silent, missing or due, and see to it."""
        for one in self.followed.values():
            self._read_touch(one)
        now = self._now()
        self._check_time()
        self._tell_silence(self._silence.check(now))
        for stream in self.streams:
            if self._silence.is_dead(stream.name, now, DEAD_MS):
                self._silence.begin(stream.name, now)
                stream.cut()
        for one in self.followed.values():
            self._price(one, one.prices.release(now))
            if one.held_since is not None and now - one.held_since > HOLD_MS:
                self._let_go(one)
            if self._needs_reading(one) and self._is_turn(one, "missing", now, RETRY_MS):
                self._catch_up(one)
            self._poll_silent(one, now)

    def _needs_reading(self, one: Following) -> bool:
        exchange = self._wire.time.now()
        return bool(one.pending or one.bars.missing(exchange) or one.asks_for_funding(exchange))

    def _poll_silent(self, one: Following, now: int) -> None:
        """Ask by REST for what a silent stream would tell."""
        silent = self._silence.of(one.symbol)
        if not silent:
            return
        pace = POLL_HELD_MS if self._hooks.holds(one.symbol) else POLL_MS
        if KLINE in silent and self._is_turn(one, KLINE, now, pace):
            self._catch_up(one, by_clock=True)
        if silent != (KLINE,) and self._is_turn(one, MARK, now, pace):
            self._work(f"price of {one.symbol}", self._poll(one))

    def _is_turn(self, one: Following, what: str, now: int, pace: int) -> bool:
        key = one.symbol, what
        if now - self._polled.get(key, now - pace) < pace:
            return False
        self._polled[key] = now
        return True

    def _tell_silence(self, symbols: Sequence[str]) -> None:
        if not symbols:
            return
        names = sorted({name for symbol in symbols for name in self._silence.of(symbol)})
        text = f"no {' and '.join(names)} for {SILENT_MS / 1000:g} s; prices by REST meanwhile"
        whole = len(symbols) > 1 and len(symbols) == len(self.followed)
        for symbol in ("",) if whole else symbols:
            self._hooks.tell(FeedStatus(0, symbol, False, text))

    def _tell_time(self, time: VenueTime) -> None:
        """Say what came of a comparison of the clocks."""
        self._hooks.tell(ClockChecked(0, time.offset_ms, time.error_ms))

    def _check_time(self) -> None:
        """Say once that nobody knows the time any more, when it has not been compared for long."""
        time = self._wire.time
        if time.age_s <= OLD_S:
            self._lost = False
        elif not self._lost:
            self._lost = True
            self._complain(f"the clocks could not be compared for {OLD_S:g} s")
            self._hooks.tell(ClockChecked(0, time.offset_ms, max(time.error_ms, UNKNOWN_MS)))

    # -- what REST says --------------------------------------------------------------------------------

    async def _poll(self, one: Following) -> None:
        """Read a symbol's price where its streams do not tell it."""
        mark = await self._rest.mark(one.symbol)
        self._read_touch(one)
        touch = await self._rest.touch(one.symbol, one.prices.next_order)
        now = self._now()
        one.see_due(mark)
        touched = one.prices.see_touch(touch, now)
        self._price(one, one.prices.see_mark(mark, now) or touched)

    def _catch_up(self, one: Following, *, by_clock: bool = False) -> None:
        """Read what a symbol misses, unless that is being done."""
        self._work(one.symbol, self._read_missing(one, by_clock=by_clock))

    async def _read_missing(self, one: Following, *, by_clock: bool) -> None:
        self._hand_on(await catch_up(one, self._rest, by_clock=by_clock, plays=self._plays))
        self._let_go(one)

    def _work(self, name: str, work: Coroutine[Any, Any, None]) -> None:
        """Have something read, unless it is being read; what cannot be had is said, and asked for again later."""
        if name in self._busy:
            work.close()
            return
        self._busy[name] = task = self._group.create_task(self._guarded(work))
        task.add_done_callback(lambda _: self._busy.pop(name))

    async def _guarded(self, work: Coroutine[Any, Any, None]) -> None:
        try:
            await work
        except StrangeError as error:
            self._complain(error.message, error.kind)
        except ExchangeError as error:
            self._complain(error.message)
