"""Ears on the venue's streams: a WebSocket client that keeps what it heard."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import aiohttp

from kits.venue_kit import Desk


class Ear:
    """A WebSocket client that keeps what it hears."""

    def __init__(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        self.socket = socket

    async def say(self, method: str, *params: str, number: int = 1) -> Any:
        await self.socket.send_json({"method": method, "params": list(params), "id": number})
        return await self.hear()

    async def hear(self) -> Any:
        message = await self.socket.receive(timeout=30)
        if message.type is not aiohttp.WSMsgType.TEXT:
            return message.type
        return json.loads(message.data)

    async def all(self) -> list[Any]:
        """Everything that is on its way.

        It has come when it was silent twice: a process that did not run for a while finds its time up before it has
        looked at the socket.
        """
        heard: list[Any] = []
        silent = 0
        while True:
            try:
                message = await self.socket.receive(timeout=0.1)
            except TimeoutError:
                silent += 1
                if silent == 2:
                    return heard
                continue
            silent = 0
            heard.append(
                json.loads(message.data) if message.type is aiohttp.WSMsgType.TEXT else message.type
            )
            if message.type is not aiohttp.WSMsgType.TEXT:
                return heard


@asynccontextmanager
async def ear(desk: Desk, path: str, **options: Any) -> AsyncIterator[Ear]:
    async with (
        aiohttp.ClientSession() as session,
        session.ws_connect(f"{desk.server.url}{path}", **options) as socket,
    ):
        yield Ear(socket)


async def listen_key(desk: Desk) -> str:
    _, body = await desk.raw.plain("POST", "/fapi/v1/listenKey")
    return str(body["listenKey"])


def names(heard: list[Any]) -> list[str]:
    return [
        f"{body['e']}/{body['o']['x']}" if body["e"] == "ORDER_TRADE_UPDATE" else body["e"]
        for body in heard
    ]
