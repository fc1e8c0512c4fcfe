"""A way to people: what it is given, and what it says of it."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import field
from typing import Protocol, TypeAlias

from tradebot.alerts.outbox import Rate
from tradebot.alerts.stored import Outgoing
from tradebot.core.model.frozen import frozen
from tradebot.core.model.text import escaped


@frozen
class Message:
    """What goes out at once: the text, and the alerts it tells of.

    ``silent``: without a sound where that can be. ``bare``: without its file.
    """

    text: str
    alerts: Sequence[Outgoing]
    silent: bool = False
    bare: bool = False

    @property
    def file(self) -> str:
        """A path to attach, "" for none."""
        return "" if self.bare else next((a.file for a in self.alerts if a.file), "")


@frozen
class Delivered:
    """The other side took it."""


@frozen
class NotDelivered:
    """It was not taken, or nobody said that it was; ``retry_after`` is what the server asks for, seconds."""

    why: str
    retry_after: float | None = None


@frozen
class Broken:
    """It will not be taken before somebody mends something: a bad token, a chat that is not there."""

    why: str


Answered: TypeAlias = Delivered | NotDelivered | Broken


class Outway(Protocol):
    """A channel that is set up. ``joins``: several alerts may go as one text; else each goes by itself."""

    name: str
    rate: Rate
    joins: bool

    async def send(self, message: Message) -> Answered:
        """Hand a message over. Never raises."""
        ...

    async def close(self) -> None:
        """Let go of connections."""
        ...


@frozen
class ChannelSettings:
    """What a channel is set up with: plain settings by name, and its secret (never shown)."""

    name: str
    settings: Mapping[str, object] = field(default_factory=dict)
    secret: str = field(default="", repr=False)


SEND_S = 90.0
"""Seconds for a channel to say what became of a message."""

CHAT_RATE = Rate(1, 20, 12)
"""Telegram's limits for one chat; for mail and further services they are no worse."""

HOOK_RATE = Rate(20, 600, 500)


async def answer_of(outway: Outway, going: Message) -> Answered:
    """Hand a message to a channel and wait for what it says, ``SEND_S`` at most. Never raises."""
    try:
        return await asyncio.wait_for(outway.send(going), SEND_S)
    except TimeoutError:
        return NotDelivered("no answer")
    except Exception as error:  # a channel never raises; one that does must not end the loop of all
        return NotDelivered(f"failed ({type(error).__name__})")


def scrubbed(text: str, secrets: Sequence[str]) -> str:
    """Return a text that may be shown and kept: without secrets, on one line, cut to a readable length."""
    for secret in secrets:
        if secret:
            text = text.replace(secret, "***")
    return escaped(" ".join(text.split()))[:300]


__all__ = [
    "CHAT_RATE",
    "HOOK_RATE",
    "Answered",
    "Broken",
    "ChannelSettings",
    "Delivered",
    "Message",
    "NotDelivered",
    "Outway",
    "answer_of",
    "scrubbed",
]
