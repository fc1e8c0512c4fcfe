"""A cheap first look at prices: between which of them nothing can come of one but another equity.

Most prices under an open position make no new high or low of the equity and reach no limit. This module
says, in floats and on the safe side, which these are; every other price is looked at exactly.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import TypeAlias

from tradebot.core.model.money import ZERO
from tradebot.core.risk.monitor import Monitor
from tradebot.core.state.instrument import InstrumentState
from tradebot.core.state.metrics import Drawdown

Bands: TypeAlias = Mapping[str, tuple[float, float]]
"""By symbol, prices in USDT: strictly between the two it is calm. A symbol without any is never calm."""

NEVER: Bands = {}

_SAFETY = 1e-9
"""Relative allowance for the rounding of floats, a million times what it is."""


def calm_bands(
    books: Iterable[InstrumentState], cash: Decimal, drawdown: Drawdown, watch: Monitor
) -> Bands:
    """Return the bands of all open positions; ``NEVER`` if one of them is being closed.

    Equity = cash + sum of qty x price must stay below its peak and above its deepest fall and the account's
    next limit. What it may move by either way is divided equally: as long as every price is in its own
    band, the sum is in bounds. Each position's net (``Monitor.net``) must stay above its trade's next step, and
    its price on the good side of the liquidation bound.
    """
    if not ZERO < drawdown.now < drawdown.deepest:
        return NEVER  # the next price may be another extreme
    money, peak = float(cash), float(drawdown.peak)
    equity = money
    held: list[tuple[InstrumentState, float, float]] = []
    for book in books:
        if not book.holding.qty:
            continue
        if book.closing:
            return NEVER
        qty, price = float(book.holding.qty), float(book.price() or book.holding.entry)
        equity += qty * price
        held.append((book, qty, price))
    # equity must not fall below: the deepest fall in USDT, that in percent, the account's next limit
    least = max(peak - float(drawdown.deepest), peak - float(drawdown.deepest_pct) * peak / 100.0)
    if watch.floor is not None:
        least = max(least, float(watch.floor))
    count = len(held) or 1
    fall, rise = (equity - least) / count, (peak - equity) / count
    slack = _SAFETY * (abs(money) + peak)
    return {
        book.symbol: _band(book, watch, qty, price - fall / qty, price + rise / qty, slack)
        for book, qty, price in held
    }


def _band(
    book: InstrumentState, watch: Monitor, qty: float, bad: float, good: float, slack: float
) -> tuple[float, float]:
    """Return the prices between ``bad`` and ``good`` (USDT) at which the position meets no limit of its own."""
    trip_cash = float(book.holding.trip_cash)
    worst = [bad]
    if book.ladder is not None and book.ladder.next is not None:
        worst.append((float(book.ladder.next) - trip_cash) / watch.left_of(qty))
    if book.watch is not None:
        worst.append(float(book.watch))
    guard = (slack + _SAFETY * abs(trip_cash)) / abs(qty)
    if qty > 0:
        return max(worst) + guard, good - guard
    return good + guard, min(worst) - guard
