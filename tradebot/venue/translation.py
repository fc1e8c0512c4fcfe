"""Between the venue's orders and the simulated exchange's: one as the other, its refusals, ledger rows."""

from __future__ import annotations

from decimal import ROUND_HALF_EVEN, Decimal

from tradebot.core.model.events import Event, OrderUpdate
from tradebot.core.model.money import ZERO, ceil_to, floor_to, quotient_at_8
from tradebot.core.model.values import Order, OrderType, Quote, Side, TimeInForce
from tradebot.venue.errors import VenueError
from tradebot.venue.holdings import VenueHolding
from tradebot.venue.orders import VenueOrder, VenueTrade

_TIFS = {
    "GTC": TimeInForce.GTC,
    "GTD": TimeInForce.GTC,
    "IOC": TimeInForce.IOC,
    "FOK": TimeInForce.IOC,
    "GTX": TimeInForce.GTX,
}


def liquidation_price(holding: VenueHolding) -> Decimal:
    """Return the mark at which margin + unrealised = maintenance, 0 where there is none (isolated only).

    Binance's formula for an isolated position: ``(wallet + cum - qty x entry) / (|qty| x rate - qty)``.
    """
    if not holding.qty or holding.margin_type != "isolated":
        return ZERO
    for tier in holding.listing.instrument.tiers:
        size = abs(holding.qty)
        below = size * tier.rate - holding.qty
        above = holding.wallet + tier.cum - holding.qty * holding.entry
        price = quotient_at_8(above, below, ROUND_HALF_EVEN) if below else ZERO
        if size * price <= tier.cap:
            return max(price, ZERO)
    return ZERO


def largest(most: Decimal, step: Decimal, within: object) -> Decimal:
    """Return the largest multiple of ``step`` up to ``most`` that is ``within``, by halving."""
    assert callable(within)
    low, high = 0, int(most // step)
    if within(high * step):
        return most
    while low < high:
        middle = (low + high + 1) // 2
        if within(middle * step):
            low = middle
        else:
            high = middle - 1
    return low * step


def take_cut(order: VenueOrder, answer: Event) -> None:
    """Take over the quantity a reduce-only order was cut to when it was sent."""
    if isinstance(answer, OrderUpdate) and answer.qty is not None:
        order.qty = order.executed + answer.qty


def side_of(order: VenueOrder) -> Side:
    """Return an order's side."""
    return Side.BUY if order.side == "BUY" else Side.SELL


def simulated_order(order: VenueOrder, qty: Decimal) -> Order:
    """Return an order as the simulated exchange takes it, of ``qty`` (base units)."""
    limit = order.type == "LIMIT"
    closes = order.position_side != "BOTH" or order.reduce_only
    return Order(
        id=order.key,
        symbol=order.listing.symbol,
        side=side_of(order),
        type=OrderType.LIMIT if limit else OrderType.MARKET,
        qty=qty,
        price=order.price if limit else None,
        tif=_TIFS[order.tif] if limit else TimeInForce.GTC,
        reduce_only=closes,
    )


def refusal(update: OrderUpdate, order: VenueOrder) -> VenueError:
    """Binance's answer for the simulated exchange's refusal."""
    limit = order.listing.instrument.min_notional
    return VenueError(update.code, limit=limit)


def order_row(order: VenueOrder) -> dict[str, object]:
    """Return an order as the ledger has it."""
    return {
        "symbol": order.listing.name,
        "order": order.id,
        "client": order.client_id,
        "side": order.side,
        "type": order.type,
        "tif": order.tif,
        "qty": order.qty,
        "price": order.price,
        "reduce_only": order.reduce_only,
        "position_side": order.position_side,
        "status": order.status,
        "executed": order.executed,
        "algo": order.algo_id,
        "foreign": order.foreign,
        "reason": order.reason,
    }


def fill_row(order: VenueOrder, trade: VenueTrade) -> dict[str, object]:
    """Return a fill as the ledger has it."""
    return {
        "symbol": trade.listing.name,
        "trade": trade.id,
        "order": trade.order_id,
        "client": order.client_id,
        "side": trade.side,
        "qty": trade.qty,
        "price": trade.price,
        "fee": trade.fee,
        "fee_asset": trade.fee_asset,
        "realised": trade.realised,
        "maker": trade.maker,
        "position_side": trade.position_side,
    }


def worse_quote(quote: Quote, bps: Decimal, tick: Decimal) -> Quote:
    """Return a quote whose touch is so many basis points worse for whoever takes it; its mark stays."""
    away = bps / 10_000
    bid = floor_to(quote.exact_bid * (1 - away), tick)
    ask = ceil_to(quote.exact_ask * (1 + away), tick)
    text = (str(bid), str(ask), *quote.text[2:])
    return Quote(quote.symbol, quote.exchange_time, quote.at, text, quote.mark)
