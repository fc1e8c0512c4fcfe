"""What is done about the user's words: questions answered, and two acts, at most one in five seconds. Pure.

``heard`` takes one update; what comes out is the new state of the desk and what to do. The state holds the offset and the
pending acts and is kept whole, in one transaction, before anything is done: who is killed does the acts again.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any, Literal, TypeAlias

from tradebot.alerts.updates import (
    AllowedUser,
    Ask,
    AskClose,
    AskHalt,
    Code,
    Passed,
    Word,
    number_of,
    read_update,
)
from tradebot.core.model.frozen import frozen

ACT_MS = 5_000
"""From one act to the next."""

READ_MS = 60_000
MOST_READS = 10
"""So many questions are answered in a minute; as many codes for a close-all are given beside them."""

CODE_MS = 60_000
"""How long a code can be used."""

LATE_MS = 600_000
"""A pending act that is older than this is told, not done."""

IDLE_MS = 6 * 24 * 3_600_000
"""After a week without updates Telegram numbers them anew: then no number is too low."""

HOUR_MS = 3_600_000

RemoteActName: TypeAlias = Literal["halt", "close-all"]


@frozen
class RemoteAct:
    """An act that was accepted: by which update, for whom, why, and when (real clock, UTC ms)."""

    number: int
    name: RemoteActName
    user: int
    reason: str
    at: int

    @property
    def who(self) -> str:
        """The name that goes on record."""
        return f"telegram:{self.user}"


@frozen
class Say:
    """Words to send back."""

    text: str


@frozen
class Show:
    """Say a question."""

    name: str


@frozen
class Preview:
    """Say what a close-all would close, and ask for this code."""

    code: str


Todo: TypeAlias = RemoteAct | Say | Show | Preview


@frozen
class PhoneDesk:
    """Where the desk stands: the next update's number, what is pending, the code that waits, and what was done when.

    Times are real ones (UTC ms). ``strangers`` and ``old`` count what was passed over since that was told.
    """

    offset: int = 0
    acts: tuple[RemoteAct, ...] = ()
    code: str = ""
    code_until: int = 0
    acted: int = 0
    reads: tuple[int, ...] = ()
    previews: tuple[int, ...] = ()
    hushed: int = 0
    heard: int = 0
    strangers: int = 0
    strangers_told: int = 0
    old: int = 0


def heard(
    desk: PhoneDesk,
    update: Mapping[str, Any],
    allowed: AllowedUser,
    now: int,
    draw: Callable[[], str],
) -> tuple[PhoneDesk, list[Todo]]:
    """Take an update at ``now`` (UTC ms); ``draw`` makes a code. One that was heard before is nothing."""
    number = number_of(update)
    if number is None or number < desk.offset:
        return desk, []
    desk = replace(desk, offset=number + 1, heard=now)
    word = read_update(update, allowed, now / 1000)
    if isinstance(word, Passed):
        return _pass(desk, word), []
    return _obey(desk, word, number, allowed, now, draw)


def _pass(desk: PhoneDesk, passed: Passed) -> PhoneDesk:
    if passed.why == "stranger":
        return replace(desk, strangers=desk.strangers + 1)
    return replace(desk, old=desk.old + 1) if passed.why == "old" else desk


def _obey(
    desk: PhoneDesk,
    word: Word,
    number: int,
    allowed: AllowedUser,
    now: int,
    draw: Callable[[], str],
) -> tuple[PhoneDesk, list[Todo]]:
    match word:
        case AskHalt(reason):
            return _act(
                desk, RemoteAct(number, "halt", allowed.user, reason or "no reason given", now)
            )
        case Code(digits):
            return _take_code(desk, digits, number, allowed, now)
        case Ask(name):
            reads = _lately(desk.reads, now)
            if len(reads) >= MOST_READS:
                return _hush(desk, now)
            return replace(desk, reads=(*reads, now)), [Show(name)]
        case AskClose():  # who has asked much must still be able to close
            previews = _lately(desk.previews, now)
            if len(previews) >= MOST_READS:
                return _hush(desk, now)
            code = draw()
            desk = replace(desk, previews=(*previews, now), code=code, code_until=now + CODE_MS)
            return desk, [Preview(code)]
        case _:
            return desk, [Say("not understood: /help lists what can be asked")]


def _lately(times: tuple[int, ...], now: int) -> tuple[int, ...]:
    return tuple(at for at in times if now - READ_MS < at <= now)


def _hush(desk: PhoneDesk, now: int) -> tuple[PhoneDesk, list[Todo]]:
    """Say once a minute that there are too many questions."""
    if now - READ_MS < desk.hushed <= now:
        return desk, []
    text = f"too many questions: {MOST_READS} a minute are answered; /halt always is"
    return replace(desk, hushed=now), [Say(text)]


def _take_code(
    desk: PhoneDesk, digits: str, number: int, allowed: AllowedUser, now: int
) -> tuple[PhoneDesk, list[Todo]]:
    """Take a code: once, in time, and only the one that waits; any other one ends it."""
    waits, until = desk.code, desk.code_until
    if not waits:
        return desk, [Say("no code is waited for: /closeall gives one")]
    void = replace(desk, code="", code_until=0)
    if not until - CODE_MS <= now < until:
        return void, [Say("that code has run out: /closeall gives another")]
    if digits != waits:
        return void, [Say("that is not the code, nothing is closed: /closeall gives another")]
    if _is_soon(desk, now):
        return desk, [_soon()]  # the code stays: it can be sent again
    return _act(void, RemoteAct(number, "close-all", allowed.user, "closeall", now))


def _act(desk: PhoneDesk, act: RemoteAct) -> tuple[PhoneDesk, list[Todo]]:
    if _is_soon(desk, act.at):
        return desk, [_soon()]
    return replace(desk, acts=(*desk.acts, act), acted=act.at), [act]


def _is_soon(desk: PhoneDesk, now: int) -> bool:
    return now - ACT_MS < desk.acted <= now


def _soon() -> Say:
    return Say(f"not done: one act in {ACT_MS // 1000} s; send it again")


# -- what is pending -------------------------------------------------------------------------------


def done(desk: PhoneDesk, act: RemoteAct) -> PhoneDesk:
    """Return the desk without an act that is done, or will not be."""
    return replace(desk, acts=tuple(one for one in desk.acts if one != act))


def begin(desk: PhoneDesk, now: int) -> tuple[PhoneDesk, list[Todo]]:
    """Take up the desk of a process that has ended: what was pending is done again, or told where it is too late.

    A code that waited is void.
    """
    desk = replace(desk, code="", code_until=0)
    todo: list[Todo] = []
    for act in desk.acts:
        if 0 <= now - act.at <= LATE_MS:
            todo += [Say(f"/{_word(act)}: done again, since I was restarted meanwhile"), act]
        else:
            desk = done(desk, act)
            minutes = LATE_MS // 60_000
            todo.append(
                Say(f"/{_word(act)} was NOT done: it is older than {minutes} min. Send it again")
            )
    return desk, todo


def _word(act: RemoteAct) -> str:
    return act.name.replace("-", "")


def next_offset(desk: PhoneDesk, now: int) -> int:
    """Return from which update on to ask."""
    return desk.offset if now - desk.heard < IDLE_MS else 0


def rested(desk: PhoneDesk, now: int) -> PhoneDesk:
    """Return the desk as it asks next: after a week of silence from any number on."""
    return replace(desk, offset=next_offset(desk, now))


def tell_old(desk: PhoneDesk) -> tuple[PhoneDesk, list[Todo]]:
    """Say what was passed over for its age."""
    if not desk.old:
        return desk, []
    count = f"{desk.old} message{'' if desk.old == 1 else 's'}"
    text = f"{count} older than a minute passed over, nothing of it was done: send it again"
    return replace(desk, old=0), [Say(text)]


def tell_strangers(desk: PhoneDesk, now: int) -> tuple[PhoneDesk, str]:
    """Say once an hour how many words came from strangers; "" where there is nothing to say."""
    if not desk.strangers or 0 <= now - desk.strangers_told < HOUR_MS:
        return desk, ""
    count = f"{desk.strangers} message{'' if desk.strangers == 1 else 's'}"
    text = f"{count} to the bot from strangers: not answered"
    return replace(desk, strangers=0, strangers_told=now), text


# -- as it is kept ---------------------------------------------------------------------------------


def desk_as_json(desk: PhoneDesk) -> dict[str, Any]:
    """Return the desk as JSON types."""
    acts = [
        {"number": a.number, "name": a.name, "user": a.user, "reason": a.reason, "at": a.at}
        for a in desk.acts
    ]
    rest = {name: getattr(desk, name) for name in _PLAIN}
    return {**rest, "acts": acts, "reads": list(desk.reads), "previews": list(desk.previews)}


def desk_of(kept: Mapping[str, Any] | None) -> PhoneDesk:
    """Return the desk of what was kept; a new one where nothing was, or where it cannot be read."""
    try:
        body = dict(kept or {})
        acts = tuple(_act_of(row) for row in body.pop("acts", ()))
        reads = tuple(int(at) for at in body.pop("reads", ()))
        previews = tuple(int(at) for at in body.pop("previews", ()))
        rest = {name: body[name] for name in _PLAIN if name in body}
        return PhoneDesk(acts=acts, reads=reads, previews=previews, **rest)
    except (TypeError, ValueError, KeyError, AttributeError):
        return PhoneDesk()


_PLAIN = (
    *("offset", "code", "code_until", "acted", "hushed", "heard"),
    *("strangers", "strangers_told", "old"),
)


def _act_of(row: Mapping[str, Any]) -> RemoteAct:
    """Return a kept act; ValueError for anything but the two that there are."""
    name = row["name"]
    if name == "halt":
        return RemoteAct(
            int(row["number"]), "halt", int(row["user"]), str(row["reason"]), int(row["at"])
        )
    if name == "close-all":
        return RemoteAct(
            *(int(row["number"]), "close-all", int(row["user"]), str(row["reason"])), int(row["at"])
        )
    raise ValueError(f"no act is called {name!r}")


__all__ = [
    "PhoneDesk",
    "Preview",
    "RemoteAct",
    "Say",
    "Show",
    "Todo",
    "begin",
    "desk_as_json",
    "desk_of",
    "done",
    "heard",
    "rested",
    "tell_old",
    "tell_strangers",
]
