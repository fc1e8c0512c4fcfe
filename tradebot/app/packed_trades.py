"""The closed trades of a long backtest, in little memory: all but the newest are kept packed."""

from __future__ import annotations

import json
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import fields
from decimal import Decimal
from itertools import islice
from operator import attrgetter

from tradebot.core.model.effects import TradeClosed

OPEN = 2048
"""Trades kept as they are, at most; many more than a late fill can still change."""

PACKED = 1024
"""Trades packed at a time."""

_NAMES = tuple(item.name for item in fields(TradeClosed))
_MONEY = tuple(i for i, item in enumerate(fields(TradeClosed)) if "Decimal" in str(item.type))
_values = attrgetter(*_NAMES)


class ClosedTrades:
    """Trades in the order in which they closed; one recorded again replaces what was recorded before."""

    __slots__ = ("_newest", "_packs", "_passed")

    def __init__(self) -> None:
        self._newest: dict[int, TradeClosed] = {}
        self._packs: list[bytes] = []
        self._passed = 0

    def add(self, trade: TradeClosed) -> None:
        """Keep a trade, in the place of the one with its id if there is one."""
        self._newest[trade.id] = trade
        if len(self._newest) > OPEN:
            oldest = list(islice(self._newest.values(), PACKED))
            self._packs.append(_pack(oldest))
            self._passed += len(oldest)
            for passed in oldest:
                del self._newest[passed.id]

    def drop(self, number: int) -> None:
        """Forget a trade that turned out to be open still."""
        self._newest.pop(number, None)

    def __len__(self) -> int:
        return self._passed + len(self._newest)

    def __iter__(self) -> Iterator[TradeClosed]:
        for pack in self._packs:
            yield from _unpack(pack)
        yield from self._newest.values()


def _pack(trades: Sequence[TradeClosed]) -> bytes:
    rows = [_values(trade) for trade in trades]
    return zlib.compress(json.dumps(rows, default=str).encode(), level=1)


def _unpack(pack: bytes) -> Iterator[TradeClosed]:
    for row in json.loads(zlib.decompress(pack)):
        for i in _MONEY:
            row[i] = None if row[i] is None else Decimal(row[i])
        yield TradeClosed(*row)


__all__ = ["ClosedTrades"]
