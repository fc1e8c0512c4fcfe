"""Fills as JSON values, and which trade ids were seen: what makes a fill count once."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable
from decimal import Decimal
from typing import Any

from tradebot.core.model.values import Fill, Side

MOST_SPANS = 4096
"""Spans of seen ids that are kept; what lies below the kept ones cannot be told from new."""


class SeenIds:
    """Positive trade ids as spans of neighbours: an exchange in the process needs one, a real one one a fill.

    ``floor`` is the largest id that was forgotten: of an id up to it nobody knows whether it was seen.
    """

    __slots__ = ("_first", "_last", "floor")

    def __init__(self, spans: Iterable[tuple[int, int]] = (), floor: int = 0) -> None:
        self._first: list[int] = []
        self._last: list[int] = []
        self.floor = floor
        for first, last in spans:
            self._first.append(first)
            self._last.append(last)

    def __contains__(self, number: int) -> bool:
        at = bisect_right(self._first, number) - 1
        return at >= 0 and number <= self._last[at]

    def add(self, number: int) -> None:
        """Remember an id that is not in it yet."""
        first, last = self._first, self._last
        if last and number == last[-1] + 1:  # nearly always, where the exchange is in the process
            last[-1] = number
            return
        at = bisect_right(first, number)
        joins_left = at > 0 and last[at - 1] == number - 1
        joins_right = at < len(first) and first[at] == number + 1
        if joins_left and joins_right:
            last[at - 1] = last.pop(at)
            del first[at]
        elif joins_left:
            last[at - 1] = number
        elif joins_right:
            first[at] = number
        else:
            first.insert(at, number)
            last.insert(at, number)
            if len(first) > MOST_SPANS:
                del first[0]
                self.floor = last.pop(0)

    def export_state(self) -> list[Any]:
        """Return spans and floor as JSON values."""
        return [self.floor, *map(list, zip(self._first, self._last, strict=True))]

    @classmethod
    def restored(cls, state: list[Any]) -> SeenIds:
        """Build the set from ``export_state``."""
        floor, *spans = state
        return cls([(first, last) for first, last in spans], floor)


def export_fill(fill: Fill) -> list[Any]:
    """Return a fill as JSON values."""
    return [
        fill.symbol,
        fill.trade_id,
        fill.order_id,
        fill.side.value,
        str(fill.qty),
        str(fill.price),
        str(fill.fee),
        fill.maker,
        fill.time,
        fill.liquidation,
        fill.venue_id,
    ]


def restored_fill(state: list[Any]) -> Fill:
    """Build a fill from ``export_fill``."""
    symbol, trade_id, order_id, side, qty, price, fee, *rest = state
    return Fill(
        symbol, trade_id, order_id, Side(side), Decimal(qty), Decimal(price), Decimal(fee), *rest
    )
