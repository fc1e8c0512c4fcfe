"""Frames and connections of every wrong kind: no traceback, no connection left behind, the venue goes on."""

from __future__ import annotations

import asyncio
import os
from base64 import b64encode
from collections.abc import Callable
from contextlib import suppress
from random import Random
from urllib.parse import urlsplit

import pytest
from kits.venue_ear import ear
from kits.venue_kit import Desk, running

COUNT = 4000 if os.environ.get("TRADEBOT_FULL") == "1" else 240
"""Frames; with the 6,000 requests beside it the full run makes 10,000."""

TEXT, BINARY, CLOSE, PING, PONG = 1, 2, 8, 9, 10
PATHS = (
    "/ws",
    "/ws/btcusdt@bookTicker",
    "/public/ws/0",
    "/market/ws/1",
    "/private/ws?listenKey=" + "x" * 64,
    "/private/ws?listenKey=%00&events=ORDER_TRADE_UPDATE/",
    "/stream?streams=btcusdt@kline_1m/ethusdt@depth",
    "/stream?streams=" + "/".join(f"s{n}@trade" for n in range(1100)),
    "/ws/" + "a" * 3000,
)


def frame(opcode: int, data: bytes, *, final: bool = True, masked: bool = True) -> bytes:
    """A frame as a client writes it (RFC 6455); the mask is zero, which leaves the data as it is."""
    head = bytes([(0x80 if final else 0) | opcode])
    mask = 0x80 if masked else 0
    if len(data) < 126:
        head += bytes([mask | len(data)])
    elif len(data) < 65536:
        head += bytes([mask | 126]) + len(data).to_bytes(2, "big")
    else:
        head += bytes([mask | 127]) + len(data).to_bytes(8, "big")
    return head + (b"\0\0\0\0" if masked else b"") + data


def words(draw: Random) -> bytes:
    """A message of a client, right or not."""
    depth = draw.choice([3, 100, 400, *range(900, 1000, 7), 2000, 20000])
    deep = draw.choice(["[" * depth + "]" * depth, '{"a":' * depth + "1" + "}" * depth])
    name = draw.choice(['"btcusdt@trade"', '"btcusdt@kline_9q"', '"@"', '""', "1", "null", deep])
    method = draw.choice(['"SUBSCRIBE"', '"UNSUBSCRIBE"', '"LIST_SUBSCRIPTIONS"', deep, "{}", "1"])
    number = draw.choice(["1", "-1", "1e400", "NaN", "9" * 5000, '"\\ud800"', "true", deep, "[]"])
    whole = f'{{"method":{method},"params":[{name}],"id":{number}}}'
    texts = [whole, whole, whole, whole[: draw.randrange(len(whole))], deep, "", "\0", "null", "💥"]
    text: str = draw.choice(texts)
    return text.encode()


def one(draw: Random) -> bytes:
    """One frame, or a few that belong together."""
    makers: list[Callable[[], bytes]] = [
        lambda: frame(TEXT, words(draw)),
        lambda: frame(TEXT, words(draw)),
        lambda: frame(BINARY, words(draw)),
        lambda: frame(BINARY, draw.randbytes(draw.randint(0, 300))),
        lambda: frame(TEXT, draw.randbytes(20)),
        lambda: frame(TEXT, b"a" * draw.choice([125, 126, 65535, 65536, 300_000])),
        lambda: frame(TEXT, b'{"method":', final=False) + frame(0, b'"X"}'),
        lambda: frame(0, b"goes on from nothing"),
        lambda: frame(draw.choice([PING, PONG]), draw.randbytes(draw.choice([0, 5, 125]))),
        lambda: frame(PING, b"flood") * 300,
        lambda: frame(PONG, b"flood") * 300,
        lambda: frame(PING, b"p" * 126),
        lambda: frame(
            CLOSE, draw.choice([b"", b"\x03", b"\x03\xe8", b"\0\0", b"\xff\xff", b"\x03\xe8\xff"])
        ),
        lambda: frame(draw.choice([3, 7, 11, 15]), b"no such kind"),
        lambda: frame(TEXT, words(draw), masked=False),
        lambda: bytes([0xF1, 0x81]) + draw.randbytes(5),
        lambda: bytes([0x81, 0xFF]) + (2**62).to_bytes(8, "big") + b"\0\0\0\0",
        lambda: frame(TEXT, words(draw))[: draw.randint(1, 9)],
        lambda: draw.randbytes(draw.randint(1, 200)),
    ]
    return draw.choice(makers)()


def greeting(draw: Random, path: str) -> bytes:
    """The request that opens a stream, now and then a wrong one."""
    lines = [
        f"{draw.choice(['GET'] * 19 + ['POST'])} {path} HTTP/1.1",
        "Host: 127.0.0.1",
        "Upgrade: " + draw.choice(["websocket"] * 19 + ["h2c"]),
        "Connection: Upgrade",
        "Sec-WebSocket-Version: " + draw.choice(["13"] * 19 + ["7"]),
        "Sec-WebSocket-Key: " + draw.choice([b64encode(draw.randbytes(16)).decode()] * 19 + ["!"]),
    ]
    return ("\r\n".join(lines) + "\r\n\r\n").encode()


async def connection(desk: Desk, draw: Random, count: int) -> int:
    """Open a stream, send frames until it ends or they are all sent; returns how many went out."""
    reader, writer = await asyncio.open_connection("127.0.0.1", urlsplit(desk.server.url).port)
    sent = 0
    with suppress(OSError):  # the venue may end it first
        writer.write(greeting(draw, draw.choice(PATHS)))
        for _ in range(count):
            writer.write(one(draw))
            sent += 1
            if draw.random() < 0.3:
                desk.clock.advance(draw.choice([100, 1000, 180_000]))
                await asyncio.sleep(0)
        await leave(draw, reader, writer)
    writer.transport.abort()
    return sent


async def leave(draw: Random, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """End it: closed by half, with a close frame, or without a word."""
    how = draw.choice(["half", "close", "abort", "unread"])
    if how == "half":
        writer.write_eof()
    elif how == "close":
        writer.write(frame(CLOSE, b"\x03\xe8"))
    if how != "abort":
        with suppress(TimeoutError):  # it need not read what comes after its end
            await asyncio.wait_for(reader.read(10_000), 0.05)


async def gone(desk: Desk) -> int:
    """How many connections the venue still serves when it had time to see that they have ended."""
    for _ in range(100):
        left = desk.venue.streams.count
        if left == 0:
            return 0
        await asyncio.sleep(0.05)
    return left


@pytest.mark.parametrize("seed", range(2))
async def test_fuzzed_frames_leave_no_trace(seed: int, caplog: pytest.LogCaptureFixture) -> None:
    draw = Random(seed)
    troubles: list[str] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, c: troubles.append(str(c)))
    async with running() as desk:
        sent = 0
        while sent < COUNT // 2:
            sent += await connection(desk, draw, draw.choice([1, 3, 8, 20]))
        assert await gone(desk) == 0
        assert await desk.raw.plain("GET", "/fapi/v1/ping") == (200, {})
        async with ear(desk, "/ws") as client:
            assert (await client.say("LIST_SUBSCRIPTIONS", number=7)) == {"result": [], "id": 7}
    wrote_to_nobody = "socket.send() raised exception."  # asyncio's remark on a peer that has gone
    said = [caplog.handler.format(r) for r in caplog.records if r.msg != wrote_to_nobody]
    assert said == []
    assert troubles == []


async def test_a_nested_method_is_refused_at_any_depth(caplog: pytest.LogCaptureFixture) -> None:
    async with running() as desk, ear(desk, "/ws") as client:
        for depth in range(500, 1000, 4):
            desk.clock.advance(200)
            await client.socket.send_str(f'{{"method":{"[" * depth}{"]" * depth},"id":1}}')
            assert (await client.hear())["error"]["code"] in (2, 3), depth
    assert caplog.records == []
