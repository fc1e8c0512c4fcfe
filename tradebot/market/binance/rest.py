"""Binance's public data by REST, read into our own values and paged. Every method raises ExchangeError."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any, Literal

from tradebot.core.model.events import FundingRate
from tradebot.core.model.values import Bar, MarkBar
from tradebot.core.strategy.resample import timeframe_name
from tradebot.market.binance import rows
from tradebot.market.binance.messages import MarkPrice, Touch
from tradebot.market.binance.rows import Bars
from tradebot.wire.budget import Need
from tradebot.wire.client import Wire
from tradebot.wire.endpoints import FUNDING_RATE, KLINES
from tradebot.wire.public import MOST_KLINES, PublicData

MOST_RATES = 1000
"""Rows of one ``fundingRate`` call at most."""
LAG_MS = 1000
"""What two looks at the same moment may differ by."""


class Rest:
    """Reads bars of ``interval`` ms, fundings and prices. Times are UTC milliseconds.

    ``told`` hears why the past has to wait for another minute, and for how long.
    """

    def __init__(self, wire: Wire, interval: int) -> None:
        self.wire = wire
        self.data = PublicData(wire)
        self._interval = interval
        self._name = timeframe_name(interval)
        self.told: Callable[[str], object] = lambda _: None
        self._waits_until = 0

    async def klines(self, symbol: str, first: int, last: int, *, strict: bool = True) -> Bars:
        """Return closed bars from one open time to another, as many as one call gives."""
        asked = self.wire.time.now()
        limit = min(MOST_KLINES, (last - first) // self._interval + 2)
        answer = await self.data.klines(symbol, self._name, first, limit=limit)
        return rows.read_klines(symbol, answer, self._interval, asked, strict=strict)

    async def history(self, symbol: str, first: int, now: int) -> list[Bar]:
        """Return all closed bars from an open time on, page by page."""
        bars: list[Bar] = []
        while first + self._interval <= now:
            await self._room(KLINES.cost({"limit": MOST_KLINES}))
            page = await self.klines(symbol, first, now)
            bars += page.bars
            if not page.bars or page.until is None:
                break
            first = page.bars[-1].open_time + self._interval
        return bars

    async def raw_klines(
        self,
        symbol: str,
        start: int,
        end: int,
        *,
        mark: bool = False,
        progress: Callable[[float], None] = lambda _: None,
    ) -> list[list[Any]]:
        """Return the rows of klines that open from a time to before another, as they are; all of them have closed."""
        found: list[list[Any]] = []
        first = start
        while first < end:
            await self._room(KLINES.cost({"limit": MOST_KLINES}))
            price: Literal["mark", "trade"] = "mark" if mark else "trade"
            page = await self.data.klines(symbol, self._name, first, end - 1, price=price)
            kind = MarkBar if mark else Bar
            rows.read_klines(symbol, page, self._interval, end, kind)  # nonsense is refused
            if not page:
                break
            found += page
            first = page[-1][0] + self._interval
            progress((first - start) / (end - start))
        return found

    async def raw_funding(self, symbol: str, start: int, end: int) -> list[dict[str, Any]]:
        """Return the rows of fundings from a time to before another, as they are."""
        found: list[dict[str, Any]] = []
        while True:
            await self._room(FUNDING_RATE.weight)
            page = await self.data.funding_rates(symbol, start, end - 1, MOST_RATES)
            rows.read_funding(symbol, page)
            found += page
            if len(page) < MOST_RATES:
                return found
            start = page[-1]["fundingTime"] + 1

    async def _room(self, weight: int) -> None:
        """Wait until the budget has room for a request that nobody is in a hurry for."""
        budget = self.wire.budget
        while why := budget.refusal(Need.DATA, weight, 0, now := self.wire.time.now()):
            left = round(1000 * max(self.wire.anew_s, self.wire.banned_s))
            if now + left > self._waits_until:  # several symbols wait for the same moment
                self._waits_until = now + left + LAG_MS
                self.told(f"{why}: the past is read on in {left / 1000:.0f} s")
            await asyncio.sleep(budget.wait_ms(now) / 1000)

    async def mark_bars(self, symbol: str, first: int, last: int) -> dict[int, MarkBar]:
        """Return mark bars by open time, from the first to the last asked for, as far as there are any."""
        found: dict[int, MarkBar] = {}
        while first <= last:
            asked = self.wire.time.now()
            limit = min(MOST_KLINES, (last - first) // self._interval + 1)
            answer = await self.data.klines(symbol, self._name, first, limit=limit, price="mark")
            page = rows.read_mark_klines(symbol, answer, self._interval, asked)
            found |= {bar.open_time: bar for bar in page.bars if isinstance(bar, MarkBar)}
            if not page.bars:
                break
            first = page.bars[-1].open_time + self._interval
        return found

    async def funding(self, symbol: str, after: int) -> list[FundingRate]:
        """Return the fundings after a time, oldest first."""
        found: list[FundingRate] = []
        while True:
            answer = await self.data.funding_rates(symbol, start=after + 1, limit=MOST_RATES)
            page = rows.read_funding(symbol, answer)
            found += page
            if len(page) < MOST_RATES:
                return found
            after = page[-1].at

    async def mark(self, symbol: str) -> MarkPrice:
        """Return the mark price of the moment."""
        return rows.read_premium(symbol, await self.data.premium_index(symbol))

    async def touch(self, symbol: str, order: int) -> Touch:
        """Return the touch of the moment; ``order`` puts it among those of the stream."""
        return rows.read_book_ticker(symbol, await self.data.book_ticker(symbol), order)
