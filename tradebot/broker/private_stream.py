"""The private stream: one connection at a time, its key kept alive, and told of whenever it was away.

Messages are taken raw, before any library makes something of them: of a burst each is kept. The key is the
account's and other programs may listen on it: it is never deleted.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import Callable
from random import Random
from typing import Any

import aiohttp

from tradebot.core.model.errors import ExchangeError
from tradebot.wire import endpoints
from tradebot.wire.budget import Need
from tradebot.wire.client import Wire
from tradebot.wire.reply import failure

KEEP_S = 20 * 60.0
"""Seconds between two extensions of the key, which lives for an hour."""
STEADY_S = 30.0
"""A connection that has lived for so long was a good one: the next try comes soon again."""
SILENT_S = 3600.0
"""A stream that says nothing for so long may be dead without knowing."""
RENEW_S = 23 * 3600.0
"""The exchange ends a connection after 24 hours: it is renewed before."""
BACKOFF_S = (0.2, 30.0)
"""Seconds before the second try to connect, doubling up to the longest; with jitter."""
PING_S = 20.0
"""Seconds between two pings of ours: a dead line is noticed."""
LARGEST = 4 * 1024 * 1024
"""Characters of the largest message that is taken."""
LOOK_S = 1.0
"""Seconds between two looks at the clock."""

Take = Callable[[Any], object]


class PrivateStream:
    """Listens until cancelled. ``take`` is given each message, ``back`` told why whenever it listens (again).

    ``away`` is told why nobody listens: after the first try that failed, and after each connection's end.
    """

    def __init__(
        self,
        wire: Wire,
        take: Take,
        back: Callable[[str], object],
        away: Callable[[str], object],
        draw: Random | None = None,
    ) -> None:
        self.connected = False
        self._wire = wire
        self._take = take
        self._back = back
        self._away = away
        self._draw = draw or Random()
        self._why = ""
        self._socket: aiohttp.ClientWebSocketResponse | None = None
        self._closing: asyncio.Task[Any] | None = None
        self._heard = self._opened = self._kept = 0.0

    async def listen(self) -> None:
        """Keep one connection; a new one, later each time, whenever it ends."""
        pause, tried = BACKOFF_S[0], False
        while True:
            await self._wire.sit_out()
            try:
                await self._listen_once()
            except (ExchangeError, aiohttp.ClientError, OSError, TimeoutError) as error:
                self._why = self._why or _spoken(error)
            if self.connected or not tried:
                self._away(self._why)
            if self.connected and self._wire.clock.monotonic() - self._opened >= STEADY_S:
                pause = BACKOFF_S[0]
            self.connected, tried = False, True
            await asyncio.sleep(pause * self._draw.uniform(0.5, 1.0))
            pause = min(pause * 2, BACKOFF_S[1])

    @property
    def age_ms(self) -> int | None:
        """For how many ms nothing has been heard, pings left out; None where it is not connected."""
        if not self.connected:
            return None
        return round((self._wire.clock.monotonic() - self._heard) * 1000)

    def renew(self, why: str) -> None:
        """Have the connection ended and another made."""
        self._why = why
        if self._socket is not None:
            self._closing = asyncio.create_task(self._socket.close())
            self._closing.add_done_callback(_done)

    async def _listen_once(self) -> None:
        url = f"{self._wire.hosts.stream_url('private')}?listenKey={await self._key()}"
        async with self._wire.session.ws_connect(
            url, heartbeat=PING_S, max_msg_size=LARGEST
        ) as socket:
            self._socket = socket
            now = self._wire.clock.monotonic()
            self._heard = self._opened = self._kept = now
            self.connected = True
            self._back(self._why)
            self._why = ""
            watch = asyncio.create_task(self._watch())
            try:
                await self._hear(socket)
            finally:
                self._socket = None
                watch.cancel()
                with contextlib.suppress(asyncio.CancelledError):
                    await watch
        self._why = self._why or "the exchange ended the connection"

    async def _hear(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        async for message in socket:
            self._heard = self._wire.clock.monotonic()
            if message.type is aiohttp.WSMsgType.TEXT:
                self._take(_parsed(message.data))
            elif message.type is aiohttp.WSMsgType.BINARY:
                self._take(message.data)

    async def _watch(self) -> None:
        """Extend the key, and end a connection that is silent or old."""
        while True:
            await asyncio.sleep(LOOK_S)
            now = self._wire.clock.monotonic()
            if now - self._heard >= SILENT_S:
                self.renew("it was silent for an hour")
                return
            if now - self._opened >= RENEW_S:
                self.renew("it was a day old")
                return
            if now - self._kept >= KEEP_S:
                self._kept = now
                reply = await self._wire.repeat(endpoints.KEEP_KEY, {}, Need.LOOK_UP)
                if not reply.ok:
                    self.renew(f"its key could not be extended: {reply.message}")
                    return

    async def _key(self) -> str:
        reply = await self._wire.repeat(endpoints.NEW_KEY, {}, Need.LOOK_UP)
        key = reply.body.get("listenKey") if reply.ok and isinstance(reply.body, dict) else None
        if isinstance(key, str) and key.isalnum():
            return key
        raise failure(reply, self._wire.hosts.host, "listenKey")


def _parsed(text: str) -> Any:
    """Return a message's JSON, or the text itself where it is none."""
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return text


def _spoken(error: BaseException) -> str:
    """Return what went wrong in words; never the address, which holds the key."""
    return error.message if isinstance(error, ExchangeError) else type(error).__name__


def _done(task: asyncio.Task[Any]) -> None:
    if not task.cancelled():
        task.exception()
