"""``alerts test``: one alert of each level on each channel, past the outbox, and what became of it."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any, get_args

from tradebot.alerts.channels import Delivered, Message, NotDelivered
from tradebot.alerts.model import Level
from tradebot.alerts.stored import Outgoing
from tradebot.app.alerter import outway_of, settings_of
from tradebot.clock import SYSTEM
from tradebot.config import Config

PAUSE_S = 1.1
"""Telegram takes one message a second."""


async def tried(config: Config, channels: Sequence[str]) -> list[dict[str, Any]]:
    """Send one alert of each level on these channels; return a row each.

    ConfigError where a channel has no secret.
    """
    settings = [settings_of(config, name) for name in channels]
    rows: list[dict[str, Any]] = []
    for one in settings:
        outway = outway_of(one)
        for number, level in enumerate(get_args(Level)):
            if number:
                await asyncio.sleep(PAUSE_S / outway.rate.second)
            begun = SYSTEM.monotonic()
            answer = await outway.send(_message(level))
            rows.append(
                {
                    "channel": one.name,
                    "level": level,
                    "delivered": isinstance(answer, Delivered),
                    "error": None if isinstance(answer, Delivered) else answer.why,
                    "retry_after_s": answer.retry_after
                    if isinstance(answer, NotDelivered)
                    else None,
                    "latency_ms": round((SYSTEM.monotonic() - begun) * 1000),
                }
            )
        await outway.close()
    return rows


def _message(level: Level) -> Message:
    now = SYSTEM.wall_ms()
    source = f"test:{level}:{now}"
    text = f"TEST ({level})\nNothing happened: `tradebot alerts test` was asked for this."
    alert = Outgoing(0, source, None, "test", level, text, now, {}, "", "", "", "")
    return Message(f"{text} #{source}", [alert], silent=level in ("info", "extra"))


__all__ = ["tried"]
