"""What an engine says in its own words: which kind of alert that is, and for how long something lasted that is over. Pure."""

from __future__ import annotations

import re
from collections.abc import Sequence

from tradebot.alerts.draft import Draft
from tradebot.alerts.model import AuditRow, Memory
from tradebot.core.model.effects import Notify, Reconcile
from tradebot.core.model.spoken import duration

NOTICES: Sequence[tuple[str, str, str]] = (
    ("critical", r"liquidation risk", "liquidation_risk"),
    ("critical", r"\bloss: \$", "loss_limit"),
    ("critical", r"two reads did not show the stop", "no_stop"),
    ("critical", r"\bstop\b", "stop_rejected"),
    ("", r"-201[45]\b|API-key", "key_refused"),
    ("critical", r"", "alarm"),
    ("warning", r"^entries are barred: ", "notice"),  # and then by what, in the words of that
    ("warning", r"\bloss: \$.*\((?:[89]\d|\d{3})%\)", "loss_near"),
    ("warning", r"\bloss: \$", "note"),
    ("warning", r" is silent\b|^private stream", "feed"),
    ("warning", r"^clock\b", "clock"),
    ("warning", r"\bbanned\b", "banned"),
    ("warning", r"^close-all ", "close_all_note"),
    ("warning", r"", "notice"),
    ("info", r" is back\b|can be read again|^clock\b", "recovered"),
    ("", r"", "note"),
)
"""Level, what is in the text, kind: the first that fits says what kind of alert a notice is."""

BEGINS: Sequence[tuple[str, str]] = (
    (r"^(\S+|the feed) is silent", r"\1"),
    (r"^private stream: not connected", "private stream"),
    (r"^clock: the exchange's", "clock"),
    (r"^the account could not be read", "account"),
)
"""How a notice begins of something that will be over, and what its end is known by."""

ENDS: Sequence[tuple[str, str, str]] = (
    (r"^(\S+|the feed) is back\b\.? ?(.*)$", r"\1", r"\1 is back after {after}. \2"),
    (r"^clock: (.*)$", "clock", r"clock: \1, after {after}"),
    (r"^the account can be read again$", "account", "the account can be read again after {after}"),
)
"""How its end is told, what it is known by, and how that is said with its length."""

WHOLE = "the feed"
"""What falls silent where all of it does: it comes back symbol by symbol."""

BAN_OVER = "the ban is over"
RECONNECTED = "reconnected"


def kind_of(notice: Notify) -> str:
    """Return what kind of alert a notice is."""
    return next(
        kind
        for level, words, kind in NOTICES
        if level in ("", notice.level) and re.search(words, notice.text)
    )


def noticed(notice: Notify, row: AuditRow, memory: Memory) -> list[Draft]:
    """Return what a notice tells."""
    if notice.text.startswith("HALT "):  # its own row has said it
        return []
    kind = kind_of(notice)
    if kind == "close_all_note":  # what its own file has told already
        return []
    text, about = notice.text, re.sub(r"[\d.,$%+-]+", "", notice.text)[:80]
    if kind == "key_refused":
        text = f"KEY REFUSED by the exchange: {text}"
    if notice.level == "warning":
        _note_begin(notice.text, row, memory)
    elif kind == "recovered":
        text = _with_length(text, row, memory)
    return [Draft(kind, text, about)]


def reconnected(told: Reconcile, row: AuditRow, memory: Memory) -> list[Draft]:
    """Return that the private stream is back, or that a ban is over: then the whole account is read."""
    drafts = []
    if BAN_OVER in told.why and (after := ended("ban", row, memory)):
        text = f"the ban is over: the exchange answers again after {after}"
        drafts.append(Draft("recovered", text, "ban", tag="ban"))
    if told.why.startswith(RECONNECTED) and (after := ended("private stream", row, memory)):
        text = f"the private stream is back after {after}"
        drafts.append(Draft("recovered", text, "private stream", tag="stream"))
    return drafts


def begun(name: str, row: AuditRow, memory: Memory) -> bool:
    """Note since when something is so; whether it is new."""
    since: dict[str, int] = memory.setdefault("since", {})
    new = name not in since
    since.setdefault(name, row.wall)
    return new


def ended(name: str, row: AuditRow, memory: Memory) -> str:
    """Return for how long something was so that is over; "" where nobody was told of it."""
    since = memory.setdefault("since", {}).pop(name, None)
    return "" if since is None else duration(max(0, row.wall - since) // 1000)


def _of_whole(text: str, row: AuditRow, memory: Memory) -> str:
    """Return for how long all of the feed was silent, where a symbol of it is back; "" where it was not."""
    since = memory.get("since", {}).get(WHOLE)
    if since is None or " is back" not in text:
        return ""
    return duration(max(0, row.wall - since) // 1000)


def _note_begin(text: str, row: AuditRow, memory: Memory) -> None:
    for words, name in BEGINS:
        if found := re.search(words, text):
            if found.expand(name) == WHOLE:
                ended(WHOLE, row, memory)
            begun(found.expand(name), row, memory)


def _with_length(text: str, row: AuditRow, memory: Memory) -> str:
    """Return how it is said that something is over, with for how long it was so where that is known."""
    for words, name, longer in ENDS:
        if found := re.search(words, text):
            after = ended(found.expand(name), row, memory) or _of_whole(found[0], row, memory)
            return found.expand(longer).format(after=after).strip() if after else text
    return text


__all__ = ["begun", "ended", "kind_of", "noticed", "reconnected"]
