"""Which orders the simulated exchange takes (DESIGN 11, rules 4, 8 and 10).

Every refusal carries Binance's error code and says in words, with the numbers, what was wrong.
"""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import NamedTuple

from tradebot.core.model.events import OrderUpdate
from tradebot.core.model.money import ZERO, plain
from tradebot.core.model.values import (
    Instrument,
    Order,
    OrderStatus,
    OrderType,
    Side,
    TimeInForce,
)
from tradebot.core.simulated.account import Account
from tradebot.core.simulated.resting import CONDITIONAL, Resting, RestingOrders, closable
from tradebot.core.simulated.rules import SimRules

MAX_CONDITIONAL = 200
"""Open stops and take-profits Binance allows per account (-4045)."""

_TIFS = {
    OrderType.MARKET: (TimeInForce.GTC, TimeInForce.IOC),
    OrderType.LIMIT: (TimeInForce.GTC, TimeInForce.IOC, TimeInForce.GTX),
    OrderType.STOP_MARKET: (TimeInForce.GTC,),
    OrderType.TAKE_PROFIT_MARKET: (TimeInForce.GTC,),
}


class Rejection(NamedTuple):
    """Binance's error code and the reason in words."""

    code: int
    reason: str


def unknown_symbol(symbol: str) -> Rejection:
    """Refuse whatever was asked about a symbol this exchange does not know."""
    return Rejection(-1121, f"{symbol} is not traded here")


def check_leverage(instrument: Instrument, leverage: int, account: Account) -> Rejection | None:
    """Check a new leverage: within the first tier's, and not lowered under an open position."""
    symbol, most = instrument.symbol, instrument.tiers[0].max_leverage
    if not 1 <= leverage <= most:
        return Rejection(-4028, f"leverage {leverage} is not from 1 to {most}")
    now = account.leverage(symbol)
    if leverage < now and account.held(symbol):
        return Rejection(
            -4161, f"leverage cannot be lowered from {now} to {leverage} with a position open"
        )
    return None


def check_form(order: Order, instrument: Instrument) -> Rejection | None:
    """Check what can be said of an order without knowing any price or account."""
    return (
        _check_fields(order)
        or _check_qty(order, instrument)
        or _check_price("price", order.price, instrument)
        or _check_price("trigger", order.trigger, instrument)
    )


def _check_fields(order: Order) -> Rejection | None:
    if order.tif not in _TIFS[order.type]:
        return Rejection(-1115, f"a {order.type} order cannot be {order.tif}")
    return _check_field(order, "price", order.price, order.type is OrderType.LIMIT) or _check_field(
        order, "trigger", order.trigger, order.type in CONDITIONAL
    )


def _check_field(order: Order, name: str, value: Decimal | None, wanted: bool) -> Rejection | None:
    if wanted == (value is not None):
        return None
    if wanted:
        return Rejection(-1102, f"a {order.type} order needs a {name}")
    return Rejection(-1106, f"a {order.type} order takes no {name}, got {value}")


def _check_qty(order: Order, instrument: Instrument) -> Rejection | None:
    qty = order.qty
    if not qty.is_finite() or qty <= 0:
        return Rejection(-4003, f"quantity {qty} is not above 0")
    if qty < instrument.min_qty:
        return Rejection(
            -4004, f"quantity {plain(qty)} is below the minimum {plain(instrument.min_qty)}"
        )
    most = instrument.max_qty if order.type is OrderType.LIMIT else instrument.market_max_qty
    if qty > most:
        return Rejection(-4005, f"quantity {plain(qty)} is above the maximum {plain(most)}")
    if qty % instrument.step:
        return Rejection(
            -4023, f"quantity {plain(qty)} is no multiple of the step {plain(instrument.step)}"
        )
    return None


def _check_price(name: str, price: Decimal | None, instrument: Instrument) -> Rejection | None:
    if price is None:
        return None
    if not price.is_finite() or price < instrument.min_price:
        return Rejection(
            -4013, f"{name} {price} is below the minimum {plain(instrument.min_price)}"
        )
    if price > instrument.max_price:
        return Rejection(
            -4002, f"{name} {plain(price)} is above the maximum {plain(instrument.max_price)}"
        )
    if price % instrument.tick:
        return Rejection(
            -4014, f"{name} {plain(price)} is no multiple of the tick {plain(instrument.tick)}"
        )
    return None


def check_market(order: Order, instrument: Instrument, last: Decimal) -> Rejection | None:
    """Check an order against the last mark price, else close (USDT)."""
    return (
        _check_trigger(order, last)
        or _check_distance(order, instrument, last)
        or _check_notional(order, instrument, last)
    )


def _check_trigger(order: Order, last: Decimal) -> Rejection | None:
    if order.trigger is None:
        return None
    if Resting.of(order, order.qty, 0, 0).reached(last):
        return Rejection(
            -2021,
            f"the order would trigger at once: trigger {plain(order.trigger)}, "
            f"last price {plain(last)}",
        )
    return None


def _check_distance(order: Order, instrument: Instrument, last: Decimal) -> Rejection | None:
    """PERCENT_PRICE binds the side that could trade through: buys from above, sells from below."""
    if order.price is None:
        return None
    price = order.price
    highest, lowest = last * instrument.percent_up, last * instrument.percent_down
    if order.side is Side.BUY and price > highest:
        return Rejection(
            -4016,
            f"price {plain(price)} is above {plain(highest)}, "
            f"{plain(instrument.percent_up)} of {plain(last)}",
        )
    if order.side is Side.SELL and price < lowest:
        return Rejection(
            -4024,
            f"price {plain(price)} is below {plain(lowest)}, "
            f"{plain(instrument.percent_down)} of {plain(last)}",
        )
    return None


def _check_notional(order: Order, instrument: Instrument, last: Decimal) -> Rejection | None:
    if order.reduce_only:
        return None
    notional = order.qty * expected_price(order, last)
    if notional < instrument.min_notional:
        return Rejection(
            -4164,
            f"notional {plain(notional)} is below the minimum {plain(instrument.min_notional)}",
        )
    return None


def expected_price(order: Order, last: Decimal) -> Decimal:
    """The price an order is measured at before it fills: limit, trigger or the last price."""
    return order.price or order.trigger or last


def check_count(order: Order, instrument: Instrument, book: RestingOrders) -> Rejection | None:
    """Check the number of working orders: regular ones per symbol, conditional ones per account."""
    if order.type in CONDITIONAL:
        open_now = sum(_count(orders, conditional=True) for orders in book.orders.values())
        if open_now >= MAX_CONDITIONAL:
            return Rejection(
                -4045, f"{open_now} conditional orders are open, the limit is {MAX_CONDITIONAL}"
            )
        return None
    if len(book.of(order.symbol)) < instrument.max_orders:
        return None  # whatever they are
    open_now = _count(book.of(order.symbol), conditional=False)
    if open_now >= instrument.max_orders:
        return Rejection(-2025, f"{open_now} orders are open, the limit is {instrument.max_orders}")
    return None


def _count(orders: Sequence[Resting], *, conditional: bool) -> int:
    return sum((r.order.type in CONDITIONAL) == conditional for r in orders)


def check_reduce_only(order: Order, held: Decimal, room: Decimal) -> Rejection | None:
    """Check a reduce-only order: there must be something of the other side left to close."""
    if not order.reduce_only:
        return None
    if not closable(order.side, held):
        return Rejection(
            -2022, f"reduce-only {order.side} has nothing to close: the position is {plain(held)}"
        )
    if order.type not in CONDITIONAL and room <= 0:
        return Rejection(
            -4118,
            f"resting reduce-only orders already cover the whole position of {plain(held)}",
        )
    return None


def check_margin(
    order: Order, account: Account, rules: SimRules, last: Decimal
) -> Rejection | None:
    """Check that free cash covers the margin and the fee of what the order would open."""
    if order.reduce_only:
        return None
    opening = order.qty - min(order.qty, closable(order.side, account.held(order.symbol)))
    notional = opening * expected_price(order, last)
    rate = rules.fees.maker if order.tif is TimeInForce.GTX else rules.fees.taker
    if opening > ZERO and not account.covers(order.symbol, notional, rate):
        return Rejection(
            -2019,
            f"opening {plain(notional)} at {account.leverage(order.symbol)}x does not fit into free cash of "
            f"{plain(account.free)} with its fee",
        )
    return None


def answer(
    order: Order,
    at: int,
    status: OrderStatus,
    *,
    code: int = 0,
    reason: str = "",
    qty: Decimal | None = None,
) -> OrderUpdate:
    """Return the word on an order that was just submitted."""
    return OrderUpdate(at, order.symbol, order.id, status, at, code, reason, qty)
