"""Several faults at once, as bad days have them: what a live bot stands on, through the real client; the ledger is the truth."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from decimal import Decimal
from typing import Any

import aiohttp
import ccxt
import pytest
from kits.venue_ear import ear, listen_key, names
from kits.venue_kit import Desk, row, running

from tradebot.venue.settings import AccountScript, Settings

PERP = "BTC/USDT:USDT"
ORDER = "/fapi/v1/order"
FALLING = [
    *(row(s) for s in range(10)),
    *(row(s, "75900.00", "75900.10") for s in range(10, 1000)),
]


def told(heard: list[Any]) -> list[str]:
    """Messages with the state they tell."""
    shown = []
    for body, name in zip(heard, names(heard), strict=True):
        shown.append(f"{name}/{body['o']['X']}" if name == "ALGO_UPDATE" else name)
    return shown


def applied(desk: Desk) -> list[str]:
    return [r["do"] for r in desk.venue.ledger.of("fault")]


async def test_an_order_nobody_heard_of_is_found_by_its_client_id() -> None:
    """The answer is lost, its fill's message too, and the balance comes twice."""
    async with running(FALLING) as desk:
        await desk.ccxt.load_markets()
        async with ear(desk, f"/private/ws?listenKey={await listen_key(desk)}") as client:
            desk.venue.faults.set(
                [
                    {"do": "accept_then_close", "method": "POST", "path": ORDER, "times": 1},
                    {"do": "drop", "event": "ORDER_TRADE_UPDATE/TRADE"},
                    {"do": "drop", "event": "TRADE_LITE"},
                    {"do": "duplicate", "event": "ACCOUNT_UPDATE"},
                ]
            )
            name = {"clientOrderId": "tb-1"}
            with pytest.raises(ccxt.ExchangeNotAvailable):
                await desk.ccxt.create_order(PERP, "market", "buy", 0.002, None, name)
            heard = await client.all()
            assert names(heard) == ["ORDER_TRADE_UPDATE/NEW", "ACCOUNT_UPDATE", "ACCOUNT_UPDATE"]
            assert heard[1] == heard[2]
            found = await desk.ccxt.fetch_order(None, PERP, name)
            assert (found["status"], found["filled"], found["average"]) == (
                "closed",
                0.002,
                76915.0,
            )
            (trade,) = await desk.ccxt.fetch_my_trades(PERP)
            assert (trade["order"], trade["amount"]) == (found["id"], 0.002)
        assert [r["client"] for r in desk.venue.ledger.of("fill")] == ["tb-1"]
        withheld = [r["event"] for r in desk.venue.ledger.of("stream") if r.get("withheld")]
        assert withheld == ["TRADE_LITE", "ORDER_TRADE_UPDATE"]
        assert applied(desk) == ["accept_then_close", "drop", "drop", "duplicate"]


async def test_an_id_asked_for_again_while_its_order_works_and_after() -> None:
    """A repeated POST is -4116 while the first works; once that has ended it is a second order: the newest is found."""
    async with running(FALLING) as desk:
        await desk.ccxt.load_markets()
        desk.venue.faults.set(
            [
                {
                    "do": "accept_then_garbage",
                    "form": "cut",
                    "method": "POST",
                    "path": ORDER,
                    "nth": 1,
                }
            ]
        )
        name = {"clientOrderId": "tb-1"}
        first = await desk.ccxt.create_order(PERP, "limit", "buy", 0.002, 70000, name)
        assert first["id"] is None
        with pytest.raises(ccxt.InvalidOrder, match="-4116"):
            await desk.ccxt.create_order(PERP, "limit", "buy", 0.002, 70000, name)
        first = await desk.ccxt.cancel_order(None, PERP, name)
        second = await desk.ccxt.create_order(PERP, "limit", "buy", 0.002, 70000, name)
        assert second["id"] != first["id"]
        assert (await desk.ccxt.fetch_order(None, PERP, name))["id"] == second["id"]
        assert (await desk.ccxt.fetch_order(first["id"], PERP))["status"] == "canceled"
        assert len(desk.venue.desk.records.by_id) == 2


async def test_a_stop_that_triggers_while_nobody_can_see_it() -> None:
    """It is blind, ALGO_UPDATE TRIGGERED comes last, and its answer never: the child tells by its client id."""
    async with running(FALLING) as desk:
        await desk.ccxt.load_markets()
        await desk.ccxt.create_order(PERP, "market", "buy", 0.002)
        async with ear(desk, f"/private/ws?listenKey={await listen_key(desk)}") as client:
            desk.venue.faults.set(
                [
                    {"do": "algo_blind", "seconds": 60},
                    {"do": "late", "event": "ALGO_UPDATE/TRIGGERED", "ms": 500},
                    {"do": "accept_then_close", "method": "POST", "path": "/fapi/v1/algoOrder"},
                ]
            )
            stop = {"triggerPrice": 76000, "reduceOnly": True, "clientOrderId": "tb-s"}
            stop["workingType"] = "MARK_PRICE"
            with pytest.raises(ccxt.ExchangeNotAvailable):
                await desk.ccxt.create_order(PERP, "STOP_MARKET", "sell", 0.002, None, stop)
            caid = {"trigger": True, "clientAlgoId": "tb-s"}
            with pytest.raises(ccxt.OrderNotFound, match="-2013"):
                await desk.ccxt.fapiPrivateGetAlgoOrder({"clientAlgoId": "tb-s"})
            with pytest.raises(ccxt.OrderNotFound, match="-2011"):
                await desk.ccxt.cancel_order(None, PERP, caid)
            assert await desk.ccxt.fetch_open_orders(PERP, params={"trigger": True}) == []
            desk.clock.advance(11_000)
            heard = await client.all()
            assert told(heard) == [
                "ALGO_UPDATE/NEW",
                "ALGO_UPDATE/TRIGGERING",
                "ORDER_TRADE_UPDATE/NEW",
                "TRADE_LITE",
                "ORDER_TRADE_UPDATE/TRADE",
                "ALGO_UPDATE/FINISHED",
                "ACCOUNT_UPDATE",
                "ALGO_UPDATE/TRIGGERED",
            ]
            child = heard[2]["o"]
            assert (child["c"], str(child["i"])) == ("tb-s", heard[-1]["o"]["ai"])
            assert await desk.ccxt.fetch_positions() == []
            desk.clock.advance(60_000)
            served = await desk.ccxt.fapiPrivateGetAlgoOrder({"clientAlgoId": "tb-s"})
            assert (served["algoStatus"], served["actualQty"]) == ("FINISHED", "0.002")
            desk.clock.advance(5 * 60_000)
            with pytest.raises(ccxt.OrderNotFound, match="-2013"):
                await desk.ccxt.fapiPrivateGetAlgoOrder({"clientAlgoId": "tb-s"})
            (kept,) = await desk.ccxt.fapiPrivateGetAllAlgoOrders({"symbol": "BTCUSDT"})
            assert kept["actualOrderId"] == str(child["i"])


async def test_a_triggered_stop_tells_its_states_around_the_fill() -> None:
    """Faults off: effect never before cause."""
    async with running(FALLING) as desk:
        await desk.ccxt.load_markets()
        await desk.ccxt.create_order(PERP, "market", "buy", 0.002)
        async with ear(desk, f"/private/ws?listenKey={await listen_key(desk)}") as client:
            stop = {"triggerPrice": 76000, "reduceOnly": True}
            await desk.ccxt.create_order(PERP, "STOP_MARKET", "sell", 0.002, None, stop)
            desk.clock.advance(11_000)
            assert told(await client.all()) == [
                "ALGO_UPDATE/NEW",
                "ALGO_UPDATE/TRIGGERING",
                "ALGO_UPDATE/TRIGGERED",
                "ORDER_TRADE_UPDATE/NEW",
                "TRADE_LITE",
                "ORDER_TRADE_UPDATE/TRADE",
                "ALGO_UPDATE/FINISHED",
                "ACCOUNT_UPDATE",
            ]


async def test_a_countdown_whose_answer_was_lost_counts_down_all_the_same() -> None:
    """The extension was carried out though nobody heard; stops stay; the stream is frozen meanwhile."""
    async with running(FALLING) as desk:
        await desk.ccxt.load_markets()
        path = "/fapi/v1/countdownCancelAll"
        count = {"symbol": "BTCUSDT", "countdownTime": 5000}
        async with ear(desk, f"/private/ws?listenKey={await listen_key(desk)}") as client:
            await desk.ccxt.create_order(PERP, "limit", "buy", 0.002, 70000)
            await desk.ccxt.create_order(
                PERP, "STOP_MARKET", "buy", 0.002, None, {"triggerPrice": 78000}
            )
            assert (await desk.ccxt.fapiPrivatePostCountdownCancelAll(count)) == {
                "symbol": "BTCUSDT",
                "countdownTime": "5000",
            }
            await client.all()
            desk.venue.faults.set(
                [
                    {"do": "accept_then_close", "path": path, "times": 1},
                    {"do": "freeze", "stream": "private", "seconds": 600, "times": 1},
                ]
            )
            desk.clock.advance(4000)
            with pytest.raises(ccxt.ExchangeNotAvailable):
                await desk.ccxt.fapiPrivatePostCountdownCancelAll(count)
            desk.clock.advance(4999)
            assert len(await desk.ccxt.fetch_open_orders(PERP)) == 1
            desk.clock.advance(1)
            assert await desk.ccxt.fetch_open_orders(PERP) == []
            assert len(await desk.ccxt.fetch_open_orders(PERP, params={"trigger": True})) == 1
            assert await client.all() == []
        sent = desk.venue.ledger.of("stream")[-1]
        assert (sent["event"], sent["withheld"]) == ("ORDER_TRADE_UPDATE", True)
        assert sent["body"]["o"]["X"] == "CANCELED"


async def test_slow_requests_and_reordered_messages() -> None:
    """A delayed order is judged by recvWindow again when it arrives at the engine, and fills once."""
    async with running(FALLING) as desk:
        await desk.ccxt.load_markets()
        async with ear(desk, f"/private/ws?listenKey={await listen_key(desk)}") as client:
            desk.venue.faults.set(
                [
                    {"do": "delay", "path": ORDER, "ms": 100, "to_ms": 300, "times": 1},
                    {"do": "delay", "path": ORDER, "ms": 12_000, "from_s": 3, "to_s": 4},
                    {"do": "reorder", "stream": "private", "window_ms": 1000},
                ]
            )
            slow = asyncio.create_task(desk.ccxt.create_order(PERP, "market", "buy", 0.002))
            await asyncio.sleep(0.1)
            assert not slow.done()
            desk.clock.advance(400)
            assert (await slow)["status"] == "closed"
            desk.clock.advance(3000)
            heard = names(await client.all())
            assert sorted(heard) == [
                "ACCOUNT_UPDATE",
                "ORDER_TRADE_UPDATE/NEW",
                "ORDER_TRADE_UPDATE/TRADE",
                "TRADE_LITE",
            ]
            late = asyncio.create_task(desk.ccxt.create_order(PERP, "market", "buy", 0.002))
            await asyncio.sleep(0.1)
            desk.clock.advance(12_000)
            with pytest.raises(ccxt.BadRequest, match="-5028"):
                await late
        assert len(desk.venue.ledger.of("fill")) == 1


BAD_DAY: list[dict[str, Any]] = [
    {"do": "accept_then_close", "method": "POST", "path": ORDER, "probability": 0.15},
    {"do": "accept_then_garbage", "form": "html", "path": ORDER, "probability": 0.1},
    {"do": "error", "code": -1007, "method": "POST", "path": ORDER, "probability": 0.1},
    {"do": "unavailable", "meaning": "not_executed", "path": ORDER, "probability": 0.1},
    {"do": "drop", "stream": "private", "probability": 0.2},
    {"do": "duplicate", "stream": "private", "probability": 0.2},
    {"do": "late", "stream": "private", "ms": 10, "to_ms": 900, "probability": 0.3},
    {"do": "reorder", "stream": "private", "window_ms": 500, "probability": 0.3},
    {"do": "late_fill", "seconds": 0.5, "probability": 0.3},
    {"do": "stop_rejected_later", "told": False, "probability": 0.3},
    {"do": "stop_filled_short", "share": 0.5, "probability": 0.3},
    {"do": "algo_blind", "seconds": 5, "probability": 0.3},
]


async def bad_day(seed: int) -> tuple[list[Any], list[Any]]:
    """A minute of orders, cancels and stops; the ledger, and what a listener heard."""
    account = AccountScript(margin_type="isolated", leverage=5)
    prices = [
        row(s, f"{76000 + 37 * (s * s % 23)}.00", f"{76000 + 37 * (s * s % 23)}.10")
        for s in range(200)
    ]
    async with (
        running(prices, settings=Settings(seed=seed, account=account)) as desk,
        ear(desk, f"/private/ws?listenKey={await listen_key(desk)}") as client,
    ):
        desk.venue.faults.set(BAD_DAY)
        for number in range(40):
            side = ("BUY", "SELL")[number % 3 == 1]
            base = f"symbol=BTCUSDT&side={side}&quantity=0.002"
            for method, path, text in (
                ("POST", ORDER, f"{base}&type=MARKET&newClientOrderId=m{number}"),
                (
                    "POST",
                    ORDER,
                    f"{base}&type=LIMIT&timeInForce=GTC&price={75000 if side == 'BUY' else 79000}&newClientOrderId=l{number}",
                ),
                (
                    "POST",
                    "/fapi/v1/algoOrder",
                    f"algoType=CONDITIONAL&symbol=BTCUSDT&side=SELL&quantity=0.002&type=STOP_MARKET&triggerPrice=75990&reduceOnly=true&clientAlgoId=s{number}",
                ),
                ("DELETE", ORDER, f"symbol=BTCUSDT&origClientOrderId=l{number}"),
            ):
                with suppress(aiohttp.ClientError, ValueError):
                    await desk.raw.send(method, path, text)
            desk.clock.advance(1500)
        desk.venue.faults.set([])
        desk.clock.advance(10_000)
        heard = await client.all()
        _, risk = await desk.raw.send("GET", "/fapi/v3/positionRisk")
        fills = desk.venue.ledger.of("fill")
        signed = sum(Decimal(str(r["qty"])) * (1 if r["side"] == "BUY" else -1) for r in fills)
        assert sum(Decimal(r["positionAmt"]) for r in risk) == signed
        income = sum(r["amount"] for r in desk.venue.ledger.of("income"))
        assert desk.venue.account.wallet == account.wallet + income
        return desk.venue.ledger.rows, heard


async def test_a_bad_day_repeats_exactly_under_its_seed_and_its_books_balance() -> None:
    rows, heard = await bad_day(3)
    assert {rule["do"] for rule in BAD_DAY} == {r["do"] for r in rows if r["kind"] == "fault"}
    again, heard_again = await bad_day(3)
    assert rows == again
    assert heard == heard_again
    assert (await bad_day(4))[0] != rows
