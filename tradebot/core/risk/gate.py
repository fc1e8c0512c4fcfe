"""The gate: the only place where an order becomes ``Approved``.

``check`` judges entries: every rule, all reasons, with the numbers. ``close`` judges protection: it is
reduce-only, against the position and at most its size. Both get rounded orders and round nothing.
"""

from __future__ import annotations

from collections.abc import Callable
from decimal import ROUND_CEILING, Decimal

from tradebot.core.model.approved import SEAL, Approved, Refusal, Refused
from tradebot.core.model.frozen import frozen
from tradebot.core.model.money import ONE, ZERO, plain, quotient_at_8
from tradebot.core.model.values import HOUR_MS, Instrument, Order, OrderType, Purpose, Side
from tradebot.core.risk.limits import Limits
from tradebot.core.state.margin import isolated_margin, liquidation_risk

SLIPPAGE_ALLOWANCE = Decimal("0.002")
"""The least slippage a stop is given in the risk sum: 0.2 % of the notional."""

HUNDRED = Decimal(100)


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


Rule = Callable[[Order, Decimal | None, GateContext], Refusal | None]


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


def check(
    order: Order, stop: Decimal | None, desk: GateContext, target: Decimal | None = None
) -> Approved | Refused:
    """Judge an entry against every admission rule; ``stop`` and ``target`` are where these will be placed."""
    reasons = [r for rule in RULES if (r := rule(order, stop, desk)) is not None]
    if target is not None and (fault := _target_fault(order, target, desk)):
        reasons.append(fault)
    return Refused(tuple(reasons)) if reasons else Approved(order, desk.epoch, SEAL)


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
    if order.purpose is Purpose.ENTRY:
        faults.append(Refusal("purpose", f"{order.symbol}: an entry closes nothing"))
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
        if price is not None and (fault := _price_fault(price, instrument)):
            faults.append(fault)
    return faults


def _price_fault(price: Decimal, instrument: Instrument) -> Refusal | None:
    if price <= 0 or price % instrument.tick:
        text = f"{instrument.symbol}: price {plain(price)} is not a multiple of tick {plain(instrument.tick)}"
        return Refusal("tick", text)
    if instrument.min_price <= price <= instrument.max_price:
        return None
    bounds = f"{plain(instrument.min_price)} and {plain(instrument.max_price)}"
    text = f"{instrument.symbol}: the exchange takes prices between {bounds}, not {plain(price)}"
    return Refusal("price_range", text)


def _entry(order: Order, stop: Decimal | None, desk: GateContext) -> Refusal | None:
    if order.purpose is Purpose.ENTRY and not order.reduce_only and order.trigger is None:
        return None
    text = f"{order.symbol}: a {order.type} order as {order.purpose.name.lower()} is no entry"
    return Refusal("purpose", text)


def _halted(order: Order, stop: Decimal | None, desk: GateContext) -> Refusal | None:
    if not desk.halts:
        return None
    return Refusal("halted", f"trading is halted: {', '.join(desk.halts)}")


def _allowed(order: Order, stop: Decimal | None, desk: GateContext) -> Refusal | None:
    if order.symbol in desk.limits.symbols:
        return None
    allowed = ", ".join(desk.limits.symbols)
    return Refusal("symbols", f"{order.symbol} is not on the allow-list ({allowed})")


def _lot(order: Order, stop: Decimal | None, desk: GateContext) -> Refusal | None:
    faults = _lot_faults(order, desk.instrument)
    return faults[0] if faults else None


def _band(order: Order, stop: Decimal | None, desk: GateContext) -> Refusal | None:
    """Binance's PERCENT_PRICE: a limit may not be too far on the side that trades through."""
    if order.price is None:
        return None
    highest = desk.low * desk.instrument.percent_up
    lowest = desk.price * desk.instrument.percent_down
    if order.price <= highest if order.side is Side.BUY else order.price >= lowest:
        return None
    bound = highest if order.side is Side.BUY else lowest
    text = f"{order.symbol}: limit {plain(order.price)} is beyond {plain(bound)}, the exchange's price band"
    return Refusal("price_band", text)


def _notional(order: Order, stop: Decimal | None, desk: GateContext) -> Refusal | None:
    value = order.qty * (desk.low if order.price is None else order.price)
    least = desk.instrument.min_notional
    if value >= least:
        return None
    text = f"{order.symbol}: order value ${_usd(value)} is below the exchange's minimum of ${_usd(least)}"
    return Refusal("min_notional", text)


def _stop_present(order: Order, stop: Decimal | None, desk: GateContext) -> Refusal | None:
    if stop is None:
        if desk.limits.stop_required:
            return Refusal("no_stop", f"{order.symbol}: an entry needs a stop")
        return None
    buys = order.side is Side.BUY
    # the stop triggers on the mark: there, and at the price of the fill, it must not be reached yet
    nearest = desk.low if buys else desk.price
    if order.price is not None:
        nearest = min(nearest, order.price) if buys else max(nearest, order.price)
    if stop <= 0 or (stop >= nearest if buys else stop <= nearest):
        where = "below" if buys else "above"
        text = f"{order.symbol}: stop {plain(stop)} is not {where} the price {plain(nearest)}"
        return Refusal("stop_side", text)
    return _price_fault(stop, desk.instrument)


def _target_fault(order: Order, target: Decimal, desk: GateContext) -> Refusal | None:
    """A target is reached by a rise of a long, a fall of a short: there it must not have come already."""
    buys = order.side is Side.BUY
    nearest = desk.price if buys else desk.low
    if target > 0 and (target > nearest if buys else target < nearest):
        return None
    where = "above" if buys else "below"
    text = f"{order.symbol}: target {plain(target)} is not {where} the price {plain(nearest)}"
    return Refusal("target_side", text)


def _position_value(order: Order, stop: Decimal | None, desk: GateContext) -> Refusal | None:
    cap = desk.limits.position_value
    if cap is None:
        return None
    price = worst_value(order.side, order.price, desk)
    value = (order.qty + abs(desk.position)) * price + desk.working_value
    if value <= cap:
        return None
    text = f"{order.symbol}: position value ${_usd(value)} exceeds the cap of ${_usd(cap)}"
    return Refusal("position_value", text)


def _trade_loss(order: Order, stop: Decimal | None, desk: GateContext) -> Refusal | None:
    cap = desk.limits.trade_loss
    if cap is None:
        return None
    loss = order.qty * loss_per_unit(order.side, order.price, stop, desk)
    if loss <= cap:
        return None
    text = (
        f"{order.symbol}: loss at the stop ${_usd(loss)} exceeds the limit of ${_usd(cap)} a trade"
    )
    return Refusal("trade_loss", text)


def _period_loss(rule: str) -> Rule:
    """Look ahead: what is lost, what open positions can lose at their stops, and this order's own risk."""

    def look_ahead(order: Order, stop: Decimal | None, desk: GateContext) -> Refusal | None:
        own = order.qty * loss_per_unit(order.side, order.price, stop, desk)
        for name, room, cap in desk.rooms:
            if name == rule and own + desk.open_risk > room:
                text = (
                    f"{rule.replace('_', ' ')}: lost ${_usd(cap - room)}, open risk ${_usd(desk.open_risk)} and "
                    f"this order's ${_usd(own)} exceed the limit of ${_usd(cap)}"
                )
                return Refusal(rule, text)
        return None

    return look_ahead


def _leverage(order: Order, stop: Decimal | None, desk: GateContext) -> Refusal | None:
    cap = desk.limits.leverage
    if cap is None or desk.leverage <= cap:
        return None
    return Refusal("leverage", f"the account is set to {desk.leverage}x; the limit is {cap}x")


def _liquidation(order: Order, stop: Decimal | None, desk: GateContext) -> Refusal | None:
    """The stop must act before liquidation threatens, or it protects nothing."""
    cap = desk.limits.liquidation_close_pct
    if cap is None or stop is None or stop <= 0:
        return None
    sign = order.side.sign
    qty, entry = sign * order.qty, worst_entry(order.side, order.price, desk)
    margin = isolated_margin(qty, entry, desk.leverage)
    risk = liquidation_risk(desk.instrument, qty, entry, margin, stop)
    if risk < cap:
        return None
    text = f"{order.symbol}: liquidation risk at the stop {plain(stop)} is {risk:.0f}%; it must be under {plain(cap)}%"
    return Refusal("liquidation", text)


def _paused(order: Order, stop: Decimal | None, desk: GateContext) -> Refusal | None:
    return Refusal("paused", f"{order.symbol}: {desk.paused}") if desk.paused else None


def _barred(order: Order, stop: Decimal | None, desk: GateContext) -> Refusal | None:
    if not desk.barred:
        return None
    return Refusal("barred", f"entries are barred: {'; '.join(desk.barred)}")


def _margin(order: Order, stop: Decimal | None, desk: GateContext) -> Refusal | None:
    cap = desk.limits.margin_utilisation_pct
    if cap is None:
        return None
    value = order.qty * worst_value(order.side, order.price, desk)
    needed = desk.margin + initial_margin(value, desk.leverage)
    if desk.equity > 0 and needed * HUNDRED <= cap * desk.equity:
        return None
    text = f"margin ${_usd(needed)} would exceed {plain(cap)}% of equity ${_usd(desk.equity)}"
    return Refusal("margin", text)


def _positions(order: Order, stop: Decimal | None, desk: GateContext) -> Refusal | None:
    cap = desk.limits.max_positions
    if cap is None or desk.others < cap:
        return None
    return Refusal(
        "max_positions", f"{desk.others} positions or entries are open; the limit is {cap}"
    )


def _interval(order: Order, stop: Decimal | None, desk: GateContext) -> Refusal | None:
    least = desk.limits.entry_interval_s
    if not least or desk.last_entry is None:
        return None
    since = desk.now - desk.last_entry
    if since >= least * 1000:
        return None
    text = f"last entry was {since / 1000:g} s ago; entries are at least {least} s apart"
    return Refusal("entry_interval", text)


def _blackout(order: Order, stop: Decimal | None, desk: GateContext) -> Refusal | None:
    """Neither decided nor filled in such an hour: what is decided in a hour's last instant fills in the next."""
    hours = desk.limits.blackout_hours
    if not hours:
        return None
    for at in (desk.now, desk.now + 1):
        if (hour := at // HOUR_MS % 24) in hours:
            return Refusal("blackout", f"no entries in the hour {hour:02d}:00 UTC (blackout)")
    return None


def _fresh(order: Order, stop: Decimal | None, desk: GateContext) -> Refusal | None:
    most = desk.limits.stale_s
    if most is None or desk.age_ms <= most * 1000:
        return None
    text = f"{order.symbol}: the price is {desk.age_ms / 1000:g} s old; entries need one under {most} s"
    return Refusal("stale", text)


def _timely(order: Order, stop: Decimal | None, desk: GateContext) -> Refusal | None:
    """A signal is as old as its bar: one that was filled in later, or waited, makes no entry."""
    most = desk.limits.stale_s
    if most is None or desk.signal_age_ms <= most * 1000 or desk.age_ms > most * 1000:
        return None  # or the price is too old already, which has been said
    age = desk.signal_age_ms / 1000
    text = f"{order.symbol}: the signal's bar closed {age:g} s ago; entries need one under {most} s"
    return Refusal("stale", text)


def _clock(order: Order, stop: Decimal | None, desk: GateContext) -> Refusal | None:
    most = desk.limits.max_skew_ms
    if most is None or desk.skew_ms < most:
        return None
    text = (
        f"our clock and the exchange's may be {desk.skew_ms} ms apart; entries need under {most} ms"
    )
    return Refusal("clock", text)


def _orphans(order: Order, stop: Decimal | None, desk: GateContext) -> Refusal | None:
    if not desk.orphans:
        return None
    text = f"{order.symbol}: {desk.orphans} closing order(s) of the last position still rest"
    return Refusal("orphan", text)


def _usd(value: Decimal) -> str:
    return f"{value:.2f}"


RULES: tuple[Rule, ...] = (
    _entry,
    _halted,
    _allowed,
    _lot,
    _band,
    _notional,
    _stop_present,
    _position_value,
    _trade_loss,
    _period_loss("day_loss"),
    _period_loss("week_loss"),
    _period_loss("signoff_loss"),
    _leverage,
    _liquidation,
    _margin,
    _positions,
    _interval,
    _blackout,
    _fresh,
    _timely,
    _clock,
    _paused,
    _barred,
    _orphans,
)
"""Every admission rule, in the order in which reasons are listed."""

__all__ = [
    "RULES",
    "GateContext",
    "check",
    "close",
    "initial_margin",
    "loss_per_unit",
    "unit_risk",
    "worst_entry",
    "worst_value",
]
