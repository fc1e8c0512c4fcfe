"""``alerts test``: one alert of each level on each channel, past the outbox, and what became of it."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any, get_args

from tradebot.alerts.channels import (
    Answered,
    Broken,
    Delivered,
    Message,
    NotDelivered,
    Outway,
)
from tradebot.alerts.model import Level
from tradebot.alerts.stored import Outgoing
from tradebot.app.alerter import outway_of, settings_of
from tradebot.clock import SYSTEM
from tradebot.config import Config
from tradebot.core.model.errors import TradebotError

PAUSE_S = 1.1
"""Telegram takes one message a second."""


async def tried(config: Config, channels: Sequence[str]) -> list[dict[str, Any]]:
    """Send one alert of each level on these channels; return a row each.

    A channel without its secret keeps the others from nothing; ConfigError where none has one.
    """
    ways: list[Outway | TradebotError] = []
    for name in channels:
        try:
            ways.append(outway_of(settings_of(config, name)))
        except TradebotError as error:
            ways.append(error)
    failed = [way for way in ways if isinstance(way, TradebotError)]
    if len(failed) == len(ways):
        raise failed[0]
    rows: list[dict[str, Any]] = []
    for name, way in zip(channels, ways, strict=True):
        rows += _unusable(name, way) if isinstance(way, TradebotError) else await _tried(way)
    return rows


def _unusable(name: str, error: TradebotError) -> list[dict[str, Any]]:
    """Return the rows of a channel on which nothing can be sent: why, and the way out."""
    why = f"{error.message}: {error.hint}" if error.hint else error.message
    return [_row(name, level, Broken(why), 0) for level in get_args(Level)]


async def _tried(outway: Outway) -> list[dict[str, Any]]:
    rows = []
    for number, level in enumerate(get_args(Level)):
        if number:
            await asyncio.sleep(PAUSE_S / outway.rate.second)
        begun = SYSTEM.monotonic()
        answer = await outway.send(_message(level))
        rows.append(_row(outway.name, level, answer, round((SYSTEM.monotonic() - begun) * 1000)))
    await outway.close()
    return rows


def _row(channel: str, level: str, answer: Answered, latency_ms: int) -> dict[str, Any]:
    return {
        "channel": channel,
        "level": level,
        "delivered": isinstance(answer, Delivered),
        "error": None if isinstance(answer, Delivered) else answer.why,
        "retry_after_s": answer.retry_after if isinstance(answer, NotDelivered) else None,
        "latency_ms": latency_ms,
    }


def _message(level: Level) -> Message:
    now = SYSTEM.wall_ms()
    source = f"test:{level}:{now}"
    text = f"TEST ({level})\nNothing happened: `tradebot alerts test` was asked for this."
    alert = Outgoing(0, source, None, "test", level, text, now, {}, "", "", "", "")
    return Message(f"{text} #{source}", [alert], silent=level in ("info", "extra"))


__all__ = ["tried"]
