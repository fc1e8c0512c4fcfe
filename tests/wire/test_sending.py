"""What ccxt signs is what ccxt would have signed, to the byte."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Any, Self

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tradebot.wire import endpoints
from tradebot.wire.api_key import ApiKey
from tradebot.wire.budget import Need
from tradebot.wire.client import Wire
from tradebot.wire.endpoints import Endpoint
from tradebot.wire.hosts import find_hosts
from tradebot.wire.library import load_class
from tradebot.wire.sending import RECV_WINDOW_MS, TICKET, Ticket, _wired, as_it_is

ENDPOINTS = [one for one in vars(endpoints).values() if isinstance(one, Endpoint)]
NOW = 1_795_000_000_000
ORDER = {
    "symbol": "XRPUSDT",
    "quantity": "24.9",
    "price": "2.004",
    "newClientOrderId": "tbabcdef-n1-1e",
    "clientAlgoId": "tbabcdef-n1-1s",
}

names = st.text("abcXYZ_09", min_size=1, max_size=6)
simple = st.text("abcXYZ019.-_~", max_size=8)
values = st.one_of(simple, st.text(max_size=8), st.integers(), st.booleans(), st.none())


class SetClock:
    """A clock that stands."""

    def wall_ms(self) -> int:
        return NOW

    def monotonic(self) -> float:
        return 5.0

    def sleep(self, seconds: float) -> None:
        raise AssertionError(seconds)


def client(base: Any) -> Any:
    made = base({"apiKey": "k" * 64, "secret": "s" * 64, "options": {"timeDifference": 0}})
    made.milliseconds = lambda: NOW
    return made


@given(st.dictionaries(names, values, max_size=6))
def test_a_query_is_ccxt_s_own(params: dict[str, Any]) -> None:
    base = load_class()
    assert _wired(base).urlencode(params) == base.urlencode(params)


@given(st.dictionaries(names, simple, min_size=1, max_size=6))
def test_nothing_simple_is_left_to_the_slow_way(params: dict[str, str]) -> None:
    params = {name: value for name, value in params.items() if value not in ("True", "False")}
    assert not params or as_it_is(params)


def test_a_value_is_never_taken_for_another_parameter() -> None:
    params = {"newClientOrderId": "x&side=SELL", "side": "BUY"}
    base = load_class()
    assert as_it_is(params) == ""
    assert _wired(base).urlencode(params) == "newClientOrderId=x%26side%3DSELL&side=BUY"


@pytest.mark.parametrize("endpoint", ENDPOINTS, ids=lambda one: f"{one.method} {one.path}")
def test_every_call_is_signed_as_by_ccxt(endpoint: Endpoint) -> None:
    base = load_class()
    ours, theirs = client(_wired(base)), client(base)
    words = (endpoint.path, [endpoint.section], endpoint.method)
    for params in (ORDER, {**ORDER, "newClientOrderId": "ü &=", "reduceOnly": True}):
        assert ours.sign(*words, dict(params)) == theirs.sign(*words, dict(params))


ANSWER = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nX-A: 1\r\nX-A: 2\r\nContent-Length: 7\r\n\r\n{} \xff{} "


class RawServer:
    """Notes the bytes of what it is asked, and answers with the bytes it is given; ``drips`` sends them one a step."""

    def __init__(self, answer: bytes = ANSWER, drips: bool = False) -> None:
        self.answer, self.drips = answer, drips
        self.heard: list[bytes] = []
        self._open: dict[asyncio.Task[None], asyncio.StreamWriter] = {}

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._take, "127.0.0.1", 0)
        host, port = self._server.sockets[0].getsockname()
        self.url = f"http://{host}:{port}"
        return self

    async def __aexit__(self, *_: object) -> None:
        self._server.close()
        for writer in self._open.values():
            writer.transport.abort()
        if self._open:
            await asyncio.wait(self._open)
        await self._server.wait_closed()

    def _take(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._open[asyncio.create_task(self._serve(reader, writer))] = writer

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(asyncio.IncompleteReadError, ConnectionError):
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                length = re.search(rb"Content-Length: (\d+)", head)
                self.heard.append(head + await reader.readexactly(int(length[1]) if length else 0))
                await self._answer(writer)
        writer.close()
        with suppress(ConnectionError):
            await writer.wait_closed()

    async def _answer(self, writer: asyncio.StreamWriter) -> None:
        if not self.drips:
            writer.write(self.answer)
        for number in range(len(self.answer) if self.drips else 0):
            writer.write(self.answer[number : number + 1])
            await writer.drain()
            await asyncio.sleep(0.05)


@asynccontextmanager
async def sending(server: RawServer) -> AsyncIterator[Wire]:
    clock = SetClock()
    async with Wire(
        find_hosts("local", server.url), clock=clock, api_key=ApiKey("k" * 64, "s" * 64)
    ) as wire:
        yield wire


@pytest.mark.parametrize("endpoint", ENDPOINTS, ids=lambda one: f"{one.method} {one.path}")
async def test_what_leaves_is_what_ccxt_would_have_sent(endpoint: Endpoint) -> None:
    odd = {**ORDER, "note": "ü &=+/"}
    async with RawServer() as server, sending(server) as wire:
        for params in (ORDER, odd):
            await wire.ask(endpoint, params, Need.PROTECTIVE)
        theirs = client(load_class())
        theirs.session = wire.session
        theirs.urls["api"].update(wire.hosts.ccxt_urls())
        theirs.options["recvWindow"] = RECV_WINDOW_MS
        theirs.milliseconds = wire.time.local_ms
        token = TICKET.set(Ticket())
        for params in (ORDER, odd):
            words = (endpoint.path, [endpoint.section], endpoint.method)
            signed = theirs.sign(*words, dict(params))
            with suppress(Exception):  # what it makes of the answer is its own affair
                await theirs.fetch(
                    signed["url"], signed["method"], signed["headers"], signed["body"]
                )
        TICKET.reset(token)
        theirs.session = None
    assert len(server.heard) == 4
    assert server.heard[:2] == server.heard[2:]


async def test_an_answer_is_kept_as_it_came() -> None:
    async with RawServer() as server, sending(server) as wire:
        reply = await wire.ask(endpoints.TIME, {}, Need.DATA)
    assert (reply.status, reply.text, reply.error) == (200, "{} �{} ", "")
    assert reply.headers["X-A"] == "1"


async def test_an_answer_that_drips_ends_in_time() -> None:
    async with RawServer(drips=True) as server, sending(server) as wire:
        wire._ccxt.timeout = 300  # ms; each of its bytes comes sooner
        reply = await asyncio.wait_for(wire.ask(endpoints.TIME, {}, Need.DATA), 30)
    assert (reply.left, reply.status, reply.error) == (True, None, "no answer in time")


async def test_nothing_is_sent_once_it_is_closed() -> None:
    async with RawServer() as server:
        async with sending(server) as wire:
            pass
        reply = await wire.ask(endpoints.TIME, {}, Need.DATA)
    assert (reply.left, reply.withheld) == (False, "the connection is closed")
    assert server.heard == []
