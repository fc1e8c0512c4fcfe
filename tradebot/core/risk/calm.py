"""A cheap first look at prices: between which of them nothing can come of one but another equity.

Most prices under an open position make no new high or low of the equity and reach no limit. This module
says, in floats and on the safe side, which these are; every other price is looked at exactly.
"""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal
from math import inf
from typing import TypeAlias

from tradebot.core.book import Book
from tradebot.core.metrics import Drawdown
from tradebot.core.risk.watch import Watch

Band: TypeAlias = tuple[float, float]
"""Prices in USDT: strictly between the two it is calm."""

NEVER: Band = (inf, -inf)

_SAFETY = 1e-9
"""Relative allowance for the rounding of floats, a million times what it is."""


def calm_band(books: Iterable[Book], cash: Decimal, drawdown: Drawdown, watch: Watch) -> Band:
    """Return the band of the only open position; ``NEVER`` unless there is exactly one, left alone.

    Solves for the price p, with equity = cash + qty x p and net = ``Watch.net``: equity below its peak
    and above its deepest fall and the account's next limit; net above the trade's next step; p on the good
    side of the liquidation bound.
    """
    held = [book for book in books if book.holding.qty]
    if len(held) != 1 or held[0].closing:
        return NEVER
    (book,) = held
    holding = book.holding
    qty, money, peak = float(holding.qty), float(cash), float(drawdown.peak)
    # equity must not fall below: the deepest fall in USDT, that in percent, the account's next limit
    least = max(peak - float(drawdown.deepest), peak - float(drawdown.deepest_pct) * peak / 100.0)
    if watch.floor is not None:
        least = max(least, float(watch.floor))
    bad = [(least - money) / qty]
    good = (peak - money) / qty
    trip_cash = float(holding.trip_cash)
    if book.ladder is not None and book.ladder.next is not None:
        bad.append((float(book.ladder.next) - trip_cash) / watch.left_of(qty))
    if book.watch is not None:
        bad.append(float(book.watch))
    guard = _SAFETY * (abs(money) + peak + abs(trip_cash)) / abs(qty)
    if qty > 0:
        return max(bad) + guard, good - guard
    return good + guard, min(bad) - guard
