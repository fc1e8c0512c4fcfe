"""What a phone has sent: an update of Telegram's as a word of the one user, or as nothing of ours. Pure.

Everything that could make it another's word is looked at: chat, user, age, and whether it was forwarded, edited or written
by a bot. What is not known to be right is not heard.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Literal, TypeAlias

from tradebot.core.model.frozen import frozen
from tradebot.core.model.text import escaped

YOUNG_S = 60
"""Seconds after which a message is too old: Telegram keeps what nobody fetched for a day."""

LONGEST_REASON = 200

ANOTHERS = (
    *("forward_origin", "forward_from", "forward_from_chat", "forward_sender_name", "forward_date"),
    *("forward_signature", "is_automatic_forward", "via_bot", "sender_chat", "sender_business_bot"),
    *("business_connection_id", "edit_date", "author_signature", "is_topic_message"),
    *("message_thread_id", "is_from_offline"),
)
"""Parts of a message that say that it was not written here and now by this user."""

READS = ("status", "positions", "trades", "risk", "report", "help")
"""What can be asked."""


@frozen
class AllowedUser:
    """The one private chat and the one user that are listened to."""

    chat: int
    user: int


@frozen
class Ask:
    """A question: one of ``READS``."""

    name: str


@frozen
class AskHalt:
    """Stop entries, with a reason in words ("" for none)."""

    reason: str


@frozen
class AskClose:
    """Say what a close-all would close, and give a code for it."""


@frozen
class Code:
    """Six digits: the answer to a close-all's code."""

    digits: str


@frozen
class Unclear:
    """Words of the user's that are none of the above."""


@frozen
class Passed:
    """Nothing to be done: of a ``stranger``, too ``old``, or of ``another`` kind than a message."""

    why: Literal["stranger", "old", "another"]


Word: TypeAlias = Ask | AskHalt | AskClose | Code | Unclear

_COMMAND = re.compile(r"/([a-z]{1,20})(?:@[A-Za-z0-9_]{1,40})?(?:[ \n](.*))?", re.DOTALL)
_CODE = re.compile(r"[0-9]{6}")


def number_of(update: object) -> int | None:
    """Return an update's number; None for what is no update."""
    number = update.get("update_id") if isinstance(update, Mapping) else None
    return number if _is_whole(number) else None


def read_update(update: Mapping[str, Any], allowed: AllowedUser, now_s: float) -> Word | Passed:
    """Return what the user says in an update; ``now_s`` is the real time, seconds."""
    message = update.get("message")
    if not isinstance(message, Mapping) or set(update) - {"update_id", "message"}:
        return Passed("another")
    if not _is_from(message, allowed):
        return Passed("stranger")
    if any(name in message for name in ANOTHERS):
        return Passed("another")
    date = message.get("date")
    if not isinstance(date, int) or isinstance(date, bool) or not -YOUNG_S < now_s - date < YOUNG_S:
        return Passed("old")
    text = message.get("text")
    return read_text(text) if isinstance(text, str) else Unclear()


def read_text(text: str) -> Word:
    """Return what a text asks for; only plain letters and digits make a command or a code."""
    text = text.strip(" \n")
    if _CODE.fullmatch(text):
        return Code(text)
    found = _COMMAND.fullmatch(text)
    if found is None:
        return Unclear()
    name, rest = found[1], (found[2] or "").strip()
    if name == "halt":
        return AskHalt(escaped(rest)[:LONGEST_REASON])
    if rest:
        return Unclear()
    if name == "closeall":
        return AskClose()
    return Ask(name) if name in READS else Unclear()


def _is_from(message: Mapping[str, Any], allowed: AllowedUser) -> bool:
    chat, user = message.get("chat"), message.get("from")
    if not isinstance(chat, Mapping) or not isinstance(user, Mapping):
        return False
    numbers = (chat.get("id"), user.get("id"))
    return (
        all(map(_is_whole, numbers))
        and numbers == (allowed.chat, allowed.user)
        and chat.get("type") == "private"
        and user.get("is_bot") is False
    )


def _is_whole(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


__all__ = [
    "READS",
    "AllowedUser",
    "Ask",
    "AskClose",
    "AskHalt",
    "Code",
    "Passed",
    "Unclear",
    "Word",
    "number_of",
    "read_text",
    "read_update",
]
