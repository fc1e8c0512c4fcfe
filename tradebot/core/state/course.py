"""What an open position goes through: how far it was ahead and behind, and what its fills cost.

Prices are those the monitor sees: marks, closes, a bar's adverse extreme, and the position's own fills. Between
two fills the result is linear in the price, so the lowest and the highest one seen are all that is kept of them.
"""

from __future__ import annotations

from dataclasses import fields
from decimal import Decimal
from operator import attrgetter
from typing import NamedTuple

from tradebot.core.model.frozen import frozen
from tradebot.core.model.money import ZERO, of_float, to_eight
from tradebot.core.model.values import Fill
from tradebot.core.state.orders import TrackedOrder
from tradebot.core.state.portfolio import Holding


@frozen
class Story:
    """What a round trip went through, in USDT; None where nobody knows.

    ``mae`` (at most 0) and ``mfe`` (at least 0) are the worst and the best open result, before fees and funding.
    ``decision`` is the touch, else the close, at which the entry was decided; ``slippage`` what all fills cost
    against their decision price or trigger, negative when against us. ``stop`` and ``target`` as they were at the
    entry, ``unit_risk`` what one base unit was to lose at the stop, costs included.
    """

    mae: Decimal | None = None
    mfe: Decimal | None = None
    decision: Decimal | None = None
    slippage: Decimal | None = None
    stop: Decimal | None = None
    target: Decimal | None = None
    unit_risk: Decimal | None = None

    def risk(self, qty: Decimal) -> Decimal | None:
        """Return the loss planned at the stop of a quantity (base units), USDT at 8 decimals."""
        return None if self.unit_risk is None else to_eight(self.unit_risk * qty)

    def export_state(self) -> list[str | None]:
        """Return the story as JSON values."""
        return [None if value is None else str(value) for value in _told(self)]

    @classmethod
    def restored(cls, state: list[str | None]) -> Story:
        """Build the story from ``export_state``."""
        return cls(*(None if text is None else Decimal(text) for text in state))


UNKNOWN = Story()

_told = attrgetter(*(item.name for item in fields(Story)))
"""Returns the parts of a story, in order: of a story, and of a course."""


class Stake(NamedTuple):
    """What is held (signed base units), and the cash flow of its round trip before fees and funding (USDT)."""

    qty: Decimal
    flow: Decimal

    @classmethod
    def of(cls, holding: Holding) -> Stake:
        """Return what is at stake now: ``flow + qty x price`` is the open result at a price."""
        return cls(holding.qty, holding.trip_cash + holding.trip_fees - holding.trip_funding)


class PriceSpan(NamedTuple):
    """The lowest and the highest price seen since the last fill (USDT)."""

    low: float
    high: float


class Course:
    """The round trip that a position is in. Make it with the order that opened it."""

    __slots__ = ("decision", "mae", "mfe", "slippage", "stop", "target", "unit_risk")

    def __init__(self, entry: TrackedOrder) -> None:
        self.mae = ZERO
        self.mfe = ZERO
        self.slippage: Decimal | None = ZERO
        self.decision = entry.decision
        self.stop = entry.stop
        self.target = entry.target
        self.unit_risk = entry.unit_risk

    def look(self, stake: Stake, reach: PriceSpan, price: Decimal) -> None:
        """Take in what was seen since the last fill, and the price of the next one (USDT)."""
        for seen in (of_float(reach.low), of_float(reach.high), price):
            result = stake.flow + stake.qty * seen
            if result < self.mae:
                self.mae = result
            elif result > self.mfe:
                self.mfe = result

    def pay(self, fill: Fill, qty: Decimal, order: TrackedOrder | None) -> None:
        """Add what a fill cost against the price it was decided at; ``qty`` is its share in this trip."""
        meant = None if order is None else order.meant
        if self.slippage is not None:
            against = None if meant is None else fill.side.sign * (meant - fill.price) * qty
            self.slippage = None if against is None else self.slippage + against

    def story(self) -> Story:
        """Return what there is to tell."""
        return Story(*_told(self))

    def export_state(self) -> list[str | None]:
        """Return the course as JSON values."""
        return self.story().export_state()

    @classmethod
    def restored(cls, state: list[str | None]) -> Course:
        """Build the course from ``export_state``."""
        course = cls.__new__(cls)
        story = Story.restored(state)
        course.mae, course.mfe = story.mae or ZERO, story.mfe or ZERO
        course.decision, course.slippage = story.decision, story.slippage
        course.stop, course.target, course.unit_risk = story.stop, story.target, story.unit_risk
        return course


__all__ = ["UNKNOWN", "Course", "PriceSpan", "Stake", "Story"]
