"""A Bot API such as Telegram's on 127.0.0.1, and the phone that talks to the bot through it."""

from __future__ import annotations

import asyncio
import itertools
import json
import time
from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web

from kits.loopback import Loopback

TOKEN = "123456789:AAfake-token_for-the-loopback-01234"
USER = 4242
RETRY_AFTER_S = 7

REFUSALS = {
    "400": "Bad Request: chat not found",
    "401": "Unauthorized",
    "403": "Forbidden: bot was blocked by the user",
    "404": "Not Found",
    "409": "Conflict: terminated by other getUpdates request; make sure that only one bot instance is running",
    "429": f"Too Many Requests: retry after {RETRY_AFTER_S}",
    "500": "Internal Server Error",
}


@dataclass(frozen=True)
class Sent:
    """What the bot sent and the server took: ``at`` by a clock that only goes forward."""

    id: int
    method: str
    chat: str
    text: str
    at: float
    fields: dict[str, Any] = field(default_factory=dict)

    @property
    def silent(self) -> bool:
        """Whether it makes no sound."""
        return str(self.fields.get("disable_notification", "")).lower() in ("true", "1")


class FakeTelegram(Loopback):
    """``then`` scripts what is sent to it; ``polls`` what its getUpdates answers. It keeps updates until they are confirmed."""

    def __init__(self, token: str = TOKEN, user: int = USER) -> None:
        super().__init__()
        self.token, self.user = token, user
        self.sent: list[Sent] = []
        self.asked: list[tuple[str, float, str]] = []
        self.polls: deque[str] = deque()
        self.poll_always = "ok"
        self.updates: list[dict[str, Any]] = []
        self.offsets: list[int] = []
        self._numbers = itertools.count(1)
        self._update_ids = itertools.count(1000)
        self._news = asyncio.Event()

    def routes(self) -> Iterable[web.AbstractRouteDef]:
        return [web.route("*", "/bot{token}/{method}", self._answer)]

    # -- the phone --------------------------------------------------------------------------------

    def say(self, text: str, **message: Any) -> int:
        """Write to the bot from the user's own phone; returns the update's id. ``message`` replaces parts."""
        body = {
            "message_id": next(self._numbers),
            "from": {"id": self.user, "is_bot": False, "first_name": "Me"},
            "chat": {"id": self.user, "type": "private"},
            "date": int(time.time()),
            "text": text,
        }
        return self.give({"message": {**body, **message}})

    def give(self, update: dict[str, Any]) -> int:
        """Put an update as it is; it gets the next id where it has none. Returns the id."""
        with self.lock:
            number = update.setdefault("update_id", next(self._update_ids))
            self.updates.append(update)
        self._loop.call_soon_threadsafe(self._news.set)
        return int(number)

    def texts(self) -> list[str]:
        """What the phone shows, in order."""
        with self.lock:
            return [one.text for one in self.sent]

    def hears(self, *parts: str, after: int = 0) -> str:
        """Wait for a message with all parts, from number ``after`` on, and return it."""

        def found() -> list[str]:
            return [text for text in self.texts()[after:] if all(part in text for part in parts)]

        self.until(found, f"no message with {parts}; came: {self.texts()[after:]}")
        return found()[0]

    # -- the server -------------------------------------------------------------------------------

    async def _answer(self, request: web.Request) -> web.StreamResponse:
        method = request.match_info["method"]
        fields = await _fields(request)
        if request.match_info["token"] != self.token:
            return _refused("401")
        if method == "getUpdates":
            return await self._updates(request, fields)
        fate = self.fate()
        with self.lock:
            self.asked.append((method, self.clock(), fate))
        if fate == "hang":
            await self.hang()
        if fate in ("hang", "closed"):
            return self.cut(request)
        if fate not in ("ok", "lost"):
            return _refused(fate)
        number = self._accept(method, fields)
        if fate == "lost":
            return self.cut(request)
        chat = {"id": self.user, "type": "private"}
        told = {"message_id": number, "date": int(time.time()), "chat": chat}
        me = {"id": 1, "is_bot": True, "username": "fake_bot"}
        return web.json_response({"ok": True, "result": me if method == "getMe" else told})

    def _accept(self, method: str, fields: dict[str, Any]) -> int:
        number = next(self._numbers)
        text = str(fields.get("text", fields.get("caption", "")))
        if method != "getMe":
            with self.lock:
                chat = str(fields.get("chat_id", ""))
                self.sent.append(Sent(number, method, chat, text, self.clock(), fields))
        return number

    async def _updates(self, request: web.Request, fields: dict[str, Any]) -> web.StreamResponse:
        fate = self.polls.popleft() if self.polls else self.poll_always
        offset, patience = int(fields.get("offset", 0)), float(fields.get("timeout", 0))
        with self.lock:
            self.offsets.append(offset)
        if fate == "hang":
            await self.hang()
        if fate in ("hang", "closed"):
            return self.cut(request)
        if fate not in ("ok", "lost"):
            return _refused(fate)
        deadline = time.monotonic() + min(patience, 50)
        while True:
            self._news.clear()
            with self.lock:
                self.updates = [one for one in self.updates if one["update_id"] >= offset]
                waiting = sorted(self.updates, key=lambda one: one["update_id"])[:100]
            left = deadline - time.monotonic()
            if waiting or left <= 0:
                break
            try:
                await asyncio.wait_for(self._news.wait(), min(left, 1.0))
            except TimeoutError:
                continue
        if fate == "lost":
            return self.cut(request)
        return web.json_response({"ok": True, "result": waiting})


async def _fields(request: web.Request) -> dict[str, Any]:
    if request.content_type == "application/json":
        body = await request.json()
        return body if isinstance(body, dict) else {}
    posted = await request.post()
    given: dict[str, Any] = dict(request.query)
    for name, value in posted.items():
        given[name] = value if isinstance(value, str) else getattr(value, "filename", "file")
    return given


def _refused(status: str) -> web.Response:
    body: dict[str, Any] = {"ok": False, "error_code": int(status)}
    body["description"] = REFUSALS.get(status, "Refused")
    if status == "429":
        body["parameters"] = {"retry_after": RETRY_AFTER_S}
    return web.Response(status=int(status), text=json.dumps(body), content_type="application/json")
