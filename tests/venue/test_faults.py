"""Each fault once, provoked over the wire, and in the ledger; the real client where what it sees matters."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from decimal import Decimal
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from kits.venue_ear import Ear, ear, listen_key, names
from kits.venue_kit import ETH, Desk, row, running

from tradebot.core.model.errors import UsageError
from tradebot.venue.errors import MESSAGES
from tradebot.venue.garbling import LARGE
from tradebot.venue.kinds import KINDS, NONSENSE
from tradebot.venue.reach import Reach
from tradebot.venue.routes import ROUTES
from tradebot.venue.rules import make_rule

BUY = "symbol=BTCUSDT&side=BUY&type=MARKET&quantity=0.002"
SELL = "symbol=BTCUSDT&side=SELL&type=MARKET&quantity=0.002&reduceOnly=true"
STOP = "algoType=CONDITIONAL&symbol=BTCUSDT&side=SELL&type=STOP_MARKET&quantity=0.002&triggerPrice=76000.0&reduceOnly=true&workingType=MARK_PRICE&clientAlgoId=stop1"
ORDER = "/fapi/v1/order"
FALLING = [
    *(row(s) for s in range(10)),
    *(row(s, "75900.00", "75900.10") for s in range(10, 40)),
]


@asynccontextmanager
async def faulty(*rules: dict[str, Any], rows: Any = None, **options: Any) -> AsyncIterator[Desk]:
    """A desk under rules; at its end each of them was applied, and the ledger has every time."""
    async with running(rows or FALLING, **options) as desk:
        desk.venue.faults.set(rules)
        yield desk
        noted = Counter(r["do"] for r in desk.venue.ledger.of("fault") if "failed" not in r)
        for rule in desk.venue.faults.rules:
            assert rule.applied, f"{rule.do} was never applied"
            assert noted[rule.do] >= rule.applied


def applied(desk: Desk) -> list[str]:
    """What the ledger says was done."""
    return [r["do"] for r in desk.venue.ledger.of("fault") if "failed" not in r]


async def trades(desk: Desk) -> list[str]:
    _, rows = await desk.raw.send("GET", "/fapi/v1/userTrades", "symbol=BTCUSDT")
    return [r["qty"] for r in rows]


def on(do: str, **words: Any) -> dict[str, Any]:
    return {"do": do, "method": "POST", "path": ORDER, "times": 1, **words}


async def advance_while(desk: Desk, task: asyncio.Task[Any], seconds: int) -> None:
    """Move the clock a second at a time until a request has come back."""
    for _ in range(seconds):
        await asyncio.sleep(0.02)
        if task.done():
            return
        desk.clock.advance(1000)


# Requests


@pytest.mark.parametrize(
    ("do", "done"),
    [("reset", False), ("accept_then_close", True)],
)
async def test_connections_that_end(do: str, done: bool) -> None:
    async with faulty(on(do)) as desk:
        with pytest.raises(aiohttp.ClientError):
            await desk.raw.send("POST", ORDER, BUY)
        assert await trades(desk) == (["0.002"] if done else [])
        assert applied(desk) == [do]
        request = next(r for r in desk.venue.ledger.of("request") if r["path"] == ORDER)
        assert request["status"] is None
        assert do in request["faults"]


async def test_refused_connections_for_a_time() -> None:
    async with faulty(on("refuse", seconds=5)) as desk:
        with pytest.raises(aiohttp.ClientError):
            await desk.raw.send("POST", ORDER, BUY)
        async with aiohttp.ClientSession() as fresh:
            with pytest.raises(aiohttp.ClientConnectorError):
                await fresh.get(f"{desk.server.url}/fapi/v1/ping")
            desk.clock.advance(5000)
            await asyncio.sleep(0.05)
            async with fresh.get(f"{desk.server.url}/fapi/v1/ping") as answer:
                assert answer.status == 200
        assert await trades(desk) == []


@pytest.mark.parametrize("everybody", [False, True])
async def test_an_open_connection_while_others_are_refused(everybody: bool) -> None:
    async with faulty(on("refuse", seconds=5, all=everybody)) as desk:
        ping = f"{desk.server.url}/fapi/v1/ping"
        async with aiohttp.ClientSession() as other, aiohttp.ClientSession() as ours:
            async with other.get(ping) as answer:  # its connection stays open from here on
                assert answer.status == 200
            with pytest.raises(aiohttp.ClientError):
                await ours.post(f"{desk.server.url}{ORDER}")
            if everybody:
                with pytest.raises(aiohttp.ClientError):
                    await other.get(ping)
            else:
                async with other.get(ping) as answer:
                    assert answer.status == 200


async def test_any_code_there_are_words_for() -> None:
    """Also one whose words have blanks that a fault does not fill."""
    async with running(FALLING) as desk:
        for code in MESSAGES:
            desk.venue.faults.set([on("error", code=code)])
            status, body = await desk.raw.send("POST", ORDER, BUY)
            assert body["code"] == code
            assert status in (400, 401, 404, 408, 429, 503)


async def test_carried_out_and_never_answered() -> None:
    async with faulty(on("accept_then_timeout", seconds=20)) as desk:
        task = asyncio.create_task(desk.raw.send("POST", ORDER, BUY))
        await advance_while(desk, task, 25)
        with pytest.raises(aiohttp.ClientError):
            await task
        assert await trades(desk) == ["0.002"]


@pytest.mark.parametrize("form", ["empty", "cut", "html", "braces"])
async def test_carried_out_and_answered_with_garbage(form: str) -> None:
    """The real client returns an order without an id and raises nothing."""
    async with faulty(on("accept_then_garbage", form=form)) as desk:
        order = await desk.ccxt.create_order("BTC/USDT:USDT", "market", "buy", 0.002)
        assert order["id"] is None
        assert await trades(desk) == ["0.002"]


@pytest.mark.parametrize(
    ("rule", "status", "code", "done"),
    [
        (on("error", code=-1008), 503, -1008, False),
        (on("error", code=-1021), 400, -1021, False),
        (on("error", code=-1006), 503, -1006, True),
        (on("error", code=-1007), 408, -1007, True),
        (on("error", code=-2019, executed=True), 400, -2019, True),
        (on("unavailable"), 503, -1000, True),
        (on("unavailable", meaning="overload"), 503, -1008, False),
        (on("rate_limited"), 429, -1003, False),
        (on("answer", status=502, body='{"code": 1}'), 502, 1, False),
        (on("answer", status=504, body={"code": 2}, executed=True), 504, 2, True),
    ],
)
async def test_answers_of_other_kinds(
    rule: dict[str, Any], status: int, code: int, done: bool
) -> None:
    async with faulty(rule) as desk:
        got, body = await desk.raw.send("POST", ORDER, BUY)
        assert (got, body["code"]) == (status, code)
        assert await trades(desk) == (["0.002"] if done else [])
        assert (await desk.raw.send("POST", ORDER, SELL))[0] == (200 if done else 400)


@pytest.mark.parametrize(
    ("rule", "status", "text"),
    [
        (on("unavailable", meaning="not_executed"), 503, "Service Unavailable."),
        (on("answer", status=403, body="<html>no</html>"), 403, "<html>no</html>"),
        (
            on("answer", status=502, body="<html>bad gateway</html>", executed=True),
            502,
            "<html>bad gateway</html>",
        ),
    ],
)
async def test_answers_that_are_no_json(rule: dict[str, Any], status: int, text: str) -> None:
    async with faulty(rule) as desk, aiohttp.ClientSession() as session:
        form = f"timestamp={desk.clock.now()}&{BUY}"
        form += f"&signature={desk.raw.sign(form)}"
        async with session.post(
            f"{desk.server.url}{ORDER}",
            data=form,
            headers={
                "X-MBX-APIKEY": desk.venue.credentials.key,
                "Content-Type": "application/x-www-form-urlencoded",
            },
        ) as answer:
            assert (answer.status, await answer.text()) == (status, text)
        assert bool(await trades(desk)) is bool(rule.get("executed"))


async def test_a_ban_is_for_everything_and_ends() -> None:
    async with faulty({"do": "ban", "path": ORDER, "seconds": 90, "times": 1}) as desk:
        status, body = await desk.raw.send("POST", ORDER, BUY)
        assert status == 418
        until = desk.clock.now() + 90_000
        assert f"banned until {until}" in body["msg"]
        assert (await desk.raw.plain("GET", "/fapi/v1/ping"))[0] == 418
        desk.clock.advance(90_000)
        assert (await desk.raw.plain("GET", "/fapi/v1/ping"))[0] == 200


async def test_delays_before_and_after() -> None:
    for do, early in (("delay", False), ("slow_answer", True)):
        async with faulty(on(do, ms=1500, to_ms=2500)) as desk:
            task = asyncio.create_task(desk.raw.send("POST", ORDER, BUY))
            await asyncio.sleep(0.05)
            assert bool(desk.venue.desk.records.trades) is early
            await advance_while(desk, task, 4)
            assert (await task)[0] == 200
            assert await trades(desk) == ["0.002"]


async def test_delays_have_a_tail_where_one_is_asked_for() -> None:
    rule = {"do": "late", "event": "ACCOUNT_UPDATE", "ms": 100, "to_ms": 300, "mean_ms": 500}
    async with listening(rule) as (desk, client):
        begun = desk.clock.now()
        for _ in range(300):
            desk.venue.acts.do("transfer", amount="1")
        desk.clock.advance(10_000)
        assert len(await client.all()) == 300
        waits = [r["at"] - begun for r in desk.venue.ledger.of("stream")]
    assert min(waits) >= 100
    assert 600 < sum(waits) / 300 < 800
    assert max(waits) > 2000


async def test_a_request_read_seconds_later_is_outside_its_window() -> None:
    async with faulty(on("read_later", seconds=7)) as desk:
        task = asyncio.create_task(desk.raw.send("POST", ORDER, f"{BUY}&recvWindow=5000"))
        await advance_while(desk, task, 9)
        assert (await task)[1]["code"] == -1021
    async with faulty(on("delay", ms=7000)) as desk:
        task = asyncio.create_task(desk.raw.send("POST", ORDER, f"{BUY}&recvWindow=5000"))
        await advance_while(desk, task, 9)
        assert (await task)[1]["code"] == -5028
        assert await trades(desk) == []


async def test_fields_left_out() -> None:
    rule = {"do": "fields_left_out", "path": "/fapi/v3/positionRisk", "fields": ["markPrice"]}
    async with faulty(rule) as desk:
        await desk.raw.send("POST", ORDER, BUY)
        _, rows = await desk.raw.send("GET", "/fapi/v3/positionRisk")
        assert rows
        assert "markPrice" not in rows[0]
        assert "entryPrice" in rows[0]


async def test_which_when_and_how_often() -> None:
    rule = {"do": "reset", "path": "/fapi/v1/listen*", "nth": 3}
    async with faulty(rule) as desk:
        for number in range(1, 6):  # no GET: aiohttp sends one again by itself
            if number == 3:
                with pytest.raises(aiohttp.ClientError):
                    await desk.raw.plain("POST", "/fapi/v1/listenKey")
            else:
                assert (await desk.raw.plain("POST", "/fapi/v1/listenKey"))[0] == 200
    window = {"do": "rate_limited", "path": "/fapi/v1/time", "from_s": 10, "to_s": 20, "times": 2}
    async with faulty(window) as desk:
        seen = []
        for _ in range(30):
            seen.append((await desk.raw.plain("GET", "/fapi/v1/time"))[0])
            desk.clock.advance(1000)
        assert [i for i, status in enumerate(seen) if status == 429] == [10, 11]
    by_id = on("error", code=-1008, client_id="tb*e", times=5)
    async with faulty(by_id) as desk:
        assert (await desk.raw.send("POST", ORDER, f"{BUY}&newClientOrderId=tb1x"))[0] == 200
        assert (await desk.raw.send("POST", ORDER, f"{BUY}&newClientOrderId=tb2e"))[0] == 503


async def test_the_same_seed_gives_the_same_faults() -> None:
    async def play() -> list[int]:
        rule = {"do": "rate_limited", "path": "/fapi/v1/time", "probability": 0.3}
        async with faulty(rule) as desk:
            return [(await desk.raw.plain("GET", "/fapi/v1/time"))[0] for _ in range(60)]

    first = await play()
    assert first == await play()
    assert 5 < first.count(429) < 35


# Messages


@asynccontextmanager
async def listening(*rules: dict[str, Any]) -> AsyncIterator[tuple[Desk, Ear]]:
    async with faulty(*rules) as desk:
        key = await listen_key(desk)
        async with ear(desk, f"/private/ws?listenKey={key}") as client:
            yield desk, client


async def test_messages_dropped_and_doubled() -> None:
    drop = {"do": "drop", "event": "ORDER_TRADE_UPDATE/TRADE", "times": 1}
    double = {"do": "duplicate", "event": "ACCOUNT_UPDATE", "copies": 2}
    async with listening(drop, double) as (desk, client):
        await desk.raw.send("POST", ORDER, BUY)
        heard = await client.all()
        assert names(heard) == ["ORDER_TRADE_UPDATE/NEW", "TRADE_LITE", *["ACCOUNT_UPDATE"] * 3]
        withheld = [r for r in desk.venue.ledger.of("stream") if r.get("withheld")]
        assert [r["body"]["o"]["x"] for r in withheld] == ["TRADE"]


async def test_a_fill_before_its_new_and_the_account_before_the_order() -> None:
    late = {"do": "late", "event": "ORDER_TRADE_UPDATE/NEW", "ms": 500}
    later = {"do": "late", "event": "ORDER_TRADE_UPDATE/TRADE", "ms": 300}
    async with listening(late, later) as (desk, client):
        await desk.raw.send("POST", ORDER, BUY)
        assert names(await client.all()) == ["TRADE_LITE", "ACCOUNT_UPDATE"]
        desk.clock.advance(1000)
        assert names(await client.all()) == ["ORDER_TRADE_UPDATE/TRADE", "ORDER_TRADE_UPDATE/NEW"]


async def test_a_childs_fill_before_the_trigger_is_told() -> None:
    rule = {"do": "late", "event": "ALGO_UPDATE/TRIGGER*", "ms": 400}
    async with listening(rule) as (desk, client):
        await desk.raw.send("POST", ORDER, BUY)
        await desk.raw.send("POST", "/fapi/v1/algoOrder", STOP)
        await client.all()
        desk.clock.advance(12_000)
        heard = await client.all()
        told = [f"ALGO/{b['o']['X']}" if b["e"] == "ALGO_UPDATE" else names([b])[0] for b in heard]
        assert told.index("ORDER_TRADE_UPDATE/TRADE") < told.index("ALGO/TRIGGERED")


async def test_messages_in_another_order() -> None:
    rule = {"do": "reorder", "stream": "private", "window_ms": 400}
    async with listening(rule) as (desk, client):
        for _ in range(6):
            await desk.raw.send("POST", ORDER, BUY)
        desk.clock.advance(500)
        heard = await client.all()
        assert len(heard) == 24
        assert sorted(body["E"] for body in heard) == [body["E"] for body in heard]
        ids = [body["o"]["i"] for body in heard if body["e"] == "ORDER_TRADE_UPDATE"]
        assert ids != sorted(ids)


async def test_a_stream_that_ends_and_one_that_freezes() -> None:
    ends = {"do": "disconnect", "event": "ORDER_TRADE_UPDATE/TRADE", "times": 1}
    async with listening(ends) as (desk, client):
        await desk.raw.send("POST", ORDER, BUY)
        heard = await client.all()
        assert heard[-1] in (aiohttp.WSMsgType.CLOSED, aiohttp.WSMsgType.ERROR)
    freezes = {"do": "freeze", "stream": "private", "seconds": 30, "times": 1}
    async with listening(freezes) as (desk, client):
        await desk.raw.send("POST", ORDER, BUY)
        assert await client.all() == []
        desk.clock.advance(30_000)
        await desk.raw.send("POST", ORDER, SELL)
        assert "ORDER_TRADE_UPDATE/TRADE" in names(await client.all())


@pytest.mark.parametrize("told", [True, False])
async def test_the_listen_key_dies(told: bool) -> None:
    async with listening({"do": "listen_key_dies", "at_s": 5, "told": told}) as (desk, client):
        desk.clock.advance(6000)
        assert names(await client.all()) == (["listenKeyExpired"] if told else [])
        assert (await desk.raw.plain("PUT", "/fapi/v1/listenKey"))[1]["code"] == -1125


async def test_all_connections_end_again_and_again() -> None:
    rule = {"do": "disconnect_all", "at_s": 10, "every_s": 10, "times": 3, "code": 1001}
    async with faulty(rule) as desk:
        for _ in range(3):
            async with ear(desk, "/ws") as client:
                desk.clock.advance(10_000)
                assert await client.all() == [aiohttp.WSMsgType.CLOSE]
        async with ear(desk, "/ws") as client:
            desk.clock.advance(30_000)
            assert (await client.say("LIST_SUBSCRIPTIONS"))["result"] == []


# Orders


async def test_an_order_filled_in_parts_at_given_times() -> None:
    parts = {"do": "fill_in_parts", "parts": ["0.003", "0.002", "0.001"], "at_s": [0, 2, 3]}
    async with faulty(parts) as desk:
        buy = "symbol=BTCUSDT&side=BUY&type=LIMIT&timeInForce=IOC&quantity=0.010&price=76920.0&newClientOrderId=p&newOrderRespType=RESULT"
        _, answer = await desk.raw.send("POST", ORDER, buy)
        assert (answer["status"], answer["executedQty"]) == ("PARTIALLY_FILLED", "0.003")
        desk.clock.advance(2000)
        assert await trades(desk) == ["0.003", "0.002"]
        desk.clock.advance(2000)
        _, seen = await desk.raw.send("GET", ORDER, "symbol=BTCUSDT&origClientOrderId=p")
        assert (seen["status"], seen["executedQty"]) == ("EXPIRED", "0.006")


async def test_a_part_may_be_smaller_than_any_order() -> None:
    parts = {
        "do": "fill_in_parts",
        "parts": ["0.001"] * 6,
        "at_s": [0, 1, 2, 3, 4, 5],
        "side": "BUY",
    }
    rows = [row(s, "2500.00", "2500.01", symbol=ETH, qty="100") for s in range(10)]
    async with faulty(parts, rows=rows) as desk:
        buy = "symbol=ETHUSDT&side=BUY&type=LIMIT&timeInForce=IOC&quantity=0.010&price=2600.00"
        assert (await desk.raw.send("POST", ORDER, buy))[0] == 200
        desk.clock.advance(6_000)
        _, filled = await desk.raw.send("GET", "/fapi/v1/userTrades", "symbol=ETHUSDT")
        assert [row["qty"] for row in filled] == ["0.001"] * 6


async def test_an_ioc_that_fills_nothing() -> None:
    async with faulty({"do": "fill_nothing", "type": "LIMIT"}) as desk:
        buy = "symbol=BTCUSDT&side=BUY&type=LIMIT&timeInForce=IOC&quantity=0.010&price=76920.0&newOrderRespType=RESULT"
        _, answer = await desk.raw.send("POST", ORDER, buy)
        assert (answer["status"], answer["executedQty"]) == ("EXPIRED", "0.000")
        assert await trades(desk) == []


async def test_a_fill_after_the_cancel_was_told() -> None:
    async with listening({"do": "late_fill", "seconds": 2}) as (desk, client):
        rests = "symbol=BTCUSDT&side=BUY&type=LIMIT&timeInForce=GTC&quantity=0.010&price=76000.0&newClientOrderId=r"
        await desk.raw.send("POST", ORDER, rests)
        await desk.raw.send("DELETE", ORDER, "symbol=BTCUSDT&origClientOrderId=r")
        assert names(await client.all())[-1] == "ORDER_TRADE_UPDATE/CANCELED"
        desk.clock.advance(2500)
        heard = await client.all()
        assert "ORDER_TRADE_UPDATE/TRADE" in names(heard)
        assert await trades(desk) == ["0.010"]


async def test_the_venue_cuts_and_expires_by_script() -> None:
    acts = (
        {
            "do": "act",
            "at_s": 1,
            "act": "cut_order",
            "symbol": "BTCUSDT",
            "client_id": "r",
            "left": "0.004",
        },
        {"do": "act", "at_s": 2, "act": "expire_order", "symbol": "BTCUSDT", "client_id": "r"},
    )
    async with listening(*acts) as (desk, client):
        rests = "symbol=BTCUSDT&side=BUY&type=LIMIT&timeInForce=GTC&quantity=0.010&price=76000.0&newClientOrderId=r"
        await desk.raw.send("POST", ORDER, rests)
        desk.clock.advance(3000)
        told = [(b["o"]["x"], b["o"]["q"]) for b in await client.all()]
        assert told == [("NEW", "0.010"), ("AMENDMENT", "0.004"), ("EXPIRED", "0.004")]


# Stops


async def stop_states(desk: Desk) -> tuple[int, list[str]]:
    """The code of a query by id (0 when it is found), and what the open list shows."""
    _, one = await desk.raw.send("GET", "/fapi/v1/algoOrder", "clientAlgoId=stop1")
    _, many = await desk.raw.send("GET", "/fapi/v1/openAlgoOrders", "symbol=BTCUSDT")
    return one.get("code", 0), [r["clientAlgoId"] for r in many]


@pytest.mark.parametrize("form", NONSENSE)
async def test_messages_that_nobody_understands(form: str) -> None:
    """In a message's place; without ``instead`` before it, and it comes all the same."""
    rule = {"do": "garble", "form": form, "event": "ACCOUNT_UPDATE", "times": 1}
    async with listening(rule, {**rule, "instead": False, "nth": 2}) as (desk, client):
        desk.venue.acts.do("transfer", amount="5")
        assert _is_nonsense(form, await client.socket.receive_str(timeout=30))
        desk.venue.acts.do("transfer", amount="5")
        assert _is_nonsense(form, await client.socket.receive_str(timeout=30))
        assert (await client.hear())["a"]["m"] == "DEPOSIT"
        told = [r["body"] for r in desk.venue.ledger.of("stream") if "body" in r]
        assert all(len(json.dumps(body)) < 500 for body in told)


def _is_nonsense(form: str, text: str) -> bool:
    if form in ("text", "large"):
        with pytest.raises(json.JSONDecodeError):
            json.loads(text)
        return (len(text) >= LARGE) is (form == "large")
    body = json.loads(text)
    match form:
        case "padded":
            return len(text) > LARGE and bool(body["e"] == "ACCOUNT_UPDATE")
        case "nan":
            return bool(body["a"]["B"][0]["wb"] == "NaN")
        case _:
            return bool(body["e"] == "SOMETHING_NEW")


@pytest.mark.parametrize("told", [True, False])
async def test_a_stop_taken_and_rejected_later(told: bool) -> None:
    async with listening({"do": "stop_rejected_later", "seconds": 1.5, "told": told}) as (
        desk,
        client,
    ):
        await desk.raw.send("POST", ORDER, BUY)
        assert (await desk.raw.send("POST", "/fapi/v1/algoOrder", STOP))[0] == 200
        assert await stop_states(desk) == (0, ["stop1"])
        desk.clock.advance(2000)
        states = [b["o"]["X"] for b in await client.all() if b["e"] == "ALGO_UPDATE"]
        assert states == (["NEW", "REJECTED"] if told else ["NEW"])
        assert (await stop_states(desk))[1] == []


async def test_a_stop_that_vanishes_and_one_that_is_not_shown() -> None:
    async with faulty({"do": "stop_vanishes", "seconds": 5}) as desk:
        await desk.raw.send("POST", ORDER, BUY)
        await desk.raw.send("POST", "/fapi/v1/algoOrder", STOP)
        desk.clock.advance(5000)
        assert await stop_states(desk) == (-2013, [])
        desk.clock.advance(10_000)  # the price falls through it
        assert await trades(desk) == ["0.002"]
    async with faulty({"do": "algo_blind", "seconds": 40}) as desk:
        await desk.raw.send("POST", ORDER, BUY)
        await desk.raw.send("POST", "/fapi/v1/algoOrder", STOP)
        assert await stop_states(desk) == (-2013, [])
        desk.clock.advance(12_000)
        assert await trades(desk) == ["0.002", "0.002"]  # it was there


@pytest.mark.parametrize(
    ("rule", "state", "filled"),
    [
        ({"do": "stop_filled_short", "share": 0.5}, "FINISHED", ["0.001"]),
        ({"do": "stop_child_expires"}, "FINISHED", []),
        ({"do": "stop_rejected_on_trigger"}, "REJECTED", []),
    ],
)
async def test_a_stop_that_triggers_badly(
    rule: dict[str, Any], state: str, filled: list[str]
) -> None:
    async with listening(rule) as (desk, client):
        await desk.raw.send("POST", ORDER, BUY)
        await desk.raw.send("POST", "/fapi/v1/algoOrder", STOP)
        desk.clock.advance(12_000)
        states = [b["o"]["X"] for b in await client.all() if b["e"] == "ALGO_UPDATE"]
        assert states[-1] == state
        assert (await trades(desk))[1:] == filled


async def test_stops_need_a_position_and_algo_take_blocks() -> None:
    async with faulty({"do": "stops_need_position"}) as desk:
        _, body = await desk.raw.send("POST", "/fapi/v1/algoOrder", STOP)
        assert body["code"] == -2022
    async with faulty({"do": "algo_take_blocks"}) as desk:
        await desk.raw.send("POST", ORDER, BUY)
        take = STOP.replace("STOP_MARKET", "TAKE_PROFIT_MARKET").replace("76000.0", "79000.0")
        await desk.raw.send("POST", "/fapi/v1/algoOrder", take)
        assert (await desk.raw.send("POST", ORDER, SELL))[1]["code"] == -4118
        await desk.raw.send("DELETE", "/fapi/v1/algoOrder", "clientAlgoId=stop1")
        assert (await desk.raw.send("POST", ORDER, SELL))[0] == 200


async def test_fills_are_worse_than_the_book_that_is_shown() -> None:
    async with faulty({"do": "fills_worse", "bps": 8}) as desk:
        desk.clock.advance(1000)
        quote = desk.venue.market.board("BTC/USDT").quote
        assert quote is not None
        await desk.raw.send("POST", ORDER, BUY)
        await desk.raw.send("POST", ORDER, SELL)
        bought, sold = (Decimal(row["price"]) for row in desk.venue.ledger.of("fill"))
        assert 8 <= (bought / quote.exact_ask - 1) * 10_000 < Decimal("8.1")
        assert 8 <= (1 - sold / quote.exact_bid) * 10_000 < Decimal("8.1")


# The account, and the venue's own requests


async def test_acts_at_their_times() -> None:
    acts = (
        {"do": "act", "at_s": 1, "act": "transfer", "amount": "50"},
        {"do": "act", "at_s": 2, "act": "liquidate", "symbol": "BTCUSDT"},
        {"do": "act", "at_s": 3, "act": "liquidate", "symbol": "BTCUSDT"},
        {"do": "skew", "at_s": 4, "ms": -2000},
    )
    async with faulty(*acts) as desk:
        await desk.raw.send("POST", ORDER, BUY)
        before = desk.clock.now()
        for _ in range(5):
            desk.clock.advance(1000)
        assert desk.clock.now() == before + 3000
        kinds = [r["type"] for r in desk.venue.ledger.of("income")]
        assert kinds == ["COMMISSION", "TRANSFER", "REALIZED_PNL", "INSURANCE_CLEAR"]
        failed = [r for r in desk.venue.ledger.of("fault") if "failed" in r]
        assert len(failed) == 1  # nothing was left to liquidate


async def test_the_venues_own_requests() -> None:
    async with running() as desk, aiohttp.ClientSession(f"{desk.server.url}") as session:

        async def post(path: str, body: Any) -> tuple[int, Any]:
            async with session.post(path, data=json.dumps(body)) as answer:
                return answer.status, await answer.json()

        assert await post("/_venue/act", {"act": "transfer", "amount": "5"}) == (
            200,
            {"done": True},
        )
        rule = {"do": "rate_limited", "path": "/fapi/v1/time"}
        assert await post("/_venue/faults", {"fault": [rule]}) == (200, {"faults": 1})
        assert (await desk.raw.plain("GET", "/fapi/v1/time"))[0] == 429
        assert await post("/_venue/faults", {}) == (200, {"faults": 0})
        assert (await desk.raw.plain("GET", "/fapi/v1/time"))[0] == 200
        await desk.raw.send("POST", ORDER, BUY)
        async with session.get("/_venue/state") as answer:
            state = await answer.json()
        assert state["positions"][0]["positionAmt"] == "0.002"
        assert state["wallets"]["USDT"].startswith("1004.9")
        for path, body, key in (
            ("/_venue/act", {"act": "trnsfer"}, "act"),
            ("/_venue/act", {}, "act"),
            ("/_venue/act", [], None),
            ("/_venue/act", {"act": "liquidate", "symbol": 5}, "symbol"),
            ("/_venue/act", {"act": "set_hedge", "on": "yes"}, "on"),
            ("/_venue/act", {"act": "transfer", "amount": "NaN"}, "amount"),
            ("/_venue/act", {"act": "transfer", "amount": "1", "self": 1}, "self"),
            ("/_venue/act", {"act": "transfer", "amount": "1", "name": "x"}, "name"),
            ("/_venue/faults", {"fault": [{"do": "rset"}]}, "do"),
            ("/_venue/faults", {"fault": 3}, "fault"),
            ("/_venue/nothing", {}, None),
        ):
            status, told = await post(path, body)
            assert (status, told["key"]) == (400, key)
            assert told["hint"]


@pytest.mark.parametrize(
    ("row_", "key", "hint"),
    [
        ({"do": "rest"}, "do", "reset"),
        ({}, "do", "known"),
        ({"do": "reset", "pth": "/fapi/v1/time"}, "pth", "path"),
        ({"do": "reset", "path": "/fapi/v1/tyme"}, "path", "/fapi/v1/time"),
        ({"do": "reset", "method": "FETCH"}, "method", "GET"),
        ({"do": "reset", "probability": 1.5}, "probability", "between"),
        ({"do": "reset", "nth": 0}, "nth", "at least"),
        ({"do": "reset", "nth": True}, "nth", "write"),
        ({"do": "reset", "nth": 2, "times": 3}, "times", "leave"),
        ({"do": "reset", "from_s": 5, "to_s": 4}, "to_s", "later"),
        ({"do": "delay", "path": ORDER}, "ms", "delay"),
        ({"do": "delay", "ms": "soon"}, "ms", "write"),
        ({"do": "delay", "ms": -1}, "ms", "at least"),
        ({"do": "accept_then_garbage", "form": "xml"}, "form", "braces"),
        ({"do": "drop", "event": "ORDER_UPDATE"}, "event", "ORDER_TRADE_UPDATE"),
        ({"do": "drop", "stream": "secret"}, "stream", "private"),
        ({"do": "fill_in_parts", "parts": ["1"], "at_s": [0, 1]}, "parts", "parts"),
        ({"do": "fill_in_parts", "parts": ["x"], "at_s": [0]}, "parts", "write"),
        ({"do": "act", "at_s": 1}, "act", "known"),
        ({"do": "act", "act": "liquidat", "symbol": "BTCUSDT"}, "act", "liquidate"),
        ({"do": "act", "act": "liquidate"}, "symbol", ""),
        ({"do": "act", "act": "liquidate", "symbl": "BTCUSDT"}, "symbl", "symbol"),
        ({"do": "skew", "ms": 1.5, "at": 3}, "at", "at_s"),
        ({"do": "skew", "ms": 1.5}, "ms", "write"),
        ({"do": "reset", "probability": 0}, "probability", "above 0"),
        ({"do": "reset", "from_s": float("nan")}, "from_s", "finite"),
        ({"do": "reset", "method": "DELETE", "path": "/fapi/v1/klines"}, "method", "takes GET"),
        ({"do": "delay", "ms": 5, "symbol": "BTCUSD"}, "symbol", "BTCUSDT"),
        ({"do": "delay", "ms": 5, "client_id": "a b"}, "client_id", "letters"),
        ({"do": "delay", "ms": 100, "to_ms": 50}, "to_ms", "longest"),
        ({"do": "delay", "ms": 100, "mean_ms": 0}, "mean_ms", "above 0"),
        ({"do": "drop", "stream": "private", "event": "bookTicker"}, "stream", "public"),
        ({"do": "drop", "event": "ORDER_TRADE_UPDATE/FILLED"}, "event", "known"),
        ({"do": "drop", "event": "ALGO_UPDATE/TRIGERED"}, "event", "TRIGGERED"),
        ({"do": "fill_nothing", "type": "STOP_MARKET"}, "type", "MARKET"),
        ({"do": "stop_vanishes", "seconds": 1, "side": "SHORT"}, "side", "SELL"),
        ({"do": "error", "code": -7}, "code", "answer"),
        ({"do": "error", "code": "-1007"}, "code", "answer"),
        ({"do": "error", "code": -1007, "executed": "yes"}, "executed", "true"),
        ({"do": "refuse", "all": "false"}, "all", "true"),
        ({"do": "answer", "status": 99}, "status", "200"),
        ({"do": "disconnect", "code": 1005}, "code", "1006"),
        ({"do": "disconnect_all", "category": "all"}, "category", "private"),
        ({"do": "duplicate", "copies": 0}, "copies", "at least"),
        ({"do": "fields_left_out", "fields": "avgPrice"}, "fields", "write"),
        ({"do": "stop_filled_short", "share": 2}, "share", "between"),
        ({"do": "act", "act": "liquidate", "symbol": "BTCUSD"}, "symbol", "BTCUSDT"),
        ({"do": "act", "act": "transfer", "amount": "much"}, "amount", "write"),
    ],
)
def test_rules_that_are_none(row_: dict[str, Any], key: str, hint: str) -> None:
    with pytest.raises(UsageError) as caught:
        make_rule(row_, Reach(frozenset(ROUTES), frozenset(["BTCUSDT"])))
    assert caught.value.key == key
    assert hint in (caught.value.hint or "")


def test_every_fault_is_tried_here() -> None:
    text = Path(__file__).read_text(encoding="utf-8")
    assert [name for name in KINDS if f'"{name}"' not in text] == []
