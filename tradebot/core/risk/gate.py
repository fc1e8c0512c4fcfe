"""The gate: the only place where an order becomes ``Approved``.

``check`` judges entries: every rule, all reasons, with the numbers. ``close`` judges protection: it is
reduce-only, against the position and at most its size. Both get rounded orders and round nothing.
"""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal

from tradebot.core.model.approved import SEAL, Approved, Refusal, Refused
from tradebot.core.model.frozen import frozen
from tradebot.core.model.money import plain
from tradebot.core.model.values import HOUR_MS, Instrument, Order, OrderType, Purpose, Side
from tradebot.core.risk.desk import (
    GateContext,
    initial_margin,
    unit_risk,
    worst_entry,
    worst_value,
)
from tradebot.core.state.margin import isolated_margin, liquidation_risk

HUNDRED = Decimal(100)


@frozen
class EntryCase:
    """An entry before the gate, with what several rules ask of it (prices and money in USDT).

    ``stop`` is where its stop will be placed, ``worst`` the price at which it counts, ``entry`` the worst it may fill
    at, ``risk`` what it can then lose at its stop.
    """

    order: Order
    stop: Decimal | None
    desk: GateContext
    worst: Decimal
    entry: Decimal
    risk: Decimal


Rule = Callable[[EntryCase], Refusal | None]


def check(
    order: Order, stop: Decimal | None, desk: GateContext, target: Decimal | None = None
) -> Approved | Refused:
    """Judge an entry against every admission rule; ``stop`` and ``target`` are where these will be placed."""
    side, price = order.side, order.price
    entry = worst_entry(side, price, desk)
    risk = order.qty * unit_risk(side, entry, stop, desk.taker_fee, desk.spread)
    worst = entry if side is Side.BUY else worst_value(side, price, desk)
    one = EntryCase(order, stop, desk, worst, entry, risk)
    reasons = [r for rule in RULES if (r := rule(one)) is not None]
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


def _entry(one: EntryCase) -> Refusal | None:
    order = one.order
    if order.purpose is Purpose.ENTRY and not order.reduce_only and order.trigger is None:
        return None
    text = f"{order.symbol}: a {order.type} order as {order.purpose.name.lower()} is no entry"
    return Refusal("purpose", text)


def _halted(one: EntryCase) -> Refusal | None:
    halts = one.desk.halts
    return Refusal("halted", f"trading is halted: {', '.join(halts)}") if halts else None


def _allowed(one: EntryCase) -> Refusal | None:
    symbol, symbols = one.order.symbol, one.desk.limits.symbols
    if symbol in symbols:
        return None
    allowed = ", ".join(symbols)
    return Refusal("symbols", f"{symbol} is not on the allow-list ({allowed})")


def _lot(one: EntryCase) -> Refusal | None:
    faults = _lot_faults(one.order, one.desk.instrument)
    return faults[0] if faults else None


def _band(one: EntryCase) -> Refusal | None:
    """Binance's PERCENT_PRICE: a limit may not be too far on the side that trades through."""
    order, desk = one.order, one.desk
    if order.price is None:
        return None
    highest = desk.low * desk.instrument.percent_up
    lowest = desk.price * desk.instrument.percent_down
    if order.price <= highest if order.side is Side.BUY else order.price >= lowest:
        return None
    bound = highest if order.side is Side.BUY else lowest
    text = f"{order.symbol}: limit {plain(order.price)} is beyond {plain(bound)}, the exchange's price band"
    return Refusal("price_band", text)


def _notional(one: EntryCase) -> Refusal | None:
    order, desk = one.order, one.desk
    value = order.qty * (desk.low if order.price is None else order.price)
    least = desk.instrument.min_notional
    if value >= least:
        return None
    text = f"{order.symbol}: order value ${_usd(value)} is below the exchange's minimum of ${_usd(least)}"
    return Refusal("min_notional", text)


def _stop_present(one: EntryCase) -> Refusal | None:
    order, stop, desk = one.order, one.stop, one.desk
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


def _position_value(one: EntryCase) -> Refusal | None:
    desk = one.desk
    cap = desk.limits.position_value
    if cap is None:
        return None
    value = (one.order.qty + abs(desk.position)) * one.worst + desk.working_value
    if value <= cap:
        return None
    text = f"{one.order.symbol}: position value ${_usd(value)} exceeds the cap of ${_usd(cap)}"
    return Refusal("position_value", text)


def _trade_loss(one: EntryCase) -> Refusal | None:
    cap = one.desk.limits.trade_loss
    if cap is None or one.risk <= cap:
        return None
    text = f"{one.order.symbol}: loss at the stop ${_usd(one.risk)} exceeds the limit of ${_usd(cap)} a trade"
    return Refusal("trade_loss", text)


def _period_loss(rule: str) -> Rule:
    """Look ahead: what is lost, what open positions can lose at their stops, and this order's own risk."""

    def look_ahead(one: EntryCase) -> Refusal | None:
        for name, room, cap in one.desk.rooms:
            if name == rule and one.risk + one.desk.open_risk > room:
                text = (
                    f"{rule.replace('_', ' ')}: lost ${_usd(cap - room)}, open risk ${_usd(one.desk.open_risk)} and "
                    f"this order's ${_usd(one.risk)} exceed the limit of ${_usd(cap)}"
                )
                return Refusal(rule, text)
        return None

    return look_ahead


def _leverage(one: EntryCase) -> Refusal | None:
    cap, leverage = one.desk.limits.leverage, one.desk.leverage
    if cap is None or leverage <= cap:
        return None
    return Refusal("leverage", f"the account is set to {leverage}x; the limit is {cap}x")


def _liquidation(one: EntryCase) -> Refusal | None:
    """The stop must act before liquidation threatens, or it protects nothing."""
    order, stop, desk = one.order, one.stop, one.desk
    cap = desk.limits.liquidation_close_pct
    if cap is None or stop is None or stop <= 0:
        return None
    qty = order.side.sign * order.qty
    margin = isolated_margin(qty, one.entry, desk.leverage)
    risk = liquidation_risk(desk.instrument, qty, one.entry, margin, stop)
    if risk < cap:
        return None
    text = f"{order.symbol}: liquidation risk at the stop {plain(stop)} is {risk:.0f}%; it must be under {plain(cap)}%"
    return Refusal("liquidation", text)


def _paused(one: EntryCase) -> Refusal | None:
    why = one.desk.paused
    return Refusal("paused", f"{one.order.symbol}: {why}") if why else None


def _barred(one: EntryCase) -> Refusal | None:
    barred = one.desk.barred
    return Refusal("barred", f"entries are barred: {'; '.join(barred)}") if barred else None


def _margin(one: EntryCase) -> Refusal | None:
    desk = one.desk
    cap = desk.limits.margin_utilisation_pct
    if cap is None:
        return None
    needed = desk.margin + initial_margin(one.order.qty * one.worst, desk.leverage)
    if desk.equity > 0 and needed * HUNDRED <= cap * desk.equity:
        return None
    text = f"margin ${_usd(needed)} would exceed {plain(cap)}% of equity ${_usd(desk.equity)}"
    return Refusal("margin", text)


def _positions(one: EntryCase) -> Refusal | None:
    cap, others = one.desk.limits.max_positions, one.desk.others
    if cap is None or others < cap:
        return None
    text = f"{others} positions or entries are open; the limit is {cap}"
    return Refusal("max_positions", text)


def _interval(one: EntryCase) -> Refusal | None:
    desk = one.desk
    least = desk.limits.entry_interval_s
    if not least or desk.last_entry is None:
        return None
    since = desk.now - desk.last_entry
    if since >= least * 1000:
        return None
    text = f"last entry was {since / 1000:g} s ago; entries are at least {least} s apart"
    return Refusal("entry_interval", text)


def _blackout(one: EntryCase) -> Refusal | None:
    """Neither decided nor filled in such an hour: what is decided in a hour's last instant fills in the next."""
    hours, now = one.desk.limits.blackout_hours, one.desk.now
    if not hours:
        return None
    for at in (now, now + 1):
        if (hour := at // HOUR_MS % 24) in hours:
            return Refusal("blackout", f"no entries in the hour {hour:02d}:00 UTC (blackout)")
    return None


def _fresh(one: EntryCase) -> Refusal | None:
    most, age_ms = one.desk.limits.stale_s, one.desk.age_ms
    if most is None or age_ms <= most * 1000:
        return None
    text = (
        f"{one.order.symbol}: the price is {age_ms / 1000:g} s old; entries need one under {most} s"
    )
    return Refusal("stale", text)


def _timely(one: EntryCase) -> Refusal | None:
    """A signal is as old as its bar: one that was filled in later, or waited, makes no entry."""
    desk = one.desk
    most = desk.limits.stale_s
    if most is None or desk.signal_age_ms <= most * 1000 or desk.age_ms > most * 1000:
        return None  # or the price is too old already, which has been said
    age = desk.signal_age_ms / 1000
    text = f"{one.order.symbol}: the signal's bar closed {age:g} s ago; entries need one under {most} s"
    return Refusal("stale", text)


def _clock(one: EntryCase) -> Refusal | None:
    most, skew_ms = one.desk.limits.max_skew_ms, one.desk.skew_ms
    if most is None or skew_ms < most:
        return None
    text = f"our clock and the exchange's may be {skew_ms} ms apart; entries need under {most} ms"
    return Refusal("clock", text)


def _orphans(one: EntryCase) -> Refusal | None:
    orphans = one.desk.orphans
    if not orphans:
        return None
    text = f"{one.order.symbol}: {orphans} closing order(s) of the last position still rest"
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

__all__ = ["RULES", "check", "close"]
