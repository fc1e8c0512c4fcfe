"""The gate: the only place where an order becomes ``Approved``.

``check`` judges entries: every rule, all reasons, with the numbers. ``close`` judges protection: it is
reduce-only, against the position and at most its size. Both get rounded orders and round nothing.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal

from tradebot.core.money import ZERO, plain, ratio
from tradebot.core.risk.approved import SEAL, Approved, Refusal, Refused
from tradebot.core.risk.limits import Limits
from tradebot.core.risk.monitor import liquidation_risk
from tradebot.core.values import HOUR_MS, Instrument, Order, OrderType, Side

SLIPPAGE_ALLOWANCE = Decimal("0.002")
"""The least slippage a stop is given in the risk sum: 0.2 % of the notional."""

HUNDRED = Decimal(100)


@dataclass(frozen=True, slots=True)
class Desk:
    """What the gate may know about the moment and the symbol.

    Prices in USDT: ``price`` is the larger of mark and touch, ``spread`` ask - bid (0 when only bars are
    known), ``age_ms`` the age of that price. ``position`` is signed base units; ``working_value`` the value
    (USDT) of live and unknown exposure-increasing orders on the symbol; ``others`` how many other
    symbols hold a position or a live entry; ``margin`` the initial margin in use (USDT); ``last_entry`` the time of the last approved
    entry on any symbol, None before the first. ``leverage`` is the account's. ``rooms`` says of each loss limit
    (rule, what may still be lost, cap); ``open_risk`` is what open positions and entries can still lose at their
    stops (USDT). ``paused`` says why entries on the symbol wait, "" if they do not.
    """

    now: int
    epoch: int
    halts: tuple[str, ...]
    instrument: Instrument
    limits: Limits
    taker_fee: Decimal
    price: Decimal
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


Rule = Callable[[Order, Decimal | None, Desk], Refusal | None]


def worst_price(order: Order, desk: Desk) -> Decimal:
    """Return the price at which the order counts: the larger of mark, touch and limit (USDT)."""
    return desk.price if order.price is None else max(desk.price, order.price)


def worst_entry(order: Order, desk: Desk) -> Decimal:
    """Return the worst price the entry may fill at: a sell is worst at its limit (USDT)."""
    if order.side is Side.SELL and order.price is not None:
        return order.price
    return worst_price(order, desk)


def loss_per_unit(side: Side, price: Decimal, stop: Decimal | None, desk: Desk) -> Decimal:
    """Return what one base unit bought or sold at ``price`` can lose at its stop (USDT)."""
    return unit_risk(side, price, stop, desk.taker_fee, desk.spread)


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


def check(order: Order, stop: Decimal | None, desk: Desk) -> Approved | Refused:
    """Judge an entry against every admission rule; ``stop`` is where its stop will be placed."""
    reasons = tuple(r for rule in RULES if (r := rule(order, stop, desk)) is not None)
    return Refused(reasons) if reasons else Approved(order, desk.epoch, SEAL)


def close(
    order: Order, position: Decimal, instrument: Instrument, epoch: int
) -> Approved | Refused:
    """Judge a closing or protective order against the position it is meant for (signed base units)."""
    reasons = tuple(_closing_faults(order, position, instrument))
    return Refused(reasons) if reasons else Approved(order, epoch, SEAL)


def _closing_faults(order: Order, position: Decimal, instrument: Instrument) -> list[Refusal]:
    faults = []
    if not order.reduce_only:
        faults.append(
            Refusal("reduce_only", f"{order.symbol}: a closing order must be reduce-only")
        )
    if not position or (position > 0) == (order.side is Side.BUY):
        faults.append(
            Refusal("side", f"{order.symbol}: {order.side} does not reduce {plain(position)}")
        )
    elif order.qty > abs(position):
        text = f"{order.symbol}: {plain(order.qty)} is more than the position of {plain(position)}"
        faults.append(Refusal("size", text))
    return faults + list(_lot_faults(order, instrument))


def _lot_faults(order: Order, instrument: Instrument) -> list[Refusal]:
    faults = []
    largest = instrument.max_qty if order.type is OrderType.LIMIT else instrument.market_max_qty
    if order.qty < instrument.min_qty or order.qty > largest or order.qty % instrument.step:
        text = (
            f"{order.symbol}: quantity {plain(order.qty)} is not a multiple of {plain(instrument.step)} "
            f"between {plain(instrument.min_qty)} and {plain(largest)}"
        )
        faults.append(Refusal("lot", text))
    for price in (order.price, order.trigger):
        if price is not None and (price <= 0 or price % instrument.tick):
            text = f"{order.symbol}: price {plain(price)} is not a multiple of tick {plain(instrument.tick)}"
            faults.append(Refusal("tick", text))
    return faults


def _halted(order: Order, stop: Decimal | None, desk: Desk) -> Refusal | None:
    if not desk.halts:
        return None
    return Refusal("halted", f"trading is halted: {', '.join(desk.halts)}")


def _allowed(order: Order, stop: Decimal | None, desk: Desk) -> Refusal | None:
    if order.symbol in desk.limits.symbols:
        return None
    allowed = ", ".join(desk.limits.symbols)
    return Refusal("symbols", f"{order.symbol} is not on the allow-list ({allowed})")


def _lot(order: Order, stop: Decimal | None, desk: Desk) -> Refusal | None:
    faults = _lot_faults(order, desk.instrument)
    return faults[0] if faults else None


def _notional(order: Order, stop: Decimal | None, desk: Desk) -> Refusal | None:
    value = order.qty * (order.price or desk.price)
    least = desk.instrument.min_notional
    if value >= least:
        return None
    text = f"{order.symbol}: order value ${_usd(value)} is below the exchange's minimum of ${_usd(least)}"
    return Refusal("min_notional", text)


def _stop_present(order: Order, stop: Decimal | None, desk: Desk) -> Refusal | None:
    price = worst_price(order, desk)
    if stop is None:
        if desk.limits.stop_required:
            return Refusal("no_stop", f"{order.symbol}: an entry needs a stop")
        return None
    wrong = stop >= min(price, desk.price) if order.side is Side.BUY else stop <= price
    if stop <= 0 or wrong:
        where = "below" if order.side is Side.BUY else "above"
        text = f"{order.symbol}: stop {plain(stop)} is not {where} the price {plain(desk.price)}"
        return Refusal("stop_side", text)
    return None


def _position_value(order: Order, stop: Decimal | None, desk: Desk) -> Refusal | None:
    cap = desk.limits.position_value
    if cap is None:
        return None
    price = worst_price(order, desk)
    value = (order.qty + abs(desk.position)) * price + desk.working_value
    if value <= cap:
        return None
    text = f"{order.symbol}: position value ${_usd(value)} exceeds the cap of ${_usd(cap)}"
    return Refusal("position_value", text)


def _trade_loss(order: Order, stop: Decimal | None, desk: Desk) -> Refusal | None:
    cap = desk.limits.trade_loss
    if cap is None:
        return None
    loss = order.qty * loss_per_unit(order.side, worst_entry(order, desk), stop, desk)
    if loss <= cap:
        return None
    text = (
        f"{order.symbol}: loss at the stop ${_usd(loss)} exceeds the limit of ${_usd(cap)} a trade"
    )
    return Refusal("trade_loss", text)


def _period_loss(order: Order, stop: Decimal | None, desk: Desk) -> Refusal | None:
    """Look ahead: what is lost, what open positions can lose at their stops, and this order's own risk."""
    own = order.qty * loss_per_unit(order.side, worst_entry(order, desk), stop, desk)
    for rule, room, cap in desk.rooms:
        if own + desk.open_risk > room:
            lost = cap - room
            text = (
                f"{rule.replace('_', ' ')}: lost ${_usd(lost)}, open risk ${_usd(desk.open_risk)} and "
                f"this order's ${_usd(own)} exceed the limit of ${_usd(cap)}"
            )
            return Refusal(rule, text)
    return None


def _leverage(order: Order, stop: Decimal | None, desk: Desk) -> Refusal | None:
    cap = desk.limits.leverage
    if cap is None or desk.leverage <= cap:
        return None
    return Refusal("leverage", f"the account is set to {desk.leverage}x; the limit is {cap}x")


def _liquidation(order: Order, stop: Decimal | None, desk: Desk) -> Refusal | None:
    """The stop must act before liquidation threatens, or it protects nothing."""
    cap = desk.limits.liquidation_close_pct
    if cap is None or stop is None or stop <= 0:
        return None
    sign = order.side.sign
    entry = worst_entry(order, desk)
    risk = liquidation_risk(desk.instrument, sign * order.qty, entry, desk.leverage, stop)
    if risk < cap:
        return None
    text = f"{order.symbol}: liquidation risk at the stop {plain(stop)} is {risk:.0f}%; it must be under {plain(cap)}%"
    return Refusal("liquidation", text)


def _paused(order: Order, stop: Decimal | None, desk: Desk) -> Refusal | None:
    return Refusal("paused", f"{order.symbol}: {desk.paused}") if desk.paused else None


def _margin(order: Order, stop: Decimal | None, desk: Desk) -> Refusal | None:
    cap = desk.limits.margin_utilisation_pct
    if cap is None:
        return None
    needed = desk.margin + ratio(order.qty * worst_price(order, desk), Decimal(desk.leverage))
    if desk.equity > 0 and needed * HUNDRED <= cap * desk.equity:
        return None
    text = f"margin ${_usd(needed)} would exceed {plain(cap)}% of equity ${_usd(desk.equity)}"
    return Refusal("margin", text)


def _positions(order: Order, stop: Decimal | None, desk: Desk) -> Refusal | None:
    cap = desk.limits.max_positions
    if cap is None or desk.others < cap:
        return None
    return Refusal(
        "max_positions", f"{desk.others} positions or entries are open; the limit is {cap}"
    )


def _interval(order: Order, stop: Decimal | None, desk: Desk) -> Refusal | None:
    least = desk.limits.entry_interval_s
    if not least or desk.last_entry is None:
        return None
    since = desk.now - desk.last_entry
    if since >= least * 1000:
        return None
    text = f"last entry was {since / 1000:g} s ago; entries are at least {least} s apart"
    return Refusal("entry_interval", text)


def _blackout(order: Order, stop: Decimal | None, desk: Desk) -> Refusal | None:
    hour = desk.now // HOUR_MS % 24
    if not desk.limits.blackout_hours or hour not in desk.limits.blackout_hours:
        return None
    return Refusal("blackout", f"no entries in the hour {hour:02d}:00 UTC (blackout)")


def _fresh(order: Order, stop: Decimal | None, desk: Desk) -> Refusal | None:
    most = desk.limits.stale_s
    if most is None or desk.age_ms <= most * 1000:
        return None
    text = f"{order.symbol}: the price is {desk.age_ms / 1000:g} s old; entries need one under {most} s"
    return Refusal("stale", text)


def _usd(value: Decimal) -> str:
    return f"{value:.2f}"


RULES: tuple[Rule, ...] = (
    _halted,
    _allowed,
    _lot,
    _notional,
    _stop_present,
    _position_value,
    _trade_loss,
    _period_loss,
    _leverage,
    _liquidation,
    _margin,
    _positions,
    _interval,
    _blackout,
    _fresh,
    _paused,
)
"""Every admission rule, in the order in which reasons are listed."""

__all__ = ["RULES", "Desk", "check", "close", "loss_per_unit", "worst_price"]
