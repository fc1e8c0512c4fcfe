"""Indicators: incremental, O(1) a bar, in floats.

``update`` takes the next value and returns the indicator's, NaN until there is one. The arithmetic
is IEEE double in the order written here, so that the same bars give the same bits everywhere.

Bars are counted from 1. From which bar on a value equals TA-Lib's (within 1e-9, relative):

=========  ==========================  =====================================================
indicator  first value at bar          equal to TA-Lib
=========  ==========================  =====================================================
EMA        1 (seed "first")            from bar 12 x period on; seed "sma": from its first
SMA        period                      from its first
ATR        period + 1                  from its first
RSI        period + 1                  from its first, unless nothing has moved (50, not 0)
Bollinger  period                      from its first
Donchian   period                      from its first (MAX of highs, MIN of lows)
MACD       slow; signal - 1 later the  from its first
           signal line
ADX        2 x period; the directional from its first
           indicators period + 1
=========  ==========================  =====================================================
"""

from __future__ import annotations

from collections import deque
from itertools import accumulate
from math import sqrt
from typing import Literal

NAN = float("nan")

Seed = Literal["first", "sma"]


def _check_period(period: int) -> None:
    if period < 1:
        raise ValueError(f"a period is at least 1 bar, not {period}")


class EMA:
    """Exponential moving average: e[i] = a x[i] + (1 - a) e[i-1] with a = 2 / (period + 1).

    ``seed="first"`` starts with e[0] = x[0] (pandas ``ewm(span=period, adjust=False)``).
    ``seed="sma"`` starts at bar ``period`` with the mean of the first ``period`` values, as TA-Lib
    does, and agrees with TA-Lib from that value on. The seeds' difference shrinks by (1 - a) a bar:
    where they differ by less than the value itself, "first" agrees with TA-Lib within 1e-9
    (relative) from bar 12 x period on.
    """

    __slots__ = ("_count", "_keep", "_seeds", "_sum", "_weight", "period", "value")

    def __init__(self, period: int, seed: Seed = "first") -> None:
        _check_period(period)
        self.period = period
        self.value = NAN
        self._weight = 2.0 / (period + 1)
        self._keep = 1.0 - self._weight
        self._seeds = period if seed == "sma" else 1  # values the first result is the mean of
        self._count = self._seeds  # of them still to come
        self._sum = 0.0

    def update(self, x: float) -> float:
        """Take the next value; return the average."""
        if self._count:
            return self._start(x)
        self.value = value = self._weight * x + self._keep * self.value
        return value

    def _start(self, x: float) -> float:
        self._sum += x
        self._count -= 1
        if not self._count:
            self.value = self._sum / self._seeds
        return self.value


class SMA:
    """Simple moving average of the last ``period`` values, without drift.

    Nothing is ever subtracted: the window is the tail of the last full block (sums prepared when
    the block filled) plus the head of the current one. So an error never outlives its value.
    """

    __slots__ = ("_block", "_full", "_head", "_tails", "period", "value")

    def __init__(self, period: int) -> None:
        _check_period(period)
        self.period = period
        self.value = NAN
        self._block: list[float] = []
        self._head = 0.0
        self._tails: list[float] = []
        self._full = False

    def update(self, x: float) -> float:
        """Take the next value; return the mean of the last ``period``, NaN before that many."""
        block = self._block
        block.append(x)
        self._head += x
        if len(block) == self.period:
            return self._close_block()
        if self._full:
            self.value = (self._tails[len(block)] + self._head) / self.period
        return self.value

    def _close_block(self) -> float:
        """Close the block: its sums from each place to its end serve the next windows."""
        self.value = self._head / self.period
        self._tails = list(accumulate(reversed(self._block)))[::-1]
        self._block = []
        self._head = 0.0
        self._full = True
        return self.value


class ATR:
    """Average true range (J. Welles Wilder, New Concepts in Technical Trading Systems, 1978).

    True range = max(high, last close) - min(low, last close), from the second bar on. The first
    value, at bar ``period`` + 1, is the mean of the first ``period`` true ranges; then
    (a (period - 1) + tr) / period. Equal to TA-Lib from its first value.
    """

    __slots__ = ("_close", "_count", "_sum", "period", "value")

    def __init__(self, period: int) -> None:
        _check_period(period)
        self.period = period
        self.value = NAN
        self._close = NAN
        self._count = period + 1  # bars still to come before the first result
        self._sum = 0.0

    def update(self, high: float, low: float, close: float) -> float:
        """Take the next bar; return the average range in price units, NaN before there is one."""
        last = self._close
        self._close = close
        if self._count:
            return self._start(high, low, last)
        top = high if high > last else last
        bottom = low if low < last else last
        period = self.period
        self.value = value = (self.value * (period - 1) + (top - bottom)) / period
        return value

    def _start(self, high: float, low: float, last: float) -> float:
        if last == last:  # not the first bar, whose last close is NaN
            self._sum += max(high, last) - min(low, last)
        self._count -= 1
        if not self._count:
            self.value = self._sum / self.period
        return self.value


class RSI:
    """Relative strength index, 0 to 100 (Wilder 1978): 100 up / (up + down).

    ``up`` and ``down`` are Wilder averages of the closes' rises and falls. The first value, at bar
    ``period`` + 1, has the means of the first ``period`` changes; then (a (period - 1) + x) / period.
    Where nothing has moved at all it is 50, neither up nor down; TA-Lib says 0 there.
    """

    __slots__ = ("_close", "_count", "_down", "_up", "period", "value")

    def __init__(self, period: int) -> None:
        _check_period(period)
        self.period = period
        self.value = NAN
        self._close = NAN
        self._count = period + 1  # closes still to come before the first result
        self._up = 0.0
        self._down = 0.0

    def update(self, close: float) -> float:
        """Take the next close; return the index, NaN before there is one."""
        change = close - self._close
        self._close = close
        rise = change if change > 0.0 else 0.0
        fall = -change if change < 0.0 else 0.0
        if self._count:
            return self._start(rise, fall)
        period = self.period
        self._up = (self._up * (period - 1) + rise) / period
        self._down = (self._down * (period - 1) + fall) / period
        return self._index()

    def _start(self, rise: float, fall: float) -> float:
        self._up += rise  # the first close's change is NaN, which is neither a rise nor a fall
        self._down += fall
        self._count -= 1
        if self._count:
            return self.value
        self._up /= self.period
        self._down /= self.period
        return self._index()

    def _index(self) -> float:
        both = self._up + self._down
        self.value = 100.0 * (self._up / both) if both > 0.0 else 50.0
        return self.value


_Moments = tuple[int, float, float]
"""How many values, their mean, and the sum of squared distances from it."""


def _joined(one: _Moments, other: _Moments) -> _Moments:
    """Return the moments of two sets together (Chan, Golub and LeVeque 1979)."""
    count = one[0] + other[0]
    apart = other[1] - one[1]
    mean = one[1] + apart * other[0] / count
    return count, mean, one[2] + other[2] + apart * apart * one[0] * other[0] / count


class Bollinger:
    """Bollinger bands: the mean of the last ``period`` closes, ``width`` standard deviations around.

    The deviation is that of the population (divided by ``period``), as John Bollinger and TA-Lib have
    it. Like ``SMA`` it subtracts nothing: the window is the tail of the last full block and the head of
    the current one, joined. So a long run does not drift, and a still market has no width at all.
    """

    __slots__ = (
        "_head",
        "_tails",
        "_values",
        "deviation",
        "lower",
        "middle",
        "period",
        "upper",
        "width",
    )

    def __init__(self, period: int, width: float = 2.0) -> None:
        _check_period(period)
        self.period = period
        self.width = width
        self.middle = self.upper = self.lower = self.deviation = NAN
        self._values: list[float] = []
        self._head: _Moments = (0, 0.0, 0.0)
        self._tails: list[_Moments] = []

    def update(self, x: float) -> float:
        """Take the next value; return the middle band, NaN before ``period`` values."""
        values = self._values
        values.append(x)
        self._head = _joined(self._head, (1, x, 0.0))
        if len(values) == self.period:
            whole = self._head
            self._close_block()
        elif self._tails:
            whole = _joined(self._tails[len(values)], self._head)
        else:
            return self.middle
        self.middle = whole[1]
        self.deviation = sqrt(whole[2] / self.period)
        self.upper = self.middle + self.width * self.deviation
        self.lower = self.middle - self.width * self.deviation
        return self.middle

    def _close_block(self) -> None:
        """Close the block: its moments from each place to its end serve the next windows."""
        singles: list[_Moments] = [(1, x, 0.0) for x in reversed(self._values)]
        self._tails = list(accumulate(singles, _joined))[::-1]
        self._values = []
        self._head = (0, 0.0, 0.0)


class Donchian:
    """Donchian channel: the highest high and lowest low of the last ``period`` bars, this one included.

    Each side keeps only the bars that may still become its extreme, best first, so a bar is put in and
    taken out once: O(1) a bar on average, whatever the period.
    """

    __slots__ = ("_bar", "_highs", "_lows", "lower", "middle", "period", "upper")

    def __init__(self, period: int) -> None:
        _check_period(period)
        self.period = period
        self.upper = self.lower = self.middle = NAN
        self._bar = 0
        self._highs: deque[tuple[int, float]] = deque()
        self._lows: deque[tuple[int, float]] = deque()

    def update(self, high: float, low: float) -> float:
        """Take the next bar; return the channel's middle, NaN before ``period`` bars."""
        self._bar = bar = self._bar + 1
        gone = bar - self.period
        highs, lows = self._highs, self._lows
        while highs and highs[-1][1] <= high:
            highs.pop()
        highs.append((bar, high))
        while lows and lows[-1][1] >= low:
            lows.pop()
        lows.append((bar, low))
        if highs[0][0] <= gone:
            highs.popleft()
        if lows[0][0] <= gone:
            lows.popleft()
        if gone >= 0:
            self.upper, self.lower = highs[0][1], lows[0][1]
            self.middle = (self.upper + self.lower) / 2.0
        return self.middle


class _Smooth:
    """TA-Lib's EMA to the letter: starts with a mean, then moves by a share of the distance."""

    __slots__ = ("_count", "_period", "_sum", "_weight", "value")

    def __init__(self, period: int, skip: int = 0) -> None:
        self.value = NAN
        self._period = period
        self._count = period + skip  # values still to come before the first result
        self._sum = 0.0
        self._weight = 2.0 / (period + 1)

    def update(self, x: float) -> float:
        if self._count:
            return self._start(x)
        self.value = value = (x - self.value) * self._weight + self.value
        return value

    def _start(self, x: float) -> float:
        if self._count <= self._period:  # what is skipped lies before that
            self._sum += x
        self._count -= 1
        if not self._count:
            self.value = self._sum / self._period
        return self.value


class MACD:
    """Moving average convergence divergence (Gerald Appel): fast EMA less slow EMA of the close.

    Both averages have their first value at bar ``slow``: the mean of the last ``slow``, or ``fast``,
    closes. ``signal`` is an EMA of the difference that starts with a mean too, at bar
    ``slow`` + ``signal`` - 1, and ``histogram`` the difference less it. TA-Lib shows nothing before
    that bar. All three are differences of prices: very near zero the rounding of a price (1e-16 of it)
    is what is left of "equal".
    """

    __slots__ = ("_fast", "_line", "_slow", "histogram", "signal", "value")

    def __init__(self, fast: int = 12, slow: int = 26, signal: int = 9) -> None:
        for period in (fast, slow, signal):
            _check_period(period)
        if fast >= slow:
            raise ValueError(f"the fast period ({fast}) must be smaller than the slow ({slow})")
        self.value = self.signal = self.histogram = NAN
        self._fast = _Smooth(fast, skip=slow - fast)
        self._slow = _Smooth(slow)
        self._line = _Smooth(signal)

    def update(self, close: float) -> float:
        """Take the next close; return the difference in price units, NaN before bar ``slow``."""
        self.value = self._fast.update(close) - self._slow.update(close)
        if self.value == self.value:  # not NaN
            self.signal = self._line.update(self.value)
            self.histogram = self.value - self.signal
        return self.value


class ADX:
    """Average directional index, 0 to 100 (Wilder 1978): how directed the moves are, either way.

    ``plus`` and ``minus`` are the directional indicators: 100 times the Wilder sums of upward and of
    downward moves over that of true ranges, the sums begun with ``period`` - 1 changes as TA-Lib does.
    The first index, at bar 2 x ``period``, is the mean of ``period`` values of
    100 abs(plus - minus) / (plus + minus); then (a (period - 1) + x) / period.
    """

    __slots__ = (
        "_bar",
        "_close",
        "_down",
        "_high",
        "_low",
        "_range",
        "_sum",
        "_up",
        "minus",
        "period",
        "plus",
        "value",
    )

    def __init__(self, period: int) -> None:
        _check_period(period)
        self.period = period
        self.value = self.plus = self.minus = NAN
        self._bar = 0
        self._high = self._low = self._close = NAN
        self._up = self._down = self._range = self._sum = 0.0

    def update(self, high: float, low: float, close: float) -> float:
        """Take the next bar; return the index, NaN before there is one."""
        self._bar += 1
        if self._bar > 1:
            self._move(high, low)
        self._high, self._low, self._close = high, low, close
        if self._bar > self.period:
            self._direct()
        return self.value

    def _move(self, high: float, low: float) -> None:
        """Take a change into the three sums; from bar ``period`` + 1 on a share of them goes."""
        if self._bar > self.period:
            self._up -= self._up / self.period
            self._down -= self._down / self.period
            self._range -= self._range / self.period
        rise, fall = high - self._high, self._low - low
        if fall > 0.0 and rise < fall:
            self._down += fall
        elif rise > 0.0 and rise > fall:
            self._up += rise
        self._range += max(high, self._close) - min(low, self._close)

    def _direct(self) -> None:
        """Work out the directional indicators and average their distance, in parts of their sum."""
        span = self._range
        self.plus = 100.0 * (self._up / span) if span > 0.0 else 0.0
        self.minus = 100.0 * (self._down / span) if span > 0.0 else 0.0
        both = self.plus + self.minus
        if both > 0.0:
            self._average(100.0 * (abs(self.minus - self.plus) / both))
        elif self._bar <= 2 * self.period:
            self._average(0.0)
        # else nothing was directed: the index stays, as TA-Lib's does

    def _average(self, directed: float) -> None:
        period = self.period
        if self._bar > 2 * period:
            self.value = (self.value * (period - 1) + directed) / period
            return
        self._sum += directed
        if self._bar == 2 * period:
            self.value = self._sum / period


__all__ = ["ADX", "ATR", "EMA", "MACD", "RSI", "SMA", "Bollinger", "Donchian"]
