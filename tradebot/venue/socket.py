"""One WebSocket connection: what it subscribed to, what waits to be sent, pings and limits.

Limits of Binance's documentation: ten messages a second from the client, 1024 streams, a ping every
three minutes that must be answered within ten, a life of 24 hours. A client that does not read is ended
once too much waits for it; how much Binance lets wait is not known.
"""

from __future__ import annotations

import asyncio
import json
from collections import deque
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from aiohttp import WSMsgType, web

from tradebot.core.model.values import DAY_MS, MINUTE_MS
from tradebot.venue.clock import Timer, VenueClock
from tradebot.venue.ledger import to_json

PING_MS = 3 * MINUTE_MS
PONG_WITHIN_MS = 10 * MINUTE_MS
MOST_STREAMS = 1024
MOST_MESSAGES = 10
"""Messages of the client within a second."""
MOST_WAITING = 16 * 1024 * 1024
"""Characters that may wait for a client that does not read: some 30,000 order updates."""
END_WITHIN_S = 2.0
"""Real seconds a client may take to let itself be ended in order."""

GOING_AWAY, POLICY, ABRUPT = 1001, 1008, 1006
_METHODS = ("SUBSCRIBE", "UNSUBSCRIBE", "LIST_SUBSCRIPTIONS", "SET_PROPERTY", "GET_PROPERTY")


@dataclass(frozen=True, slots=True)
class _Ping:
    """Sent as a ping frame."""


@dataclass(frozen=True, slots=True)
class _Close:
    code: int


class Connection:
    """Serves one client until either side ends it. ``changed`` is called when its streams have changed."""

    def __init__(
        self,
        number: int,
        clock: VenueClock,
        changed: Callable[[Connection], None],
        *,
        category: str = "",
        combined: bool = False,
        events: frozenset[str] | None = None,
    ) -> None:
        self.number = number
        self.category = category
        self.combined = combined
        self.events = events
        self.names: dict[str, None] = {}
        self._clock = clock
        self._changed = changed
        self._waiting: deque[str | _Ping | _Close] = deque()
        self._size = 0
        """Characters in it."""
        self._woken = asyncio.Event()
        self._heard: deque[int] = deque(maxlen=MOST_MESSAGES)
        self._timers: list[Timer] = []
        self._unanswered: int | None = None
        """When the oldest ping without a pong was written (venue ms)."""
        self._socket = web.WebSocketResponse(autoping=False, compress=False, timeout=0.2)
        self._transport: asyncio.Transport | None = None
        self.open = True
        self.why = ""
        """Why the venue ended it; empty where the client did."""

    def subscribe(self, names: Iterable[str]) -> bool:
        """Add streams; False where they would be too many."""
        wanted = self.names | dict.fromkeys(names)
        if len(wanted) > MOST_STREAMS:
            return False
        self.names = wanted
        self._changed(self)
        return True

    def put(self, text: str) -> None:
        """Queue a message; a client that has left too many unread is ended without a word."""
        if not self.open:
            return
        self._size += len(text)
        if self._size > MOST_WAITING:
            self.close(ABRUPT, why="it does not read")
            return
        self._waiting.append(text)
        self._woken.set()

    def close(self, code: int = GOING_AWAY, *, why: str) -> None:
        """End the connection after what is queued; ``ABRUPT``: at once and without a word."""
        self.why = self.why or why
        if code == ABRUPT:
            self._abort()
            return
        self._waiting.append(_Close(code))
        self._woken.set()
        asyncio.get_running_loop().call_later(END_WITHIN_S, self._abort)

    def _abort(self) -> None:
        """End it now, whatever waits; also where the client does not read and nothing can be sent."""
        self.open = False
        self._waiting.clear()
        self._size = 0
        if self._transport is not None:
            self._transport.abort()

    async def serve(self, request: web.Request) -> web.StreamResponse:
        """Serve the client until the end, whoever makes it and however."""
        self._transport = request.transport
        try:
            await self._socket.prepare(request)
        except ConnectionError:  # it went before it was answered
            return web.Response()
        with suppress(ConnectionError):
            await self._serve()
        return self._socket

    async def _serve(self) -> None:
        self._set_timers()
        writer = asyncio.create_task(self._write())
        try:
            await self._read()
        finally:
            self.open = False
            writer.cancel()
            for timer in self._timers:
                timer.cancel()

    def _set_timers(self) -> None:
        now = self._clock.now()
        self._timers = [
            self._clock.call_at(now + DAY_MS, lambda: self.close(why="its 24 hours are over")),
            self._clock.call_at(now + PING_MS, self._ping),
        ]

    def _ping(self) -> None:
        now = self._clock.now()
        if self._unanswered is not None and now - self._unanswered > PONG_WITHIN_MS:
            self.close(POLICY, why="a ping was not answered")
            return
        if _Ping() not in self._waiting:  # a clock moved by hand outruns the writer
            self._waiting.append(_Ping())
            self._woken.set()
        self._timers[1] = self._clock.call_at(now + PING_MS, self._ping)

    async def _write(self) -> None:
        socket, waiting = self._socket, self._waiting
        try:
            while True:
                await self._woken.wait()
                self._woken.clear()
                while waiting:
                    item = waiting.popleft()
                    if isinstance(item, str):
                        self._size -= len(item)
                        await socket.send_str(item)
                    elif isinstance(item, _Ping):
                        await self._send_ping()
                    else:
                        self.open = False
                        await socket.close(code=item.code)
                        return
        except ConnectionError:
            return

    async def _send_ping(self) -> None:
        now = self._clock.now()
        if self._unanswered is None:
            self._unanswered = now
        await self._socket.ping(str(now).encode())

    async def _read(self) -> None:
        async for message in self._socket:
            if message.type is WSMsgType.PING:
                await self._socket.pong(message.data)
            elif message.type is WSMsgType.PONG:
                self._unanswered = None
            if message.type is not WSMsgType.PONG and self._too_many():
                self.close(POLICY, why="too many messages")
            elif message.type in (WSMsgType.TEXT, WSMsgType.BINARY):
                self._answer(message.data)

    def _too_many(self) -> bool:
        now, heard = self._clock.now(), self._heard
        full = len(heard) == MOST_MESSAGES and now - heard[0] < 1000
        heard.append(now)
        return full

    def _answer(self, data: str | bytes) -> None:
        try:
            asked = json.loads(data)
        except (ValueError, RecursionError):
            self._refuse(3, "Invalid JSON: expected value at line 1 column 1", None)
            return
        if not isinstance(asked, dict) or not isinstance(asked.get("id"), int | str | None):
            self._refuse(2, "Invalid request: request ID must be an unsigned integer", None)
            return
        self._carry_out(asked.get("method"), asked.get("params"), asked.get("id"))

    def _carry_out(self, method: object, params: object, number: object) -> None:
        if not isinstance(method, str | None):
            self._refuse(2, "Invalid request: method must be a string", number)
        elif method not in _METHODS:
            words = ", ".join(f"`{word}`" for word in _METHODS)
            text = f"Invalid request: unknown variant `{method}`, expected one of {words}"
            self._refuse(2, text, number)
        elif method == "LIST_SUBSCRIPTIONS":
            self._say({"result": list(self.names), "id": number})
        elif method in ("SET_PROPERTY", "GET_PROPERTY"):
            self._say({"result": self.combined if method == "GET_PROPERTY" else None, "id": number})
        elif not isinstance(params, list) or not all(isinstance(name, str) for name in params):
            self._refuse(2, "Invalid request: params must be an array of strings", number)
        elif method == "UNSUBSCRIBE":
            for name in params:
                self.names.pop(name, None)
            self._changed(self)
            self._say({"result": None, "id": number})
        elif self.subscribe(params):
            self._say({"result": None, "id": number})
        else:
            self._refuse(2, f"Invalid request: more than {MOST_STREAMS} streams", number)

    def _refuse(self, code: int, text: str, number: object) -> None:
        self._say({"error": {"code": code, "msg": text}, "id": number})

    def _say(self, body: dict[str, Any]) -> None:
        self.put(to_json(body))
