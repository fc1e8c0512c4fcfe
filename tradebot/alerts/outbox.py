"""What is sent when: pure rules over what waits for one channel. Times in UTC milliseconds, given by the caller.

``choose`` looks at all that waits and says what goes out now, alone or together, or how long there is nothing to do.
Critical alerts are a queue of their own: they go before all others, are never put off or summed up by them, and where
many wait they go out with their whole texts in one message. What else repeats becomes one message with its count, and a
storm, what quiet hours held back, or a backlog becomes one digest.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import field
from typing import Literal, TypeAlias

from tradebot.alerts.model import SIMULATED, Level
from tradebot.core.model.frozen import frozen
from tradebot.core.model.times import iso

SECOND = 1_000
MINUTE = 60 * SECOND

FIRST_WAIT_S = 5.0
LONGEST_WAIT_S = 600.0
JITTER = 0.25
"""Up to this share is added to a wait, so that many bots do not come back in one moment."""

LIVES: dict[bool, int] = {True: 24 * 60 * MINUTE, False: 60 * MINUTE}
"""How long a critical alert, and any other, is tried."""

TOGETHER = 10 * MINUTE
"""What has the same key within this becomes one message."""

STORM = 30
STORM_SPAN = 5 * MINUTE
"""More than ``STORM`` in this span are a storm: they become one digest."""

BACKLOG = 3
STALE = MINUTE
"""More than ``BACKLOG`` different ones that wait, the oldest for longer than this, become one digest too."""

LONGEST = 3_500
"""Characters of a message; Telegram takes 4,096."""

_NUMBERS = re.compile(r"[\d.,]+")

LISTED = 12
"""Lines of a digest."""

ItemState: TypeAlias = Literal["waiting", "held"]


@frozen
class Rate:
    """How much a channel may be given: messages in a second and in a minute; ``others`` of the latter for what is not critical."""

    second: int = 1
    minute: int = 20
    others: int = 12


@frozen
class Item:
    """A message that waits for a channel. ``due`` is when it may go at the earliest, ``head`` its first line.

    ``tried`` is how often it went out without an answer that it was taken; ``mark`` is how its text ends.
    """

    id: int
    kind: str
    level: Level
    key: str
    created: int
    due: int
    head: str
    mark: str
    state: ItemState = "waiting"
    tried: int = 0
    next_try: int = 0
    silent: bool = False

    @property
    def critical(self) -> bool:
        """Whether it is never put off."""
        return self.level == "critical"


@frozen
class Try:
    """A message that was given to a channel, taken or not."""

    at: int
    critical: bool


@frozen
class Past:
    """What is known of a channel: its newest tries, and when each key and a digest last went out.

    ``arrived`` are the times at which alerts that are not critical came in during the last minutes. ``failures`` in a row there
    were; ``others_from`` is how long that holds off what is not critical, ``not_before`` until when the
    server wants nothing at all; ``stopped`` says why the channel takes nothing until somebody mends it.
    """

    tries: Sequence[Try] = ()
    keys: Mapping[str, int] = field(default_factory=dict)
    digest: int = 0
    arrived: Sequence[int] = ()
    failures: int = 0
    others_from: int = 0
    not_before: int = 0
    stopped: str = ""


How: TypeAlias = Literal["one", "whole", "repeated", "digest"]


@frozen
class Going:
    """What goes out now: these items as one message. ``how``: one; several whole texts; the newest with a count; a digest."""

    items: tuple[Item, ...]
    how: How


@frozen
class Expired:
    """These have waited too long."""

    items: tuple[Item, ...]


@frozen
class Waiting:
    """There is nothing to do before this time; None: until something new comes."""

    until: int | None


Step: TypeAlias = Going | Expired | Waiting


def choose(items: Sequence[Item], past: Past, rate: Rate, now: int, *, joins: bool = True) -> Step:
    """Return what is to be done for a channel now. ``joins``: whether several may become one message there."""
    gone = tuple(item for item in items if item.due + LIVES[item.critical] <= now)
    if gone:
        return Expired(gone)
    if past.stopped:
        return Waiting(min((i.due + LIVES[i.critical] for i in items), default=None))
    critical = [item for item in items if item.critical]
    others = [item for item in items if not item.critical]
    steps = [_critical_step(critical, past, rate, now, joins)] if critical else []
    if others and not (
        critical and past.failures
    ):  # while it fails, critical ones try whether it is well again
        steps.append(_other_step(others, past, rate, now, joins))
    for step in steps:
        if isinstance(step, Going):
            return step
    times = [step.until for step in steps if isinstance(step, Waiting) and step.until is not None]
    return Waiting(min(times, default=None))


def wait_after(failures: int, jitter: float, retry_after: float | None = None) -> int:
    """Return how long (ms) to wait after so many failures in a row; ``jitter`` from 0 to 1.

    Never less than what the server asked for (``retry_after``, seconds).
    """
    waits = min(FIRST_WAIT_S * 2.0 ** min(failures - 1, 20), LONGEST_WAIT_S)
    waits = min(waits * (1 + JITTER * jitter), LONGEST_WAIT_S)
    return int(max(waits, (retry_after or 0.0) + (0.5 if retry_after else 0.0)) * SECOND)


def free_from(tries: Iterable[Try], rate: Rate, now: int, *, critical: bool) -> int:
    """Return from when on the rate lets another message out; ``now`` if at once."""
    made = sorted(min(one.at, now) for one in tries)
    others = sorted(min(one.at, now) for one in tries if not one.critical)
    free = max(_window(made, rate.second, SECOND, now), _window(made, rate.minute, MINUTE, now))
    return free if critical else max(free, _window(others, rate.others, MINUTE, now))


def _window(times: Sequence[int], most: int, span: int, now: int) -> int:
    """Return when fewer than ``most`` of the times are less than ``span`` ago."""
    recent = [at for at in times if at > now - span]
    return now if len(recent) < most else recent[-most] + span


def _critical_step(
    queue: Sequence[Item], past: Past, rate: Rate, now: int, joins: bool
) -> Going | Waiting:
    going = _critical(queue, now, joins)
    free = max(free_from(past.tries, rate, now, critical=True), past.not_before)
    return _not_before(going, free, now)


def _other_step(
    queue: Sequence[Item], past: Past, rate: Rate, now: int, joins: bool
) -> Going | Waiting:
    going = _others(queue, past, now, joins)
    free = free_from(past.tries, rate, now, critical=False)
    return _not_before(going, max(free, past.not_before, past.others_from), now)


def _not_before(going: Going | Waiting, free: int, now: int) -> Going | Waiting:
    if isinstance(going, Going):
        return going if free <= now else Waiting(free)
    return Waiting(None if going.until is None else max(going.until, free))


def _critical(queue: Sequence[Item], now: int, joins: bool) -> Going | Waiting:
    """Return the critical message to send: what was tried least, oldest first; all that is new with it."""
    ready = sorted((i for i in queue if i.next_try <= now), key=_order)
    if not ready:
        return Waiting(min(item.next_try for item in queue))
    fresh = [item for item in ready if not item.tried]
    if joins and len(fresh) > 1:
        return Going(tuple(fresh), "whole")
    return Going((ready[0],), "one")


def _order(item: Item) -> tuple[int, int]:
    return item.tried, item.id


def _others(queue: Sequence[Item], past: Past, now: int, joins: bool) -> Going | Waiting:
    due = [item for item in queue if max(item.due, item.next_try) <= now]
    later = [max(item.due, item.next_try) for item in queue if max(item.due, item.next_try) > now]
    if not joins:
        return Going((min(due, key=_order),), "one") if due else Waiting(min(later, default=None))
    held = [item for item in due if item.state == "held"]
    if len(held) > 1:
        return Going(tuple(held), "digest")
    if _is_storm(past, now):
        return _in_storm(due, later, past, now)
    open_keys = {key: at + TOGETHER for key, at in past.keys.items() if at <= now < at + TOGETHER}
    ready = sorted((item for item in due if item.key not in open_keys), key=_order)
    if (
        len({_what(item) for item in ready}) > BACKLOG
        and min(item.due for item in ready) <= now - STALE
    ):
        return Going(tuple(ready), "digest")
    if ready:
        first = ready[0]
        same = sorted((item for item in ready if item.key == first.key), key=lambda item: item.id)
        if len(same) == 1:
            return Going((first,), "one")
        alike = len({_what(item) for item in same}) == 1
        return Going(tuple(same), "repeated" if alike else "digest")
    return Waiting(min([*later, *(open_keys[item.key] for item in due)], default=None))


def _what(item: Item) -> tuple[str, str]:
    """Return what an alert says but for its numbers: of what is alike the newest is enough."""
    return item.key, _NUMBERS.sub("", item.head)


def _is_storm(past: Past, now: int) -> bool:
    return sum(now - STORM_SPAN < at <= now for at in past.arrived) > STORM


def _in_storm(due: Sequence[Item], later: Sequence[int], past: Past, now: int) -> Going | Waiting:
    """Return one digest of all that waits, at most one in ``STORM_SPAN``."""
    free = past.digest + STORM_SPAN
    if due and free <= now:
        return Going(tuple(due), "digest" if len(due) > 1 else "one")
    return Waiting(min([*later, *([free] if due else [])], default=None))


# -- one text of several --------------------------------------------------------------------------


def message(going: Going, texts: dict[int, str]) -> str:
    """Return the text that goes out; ``texts`` has the whole text of each item. Each ends with its mark."""
    if going.how == "digest":
        return _digest(going.items)
    if going.how == "repeated":
        last, first = going.items[-1], min(item.created for item in going.items)
        times = f"x{len(going.items)} since {clock_time(first)}"
        return f"{shortened(texts[last.id])}\n{times} UTC {last.mark}"
    return "\n\n".join(f"{shortened(texts[item.id])} {item.mark}" for item in going.items)


def fitting(going: Going, texts: dict[int, str]) -> Going:
    """Return as many whole texts as fit into one message; at least one."""
    if going.how != "whole":
        return going
    size = 0
    kept: list[Item] = []
    for item in going.items:
        size += len(texts[item.id]) + len(item.mark) + 3
        if kept and size > LONGEST:
            break
        kept.append(item)
    return Going(tuple(kept), "whole" if len(kept) > 1 else "one")


def shortened(text: str) -> str:
    """Return a text that a channel takes whole: its beginning, where it is too long."""
    return text if len(text) <= LONGEST else f"{text[: LONGEST - 1]}…"


def clock_time(at: int) -> str:
    """Return the time of the day, UTC: ``14:02``."""
    return iso(at)[11:16]


def _digest(items: Sequence[Item]) -> str:
    ordered = sorted(items, key=lambda item: item.id)
    counts = Counter(item.kind for item in ordered)
    kinds = ", ".join(f"{count} {kind}" for kind, count in counts.most_common())
    span = f"{clock_time(ordered[0].created)} to {clock_time(ordered[-1].created)} UTC"
    shown = ordered[-LISTED:]
    lines = [f"{clock_time(i.created)} {i.head[:160]} {i.mark}" for i in shown]
    left = len(ordered) - len(shown)
    more = [f"... and {left} before; `tradebot alerts list` has them all"] if left else []
    label = f"{SIMULATED} " if all(i.head.startswith(SIMULATED) for i in ordered) else ""
    return "\n".join([f"{label}{len(ordered)} alerts, {span}: {kinds}", *more, *lines])


__all__ = [
    "Expired",
    "Going",
    "Item",
    "Past",
    "Rate",
    "Step",
    "Try",
    "Waiting",
    "choose",
    "fitting",
    "free_from",
    "message",
    "wait_after",
]
