"""A webhook's receiver on 127.0.0.1: it believes only what is signed with its secret."""

from __future__ import annotations

import hashlib
import hmac
import json
import time
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from aiohttp import web

from kits.loopback import Loopback
from kits.paper_kit import Bot

SECRET = "a-secret-of-the-webhook"
SKEW_S = 300
RETRY_AFTER_S = 7


@dataclass(frozen=True)
class Posted:
    """A document that was signed as it should be."""

    body: dict[str, Any]
    at: float


class WebhookReceiver(Loopback):
    """``taken`` are the documents it believed, ``refused`` why it did not believe others."""

    def __init__(self, secret: str = SECRET) -> None:
        super().__init__()
        self.secret = secret
        self.taken: list[Posted] = []
        self.refused: list[str] = []
        self.strays: list[str] = []

    @property
    def target(self) -> str:
        """The URL to configure."""
        return f"{self.url}/hook"

    def routes(self) -> Iterable[web.AbstractRouteDef]:
        return [web.post("/hook", self._take), web.route("*", "/{rest:.*}", self._stray)]

    def bodies(self) -> list[dict[str, Any]]:
        """The documents it believed, in order."""
        with self.lock:
            return [one.body for one in self.taken]

    async def _stray(self, request: web.Request) -> web.Response:
        """Whoever follows a redirect ends up here."""
        with self.lock:
            self.strays.append(f"{request.method} {request.path}")
        return web.Response()

    async def _take(self, request: web.Request) -> web.StreamResponse:
        raw = await request.read()
        fate = self.fate()
        if fate == "hang":
            await self.hang()
        if fate in ("hang", "closed"):
            return self.cut(request)
        if fate in ("301", "302", "307", "308"):
            return web.Response(status=int(fate), headers={"Location": f"{self.url}/elsewhere"})
        if fate not in ("ok", "lost"):
            more = {"Retry-After": str(RETRY_AFTER_S)} if fate == "429" else {}
            return web.Response(status=int(fate), headers=more)
        why = self._doubt(request, raw)
        if why:
            with self.lock:
                self.refused.append(why)
            return web.Response(status=401, text=why)
        with self.lock:
            self.taken.append(Posted(json.loads(raw), self.clock()))
        return self.cut(request) if fate == "lost" else web.Response(status=204)

    def _doubt(self, request: web.Request, raw: bytes) -> str:
        stamp = request.headers.get("X-Tradebot-Timestamp", "")
        said = request.headers.get("X-Tradebot-Signature", "")
        if not stamp.isdigit():
            return "no timestamp"
        seconds = int(stamp) / (1000 if len(stamp) > 11 else 1)
        if abs(time.time() - seconds) > SKEW_S:
            return "an old timestamp"
        body = stamp.encode() + b"." + raw
        digest = hmac.new(self.secret.encode(), body, hashlib.sha256).hexdigest()
        return "" if hmac.compare_digest(said, f"sha256={digest}") else "a wrong signature"


def hooked(bot: Bot, hook: WebhookReceiver, more: str = "") -> None:
    """Configure a bot whose alerts go to a receiver, simulated ones too."""
    (bot.folder / "bot.toml").write_text(
        f'[alerts]\nchannels = ["webhook"]\nsimulated = true\n[alerts.webhook]\nurl = "{hook.target}"\n{more}'
    )
