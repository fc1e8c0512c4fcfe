"""One connection for one kind of stream, all symbols on it; it comes back by itself.

Plain WebSockets of the client's own session, not ccxt's: its ``watch_ohlcv`` drops the flag that closes a bar, its
others parse and cache what is read here once.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from typing import NoReturn, Protocol

import aiohttp

from tradebot.market.binance.backoff import Backoff

LIFE_S = 23 * 3600.0
"""Seconds after which a connection is replaced: the exchange ends each at 24 hours."""
AGAIN_S = 60.0
"""Seconds until a renewal that failed is tried again."""
CONNECT_S = 10.0
LARGEST = 4 * 1024 * 1024
"""Bytes of the largest message that is read: a candle has 400, and what is larger is none of ours."""


class Sockets(Protocol):
    """Who opens connections: the client's session, and where streams are."""

    session: aiohttp.ClientSession


class Stream:
    """Holds one connection. ``hear`` takes each message's text, ``told`` why it ended.

    ``turn`` is shared by all streams: one connection is renewed at a time. ``allowed`` returns when one may be made:
    not during a ban.
    """

    def __init__(
        self,
        name: str,
        url: str,
        topics: Sequence[str],
        session: aiohttp.ClientSession,
        backoff: Backoff,
        turn: asyncio.Lock,
        hear: Callable[[str], None],
        told: Callable[[str, str], None],
        allowed: Callable[[], Awaitable[None]],
    ) -> None:
        self.name = name
        self._url = url
        self._topics = list(topics)
        self._session = session
        self._backoff = backoff
        self._turn = turn
        self._hear = hear
        self._told = told
        self._allowed = allowed
        self._reading: asyncio.Task[str] | None = None

    async def keep(self) -> NoReturn:
        """Hold the connection and make it anew whenever it ends, until cancelled."""
        try:
            while True:
                await self._allowed()
                why = await self._live(self._start())
                self._told(self.name, why)
                await asyncio.sleep(self._backoff.next())
        finally:
            self.cut()

    def cut(self) -> None:
        """End the connection: it is open and says nothing, or nobody listens any more."""
        if self._reading is not None:
            self._reading.cancel()

    def _start(self) -> asyncio.Task[str]:
        self._speaks = asyncio.Event()
        self._reading = asyncio.create_task(self._read(self._speaks), name=f"stream {self.name}")
        return self._reading

    async def _live(self, reading: asyncio.Task[str]) -> str:
        """Wait for a connection's end, or that of the one that replaced it; return why."""
        life = LIFE_S
        while True:
            await asyncio.wait({reading}, timeout=life)
            if reading.done():
                return "it was silent" if reading.cancelled() else reading.result()
            async with self._turn:
                await self._allowed()
                fresh = self._start()
                waiting = asyncio.create_task(self._speaks.wait())
                ends = asyncio.FIRST_COMPLETED
                await asyncio.wait({fresh, waiting}, timeout=CONNECT_S, return_when=ends)
                waiting.cancel()
                worked = self._speaks.is_set() and not fresh.done()
            old, reading = (reading, fresh) if worked else (fresh, reading)
            self._reading, life = reading, LIFE_S if worked else AGAIN_S
            old.cancel()

    async def _read(self, speaks: asyncio.Event) -> str:
        """Connect, subscribe and hand on messages; return why that ended."""
        try:
            async with asyncio.timeout(CONNECT_S):
                socket = await self._session.ws_connect(self._url, max_msg_size=LARGEST)
        except (aiohttp.ClientError, OSError, TimeoutError) as error:
            return f"no connection ({_spoken(error)})"
        try:
            await socket.send_str(
                json.dumps({"method": "SUBSCRIBE", "params": self._topics, "id": 1})
            )
            async for message in socket:
                if message.type is not aiohttp.WSMsgType.TEXT:
                    return _why(message)
                self._hear(message.data)
                if not speaks.is_set():
                    speaks.set()
                    self._backoff.reset()
            return f"the other side ended it ({socket.close_code})"
        except (aiohttp.ClientError, OSError) as error:
            return _spoken(error)
        finally:
            with suppress(aiohttp.ClientError, OSError, asyncio.CancelledError):
                await socket.close()


def _why(message: aiohttp.WSMessage) -> str:
    if message.type is aiohttp.WSMsgType.ERROR:
        return f"a message that is none ({message.data})"
    return f"a message of another kind ({message.type.name})"


def _spoken(error: BaseException) -> str:
    if isinstance(error, TimeoutError):
        return f"no answer in {CONNECT_S:g} s"
    return str(error) or type(error).__name__
