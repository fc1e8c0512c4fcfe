"""What the gate and sizing judge from: the moment and the symbol, and what an entry is worth and risks at worst."""

from __future__ import annotations

from decimal import ROUND_CEILING, Decimal

from tradebot.core.model.frozen import frozen
from tradebot.core.model.money import ONE, ZERO, quotient_at_8
from tradebot.core.model.values import Instrument, Side
from tradebot.core.risk.limits import Limits

SLIPPAGE_ALLOWANCE = Decimal("0.002")
"""The least slippage a stop is given in the risk sum: 0.2 % of the notional."""


@frozen
class GateContext:
    """What the gate may know about the moment and the symbol.

    Prices in USDT: ``price`` is the larger of mark and ask, ``low`` the smaller of mark and bid, ``spread``
    ask - bid (0 when only bars are known), ``age_ms`` the age of these prices at the exchange, ``signal_age_ms`` how long ago the bar of the
    signal closed and ``skew_ms`` how
    far its clock is ahead of ours. ``slip`` is the fraction of the price a market entry is taken to slip. ``position`` is signed base units; ``working_value`` the value
    (USDT) of live and unknown exposure-increasing orders on the symbol; ``others`` how many other
    symbols hold a position or a live entry; ``orphans`` how many closing orders still rest on the symbol though it is
    flat; ``margin`` the initial margin in use (USDT); ``last_entry`` the time of the last approved
    entry on any symbol, None before the first. ``leverage`` is the account's. ``rooms`` says of each loss limit
    (rule, what may still be lost, cap); ``open_risk`` is what open positions and entries can still lose at their
    stops (USDT). ``paused`` says why entries on the symbol wait, "" if they do not; ``barred`` why somebody outside wants none.
    """

    now: int
    epoch: int
    halts: tuple[str, ...]
    instrument: Instrument
    limits: Limits
    taker_fee: Decimal
    price: Decimal
    low: Decimal
    spread: Decimal
    age_ms: int
    position: Decimal
    working_value: Decimal
    others: int
    margin: Decimal
    equity: Decimal
    last_entry: int | None
    leverage: int = 1
    rooms: tuple[tuple[str, Decimal, Decimal], ...] = ()
    open_risk: Decimal = ZERO
    paused: str = ""
    slip: Decimal = ZERO
    skew_ms: int = 0
    orphans: int = 0
    signal_age_ms: int = 0
    barred: tuple[str, ...] = ()


def worst_value(side: Side, price: Decimal | None, desk: GateContext) -> Decimal:
    """Return the price at which an entry counts: the largest of mark, touch and worst fill (USDT).

    ``price`` is its limit, None for a market order.
    """
    if price is not None:
        return max(desk.price, price)
    return desk.price * (ONE + desk.slip) if side is Side.BUY else desk.price


def worst_entry(side: Side, price: Decimal | None, desk: GateContext) -> Decimal:
    """Return the worst price an entry may fill at (USDT): its limit; slipped from the touch without one.

    A market order has no worst price: the configured slippage is assumed, a gap can exceed it.
    """
    if side is Side.BUY:
        return worst_value(side, price, desk)
    return desk.low * (ONE - desk.slip) if price is None else price


def loss_per_unit(
    side: Side, price: Decimal | None, stop: Decimal | None, desk: GateContext
) -> Decimal:
    """Return what one base unit can lose at its stop, entered at the worst permitted price (USDT)."""
    return unit_risk(side, worst_entry(side, price, desk), stop, desk.taker_fee, desk.spread)


def unit_risk(
    side: Side, price: Decimal, stop: Decimal | None, taker_fee: Decimal, spread: Decimal
) -> Decimal:
    """Return distance to the stop, both fees and a slippage allowance, per base unit (USDT).

    Without a stop a long can lose its whole price; a short is taken to lose as much. A stop that is
    already in profit counts as one at the price.
    """
    if stop is None:
        return price + price * taker_fee
    distance = max(ZERO, price - stop if side is Side.BUY else stop - price)
    fees = (price + stop) * taker_fee
    return distance + fees + max(SLIPPAGE_ALLOWANCE * price, 2 * spread)


def initial_margin(notional: Decimal, leverage: int) -> Decimal:
    """Return what a notional ties up at a leverage (USDT), at 8 decimals, rounded up."""
    return quotient_at_8(notional, Decimal(leverage), ROUND_CEILING)
