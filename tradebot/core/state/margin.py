"""Isolated margin: tiers, maintenance, and where a position is bankrupt or liquidated.

One place for the engine's risk and for the simulated exchange, so that the two cannot disagree. Source of
the tiers and of their formula: Binance USD-M's leverage brackets. Prices and money in USDT, ``qty`` signed in
base units.
"""

from __future__ import annotations

from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal

from tradebot.core.model.money import quotient_at_8, ratio
from tradebot.core.model.values import Instrument, Tier

HUNDRED = Decimal(100)


def tier_of(instrument: Instrument, notional: Decimal) -> Tier:
    """Return the margin tier of a notional (USDT); beyond the last cap the last one holds."""
    for tier in instrument.tiers:
        if notional <= tier.cap:
            return tier
    return instrument.tiers[-1]


def maintenance(instrument: Instrument, notional: Decimal) -> Decimal:
    """Return the maintenance margin, USDT: notional x rate - cum (Binance's bracket formula)."""
    tier = tier_of(instrument, notional)
    return notional * tier.rate - tier.cum


def bankruptcy_price(qty: Decimal, entry: Decimal, leverage: int) -> Decimal:
    """Return the price at which the isolated margin is gone: entry x (1 -+ 1/leverage).

    At 8 decimals, rounded against us.
    """
    if qty > 0:
        return quotient_at_8(entry * (leverage - 1), Decimal(leverage), ROUND_FLOOR)
    return quotient_at_8(entry * (leverage + 1), Decimal(leverage), ROUND_CEILING)


def isolated_margin(qty: Decimal, entry: Decimal, leverage: int) -> Decimal:
    """Return the margin of a position as it is opened, USDT: down to its bankruptcy price."""
    return abs(qty) * abs(entry - bankruptcy_price(qty, entry, leverage))


def liquidation_risk(
    instrument: Instrument, qty: Decimal, entry: Decimal, margin: Decimal, mark: Decimal
) -> Decimal:
    """Return maintenance margin / (isolated margin + unrealised PnL) in percent.

    100 is liquidation; where nothing of the margin is left it is said as 1000. Source: Binance's
    isolated margin ratio with its brackets.
    """
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
    margin = isolated_margin(qty, entry, leverage)
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
    margin = isolated_margin(qty, entry, leverage)
    if qty > 0:  # the notional only falls on the way down
        required = maintenance(instrument, size * entry) * HUNDRED
        return quotient_at_8(
            (size * entry - margin) * percent + required, size * percent, ROUND_CEILING
        )
    rate = tier_of(instrument, size * bankruptcy_price(qty, entry, leverage)).rate
    room = (margin + size * entry) * percent
    return quotient_at_8(room, size * (percent + rate * HUNDRED), ROUND_FLOOR)
