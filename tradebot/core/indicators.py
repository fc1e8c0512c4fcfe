"""Indicators: incremental, O(1) a bar, in floats.

``update`` takes the next value and returns the indicator's, NaN until there is one. The arithmetic
is IEEE double in the order written here, so that the same bars give the same bits everywhere.
"""

from __future__ import annotations

from itertools import accumulate
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
            return self._turn()
        if self._full:
            self.value = (self._tails[len(block)] + self._head) / self.period
        return self.value

    def _turn(self) -> float:
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


__all__ = ["ATR", "EMA", "SMA"]
