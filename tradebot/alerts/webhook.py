"""The webhook: one signed POST an alert."""

from __future__ import annotations

import hashlib
import hmac
import json
from typing import Any

import aiohttp

from tradebot.alerts.channels import (
    HOOK_RATE,
    Answered,
    Broken,
    ChannelSettings,
    Delivered,
    Message,
    NotDelivered,
    scrubbed,
)
from tradebot.alerts.sessions import session_to
from tradebot.alerts.stored import Outgoing
from tradebot.clock import SYSTEM, Clock
from tradebot.core.model.times import iso

VERSION = 1
TIMEOUT_S = 10.0
HEALS = (408, 425, 429)
"""What a server may say of the fourth hundred and take the same later."""


class Webhook:
    """Posts each alert as JSON; 2xx is delivered, redirects are not followed."""

    rate = HOOK_RATE
    joins = False

    def __init__(self, settings: ChannelSettings, clock: Clock = SYSTEM) -> None:
        self.name = settings.name
        self._url = str(settings.settings["url"])
        self._secret = settings.secret
        self._clock = clock
        self._session: aiohttp.ClientSession | None = None

    async def send(self, message: Message) -> Answered:
        """Post the alert, and say what became of it."""
        body = json.dumps(document(message.alerts[0], message.text), default=str).encode()
        stamp = str(self._clock.wall_ms() // 1_000)
        headers = {
            "Content-Type": "application/json",
            "X-Tradebot-Timestamp": stamp,
            "X-Tradebot-Signature": signature(self._secret, stamp, body),
        }
        try:
            async with self._open().post(
                self._url, data=body, headers=headers, allow_redirects=False
            ) as answer:
                return self._judged(answer.status, answer.headers.get("Retry-After"))
        except (TimeoutError, aiohttp.ClientError, OSError, ValueError) as error:
            # of an address that is none the text may be a proxy's, with its password
            said = "" if isinstance(error, ValueError) else str(error)
            return NotDelivered(self._clean(f"no answer: {said or type(error).__name__}"))

    async def close(self) -> None:
        """Close the connection."""
        if self._session is not None:
            await self._session.close()

    def _open(self) -> aiohttp.ClientSession:
        if self._session is None:
            self._session = session_to(self._url, TIMEOUT_S)
        return self._session

    def _judged(self, status: int, retry_after: str | None) -> Answered:
        if 200 <= status < 300:
            return Delivered()
        if 300 <= status < 400:
            return Broken(f"answered {status}: redirects are not followed, give the address itself")
        if 400 <= status < 500 and status not in HEALS:
            return Broken(f"answered {status}: mend its address or its secret")
        wait = float(retry_after) if retry_after and retry_after.isdigit() else None
        return NotDelivered(f"answered {status}", wait)

    def _clean(self, text: str) -> str:
        return scrubbed(text, (self._url, self._secret))


def document(alert: Outgoing, text: str) -> dict[str, Any]:
    """Return what is posted; ``id`` is the same for the same alert, however often it comes."""
    return {
        "version": VERSION,
        "id": alert.source if alert.seq is None else f"{alert.seq}:{alert.source}",
        "time": iso(alert.created),
        "level": alert.level,
        "kind": alert.kind,
        "run": alert.run,
        "mode": alert.mode,
        "market": alert.market,
        "text": text,
        "data": alert.data,
    }


def signature(secret: str, stamp: str, body: bytes) -> str:
    """Return the value of ``X-Tradebot-Signature``: sha256=HMAC(secret, timestamp + "." + body)."""
    digest = hmac.new(secret.encode(), stamp.encode() + b"." + body, hashlib.sha256)
    return f"sha256={digest.hexdigest()}"


__all__ = ["Webhook", "document", "signature"]
