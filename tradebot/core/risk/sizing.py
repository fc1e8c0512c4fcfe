"""How much to buy or sell: CONTRACT's formula, floored to the lot step.

Quantity = floor to step of tier x min(position cap / price, loss per trade / loss per unit at the stop).
"""

from __future__ import annotations

from decimal import Decimal

from tradebot.core.model.approved import Refusal
from tradebot.core.model.money import ZERO, ceil_to, plain
from tradebot.core.model.values import Side
from tradebot.core.risk.desk import GateContext, worst_value

HIGH = Decimal(1)
MEDIUM = Decimal("0.7")
LOW = Decimal("0.3")


def tier_of(confidence: float) -> Decimal:
    """Return the share of the full size a confidence earns: 1.0 from 0.75, 0.7 from 0.5, else 0.3."""
    if confidence >= 0.75:
        return HIGH
    return MEDIUM if confidence >= 0.5 else LOW


def size(
    side: Side, tier: Decimal, price: Decimal | None, unit: Decimal, desk: GateContext
) -> Decimal | Refusal:
    """Return the quantity in base units, or why not even the smallest order fits.

    ``price`` is the entry's limit (USDT), None for a market order; ``unit`` its ``loss_per_unit``.
    """
    instrument = desk.instrument
    step = instrument.step
    worst = worst_value(side, price, desk)
    bounds = [(instrument.market_max_qty // step, "largest order", ZERO)]
    if desk.limits.position_value is not None:
        room = desk.limits.position_value * tier
        bounds.append((room // (worst * step), "position cap of ${:.2f}", room))
    if desk.limits.trade_loss is not None:
        room = desk.limits.trade_loss * tier
        bounds.append((room // (unit * step), "loss limit of ${:.2f} a trade", room))
    steps, why, room = min(bounds)
    qty = steps * step
    value = qty * (desk.low if price is None else price)
    if qty >= instrument.min_qty and value >= instrument.min_notional:  # what ``smallest`` asks for
        return qty
    return _too_small(price, why.format(room), desk)


def smallest(price: Decimal | None, desk: GateContext) -> Decimal:
    """Return the smallest quantity the exchange takes at this limit, None: at market (base units)."""
    instrument = desk.instrument
    unit = (desk.low if price is None else price) * instrument.step
    if instrument.min_notional <= 0 or not unit:  # a price below the tick is rounded to none
        return instrument.min_qty
    steps = ceil_to(instrument.min_notional, unit) // unit
    return max(instrument.min_qty, steps * instrument.step)


def _too_small(price: Decimal | None, why: str, desk: GateContext) -> Refusal:
    least = smallest(price, desk)
    base = desk.instrument.symbol.split("/")[0]
    value = least * (desk.price if price is None else price)
    text = f"{desk.instrument.symbol}: smallest order {plain(least)} {base} = ${value:.2f} exceeds the {why}"
    return Refusal("size", text)


__all__ = ["size", "smallest", "tier_of"]
