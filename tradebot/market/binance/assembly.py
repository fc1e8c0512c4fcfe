"""Closed bars of one symbol on their way out: each exactly once, in order, none left out that the exchange has.

A bar is closed when the stream says so, or when it was read by REST after its close. One that lies before a
missing one waits.
"""

from __future__ import annotations

from collections.abc import Iterable

from tradebot.core.model.values import Bar

CLOSED_MS = 250
"""Milliseconds of exchange time after a bar's close before it is asked for: the last trade has to be counted."""


class Assembly:
    """Puts one symbol's bars of ``interval`` ms in order. ``last`` is the open time of the newest one given out."""

    def __init__(self, interval: int, last: int) -> None:
        self.last = last
        self._interval = interval
        self._waiting: dict[int, Bar] = {}
        self._newest = last

    def take(self, bar: Bar) -> list[Bar]:
        """Take a closed bar, again or late or early; return the bars that can go out now."""
        if bar.open_time > self.last:
            self._waiting.setdefault(bar.open_time, bar)
            self._newest = max(self._newest, bar.open_time)
        return self._released()

    def see_open(self, open_time: int) -> None:
        """Note that a candle has begun: all before it have closed."""
        self._newest = max(self._newest, open_time - self._interval)

    def missing(self, now: int, *, by_clock: bool = False) -> tuple[int, int] | None:
        """Return open times of the first and last bar of the first hole whose bars have closed; None without one.

        ``now`` is the exchange's time. ``by_clock`` holds for missing what must have closed by it, too: the stream
        is silent.
        """
        closed = (now - CLOSED_MS) // self._interval * self._interval - self._interval
        newest = max(self._newest, closed) if by_clock else self._newest
        first = self.last + self._interval
        end = min([*self._waiting, newest + self._interval]) - self._interval
        end = min(end, closed)
        return (first, end) if first <= end else None

    def fill(self, bars: Iterable[Bar], until: int) -> list[Bar]:
        """Take what REST has of a hole; return the bars that can go out now.

        The answer tells all there is before ``until`` (an open time): what it does not hold of that the exchange
        does not have, and nobody waits for it.
        """
        for bar in bars:
            if bar.open_time > self.last:
                self._waiting.setdefault(bar.open_time, bar)
        released = self._released()
        while self._waiting and min(self._waiting) <= until:
            self.last = min(self._waiting) - self._interval
            released += self._released()
        self.last = max(self.last, until - self._interval)
        self._newest = max(self._newest, self.last)
        return released + self._released()

    def _released(self) -> list[Bar]:
        out: list[Bar] = []
        while (bar := self._waiting.pop(self.last + self._interval, None)) is not None:
            self.last = bar.open_time
            out.append(bar)
        self._newest = max(self._newest, self.last)
        return out
