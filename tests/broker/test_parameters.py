"""An order as the exchange's parameters, and the venue taking every one of them."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from kits.wire_kit import connected

from tradebot.broker import parameters
from tradebot.broker.parameters import is_algo
from tradebot.core.model.values import Order, OrderType, Purpose, Side, TimeInForce
from tradebot.wire import endpoints
from tradebot.wire.budget import Need

D = Decimal
AMOUNTS = st.decimals(D("0.00000001"), D("99999999"), allow_nan=False, places=8)


@st.composite
def orders(draw: st.DrawFn) -> Order:
    kind = draw(st.sampled_from(OrderType))
    purpose = draw(st.sampled_from(Purpose))
    tif = TimeInForce.GTC
    if kind is OrderType.LIMIT:
        tif = draw(st.sampled_from(TimeInForce))
    return Order(
        id=f"tbabcdef-12345678-{draw(st.integers(1, 10**9))}{purpose.value}",
        symbol=draw(st.sampled_from(["BTC/USDT", "XRP/USDT"])),
        side=draw(st.sampled_from(Side)),
        type=kind,
        qty=draw(AMOUNTS),
        price=draw(AMOUNTS) if kind is OrderType.LIMIT else None,
        trigger=draw(AMOUNTS) if kind in parameters.CONDITIONAL else None,
        tif=tif,
        reduce_only=purpose is not Purpose.ENTRY,
        purpose=purpose,
    )


@given(orders())
def test_every_number_is_its_decimal_as_text_and_every_order_has_our_id(order: Order) -> None:
    endpoint, params = parameters.place(order)
    assert all(type(value) is str for value in params.values())
    assert D(params["quantity"]) == order.qty
    assert not any(
        set(params.get(k, "")) & set("eE+") for k in ("quantity", "price", "triggerPrice")
    )
    assert (params.get("reduceOnly") == "true") == order.reduce_only
    assert "closePosition" not in params
    if order.type in parameters.CONDITIONAL:
        assert endpoint is endpoints.ALGO_ORDER
        assert params["clientAlgoId"] == order.id
        assert D(params["triggerPrice"]) == order.trigger
        assert (params["workingType"], params["priceProtect"]) == ("MARK_PRICE", "false")
        assert "timeInForce" not in params
    else:
        assert endpoint is endpoints.ORDER
        assert params["newClientOrderId"] == order.id
        assert ("price" in params) == (order.type is OrderType.LIMIT)


@given(orders())
def test_a_cancel_and_a_question_go_to_the_service_the_order_was_sent_to(order: Order) -> None:
    algo = order.type in parameters.CONDITIONAL
    endpoint, params = parameters.cancel(order)
    assert endpoint is (endpoints.CANCEL_ALGO if algo else endpoints.CANCEL)
    assert order.id in params.values()
    if algo == is_algo(order.id):
        asked, params = parameters.query(order.symbol, order.id)
        assert asked is (endpoints.QUERY_ALGO if algo else endpoints.QUERY)
        assert order.id in params.values()


MAKES: dict[str, dict[str, Any]] = {
    "market": {"type": OrderType.MARKET},
    "limit": {"type": OrderType.LIMIT, "price": D("70000")},
    "IOC": {"type": OrderType.LIMIT, "price": D("77000.0"), "tif": TimeInForce.IOC},
    "post-only": {"type": OrderType.LIMIT, "price": D("70000.1"), "tif": TimeInForce.GTX},
    "stop": {"type": OrderType.STOP_MARKET, "side": Side.SELL, "trigger": D("70000")},
    "target": {"type": OrderType.TAKE_PROFIT_MARKET, "side": Side.SELL, "trigger": D("8E+4")},
    "reduce-only": {"type": OrderType.MARKET, "side": Side.SELL},
}


@pytest.mark.parametrize("name", MAKES)
async def test_the_venue_takes_it(name: str) -> None:
    words = {"side": Side.BUY, **MAKES[name]}
    closing = words["side"] is Side.SELL
    letter = {"stop": "s", "target": "t", "reduce-only": "x"}.get(name, "e")
    order = Order("tbabc-1-1" + letter, "BTC/USDT", qty=D("0.0020"), reduce_only=closing, **words)
    async with connected() as line:
        bought = Order("tbabc-1-0e", "BTC/USDT", Side.BUY, OrderType.MARKET, D("0.002"))
        for each in (bought, order):
            reply = await line.wire.ask(*parameters.place(each), Need.ENTRY)
            assert reply.ok, reply.text
        reply = await line.wire.ask(*parameters.query(order.symbol, order.id))
        assert reply.ok, reply.text
        if name in ("limit", "post-only", "stop", "target"):
            assert (await line.wire.ask(*parameters.cancel(order))).ok
