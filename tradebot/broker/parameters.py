"""An order in the exchange's parameters: which service takes it, and every number as text of its Decimal."""

from __future__ import annotations

from collections.abc import Mapping

from tradebot.core.model.money import plain
from tradebot.core.model.values import Order, OrderType, Purpose, TimeInForce
from tradebot.wire import endpoints
from tradebot.wire.endpoints import Endpoint
from tradebot.wire.public import venue_symbol

Request = tuple[Endpoint, dict[str, str]]

CONDITIONAL = (OrderType.STOP_MARKET, OrderType.TAKE_PROFIT_MARKET)
"""These go to the algo service, under names of its own."""

_TYPES: Mapping[OrderType, str] = {
    OrderType.MARKET: "MARKET",
    OrderType.LIMIT: "LIMIT",
    OrderType.STOP_MARKET: "STOP_MARKET",
    OrderType.TAKE_PROFIT_MARKET: "TAKE_PROFIT_MARKET",
}
_TERMS: Mapping[TimeInForce, str] = {
    TimeInForce.GTC: "GTC",
    TimeInForce.IOC: "IOC",
    TimeInForce.GTX: "GTX",
}


def is_algo(order_id: str) -> bool:
    """Whether an id of ours is that of a stop or target: by its last letter."""
    return order_id[-1:] in (Purpose.STOP.value, Purpose.TARGET.value)


def place(order: Order) -> Request:
    """Return the request that makes an order."""
    params = {
        "symbol": venue_symbol(order.symbol),
        "side": order.side.upper(),
        "type": _TYPES[order.type],
        "quantity": plain(order.qty),
    }
    if order.reduce_only:
        params["reduceOnly"] = "true"
    if order.type in CONDITIONAL:
        return endpoints.ALGO_ORDER, params | _conditional(order)
    if order.type is OrderType.LIMIT:
        assert order.price is not None
        params["price"] = plain(order.price)
        params["timeInForce"] = _TERMS[order.tif]
    elif order.tif is TimeInForce.IOC and order.price is not None:
        raise ValueError("a market order has no price")
    params["newClientOrderId"] = order.id
    params["newOrderRespType"] = "RESULT"
    return endpoints.ORDER, params


def _conditional(order: Order) -> dict[str, str]:
    assert order.trigger is not None
    return {
        "algoType": "CONDITIONAL",
        "triggerPrice": plain(order.trigger),
        "workingType": "MARK_PRICE",
        "priceProtect": "false",
        "clientAlgoId": order.id,
        "newOrderRespType": "RESULT",
    }


def cancel(order: Order) -> Request:
    """Return the request that cancels an order."""
    if order.type in CONDITIONAL:
        return endpoints.CANCEL_ALGO, {"clientAlgoId": order.id}
    symbol = venue_symbol(order.symbol)
    return endpoints.CANCEL, {"symbol": symbol, "origClientOrderId": order.id}


def query(symbol: str, order_id: str) -> Request:
    """Return the request that asks for an order of ours by its id."""
    if is_algo(order_id):
        return endpoints.QUERY_ALGO, {"clientAlgoId": order_id}
    return query_regular(symbol, order_id)


def query_regular(symbol: str, order_id: str = "", venue_id: str = "") -> Request:
    """Return the request for a regular order: by the client's id, else by the exchange's number."""
    name = {"origClientOrderId": order_id} if order_id else {"orderId": venue_id}
    return endpoints.QUERY, {"symbol": venue_symbol(symbol), **name}
