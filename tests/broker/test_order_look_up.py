"""Finding out what became of an order, source by source; silence of one of them proves nothing."""

from __future__ import annotations

import asyncio
from decimal import Decimal
from typing import Any

import pytest
from kits.broker_kit import BTC, BrokerDesk, serving
from kits.venue_kit import row

from tradebot.broker.order_look_up import OrderLookUp
from tradebot.core.model.effects import LookUp
from tradebot.core.model.events import Filled, OrderSeen
from tradebot.core.model.values import Order, OrderStatus
from tradebot.venue.settings import AccountScript, Settings

D = Decimal
FALLING = (row(0), row(30, "69900.00", "69900.10"))
GONE = {"do": "answer", "status": 400, "body": {"code": -2013, "msg": "Order does not exist."}}


def hidden(path: str) -> dict[str, Any]:
    return {**GONE, "method": "GET", "path": path}


async def find(desk: BrokerDesk, order_id: str, venue_id: str = "") -> list[Any]:
    return await OrderLookUp(desk.line.wire).find(LookUp(BTC, order_id, venue_id))


async def stopped(desk: BrokerDesk) -> Order:
    """Buy, protect, fall: the stop has become an order that is filled."""
    await desk.word(desk.send(desk.order()))
    stop = desk.send(desk.order("s"))
    await desk.word(stop)
    desk.line.venue_clock.advance(31_000)
    await desk.until(lambda: [w for w in desk.words(stop) if w.status is OrderStatus.FILLED])
    return stop


async def test_an_order_is_found_by_its_id_with_its_fills() -> None:
    async with serving() as desk:
        order = desk.send(desk.order())
        await desk.word(order)
        fill, seen = await find(desk, order.id)
        assert isinstance(fill, Filled)
        assert (fill.fill.order_id, fill.fill.qty) == (order.id, D("0.002"))
        assert (seen.order_id, seen.status, seen.filled) == (
            order.id,
            OrderStatus.FILLED,
            D("0.002"),
        )


@pytest.mark.parametrize(
    ("answer", "notes"),
    [
        ({"do": "answer", "status": 502, "body": ""}, 0),
        ({"do": "answer", "status": 200, "body": "{}"}, 0),
        ({"do": "answer", "status": 200, "body": '[{"symbol": "BTCUSDT"}, 5]'}, 2),
    ],
)
async def test_an_order_is_seen_even_where_its_fills_cannot_be_read(
    answer: dict[str, Any], notes: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def at_once(seconds: float) -> None:
        del seconds

    async with serving() as desk:
        order = desk.send(desk.order())
        await desk.word(order)
        monkeypatch.setattr("tradebot.wire.client.asyncio.sleep", at_once)
        desk.line.venue.faults.set([{"method": "GET", "path": "/fapi/v1/userTrades", **answer}])
        *said, seen = await find(desk, order.id)
        monkeypatch.undo()
        assert (seen.order_id, seen.status) == (order.id, OrderStatus.FILLED)
        assert [note.halt for note in said] == ["unexplained"] * notes


async def test_an_order_that_only_its_fills_show_is_found_by_their_number() -> None:
    async with serving() as desk:
        order = desk.send(desk.order())
        await desk.word(order)
        look_up = OrderLookUp(desk.line.wire)
        number = desk.words(order)[0].venue_id
        desk.line.venue.faults.set([{**hidden("/fapi/v1/order"), "times": 1}])
        found = await look_up.find(LookUp(BTC, order.id))
        assert [e.status for e in found if isinstance(e, OrderSeen)] == [OrderStatus.FILLED]
        assert look_up.names[BTC, number] == order.id


async def test_nobody_knows_it_only_when_every_source_has_said_so() -> None:
    async with serving() as desk:
        (seen,) = await find(desk, "tbabcdef-1-9e")
        assert (seen.status, seen.asked) == (None, desk.line.venue_clock.now())
        asked = {r["path"] for r in desk.line.venue.ledger.of("request")[-3:]}
        assert asked == {"/fapi/v1/order", "/fapi/v1/openOrders", "/fapi/v1/userTrades"}
        (seen,) = await find(desk, "tbabcdef-1-9s")
        assert seen.status is None
        paths = [r["path"] for r in desk.line.venue.ledger.of("request")[-4:]]
        assert paths == [
            "/fapi/v1/algoOrder", "/fapi/v1/openAlgoOrders", "/fapi/v1/allAlgoOrders", "/fapi/v1/order",
        ]  # fmt: skip


@pytest.mark.parametrize("path", ["order", "openOrders", "userTrades"])
@pytest.mark.parametrize(
    "answer",
    [
        {"do": "answer", "status": 200, "body": "<html>"},
        {"do": "answer", "status": 200, "body": "{}"},
        {"do": "answer", "status": 502, "body": ""},
        {"do": "error", "code": -1000},
        {"do": "error", "code": -2015},
    ],
    ids=["a page", "braces", "502", "-1000", "-2015"],
)
async def test_a_source_that_does_not_answer_leaves_it_open(
    path: str, answer: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    async def at_once(seconds: float) -> None:
        del seconds

    async with serving() as desk:
        monkeypatch.setattr("tradebot.wire.client.asyncio.sleep", at_once)
        rule = {"method": "GET", "path": f"/fapi/v1/{path}", **answer}
        desk.line.venue.faults.set([rule])
        found = await find(desk, "tbabcdef-1-9e")
        monkeypatch.undo()
        assert found == []


async def test_a_stop_is_found_where_its_service_knows_nothing_any_more() -> None:
    async with serving(FALLING) as desk:
        stop = await stopped(desk)
        for faults in ([], [hidden("/fapi/v1/algoOrder")]):
            desk.line.venue.faults.set(faults)
            fill, seen = await find(desk, stop.id)
            assert fill.fill.order_id == stop.id
            assert (seen.status, seen.filled) == (OrderStatus.FILLED, D("0.002"))
            assert seen.child_id == fill.fill.venue_id


@pytest.mark.parametrize("own_id", [False, True])
async def test_the_number_of_a_stops_order_leads_to_the_stop(own_id: bool) -> None:
    account = AccountScript(margin_type="isolated")
    settings = Settings(account=account, child_own_id=own_id)
    async with serving(FALLING, settings=settings) as desk:
        stop = await stopped(desk)
        child = next(w.child_id for w in desk.words(stop) if w.child_id)
        found = await find(desk, "", child)
        seen = found[-1]
        assert (seen.order_id, seen.child_id, seen.status) == (stop.id, child, OrderStatus.FILLED)
        if own_id:  # the fill was told under an id that nobody knows
            strange = next(f.fill for f in desk.of(Filled) if f.fill.venue_id == child)
            assert strange.order_id != stop.id
        await asyncio.sleep(0)
