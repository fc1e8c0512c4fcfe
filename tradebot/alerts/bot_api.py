"""Telegram's Bot API by aiohttp: fetch updates, send a message. Nothing it raises or says holds the token."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import aiohttp

from tradebot.alerts.sessions import session_to
from tradebot.core.model.errors import ExchangeError, TradebotError

TELEGRAM = "https://api.telegram.org"
POLL_S = 25
"""Seconds that the server may hold a question for updates."""

SEND_S = 20.0
LONGEST = 4000
"""Characters of one message; Telegram takes 4096."""


class ConflictError(TradebotError):
    """Somebody else fetches the updates of this token, or they go to a webhook."""


class TokenRefusedError(TradebotError):
    """The token is not one."""


class NoAnswerError(ExchangeError):
    """The server said nothing that helps; ``retry_after`` is what it asks for, seconds."""

    def __init__(self, message: str, retry_after: float = 0.0) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class BotApi:
    """One bot: ``token`` is never shown, ``api`` another server than Telegram's."""

    def __init__(self, token: str, api: str = "") -> None:
        self._base = f"{(api or TELEGRAM).rstrip('/')}/bot{token}"
        self._session: aiohttp.ClientSession | None = None

    def __repr__(self) -> str:
        return "BotApi(***)"

    async def updates(self, offset: int, wait_s: int = POLL_S) -> Sequence[Mapping[str, Any]]:
        """Return the messages from number ``offset`` on, as they are, or none within ``wait_s``.

        Raises ConflictError, TokenRefusedError, or NoAnswerError.
        """
        asked = {"offset": offset, "timeout": wait_s, "allowed_updates": ["message"]}
        result = await self._ask("getUpdates", asked, wait_s + SEND_S)
        return (
            [row for row in result if isinstance(row, Mapping)] if isinstance(result, list) else []
        )

    async def send(self, chat: int, text: str) -> None:
        """Send a text, as it is: nothing in it is formatted. Errors as ``updates``."""
        body = {
            "chat_id": chat,
            "text": text[:LONGEST],
            "link_preview_options": {"is_disabled": True},
        }
        await self._ask("sendMessage", body, SEND_S)

    async def close(self) -> None:
        """Let go of the connections."""
        if self._session is not None:
            await self._session.close()
            self._session = None

    async def _ask(self, method: str, body: Mapping[str, Any], timeout_s: float) -> Any:
        if self._session is None:
            self._session = session_to(self._base, SEND_S)
        patience = aiohttp.ClientTimeout(total=timeout_s)
        try:
            async with self._session.post(
                f"{self._base}/{method}", json=body, timeout=patience, allow_redirects=False
            ) as answer:
                document = await answer.json(content_type=None)
                return _result(answer.status, document)
        except (TimeoutError, aiohttp.ClientError, OSError, ValueError) as error:
            # its text may name the address, and with it the token
            raise NoAnswerError(f"no answer from Telegram ({type(error).__name__})") from None


def _result(status: int, document: object) -> Any:
    """Return what the server answers, or raise what it means."""
    body = document if isinstance(document, Mapping) else {}
    if status == 200 and body.get("ok") is True:
        return body.get("result")
    if status == 409:
        raise ConflictError(
            "somebody else fetches the messages to this bot (409)",
            hint="make a new token with @BotFather (/revoke), then tradebot alerts set telegram",
        )
    if status in (401, 404):
        raise TokenRefusedError(
            f"Telegram does not know this token ({status})", hint="tradebot alerts set telegram"
        )
    parameters = body.get("parameters")
    after = parameters.get("retry_after") if isinstance(parameters, Mapping) else None
    raise NoAnswerError(
        f"Telegram answers {status}", float(after) if isinstance(after, int | float) else 0.0
    )


__all__ = ["BotApi", "ConflictError", "NoAnswerError", "TokenRefusedError"]
