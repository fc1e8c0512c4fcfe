"""A loss limit with its steps, and the days and weeks that limits count by."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from tradebot.core.model.money import ONE, ZERO, plain, ratio
from tradebot.core.model.values import DAY_MS

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

    def use_up(self) -> None:
        """Count the limit as reached."""
        self.stage = REACHED
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


def describe(reason: str, loss: Decimal, cap: Decimal) -> str:
    """Say how much of a loss limit is used."""
    pct = ratio(loss * HUNDRED, cap)
    return f"{reason.replace('_', ' ')}: ${loss:.2f} of ${plain(cap)} ({pct:.0f}%)"
