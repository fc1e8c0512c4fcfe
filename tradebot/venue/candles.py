"""Klines made from trades: minutes are kept, longer ones are put together when somebody asks."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal

from tradebot.core.model.money import ZERO
from tradebot.core.model.values import DAY_MS, HOUR_MS, MINUTE_MS, Bar

INTERVALS: dict[str, int] = {
    "1m": MINUTE_MS,
    "3m": 3 * MINUTE_MS,
    "5m": 5 * MINUTE_MS,
    "15m": 15 * MINUTE_MS,
    "30m": 30 * MINUTE_MS,
    "1h": HOUR_MS,
    "2h": 2 * HOUR_MS,
    "4h": 4 * HOUR_MS,
    "6h": 6 * HOUR_MS,
    "8h": 8 * HOUR_MS,
    "12h": 12 * HOUR_MS,
    "1d": DAY_MS,
    "3d": 3 * DAY_MS,
    "1w": 7 * DAY_MS,
    "1M": 30 * DAY_MS,
}
"""Binance's intervals (there is no 1s on futures); a month is a calendar month, its length a guide."""

KEPT = 3 * 1440
"""Closed minutes kept per symbol."""

_MONDAY = 4 * DAY_MS
"""1970-01-05, the first Monday."""


def open_of(interval: str, at: int) -> int:
    """Return the open time of the candle that holds a moment (UTC ms)."""
    length = INTERVALS[interval]
    if interval == "1M":
        day = datetime.fromtimestamp(at / 1000, UTC)
        return round(datetime(day.year, day.month, 1, tzinfo=UTC).timestamp() * 1000)
    if interval == "1w":
        return at - (at - _MONDAY) % length
    return at - at % length


def close_of(interval: str, opened: int) -> int:
    """Return the close time (last millisecond) of the candle that opens at ``opened``."""
    if interval != "1M":
        return opened + INTERVALS[interval] - 1
    return open_of("1M", opened + 32 * DAY_MS) - 1


@dataclass(slots=True)
class Candle:
    """One kline. Prices in USDT, ``volume`` in base units, ``quote`` in USDT; ``taker_*``: bought by takers.

    ``first`` and ``last`` are trade ids, -1 without a trade.
    """

    opened: int
    open: Decimal
    high: Decimal
    low: Decimal
    close: Decimal
    volume: Decimal = ZERO
    quote: Decimal = ZERO
    count: int = 0
    taker_volume: Decimal = ZERO
    taker_quote: Decimal = ZERO
    first: int = -1
    last: int = -1

    @classmethod
    def flat(cls, opened: int, price: Decimal) -> Candle:
        """Return a candle in which nothing has traded yet."""
        return cls(opened, price, price, price, price)

    @classmethod
    def of_bar(cls, bar: Bar, opened: int) -> Candle:
        """Return a feed's closed bar as a candle; its takers are taken to be half and half."""
        volume = bar.exact_volume
        quote = volume * (bar.exact_open + bar.exact_close) / 2
        return cls(
            opened,
            bar.exact_open,
            bar.exact_high,
            bar.exact_low,
            bar.exact_close,
            volume,
            quote,
            1,
            volume / 2,
            quote / 2,
        )

    def trade(self, trade_id: int, price: Decimal, qty: Decimal, *, taker_buys: bool) -> None:
        """Take a trade in."""
        if not self.count:
            self.open = self.high = self.low = price
            self.first = trade_id
        self.close = price
        self.high = max(self.high, price)
        self.low = min(self.low, price)
        self.volume += qty
        value = price * qty
        self.quote += value
        self.count += 1
        self.last = trade_id
        if taker_buys:
            self.taker_volume += qty
            self.taker_quote += value

    def extend(self, later: Candle) -> None:
        """Take in the candle that follows."""
        if later.count and not self.count:
            self.open, self.high, self.low = later.open, later.high, later.low
            self.first = later.first
        self.close = later.close
        if later.count:
            self.high = max(self.high, later.high)
            self.low = min(self.low, later.low)
            self.last = later.last
        self.volume += later.volume
        self.quote += later.quote
        self.count += later.count
        self.taker_volume += later.taker_volume
        self.taker_quote += later.taker_quote


class Candles:
    """One symbol's minutes: closed ones and the one that is open."""

    def __init__(self) -> None:
        self._closed: list[Candle] = []
        self.current: Candle | None = None

    def remember(self, past: list[Candle]) -> None:
        """Put closed minutes from before the start before those that are there."""
        self._closed[:0] = past

    def roll(self, at: int) -> list[Candle]:
        """Open the minute of ``at`` and return those that closed; a minute without trades is flat."""
        closed: list[Candle] = []
        while self.current is not None and self.current.opened + MINUTE_MS <= at:
            closed.append(self.current)
            self._closed.append(self.current)
            self.current = Candle.flat(self.current.opened + MINUTE_MS, self.current.close)
        if len(self._closed) > KEPT + 500:
            del self._closed[:500]
        return closed

    def begin(self, at: int, price: Decimal) -> None:
        """Open the first minute."""
        if self.current is None:
            self.current = Candle.flat(at - at % MINUTE_MS, price)

    def minutes(self) -> Iterator[Candle]:
        """Yield the minutes, oldest first, the open one last."""
        yield from self._closed
        if self.current is not None:
            yield self.current

    def one(self, interval: str, opened: int) -> Candle | None:
        """Return the candle of an interval that opens at a moment (UTC ms), as far as it is known."""
        end = close_of(interval, opened)
        found: list[Candle] = []
        for minute in self._newest_first():
            if minute.opened < opened:
                break
            if minute.opened <= end:
                found.append(minute)
        if not found:
            return None
        whole = _copy(found[-1], opened)
        for minute in reversed(found[:-1]):
            whole.extend(minute)
        return whole

    def _newest_first(self) -> Iterator[Candle]:
        if self.current is not None:
            yield self.current
        yield from reversed(self._closed)

    def of(self, interval: str, start: int | None, end: int | None, limit: int) -> list[Candle]:
        """Return candles of an interval that open between two moments (UTC ms, both included).

        Without ``start`` they are the newest ``limit``, with it the oldest.
        """
        found: list[Candle] = []
        for minute in self.minutes():
            opened = open_of(interval, minute.opened)
            if (start is not None and opened < start) or (end is not None and opened > end):
                continue
            if found and found[-1].opened == opened:
                found[-1].extend(minute)
            else:
                found.append(_copy(minute, opened))
        return found[:limit] if start is not None else found[-limit:]


def _copy(candle: Candle, opened: int) -> Candle:
    return Candle(
        opened,
        candle.open,
        candle.high,
        candle.low,
        candle.close,
        candle.volume,
        candle.quote,
        candle.count,
        candle.taker_volume,
        candle.taker_quote,
        candle.first,
        candle.last,
    )
