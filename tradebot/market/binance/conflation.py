"""Which prices reach the engine: each new mark at once with the newest touch, a touch alone once a second.

A book's touch changes hundreds of times a second; the engine, and its log, need the newest only.
"""

from __future__ import annotations

from tradebot.core.model.values import Quote
from tradebot.market.binance.messages import MarkPrice, Touch

APART_MS = 1000
"""Least time between two quotes of a symbol that hold nothing new but a touch."""


class Conflation:
    """The newest mark and touch of one symbol. ``now`` is a clock that only goes forward, in milliseconds.

    What is older than what was seen already changes nothing: a stream may tell things twice or late.
    """

    def __init__(self, symbol: str) -> None:
        self._symbol = symbol
        self._mark: MarkPrice | None = None
        self._touch: Touch | None = None
        self._told: int | None = None
        self._waiting = False

    def see_mark(self, mark: MarkPrice, now: int) -> Quote | None:
        """Take a mark price; return the quote to hand on, if it is new and there is a touch."""
        if self._mark is not None and mark.time <= self._mark.time:
            return None
        self._mark = mark
        return self._quote(now)

    def see_touch(self, touch: Touch, now: int) -> Quote | None:
        """Take a touch; return the quote to hand on, if there is a mark and the last one is long enough ago."""
        newest = self._touch
        if newest is not None and touch.order <= newest.order:
            return None
        self._touch = touch
        self._waiting = newest is None or touch.prices != newest.prices or self._waiting
        return self.release(now)

    def release(self, now: int) -> Quote | None:
        """Return the touch that was held back, if its time has come."""
        if not self._waiting or now < self.due:
            return None
        return self._quote(now)

    def newest(self, now: int) -> Quote | None:
        """Return the newest quote, whenever the last one went out; None without a mark or a touch."""
        return self._quote(now)

    @property
    def next_order(self) -> int:
        """What puts a touch behind all that were seen."""
        return 0 if self._touch is None else self._touch.order + 1

    @property
    def due(self) -> int:
        """When a touch that is held back may go out; 0 when nothing has gone out yet."""
        return 0 if self._told is None else self._told + APART_MS

    def _quote(self, now: int) -> Quote | None:
        mark, touch = self._mark, self._touch
        if mark is None or touch is None:
            return None
        self._told, self._waiting = now, False
        time = max(mark.time, touch.time)
        return Quote(self._symbol, time, time, (*touch.prices, mark.price), float(mark.price))
