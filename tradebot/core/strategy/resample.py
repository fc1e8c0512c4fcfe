"""Timeframes, and combining base bars into longer ones.

A strategy asks for a timeframe; a feed has the interval it has. Buckets are aligned to UTC: a 1h bar
opens on the hour, a 1d bar at 00:00.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from tradebot.core.model.money import EXACT
from tradebot.core.model.values import DAY_MS, HOUR_MS, MINUTE_MS, Bar

TIMEFRAMES: dict[str, int] = {
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
}
"""Name to milliseconds; each one divides a day, so that buckets are aligned to UTC midnight."""


def timeframe_ms(name: str) -> int:
    """Return a timeframe's length in milliseconds; ValueError with the known names otherwise."""
    try:
        return TIMEFRAMES[name]
    except KeyError:
        known = ", ".join(TIMEFRAMES)
        raise ValueError(f"unknown timeframe {name!r}: known are {known}") from None


def timeframe_name(interval: int) -> str:
    """Return the name of a length in milliseconds; ValueError when it has none."""
    for name, length in TIMEFRAMES.items():
        if length == interval:
            return name
    raise ValueError(f"no timeframe is {interval} ms long: known are {', '.join(TIMEFRAMES)}")


class Resampler:
    """Combines one symbol's bars of ``interval`` into bars of ``target`` (both milliseconds).

    ``target`` is a multiple of ``interval``, else ValueError. Numbers stay exact: prices keep the text
    of the bar they come from, the volume is the decimal sum. A bar that lacks one of its parts is none
    (the exchange's own hour has 60 minutes): ``left_out`` counts these.
    """

    __slots__ = (
        "_bucket",
        "_next",
        "_parts",
        "_symbol",
        "_text",
        "_volume",
        "interval",
        "left_out",
        "target",
    )

    def __init__(self, interval: int, target: int) -> None:
        if interval <= 0 or target <= 0 or target % interval:
            raise ValueError(f"bars of {interval} ms cannot be combined into bars of {target} ms")
        self.interval = interval
        self.target = target
        self._symbol = ""
        self._bucket = 0
        self._next = 0  # the earliest open time the next bar may have
        self._text: list[str] = []  # open, high, low, close of the bucket so far; empty: none
        self._volume = Decimal(0)
        self._parts = 0
        self.left_out = 0

    def add(self, bar: Bar) -> list[Bar]:
        """Take the next base bar and return the bar it completes, if it does.

        A bar is complete with its last constituent, if it had all the others. ValueError for a bar of
        another interval or one that is not later than the last.
        """
        if bar.interval != self.interval or bar.open_time < self._next:
            raise ValueError(f"{bar!r} does not follow: expected a later {self.interval} ms bar")
        self._next = bar.open_time + self.interval
        if self.interval == self.target:
            return [bar]
        bucket = bar.open_time - bar.open_time % self.target
        if self._text and bucket != self._bucket:
            self._leave_out()
        self._include(bar, bucket)
        if self._next != bucket + self.target:
            return []
        if self._parts * self.interval == self.target:
            return [self._take()]
        self._leave_out()
        return []

    def state(self) -> list[Any]:
        """Return the unfinished bucket as a JSON-able list, for ``restore``."""
        return [
            self._symbol,
            self._bucket,
            self._next,
            list(self._text),
            str(self._volume),
            self._parts,
            self.left_out,
        ]

    def restore(self, state: list[Any]) -> None:
        """Go on from a ``state`` of a resampler with the same interval and target."""
        symbol, bucket, following, text, volume, self._parts, self.left_out = state
        self._symbol = symbol
        self._bucket = bucket
        self._next = following
        self._text = list(text)
        self._volume = Decimal(volume)

    def _include(self, bar: Bar, bucket: int) -> None:
        opened, high, low, close, volume = bar.text
        self._parts += 1
        if not self._text:
            self._symbol = bar.symbol
            self._bucket = bucket
            self._text = [opened, high, low, close]
            self._volume = Decimal(volume)
            return
        text = self._text
        if Decimal(high) > Decimal(text[1]):
            text[1] = high
        if Decimal(low) < Decimal(text[2]):
            text[2] = low
        text[3] = close
        self._volume = EXACT.add(self._volume, Decimal(volume))

    def _leave_out(self) -> None:
        self._text, self._parts = [], 0
        self.left_out += 1

    def _take(self) -> Bar:
        text = (*self._text, format(self._volume, "f"))
        self._text, self._parts = [], 0
        return Bar.of(self._symbol, self._bucket, self.target, text)
