"""What a fill costs (DESIGN 11, rules 3 to 5): worked out exactly, rounded once, against us.

A slip is kept as a fraction ``numerator / denominator`` of exact decimals, because a quantity
divided by a volume has no finite decimal; only the final price is rounded, to the tick.
"""

from __future__ import annotations

from decimal import Decimal

from tradebot.core.model.money import ONE
from tradebot.core.model.values import Side
from tradebot.core.simulated.rules import SimRules

_HALF_BPS = Decimal(20_000)
"""Half a spread of ``n`` basis points is ``n / 20000`` of the base."""
_QUARTER = Decimal("0.25")
"""Share of the distance from a stop's base to the bar's extreme that its fill gives away."""


def worse(side: Side, one: Decimal, other: Decimal) -> Decimal:
    """Return the price that is worse for an order of this side: the higher for a buy."""
    return max(one, other) if side is Side.BUY else min(one, other)


def slipped(
    side: Side, base: Decimal, numerator: Decimal, denominator: Decimal, tick: Decimal
) -> Decimal:
    """Return ``base`` moved against us by a fraction, at least one tick, rounded away to the tick.

    Not capped by any bar; a sell ends at one tick, for a price cannot fall to zero.
    """
    if numerator < tick * denominator:
        numerator, denominator = tick, ONE
    scale = denominator * tick
    if side is Side.BUY:
        count, rest = divmod(base * denominator + numerator, scale)
        return (count + 1 if rest else count) * tick
    return max((base * denominator - numerator) // scale, ONE) * tick


class Pricing:
    """Fill prices under one set of rules."""

    __slots__ = ("_impact", "_plain", "_spread")

    def __init__(self, rules: SimRules) -> None:
        self._plain = rules.next_open
        self._spread = rules.spread_bps
        self._impact = rules.impact

    def market(
        self, side: Side, base: Decimal, qty: Decimal, volume: Decimal, tick: Decimal
    ) -> Decimal:
        """Return the price of a taker fill of ``qty`` against a bar's ``volume`` (rule 3)."""
        if self._plain:
            return base
        numerator, denominator = self._slip(base, qty, volume)
        return slipped(side, base, numerator, denominator, tick)

    def stop(
        self,
        side: Side,
        base: Decimal,
        extreme: Decimal,
        qty: Decimal,
        volume: Decimal,
        tick: Decimal,
    ) -> Decimal:
        """Return the price of a stop's fill; ``extreme`` is the bar's worst price (rule 4)."""
        if self._plain:
            return base
        numerator, denominator = self._slip(base, qty, volume)
        numerator += _QUARTER * abs(base - extreme) * denominator
        return slipped(side, base, numerator, denominator, tick)

    def marketable(self, side: Side, limit: Decimal, open_: Decimal) -> bool:
        """Whether a limit is at or through the open plus or minus half the spread (rule 5)."""
        spread = Decimal(0) if self._plain else self._spread
        if side is Side.BUY:
            return limit * _HALF_BPS >= open_ * (_HALF_BPS + spread)
        return limit * _HALF_BPS <= open_ * (_HALF_BPS - spread)

    def beyond_touch(
        self, side: Side, touch: Decimal, rest: Decimal, volume: Decimal, tick: Decimal
    ) -> Decimal:
        """Return the price of what a quote's visible size does not cover.

        Rule 3 with the touch as base and the last closed minute's ``volume``: never better than the
        touch, and a larger rest never costs less. A minute without trades counts as our own quantity.
        """
        numerator, denominator = self._slip(touch, rest, volume)
        return slipped(side, touch, numerator, denominator, tick)

    def _slip(self, base: Decimal, qty: Decimal, volume: Decimal) -> tuple[Decimal, Decimal]:
        """Half the spread plus impact, as a fraction; our part of the volume is 1 at most."""
        if qty >= volume:
            return base * (self._spread + _HALF_BPS * self._impact), _HALF_BPS
        return (
            base * (self._spread * volume + _HALF_BPS * self._impact * qty),
            _HALF_BPS * volume,
        )
