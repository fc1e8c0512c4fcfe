"""Every refusal with its real cause: the code, the HTTP status, Binance's words."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest
from kits.venue_kit import BTC, START, Desk, row, running

from tradebot.core.model.facts import INSTRUMENTS
from tradebot.venue.errors import MESSAGES
from tradebot.venue.listings import list_symbol
from tradebot.venue.settings import AccountScript, ScriptedPosition

ORDER = "symbol=BTCUSDT&side=BUY&type=LIMIT&timeInForce=GTC&quantity=0.010&price=76000"
MARKET = "symbol=BTCUSDT&side=BUY&type=MARKET&quantity=0.010"
CLOSE = "symbol=BTCUSDT&side=SELL&type=MARKET&quantity=0.010&reduceOnly=true"
STOP = "algoType=CONDITIONAL&symbol=BTCUSDT&side=SELL&type=STOP_MARKET&quantity=0.010&triggerPrice=76000"
CLOSER = (
    "algoType=CONDITIONAL&symbol=BTCUSDT&side=SELL&type=STOP_MARKET"
    "&triggerPrice=76000&closePosition=true"
)


def other(text: str, **changes: object) -> str:
    """A request with some parameters changed; None takes one out."""
    values = dict(part.split("=", 1) for part in text.split("&"))
    values.update({k: str(v) for k, v in changes.items() if v is not None})
    return "&".join(f"{k}={v}" for k, v in values.items() if changes.get(k, "") is not None)


async def post(
    desk: Desk, text: str, path: str = "/fapi/v1/order"
) -> tuple[int, dict[str, object]]:
    return await desk.raw.send("POST", path, text)


ORDERS: list[tuple[int, str]] = [
    (-1102, other(ORDER, symbol=None)),
    (-1121, other(ORDER, symbol="NOTAREALSYM")),
    (-1100, other(ORDER, symbol="btcusdt")),
    (-1102, other(ORDER, side=None)),
    (-1117, other(ORDER, side="HOLD")),
    (-1102, other(ORDER, type=None)),
    (-1116, other(ORDER, type="ICEBERG")),
    (-4120, other(ORDER, type="STOP_MARKET")),
    (-4120, other(ORDER, type="TRAILING_STOP_MARKET")),
    (-1102, other(ORDER, timeInForce=None)),
    (-1115, other(ORDER, timeInForce="DAY")),
    (-1106, other(MARKET, timeInForce="GTC")),
    (-1106, other(MARKET, price="76000")),
    (-1102, other(ORDER, quantity=None)),
    (-1102, other(ORDER, quantity="abc")),
    (-1102, other(ORDER, quantity="1e3")),
    (-1105, other(ORDER, newClientOrderId="")),
    (-1102, other(ORDER, price=None)),
    (-1111, other(ORDER, quantity="0.0101")),
    (-1111, other(ORDER, price="76000.123")),
    (-4001, other(ORDER, price="0")),
    (-4002, other(ORDER, price="4529765.00")),
    (-4003, other(ORDER, quantity="0")),
    (-4003, other(ORDER, quantity="-1")),
    (-4005, other(ORDER, quantity="1001")),
    (-4005, other(MARKET, quantity="121")),
    (-4013, other(ORDER, price="500.00")),
    (-4014, other(ORDER, price="76000.15")),
    (-4015, other(ORDER, newClientOrderId="x" * 37)),
    (-1100, other(ORDER, newClientOrderId="a%20b")),
    (-4016, other(ORDER, price="80761.00")),
    (-4024, other(ORDER, side="SELL", price="73000.00")),
    (-4061, other(ORDER, positionSide="LONG")),
    (-4060, other(ORDER, positionSide="UP")),
    (-2022, CLOSE),
    (-2019, other(MARKET, quantity="1")),
    (-2027, other(MARKET, quantity="120", leverage=None)),
    (-5021, other(ORDER, timeInForce="FOK")),
    (-5022, other(ORDER, timeInForce="GTX", price="76915.00")),
    (-5040, other(ORDER, timeInForce="GTD", goodTillDate=START + 600_000)),
    (-1102, other(ORDER, timeInForce="GTD")),
    (-1130, other(ORDER, newOrderRespType="FULL")),
    (-1130, other(ORDER, selfTradePreventionMode="NEVER")),
    (-1106, other(ORDER, priceMatch="QUEUE")),
    (-1101, ORDER + "&side=SELL"),
]


@pytest.mark.parametrize(
    ("code", "text"), ORDERS, ids=[f"{i}_{c}" for i, (c, _) in enumerate(ORDERS)]
)
async def test_orders_are_refused(code: int, text: str) -> None:
    account = AccountScript(margin_type="isolated", wallet=Decimal(1000))
    if code == -2027:  # 120 BTC beyond the bracket of 125x, with the money for it
        account = replace(account, wallet=Decimal(10_000_000), leverage=125)
    async with running(account=account) as desk:
        status, body = await post(desk, text)
        assert (status, body["code"]) == (400, code), body
        assert set(body) == {"code", "msg"}
        assert desk.venue.desk.records.by_id == {}


ALGOS: list[tuple[int, str]] = [
    (-1102, other(STOP, algoType=None)),
    (-1130, other(STOP, algoType="VP")),
    (-1116, other(STOP, type="MARKET")),
    (-1102, other(STOP, triggerPrice=None)),
    (-1106, other(STOP, price="76000")),
    (-1102, other(STOP, type="STOP")),
    (-2021, other(STOP, triggerPrice="77000")),
    (-2021, other(STOP, side="BUY", triggerPrice="76000")),
    (-2021, other(STOP, type="TAKE_PROFIT_MARKET", triggerPrice="76000")),
    (-4014, other(STOP, triggerPrice="76000.05")),
    (-4137, other(CLOSER, quantity="0.010")),
    (-4138, other(CLOSER, reduceOnly="true")),
    (-4509, CLOSER),
    (-1106, other(CLOSER, type="STOP")),
    (-1130, other(STOP, type="TRAILING_STOP_MARKET", callbackRate="11")),
    (-1102, other(STOP, type="TRAILING_STOP_MARKET")),
    (-1130, other(STOP, workingType="LAST")),
    (-4164, other(STOP, quantity="0.010", triggerPrice="600.00")),
]


@pytest.mark.parametrize(
    ("code", "text"), ALGOS, ids=[f"{i}_{c}" for i, (c, _) in enumerate(ALGOS)]
)
async def test_algo_orders_are_refused(code: int, text: str) -> None:
    async with running() as desk:
        status, body = await post(desk, text, "/fapi/v1/algoOrder")
        assert (status, body["code"]) == (400, code), body


Act = Callable[[Desk], Awaitable[tuple[int, dict[str, object]]]]


async def duplicate(desk: Desk) -> tuple[int, dict[str, object]]:
    await post(desk, ORDER + "&newClientOrderId=same")
    return await post(desk, ORDER + "&newClientOrderId=same")


async def covered(desk: Desk) -> tuple[int, dict[str, object]]:
    await post(desk, MARKET)
    await post(desk, other(ORDER, side="SELL", price="78000", reduceOnly="true"))
    return await post(desk, CLOSE)


async def own_side(desk: Desk) -> tuple[int, dict[str, object]]:
    await post(desk, MARKET)
    return await post(desk, other(CLOSE, side="BUY"))


async def second_closer(desk: Desk) -> tuple[int, dict[str, object]]:
    await post(desk, MARKET)
    await post(desk, CLOSER, "/fapi/v1/algoOrder")
    return await post(desk, other(CLOSER, triggerPrice="75000"), "/fapi/v1/algoOrder")


async def too_many_algos(desk: Desk) -> tuple[int, dict[str, object]]:
    for _ in range(200):
        desk.clock.advance(100)
        await post(desk, STOP, "/fapi/v1/algoOrder")
    return await post(desk, STOP, "/fapi/v1/algoOrder")


async def too_many_orders(desk: Desk) -> tuple[int, dict[str, object]]:
    for _ in range(200):
        desk.clock.advance(100)
        await post(desk, ORDER)
    return await post(desk, ORDER)


async def lowered(desk: Desk) -> tuple[int, dict[str, object]]:
    await post(desk, MARKET)
    return await post(desk, "symbol=BTCUSDT&leverage=10", "/fapi/v1/leverage")


async def no_leverage(desk: Desk) -> tuple[int, dict[str, object]]:
    return await post(desk, "symbol=BTCUSDT&leverage=151", "/fapi/v1/leverage")


async def type_with_orders(desk: Desk) -> tuple[int, dict[str, object]]:
    await post(desk, ORDER)
    return await post(desk, "symbol=BTCUSDT&marginType=CROSSED", "/fapi/v1/marginType")


async def type_with_position(desk: Desk) -> tuple[int, dict[str, object]]:
    await post(desk, MARKET)
    return await post(desk, "symbol=BTCUSDT&marginType=CROSSED", "/fapi/v1/marginType")


async def type_unchanged(desk: Desk) -> tuple[int, dict[str, object]]:
    return await post(desk, "symbol=BTCUSDT&marginType=ISOLATED", "/fapi/v1/marginType")


async def mode_unchanged(desk: Desk) -> tuple[int, dict[str, object]]:
    return await post(desk, "dualSidePosition=false", "/fapi/v1/positionSide/dual")


async def mode_with_orders(desk: Desk) -> tuple[int, dict[str, object]]:
    await post(desk, ORDER)
    return await post(desk, "dualSidePosition=true", "/fapi/v1/positionSide/dual")


async def mode_with_position(desk: Desk) -> tuple[int, dict[str, object]]:
    await post(desk, MARKET)
    return await post(desk, "dualSidePosition=true", "/fapi/v1/positionSide/dual")


async def mode_with_coin_m(desk: Desk) -> tuple[int, dict[str, object]]:
    desk.venue.account.coin_m_busy = True
    return await post(desk, "dualSidePosition=true", "/fapi/v1/positionSide/dual")


async def unknown_cancel(desk: Desk) -> tuple[int, dict[str, object]]:
    return await desk.raw.send("DELETE", "/fapi/v1/order", "symbol=BTCUSDT&orderId=1")


async def unknown_query(desk: Desk) -> tuple[int, dict[str, object]]:
    return await desk.raw.send("GET", "/fapi/v1/order", "symbol=BTCUSDT&origClientOrderId=none")


async def unknown_algo_cancel(desk: Desk) -> tuple[int, dict[str, object]]:
    return await desk.raw.send("DELETE", "/fapi/v1/algoOrder", "algoId=1")


async def unknown_algo_query(desk: Desk) -> tuple[int, dict[str, object]]:
    return await desk.raw.send("GET", "/fapi/v1/algoOrder", "clientAlgoId=none")


async def same_again(desk: Desk) -> tuple[int, dict[str, object]]:
    _, order = await post(desk, ORDER)
    text = f"symbol=BTCUSDT&orderId={order['orderId']}&side=BUY&quantity=0.010&price=76000"
    return await desk.raw.send("PUT", "/fapi/v1/order", text)


async def no_position_for_margin(desk: Desk) -> tuple[int, dict[str, object]]:
    return await post(desk, "symbol=BTCUSDT&amount=1&type=1", "/fapi/v1/positionMargin")


async def too_much_margin(desk: Desk) -> tuple[int, dict[str, object]]:
    await post(desk, MARKET)
    return await post(desk, "symbol=BTCUSDT&amount=100000&type=1", "/fapi/v1/positionMargin")


async def long_look(desk: Desk) -> tuple[int, dict[str, object]]:
    text = f"symbol=BTCUSDT&startTime={START - 8 * 86_400_000}&endTime={START}"
    return await desk.raw.send("GET", "/fapi/v1/userTrades", text)


async def id_and_time(desk: Desk) -> tuple[int, dict[str, object]]:
    text = f"symbol=BTCUSDT&fromId=1&startTime={START}"
    return await desk.raw.send("GET", "/fapi/v1/userTrades", text)


async def no_interval(desk: Desk) -> tuple[int, dict[str, object]]:
    return await desk.raw.plain("GET", "/fapi/v1/klines", "symbol=BTCUSDT&interval=1s&limit=1")


async def too_many_klines(desk: Desk) -> tuple[int, dict[str, object]]:
    return await desk.raw.plain("GET", "/fapi/v1/klines", "symbol=BTCUSDT&interval=1m&limit=2000")


async def no_depth(desk: Desk) -> tuple[int, dict[str, object]]:
    return await desk.raw.plain("GET", "/fapi/v1/depth", "symbol=BTCUSDT&limit=3")


async def dead_listen_key(desk: Desk) -> tuple[int, dict[str, object]]:
    await desk.raw.plain("POST", "/fapi/v1/listenKey")
    desk.clock.advance(3_600_000)
    return await desk.raw.plain("PUT", "/fapi/v1/listenKey")


ACTS: list[tuple[int, Act]] = [
    (-4116, duplicate),
    (-4118, covered),
    (-2022, own_side),
    (-4130, second_closer),
    (-4045, too_many_algos),
    (-2025, too_many_orders),
    (-4161, lowered),
    (-4028, no_leverage),
    (-4047, type_with_orders),
    (-4048, type_with_position),
    (-4046, type_unchanged),
    (-4059, mode_unchanged),
    (-4067, mode_with_orders),
    (-4068, mode_with_position),
    (-4531, mode_with_coin_m),
    (-2011, unknown_cancel),
    (-2013, unknown_query),
    (-2011, unknown_algo_cancel),
    (-2013, unknown_algo_query),
    (-5027, same_again),
    (-4054, no_position_for_margin),
    (-4051, too_much_margin),
    (-1127, long_look),
    (-1128, id_and_time),
    (-1120, no_interval),
    (-1130, too_many_klines),
    (-4021, no_depth),
    (-1125, dead_listen_key),
]


@pytest.mark.parametrize(("code", "act"), ACTS, ids=[act.__name__ for _, act in ACTS])
async def test_what_the_account_or_the_request_does_not_allow(code: int, act: Act) -> None:
    async with running() as desk:
        status, body = await act(desk)
        assert (status, body["code"]) == (400, code), body


async def test_a_fast_mark_refuses_market_orders_far_from_it() -> None:
    async with running((row(0, mark="70000.0"),)) as desk:
        assert (await post(desk, MARKET))[1]["code"] == -4131


async def test_notional_below_the_minimum_unless_reduce_only() -> None:
    rows = (
        row(0, "30000.00", "30000.10"),
        row(1, "40000.00", "40000.10"),
        row(2, "29000", "29001"),
    )
    async with running(rows) as desk:
        status, body = await post(desk, other(MARKET, quantity="0.001"))
        assert (status, body["code"]) == (400, -4164)
        assert body["msg"] == (
            "Order's notional must be no smaller than 50 (unless you choose reduce only)."
        )
        await post(desk, other(MARKET, quantity="0.002"))
        assert (await post(desk, other(CLOSE, quantity="0.001")))[0] == 200


async def test_hedge_mode_wants_a_side_and_knows_no_reduce_only() -> None:
    leg = ScriptedPosition("BTCUSDT", "LONG", Decimal("0.010"), Decimal("70000"))
    async with running(account=AccountScript(hedge=True, positions=(leg,))) as desk:
        assert (await post(desk, MARKET))[1]["code"] == -4061
        reduce = other(CLOSE, positionSide="LONG")
        assert (await post(desk, reduce))[1]["code"] == -1106
        opening = other(MARKET, positionSide="LONG")
        assert (await post(desk, opening))[1]["code"] == -4140
        too_much = other(MARKET, side="SELL", positionSide="LONG", quantity="0.020")
        assert (await post(desk, too_much))[1]["code"] == -2022
        status, _ = await post(desk, other(MARKET, side="SELL", positionSide="LONG"))
        assert status == 200
        assert desk.venue.desk.legs == {}


async def test_a_halted_symbol_takes_no_orders() -> None:
    halted = list_symbol(INSTRUMENTS[BTC], status="TRADING_HALT")
    async with running(account=AccountScript(made_up=(halted,))) as desk:
        status, body = await post(desk, MARKET)
        assert (status, body["code"]) == (400, -4141)


async def test_a_made_up_symbol_with_a_tiny_tick_and_a_large_minimum() -> None:
    tiny = replace(
        INSTRUMENTS["ADA/USDT"],
        symbol="TINY/USDT",
        tick=Decimal("0.0000001"),
        min_price=Decimal("0.0000001"),
        min_notional=Decimal(500),
    )
    rows = (row(0, "0.0000123", "0.0000124", symbol="TINY/USDT", qty="900000000"),)
    account = AccountScript(made_up=(list_symbol(tiny),))
    async with running(rows, account=account) as desk:
        markets = await desk.ccxt.load_markets()
        market = markets["TINY/USDT:USDT"]
        assert (market["precision"]["price"], market["limits"]["cost"]["min"]) == (1e-7, 500.0)
        text = "symbol=TINYUSDT&side=BUY&type=LIMIT&timeInForce=GTC&price=0.0000120&quantity=1000"
        assert (await post(desk, text))[1]["code"] == -4164


async def test_sending_time_and_matching_time_are_both_looked_at() -> None:
    async with running() as desk:
        for path in ("/fapi/v1/order", "/fapi/v1/batchOrders"):
            stale = f"timestamp={START - 5001}&{ORDER}"
            stale += f"&signature={desk.raw.sign(stale)}"
            assert (await desk.raw.plain("POST", path, stale))[1]["code"] == -1021
        ahead = f"timestamp={START + 1000}&recvWindow=5000"
        ahead += f"&signature={desk.raw.sign(ahead)}"
        status, body = await desk.raw.plain("GET", "/fapi/v3/account", ahead)
        assert (status, body["code"]) == (400, -1021)
        assert body["msg"] == ("Timestamp for this request was 1000ms ahead of the server's time.")
        wide = f"timestamp={START}&recvWindow=60001"
        wide += f"&signature={desk.raw.sign(wide)}"
        assert (await desk.raw.plain("GET", "/fapi/v3/account", wide))[1]["code"] == -1130


async def late(desk: Desk, asked: Coroutine[Any, Any, tuple[int, Any]]) -> tuple[int, Any]:
    """Let six seconds of venue time pass while a request is on its way."""
    task = asyncio.create_task(asked)
    while not desk.venue.ledger.of("fault")[-1:] and not task.done():
        await asyncio.sleep(0.005)
    for _ in range(60):
        await asyncio.sleep(0.01)
        if task.done():
            break
        desk.clock.advance(1000)
    return await task


async def test_an_order_that_was_on_its_way_too_long_is_refused_by_the_matching_engine() -> None:
    async with running() as desk:
        desk.venue.faults.set([{"do": "delay", "method": "POST", "ms": 6000}])
        status, body = await late(desk, post(desk, ORDER))
        assert (status, body["code"]) == (400, -5028)
        status, body = await late(desk, post(desk, STOP, "/fapi/v1/algoOrder"))
        assert status == 200, body  # the algo service has no such check


async def test_who_asks() -> None:
    async with running() as desk:
        raw, path = desk.raw, "/fapi/v3/account"
        assert (await raw.send("GET", path, key=""))[:2] == (
            401,
            {"code": -2014, "msg": MESSAGES[-2014]},
        )
        assert (await raw.send("GET", path, key="short"))[1]["code"] == -2014
        assert (await raw.send("GET", path, key="A" * 64))[0:2] == (
            401,
            {"code": -2015, "msg": MESSAGES[-2015]},
        )
        stamp = f"timestamp={START}"
        assert (await raw.plain("GET", path, stamp))[1]["code"] == -1102
        assert (await raw.plain("GET", path, f"{stamp}&signature={'0' * 64}"))[1]["code"] == -1022
        right = raw.sign("symbol=BTCUSDT&" + stamp)
        other_order = f"{stamp}&symbol=BTCUSDT&signature={right}"
        assert (await raw.plain("GET", path, other_order))[1]["code"] == -1022
        empty = f"signature={raw.sign('')}"
        assert (await raw.plain("GET", path, empty))[1]["code"] == -1102


async def test_an_unknown_path_is_404_with_5000() -> None:
    async with running() as desk:
        status, body = await desk.raw.send("GET", "/fapi/v1/nothing")
        assert (status, body) == (
            404,
            {"code": -5000, "msg": "Path /fapi/v1/nothing, Method GET is invalid"},
        )
        assert (await desk.raw.send("POST", "/fapi/v1/time"))[0] == 404


async def test_a_coarse_symbol_s_steps_are_finer_than_its_precision() -> None:
    coarse = replace(INSTRUMENTS[BTC], step=Decimal("0.005"), min_qty=Decimal("0.010"))
    account = AccountScript(margin_type="isolated", made_up=(list_symbol(coarse),))
    async with running(account=account) as desk:
        assert (await post(desk, other(MARKET, quantity="0.005")))[1]["code"] == -4004
        assert (await post(desk, other(MARKET, quantity="0.012")))[1]["code"] == -4023
        assert (await post(desk, other(MARKET, quantity="0.015")))[0] == 200


async def test_cross_positions_are_not_opened_here_and_multi_assets_are_cross() -> None:
    async with running(account=AccountScript(margin_type="cross")) as desk:
        status, body = await post(desk, MARKET)
        assert (status, body["code"]) == (400, -4140)
        await post(desk, "multiAssetsMargin=true", "/fapi/v1/multiAssetsMargin")
        isolate = "symbol=BTCUSDT&marginType=ISOLATED"
        assert (await post(desk, isolate, "/fapi/v1/marginType"))[1]["code"] == -4168
        await post(desk, "multiAssetsMargin=false", "/fapi/v1/multiAssetsMargin")
        assert (await post(desk, isolate, "/fapi/v1/marginType"))[0] == 200
        assert (await post(desk, MARKET))[0] == 200


async def test_amending_has_its_limits() -> None:
    async with running() as desk:
        _, order = await post(desk, ORDER)
        text = f"symbol=BTCUSDT&orderId={order['orderId']}&side=BUY&price=76000&quantity="
        kept = desk.venue.desk.records.by_id[int(str(order["orderId"]))]
        kept.amended = 10_000
        answer = await desk.raw.send("PUT", "/fapi/v1/order", text + "0.011")
        assert answer[1]["code"] == -5026
        desk.venue.acts.do("set_status", symbol="BTCUSDT", status="TRADING_HALT")
        kept.listing = desk.venue.listings.by_name["BTCUSDT"]
        answer = await desk.raw.send("PUT", "/fapi/v1/order", text + "0.011")
        assert answer[1]["code"] == -5024


async def test_a_settling_symbol_takes_no_orders() -> None:
    async with running() as desk:
        desk.venue.acts.do("announce_delisting", symbol="BTCUSDT")
        assert (await post(desk, MARKET))[1]["code"] == -4108


SCRIPTED = frozenset({-1000, -1001, -1006, -1007, -1008, -2018, -2020, -2028, -4000, -4050, -4109})
"""Codes that only a fault or a script brings about."""


def test_every_code_the_venue_knows_is_provoked_here_or_said_to_be_scripted() -> None:
    real = {code for code, _ in (*ORDERS, *ALGOS)} | {code for code, _ in ACTS}
    real |= {-1003, -1015, -1021, -1022, -2014, -2015, -4131, -4140, -4141, -4164, -5000, -5028}
    real |= {-4004, -4023, -4108, -4168, -5024, -5026}
    assert set(MESSAGES) == real | SCRIPTED
