"""Malformed requests get Binance's error: never a 500, never a traceback, and the venue goes on."""

from __future__ import annotations

import os
from inspect import signature
from random import Random
from typing import Any
from urllib.parse import quote

import pytest
from kits.venue_kit import Desk, running

from tradebot.venue.acts import Acts
from tradebot.venue.call import NONE
from tradebot.venue.kinds import KINDS
from tradebot.venue.routes import ROUTES

COUNT = 6_000 if os.environ.get("TRADEBOT_FULL") == "1" else 600

NAMES = [
    "symbol",
    "side",
    "type",
    "quantity",
    "price",
    "timeInForce",
    "reduceOnly",
    "positionSide",
    "newClientOrderId",
    "newOrderRespType",
    "closePosition",
    "orderId",
    "origClientOrderId",
    "algoType",
    "algoId",
    "clientAlgoId",
    "triggerPrice",
    "callbackRate",
    "activatePrice",
    "workingType",
    "priceProtect",
    "priceMatch",
    "goodTillDate",
    "selfTradePreventionMode",
    "interval",
    "limit",
    "startTime",
    "endTime",
    "fromId",
    "incomeType",
    "page",
    "leverage",
    "marginType",
    "amount",
    "dualSidePosition",
    "multiAssetsMargin",
    "feeBurn",
    "countdownTime",
    "batchOrders",
    "orderIdList",
    "origClientOrderIdList",
    "recvWindow",
    "timestamp",
    "autoCloseType",
]

WORDS = [
    "BTCUSDT",
    "ETHUSDT",
    "BUY",
    "SELL",
    "LIMIT",
    "MARKET",
    "STOP_MARKET",
    "STOP",
    "TAKE_PROFIT",
    "TRAILING_STOP_MARKET",
    "GTC",
    "IOC",
    "FOK",
    "GTX",
    "GTD",
    "true",
    "false",
    "BOTH",
    "LONG",
    "0",
    "1",
    "-1",
    "0.001",
    "0.01",
    "5",
    "76000",
    "76914.9",
    "1e5",
    "1e999",
    "NaN",
    "Infinity",
    "-0",
    "00.10",
    ".",
    "1.",
    "99999999999999999999999999",
    "0.00000000000000000001",
    "CONDITIONAL",
    "MARK_PRICE",
    "RESULT",
    "1m",
    "1h",
    "1M",
    "1789478299000",
    "ISOLATED",
    "CROSSED",
    "QUEUE",
    "OPPONENT_20",
    "EXPIRE_BOTH",
]

NASTY = (
    "",
    " ",
    "\x00",
    "\ud800".encode("utf-8", "replace").decode(),
    "é",
    "💥",
    "'; DROP TABLE orders;--",
    "%",
    "%zz",
    "[]",
    "{}",
    "[[]]",
    "[1,2]",
    '[{"symbol":"BTCUSDT"}]',
    '[{"symbol":["BTCUSDT"],"side":{}}]',
    "[" * 5000,
    "null",
    "\r\nX-Injected: 1",
    "../../etc/passwd",
    "A" * 5000,
)


def value(draw: Random) -> str:
    kind = draw.random()
    if kind < 0.7:
        return draw.choice(WORDS)
    if kind < 0.9:
        return draw.choice(NASTY)
    return "".join(chr(draw.randint(1, 0x2FFF)) for _ in range(draw.randint(1, 12)))


def likely(draw: Random) -> dict[str, str]:
    """Parameters of an order that would be taken, so that the fuzz goes deeper than the first check."""
    return {
        "symbol": "BTCUSDT",
        "side": draw.choice(["BUY", "SELL"]),
        "type": draw.choice(["LIMIT", "MARKET"]),
        "quantity": "0.010",
        "timeInForce": "GTC",
        "price": "76900.00",
        "algoType": "CONDITIONAL",
        "triggerPrice": "76000.00",
        "interval": "1m",
        "leverage": "5",
        "marginType": "ISOLATED",
        "countdownTime": "1000",
        "amount": "1",
        "dualSidePosition": "false",
    }


def text(draw: Random) -> str:
    values = likely(draw) if draw.random() < 0.6 else {}
    for _ in range(draw.randint(0, 6)):
        values[draw.choice(NAMES)] = value(draw)
    for name in list(values):
        if draw.random() < 0.15:
            del values[name]
    parts = [f"{quote(k)}={quote(v)}" for k, v in values.items()]
    if draw.random() < 0.05:
        parts += parts[:1]
    if draw.random() < 0.05:
        parts.append(draw.choice(["&&&", "=", "a=b=c", "novalue", "%E0%A4%A"]))
    return "&".join(parts)


async def one(desk: Desk, draw: Random) -> tuple[str, int, Any]:
    method, path = draw.choice(sorted(ROUTES))
    if draw.random() < 0.03:
        path += draw.choice(["/", "x", "/../order", "%00", "?a"])
    signed = ROUTES.get((method, path)) is None or ROUTES[method, path].security != NONE
    words = text(draw)
    if draw.random() < 0.1:
        signed = not signed
    status, body = await desk.raw.send(method, path, words, signed=signed)
    return f"{method} {path} {words[:300]}", status, body


@pytest.mark.parametrize("seed", range(2))
async def test_fuzzed_requests_get_binance_s_errors(
    seed: int, caplog: pytest.LogCaptureFixture
) -> None:
    draw = Random(seed)
    async with running() as desk:
        for number in range(COUNT // 2):
            if number % 25 == 0:
                desk.clock.advance(61_000)
            what, status, body = await one(desk, draw)
            assert status in (200, 400, 401, 404, 429, 418), what
            if status != 200:
                assert isinstance(body, dict), what
                assert set(body) == {"code", "msg"}, what
                assert isinstance(body["code"], int), what
                assert body["code"] < 0, what
        assert await desk.raw.plain("GET", "/fapi/v1/ping") == (200, {})
    assert caplog.records == []


async def test_bodies_that_are_no_form() -> None:
    async with running() as desk:
        for body in (b"\xff\xfe\x00", b"{", b"a" * 70_000, b"&" * 1000, b"=" * 1000):
            url = f"{desk.server.url}/fapi/v1/order"
            headers = {"X-MBX-APIKEY": desk.venue.credentials.key}
            async with desk.raw.session.post(url, data=body, headers=headers) as answer:
                said = await answer.json()
                assert (answer.status, said["code"]) in ((400, -1102), (413, -1102)), body[:20]
        assert await desk.raw.plain("GET", "/fapi/v1/ping") == (200, {})


VALUES: list[Any] = [
    *("BTCUSDT", "BTC/USDT", "", "x", "NaN", "-Infinity", "1e400", "0.01", "-5"),
    *("BUY", "SHORT", "isolated", "cross", "TRADING", "REFERRAL_KICKBACK"),
    *(5, -1, 0, 1.5, 10**30, None, True),
    *([], {}),
]
EVERYWHERE = ("path", "symbol", "event", "stream", "nth", "to_s", "probability", "at_s", "side")


def own_request(draw: Random) -> tuple[str, dict[str, Any]]:
    """An act or a fault rule with words that may be nonsense."""
    if draw.random() < 0.6:
        name = draw.choice(Acts.names())
        words = [*list(signature(getattr(Acts, name)).parameters)[1:], "self", "name"]
        given = {word: draw.choice(VALUES) for word in words if draw.random() < 0.8}
        return "/_venue/act", {"act": name, **given}
    do = draw.choice(list(KINDS))
    words = [*KINDS[do].words, *EVERYWHERE]
    given = {word: draw.choice(VALUES) for word in words if draw.random() < 0.3}
    return "/_venue/faults", {"fault": [{"do": do, **given}]}


async def test_the_venue_s_own_requests_refuse_nonsense(caplog: pytest.LogCaptureFixture) -> None:
    draw = Random(7)
    async with running() as desk, desk.raw.session as session:
        for _ in range(COUNT // 2):
            path, body = own_request(draw)
            async with session.post(f"{desk.server.url}{path}", json=body) as answer:
                assert answer.status in (200, 400), body
                said = await answer.json()
            assert answer.status == 200 or said["error"], body
            async with session.get(f"{desk.server.url}/_venue/state") as answer:
                assert answer.status == 200, body
    assert caplog.records == []
