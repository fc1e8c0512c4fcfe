"""The WebSocket side: what ccxt hears, subscriptions by hand, pings, limits and lives."""

from __future__ import annotations

import asyncio
import json
from decimal import Decimal
from itertools import pairwise

import aiohttp
import pytest
from kits.venue_ear import ear, listen_key, names
from kits.venue_kit import BTC, START, row, running

MINUTE = 60_000

ROWS = [row(s, f"{76914 + s % 7}.90", f"{76915 + s % 7}.00") for s in range(200)]


async def test_subscriptions() -> None:
    async with running() as desk, ear(desk, "/market/ws/0") as client:
        assert await client.say("SUBSCRIBE", "btcusdt@kline_1m", number=7) == {
            "result": None,
            "id": 7,
        }
        assert await client.say("LIST_SUBSCRIPTIONS", number=8) == {
            "result": ["btcusdt@kline_1m"],
            "id": 8,
        }
        assert (await client.say("UNSUBSCRIBE", "btcusdt@kline_1m"))["result"] is None
        assert (await client.say("LIST_SUBSCRIPTIONS"))["result"] == []


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("{", 3),
        ("[]", 2),
        ('{"method": "SHOUT", "id": 1}', 2),
        ('{"method": "SUBSCRIBE", "params": "x", "id": 1}', 2),
        ('{"method": "SUBSCRIBE", "params": [1], "id": 1}', 2),
        ('{"method": "SUBSCRIBE", "params": [], "id": {}}', 2),
        ("[" * 60_000, 3),
    ],
)
async def test_a_message_that_is_none(text: str, code: int) -> None:
    async with running() as desk, ear(desk, "/ws") as client:
        await client.socket.send_str(text)
        assert (await client.hear())["error"]["code"] == code
        assert (await client.say("LIST_SUBSCRIPTIONS"))["result"] == []


async def test_more_than_1024_streams_are_refused() -> None:
    async with running() as desk, ear(desk, "/ws") as client:
        many = [f"s{i}@bookTicker" for i in range(1025)]
        assert (await client.say("SUBSCRIBE", *many))["error"]["code"] == 2
        assert (await client.say("SUBSCRIBE", *many[:1024]))["result"] is None


async def test_more_than_ten_messages_a_second_end_it() -> None:
    async with running() as desk, ear(desk, "/ws") as client:
        for number in range(10):
            assert (await client.say("LIST_SUBSCRIPTIONS", number=number))["id"] == number
        assert await client.say("LIST_SUBSCRIPTIONS") is aiohttp.WSMsgType.CLOSE
        assert client.socket.close_code == 1008
    async with running() as desk, ear(desk, "/ws") as client:
        for number in range(25):
            desk.clock.advance(100)
            assert (await client.say("LIST_SUBSCRIPTIONS", number=number))["id"] == number


async def test_pings_and_the_end_after_a_day() -> None:
    async with running() as desk, ear(desk, "/ws", autoping=False) as client:
        desk.clock.advance(3 * MINUTE)
        first = await client.socket.receive(timeout=30)
        assert first.type is aiohttp.WSMsgType.PING
        await client.socket.pong(first.data)
        await client.say("LIST_SUBSCRIPTIONS")  # the pong has been read
        heard = []
        for _ in range(5):  # nobody answers
            desk.clock.advance(3 * MINUTE)
            heard.append((await client.socket.receive(timeout=30)).type)
        assert heard == [aiohttp.WSMsgType.PING] * 4 + [aiohttp.WSMsgType.CLOSE]
        assert client.socket.close_code == 1008
    async with running() as desk, ear(desk, "/ws") as client:
        ended = asyncio.create_task(client.socket.receive())  # answers pings meanwhile
        for _ in range(24 * 20 - 1):
            desk.clock.advance(3 * MINUTE)
            await asyncio.sleep(0.002)
        assert not ended.done()
        desk.clock.advance(3 * MINUTE)
        assert (await asyncio.wait_for(ended, 30)).type is aiohttp.WSMsgType.CLOSE


async def test_a_category_gives_out_its_own_streams_only() -> None:
    async with (
        running(ROWS) as desk,
        ear(desk, "/public/ws/0") as public,
        ear(desk, "/market/ws/0") as market,
        ear(desk, "/stream?streams=btcusdt@bookTicker/btcusdt@markPrice@1s") as both,
    ):
        wanted = ["btcusdt@bookTicker", "btcusdt@markPrice@1s", "btcusdt@aggTrade", "btcusdt@trade"]
        await public.say("SUBSCRIBE", *wanted)
        await market.say("SUBSCRIBE", *wanted)
        desk.clock.advance(1000)
        assert {body["e"] for body in await public.all()} == {"bookTicker", "trade"}
        assert {body["e"] for body in await market.all()} == {"markPriceUpdate", "aggTrade"}
        assert {body["stream"]: body["data"]["e"] for body in await both.all()} == {
            "btcusdt@bookTicker": "bookTicker",
            "btcusdt@markPrice@1s": "markPriceUpdate",
        }


async def test_klines_come_every_250_ms_and_close_once() -> None:
    rows = [row(s / 10, f"{76000 + s % 70}.00", f"{76000 + s % 70}.10") for s in range(3000)]
    async with running(rows) as desk, ear(desk, "/market/ws/0") as client:
        await client.say("SUBSCRIBE", "btcusdt@kline_1m", "btcusdt@kline_3m")
        for _ in range(250):
            desk.clock.advance(1000)
        heard = [body["k"] for body in await client.all()]
        minutes = [k for k in heard if k["i"] == "1m"]
        closed = [k for k in minutes if k["x"]]
        assert [k["t"] % MINUTE for k in closed] == [0] * len(closed)
        assert [b["t"] - a["t"] for a, b in pairwise(closed)] == [MINUTE] * (len(closed) - 1)
        assert len(closed) == (START + 250_000) // MINUTE - START // MINUTE
        assert len([k for k in minutes if not k["x"]]) == 250 * 4
        assert len([k for k in heard if k["i"] == "3m" and k["x"]]) in (1, 2)
        _, rest = await desk.raw.plain(
            "GET", "/fapi/v1/klines", "symbol=BTCUSDT&interval=1m&limit=10"
        )
        by_open = {candle[0]: candle for candle in rest}
        for k in closed:
            candle = by_open[k["t"]]
            assert [k["o"], k["h"], k["l"], k["c"], k["v"], k["q"]] == [*candle[1:6], candle[7]]


async def test_the_depth_stream_keeps_a_copy_of_the_book() -> None:
    async with running(ROWS) as desk, ear(desk, "/public/ws/0") as client:
        _, book = await desk.raw.plain("GET", "/fapi/v1/depth", "symbol=BTCUSDT&limit=20")
        await client.say("SUBSCRIBE", "btcusdt@depth@100ms", "btcusdt@depth5")
        for _ in range(20):
            desk.clock.advance(500)
        desk.clock.advance(500)
        heard = await client.all()
        changes = [body for body in heard if len(body["b"]) != 5 or len(body["a"]) != 5]
        bids = dict(book["bids"])
        last = None
        for body in (b for b in heard if b["u"] > book["lastUpdateId"]):
            assert last is None or body["pu"] <= last or body in changes
            last = body["u"]
        for body in changes:
            for price, size in body["b"]:
                if Decimal(size):
                    bids[price] = size
                else:
                    bids.pop(price, None)
        _, now = await desk.raw.plain("GET", "/fapi/v1/depth", "symbol=BTCUSDT&limit=20")
        assert max(bids, key=Decimal) == now["bids"][0][0]


async def test_the_private_stream_tells_an_order_whole() -> None:
    async with running() as desk:
        key = await listen_key(desk)
        await desk.raw.send("POST", "/fapi/v1/leverage", "symbol=BTCUSDT&leverage=5")
        async with ear(desk, f"/private/ws?listenKey={key}") as client:
            order = "symbol=BTCUSDT&side=BUY&type=MARKET&quantity=0.001&newClientOrderId=one"
            assert (await desk.raw.send("POST", "/fapi/v1/order", order))[0] == 200
            resting = "symbol=BTCUSDT&side=BUY&type=LIMIT&timeInForce=GTC&quantity=0.001&price=76000&newClientOrderId=two"
            assert (await desk.raw.send("POST", "/fapi/v1/order", resting))[0] == 200
            await desk.raw.send("DELETE", "/fapi/v1/order", "symbol=BTCUSDT&origClientOrderId=two")
            await desk.raw.send("POST", "/fapi/v1/leverage", "symbol=ETHUSDT&leverage=3")
            heard = await client.all()
        assert names(heard) == [
            "ORDER_TRADE_UPDATE/NEW",
            "TRADE_LITE",
            "ORDER_TRADE_UPDATE/TRADE",
            "ACCOUNT_UPDATE",
            "ORDER_TRADE_UPDATE/NEW",
            "ORDER_TRADE_UPDATE/CANCELED",
            "ACCOUNT_CONFIG_UPDATE",
        ]
        filled = heard[2]["o"]
        assert (filled["c"], filled["X"], filled["z"], filled["R"]) == (
            "one",
            "FILLED",
            "0.001",
            False,
        )
        _, trades = await desk.raw.send("GET", "/fapi/v1/userTrades", "symbol=BTCUSDT")
        assert (filled["t"], filled["L"], filled["n"]) == (
            trades[0]["id"],
            trades[0]["price"],
            trades[0]["commission"],
        )
        _, account = await desk.raw.send("GET", "/fapi/v3/account")
        update = heard[3]["a"]
        assert update["m"] == "ORDER"
        assert update["B"][0]["wb"] == account["assets"][0]["walletBalance"]
        assert update["P"][0]["pa"] == account["positions"][0]["positionAmt"]


async def test_only_the_events_that_were_asked_for() -> None:
    async with running() as desk:
        key = await listen_key(desk)
        path = f"/private/ws?listenKey={key}&events=ACCOUNT_UPDATE"
        async with ear(desk, path) as some, ear(desk, f"/ws/{key}") as old:
            order = "symbol=BTCUSDT&side=BUY&type=MARKET&quantity=0.001"
            await desk.raw.send("POST", "/fapi/v1/order", order)
            assert {body["e"] for body in await some.all()} == {"ACCOUNT_UPDATE"}
            assert len(await old.all()) == 4


async def test_a_listen_key_dies_after_an_hour_and_says_so() -> None:
    async with running() as desk:
        key = await listen_key(desk)
        async with ear(desk, f"/private/ws?listenKey={key}") as client:
            desk.clock.advance(59 * MINUTE)
            assert (await desk.raw.plain("PUT", "/fapi/v1/listenKey"))[0] == 200
            assert await client.all() == []
            desk.clock.advance(59 * MINUTE)
            assert names(await client.all()) == []
            desk.clock.advance(2 * MINUTE)
            heard = await client.all()
            assert [(body["e"], body["listenKey"]) for body in heard] == [("listenKeyExpired", key)]
            status, body = await desk.raw.plain("PUT", "/fapi/v1/listenKey")
            assert (status, body["code"]) == (400, -1125)
            await desk.raw.send(
                "POST", "/fapi/v1/order", "symbol=BTCUSDT&side=BUY&type=MARKET&quantity=0.001"
            )
            assert await client.all() == []  # open, and deaf
        assert await listen_key(desk) != key


async def test_everybody_shares_the_key_and_delete_ends_it_for_all() -> None:
    async with running() as desk:
        key = await listen_key(desk)
        assert await listen_key(desk) == key
        async with (
            ear(desk, f"/private/ws?listenKey={key}") as one,
            ear(desk, f"/private/ws?listenKey={key}") as other,
        ):
            await desk.raw.plain("DELETE", "/fapi/v1/listenKey")
            assert names(await one.all()) == names(await other.all()) == ["listenKeyExpired"]


async def test_the_ledger_tells_what_was_sent_and_to_whom() -> None:
    async with running() as desk:
        key = await listen_key(desk)
        async with ear(desk, f"/private/ws?listenKey={key}"):
            await desk.raw.send(
                "POST", "/fapi/v1/order", "symbol=BTCUSDT&side=BUY&type=MARKET&quantity=0.001"
            )
        rows = [r for r in desk.venue.ledger.of("stream") if r["event"] == "ORDER_TRADE_UPDATE"]
        assert [(r["to"], r["body"]["o"]["x"]) for r in rows] == [([1], "NEW"), ([1], "TRADE")]
        assert key not in json.dumps(desk.venue.ledger.of("venue"))


async def test_ccxt_watches_prices_and_orders() -> None:
    async with running(ROWS) as desk:
        client = desk.ccxt
        await client.load_markets()
        watchers = {
            "bars": client.watch_ohlcv("BTC/USDT:USDT", "1m"),
            "mark": client.watch_mark_price("BTC/USDT:USDT"),
            "touch": client.watch_bids_asks(["BTC/USDT:USDT"]),
            "trades": client.watch_trades("BTC/USDT:USDT"),
            "ticker": client.watch_ticker("BTC/USDT:USDT"),
            "orders": client.watch_orders("BTC/USDT:USDT"),
            "fills": client.watch_my_trades("BTC/USDT:USDT"),
            "balance": client.watch_balance(),
        }
        tasks = {name: asyncio.create_task(watch) for name, watch in watchers.items()}
        await asyncio.sleep(0.5)
        await client.create_order("BTC/USDT:USDT", "market", "buy", 0.001)
        for _ in range(10):
            desk.clock.advance(1000)
            await asyncio.sleep(0.02)
        heard = dict(
            zip(tasks, await asyncio.wait_for(asyncio.gather(*tasks.values()), 30), strict=True)
        )
        assert heard["bars"][-1][4] > 76_000
        assert heard["mark"]["markPrice"] > 76_000
        assert heard["touch"]["BTC/USDT:USDT"]["bid"] > 76_000
        assert heard["trades"][0]["price"] > 76_000
        assert heard["ticker"]["last"] > 76_000
        assert heard["orders"][-1]["status"] == "closed"
        assert heard["fills"][0]["amount"] == 0.001
        assert heard["balance"]["USDT"]["total"] < 1000
        assert BTC in desk.venue.feed.symbols
