"""Funding of a journalled run, to be played again: the journal has what was booked, and from that the rate.

Rates of times at which a run held nothing are not in it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from decimal import Decimal
from itertools import groupby

from tradebot.core.model.events import FundingRate, MarketEvent
from tradebot.core.model.money import ZERO
from tradebot.core.model.values import Bar
from tradebot.journal.reader import Reader
from tradebot.journal.view import FillRow, FundingRow

Steps = Iterator[Sequence[MarketEvent]]

PLACES = 12
"""How finely a rate is reckoned from an amount: of a million USDT to a millionth of one."""


class BookedFunding:
    """The funding rates a run was booked by, told in order of time.

    An exchange says amounts only: there the rate is that of the position held then at the newest close.
    """

    def __init__(self, booked: Sequence[FundingRow], fills: Sequence[FillRow]) -> None:
        self._booked = sorted(booked, key=lambda row: row.ts, reverse=True)
        self._fills = sorted(fills, key=lambda row: row.time, reverse=True)
        self._held: dict[str, Decimal] = {}
        self._closes: dict[str, Bar] = {}

    def seen(self, bars: Iterable[Bar]) -> None:
        """Take note of bars that closed."""
        self._closes |= {bar.symbol: bar for bar in bars}

    def before(self, at: int) -> list[FundingRate]:
        """Return the rates that were told before a moment (UTC ms), each once."""
        found = []
        while self._booked and self._booked[-1].ts < at:
            rate = self._rate(self._booked.pop())
            if rate is not None:
                found.append(rate)
        return found

    def _rate(self, row: FundingRow) -> FundingRate | None:
        if row.qty:
            return FundingRate(row.ts, row.symbol, row.rate, row.mark)
        self._hold(row.ts)
        held, bar = self._held.get(row.symbol, ZERO), self._closes.get(row.symbol)
        if not held or bar is None:
            return None
        mark = bar.exact_close
        rate = round(-float(row.amount) / float(held * mark), PLACES)
        return FundingRate(row.ts, row.symbol, Decimal(f"{rate:.{PLACES}f}"), mark)

    def _hold(self, at: int) -> None:
        """Take the fills up to a moment."""
        while self._fills and self._fills[-1].time <= at:
            fill = self._fills.pop()
            self._held[fill.symbol] = fill.position


def booked_funding(reader: Reader, run: str) -> BookedFunding:
    """Return the funding of a run."""
    booked = reader.funding(run)
    fills = [] if all(row.qty for row in booked) else reader.fills(run)
    return BookedFunding(booked, fills)


def steps_of(bars: Iterable[Bar], funding: BookedFunding) -> Steps:
    """Yield bars that closed at one moment together, each told at its close, and funding when it was told."""
    for close, found in groupby(bars, key=lambda bar: bar.open_time + bar.interval):
        for _, due in groupby(funding.before(close - 1), key=lambda rate: rate.at):
            yield list(due)
        step = [bar.stamped(close - 1) for bar in found]
        funding.seen(step)
        yield step


__all__ = ["BookedFunding", "booked_funding", "steps_of"]
