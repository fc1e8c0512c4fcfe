"""The third wall: what is watched on every price, fill and wake-up.

A reaction rule acts on the first event at which its limit is reached; this module says when that
is, the engine does what it asks for in the same ``process`` call. Caps bound size, not gaps: a price
that jumps over a limit is acted on where it lands.
"""

from __future__ import annotations

from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal
from typing import Any

from tradebot.core.model.money import ONE, ZERO, plain, quotient_at_8, ratio
from tradebot.core.model.values import DAY_MS, Instrument
from tradebot.core.simulated.account import maintenance, tier_of

STEPS = (Decimal("0.6"), Decimal("0.8"), ONE)
"""Shares of a loss limit at which something happens: two alerts, then the reaction."""

REACHED = len(STEPS)
HUNDRED = Decimal(100)
WEEK_MS = 7 * DAY_MS
MONDAY_MS = 4 * DAY_MS
"""The first Monday after the epoch, which was a Thursday."""


def day_of(at: int) -> int:
    """Return the start of the UTC day (ms)."""
    return at - at % DAY_MS


def week_of(at: int) -> int:
    """Return the start of the trading week: Monday 00:00 UTC (ms)."""
    return at - (at - MONDAY_MS) % WEEK_MS


class LossLimit:
    """A loss limit with its alerts: how far a value has fallen from its baseline.

    ``cap`` in USDT, None for a rule that is off. ``next`` is the value at or below which something
    happens, None when nothing can; ``stage`` counts the steps that were reached, ``REACHED`` is the limit.
    """

    __slots__ = ("base", "cap", "next", "reason", "stage")

    def __init__(self, reason: str, cap: Decimal | None, base: Decimal) -> None:
        self.reason = reason
        self.cap = cap
        self.base = base
        self.stage = 0
        self.next: Decimal | None = None
        self.reset(base)

    def reset(self, base: Decimal) -> None:
        """Begin again from a new baseline."""
        self.base = base
        self.stage = 0
        self._aim()

    def shift(self, amount: Decimal) -> None:
        """Move the baseline, keeping the steps that were reached (USDT)."""
        self.base += amount
        self._aim()

    def advance(self, value: Decimal) -> int:
        """Take a value at or below ``next``; return the stage reached."""
        while self.next is not None and value <= self.next:
            self.stage += 1
            self._aim()
        return self.stage

    def loss(self, value: Decimal) -> Decimal:
        """Return the loss since the baseline, negative for a gain (USDT)."""
        return self.base - value

    def _aim(self) -> None:
        over = self.cap is None or self.stage >= REACHED
        self.next = None if over else self.base - (self.cap or ZERO) * STEPS[self.stage]

    def export_state(self) -> list[Any]:
        """Return baseline and stage as JSON values."""
        return [str(self.base), self.stage]

    def restore(self, state: list[Any]) -> None:
        """Take over ``export_state``'s values."""
        self.reset(Decimal(state[0]))
        self.stage = state[1]
        self._aim()


def bankruptcy_price(qty: Decimal, entry: Decimal, leverage: int) -> Decimal:
    """Return the price at which the isolated margin is gone: entry x (1 -+ 1/leverage), against us."""
    if qty > 0:
        return quotient_at_8(entry * (leverage - 1), Decimal(leverage), ROUND_FLOOR)
    return quotient_at_8(entry * (leverage + 1), Decimal(leverage), ROUND_CEILING)


def liquidation_risk(
    instrument: Instrument, qty: Decimal, entry: Decimal, leverage: int, mark: Decimal
) -> Decimal:
    """Return maintenance margin / (isolated margin + unrealised PnL) in percent.

    100 is liquidation; where nothing of the margin is left it is said as 1000. Source: Binance's
    isolated margin ratio with its brackets.
    """
    margin = abs(qty) * abs(entry - bankruptcy_price(qty, entry, leverage))
    left = margin + qty * (mark - entry)
    required = maintenance(instrument, abs(qty) * mark)
    if left <= 0:
        return Decimal(1000)
    return min(Decimal(1000), ratio(required * HUNDRED, left))


def liquidation_price(
    instrument: Instrument, qty: Decimal, entry: Decimal, leverage: int
) -> Decimal | None:
    """Return the mark price at which the position is liquidated; None for a long that cannot be.

    Solves margin + qty x (p - entry) = |qty| x p x rate - cum in each bracket and takes the one whose
    notional fits. At 8 decimals, towards the entry (the earlier price).
    """
    size = abs(qty)
    margin = size * abs(entry - bankruptcy_price(qty, entry, leverage))
    sign = 1 if qty > 0 else -1
    for tier in instrument.tiers:
        slope = size * (sign - tier.rate)
        level = sign * size * entry - margin - tier.cum
        price = quotient_at_8(level, slope, ROUND_CEILING if qty > 0 else ROUND_FLOOR)
        if price > 0 and tier_of(instrument, size * price) is tier:
            return price
    return None


def watch_price(
    instrument: Instrument, qty: Decimal, entry: Decimal, leverage: int, percent: Decimal
) -> Decimal:
    """Return a price before which ``liquidation_risk`` is surely below ``percent``.

    A cheap bound for the hot path: a long needs looking at only at or below it, a short only at or
    above it. It takes the largest maintenance margin that the way there can ask for.
    """
    size = abs(qty)
    margin = size * abs(entry - bankruptcy_price(qty, entry, leverage))
    if qty > 0:  # the notional only falls on the way down
        required = maintenance(instrument, size * entry) * HUNDRED
        return quotient_at_8(
            (size * entry - margin) * percent + required, size * percent, ROUND_CEILING
        )
    rate = tier_of(instrument, size * bankruptcy_price(qty, entry, leverage)).rate
    room = (margin + size * entry) * percent
    return quotient_at_8(room, size * (percent + rate * HUNDRED), ROUND_FLOOR)


def describe(reason: str, loss: Decimal, cap: Decimal) -> str:
    """Say how much of a loss limit is used."""
    pct = ratio(loss * HUNDRED, cap)
    return f"{reason.replace('_', ' ')}: ${loss:.2f} of ${plain(cap)} ({pct:.0f}%)"
