"""What the alerter sees by itself: an engine that is gone or hangs, a disk, a journal, a close-all, its own channels.

Pure: a condition and how the run stands in, a draft out, in the words of the screens.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from tradebot.alerts.advice import advice
from tradebot.alerts.draft import Draft
from tradebot.alerts.model import Condition, Scene
from tradebot.core.model.spoken import dead_since, duration, unwatched

UNDONE = ("left something", "broken off", "cannot be told")
"""How a close-all ends that has to be run again."""

Words = Callable[[Condition], str]


def draft_of(condition: Condition, scene: Scene | None) -> Draft:
    """Return what is told of a condition; that it has passed is said once, with how long it lasted."""
    mode = "" if scene is None else scene.mode
    if condition.over:
        what = OVER.get(condition.kind, f"{condition.kind.replace('_', ' ')} is over")
        head = f"{what} after {duration(max(0, _seconds(condition)))}"
        return Draft("recovered", head, condition.kind, data=condition.data)
    do = advice(condition.kind, mode)
    if condition.kind == "close_all" and condition.data.get("stage") in UNDONE:
        do = "tradebot close-all again; tradebot account shows what is left"
    dead = condition.kind == "engine_dead"
    head = _dead(condition, scene) if dead else WORDS.get(condition.kind, _plainly)(condition)
    return Draft(condition.kind, head, _about(condition), do, data=condition.data)


def _about(condition: Condition) -> str:
    """Return what tells it apart from others of its kind: a stage of a close-all, a channel."""
    names = ("stage", "channel", "month")
    return str(next((condition.data[name] for name in names if condition.data.get(name)), ""))


def _seconds(condition: Condition) -> int:
    """Return how long it lasted, where that is known."""
    return int(condition.data.get("seconds") or 0)


def _dead(condition: Condition, scene: Scene | None) -> str:
    if condition.data.get("unread"):
        return "ENGINE GONE, and the journal cannot be read: what is open cannot be told"
    positions = 0 if scene is None else len(scene.positions)
    beat = None if scene is None else scene.beat
    found = condition.data.get("pid")
    pid = f" (process {found})" if found else ""
    if condition.data.get("starting"):
        return f"ENGINE DEAD in its start{unwatched(positions)}{pid}"
    seen = int(condition.data.get("seen_ms") or condition.since)
    return f"ENGINE {dead_since(beat, positions, seen)}{pid}"


def _hung(condition: Condition) -> str:
    when = " in its start" if condition.data.get("starting") else ""
    return f"ENGINE HUNG{when}: no sign of life for {_seconds(condition)}s"


def _halt(condition: Condition) -> str:
    who = condition.data.get("by") or "the HALT file"
    if condition.data.get("hung"):
        return f"HALTED by {who}, while the engine hangs; no entry of it leaves any more"
    return f"HALTED by {who}, while no engine runs; the next one starts halted"


def _disk(condition: Condition) -> str:
    free = condition.data.get("free_bytes")
    left = f" ({int(free) // 1024} KiB left)" if isinstance(free, int) else ""
    return f"DISK FULL{left}: an engine can write nothing down"


def _journal(condition: Condition) -> str:
    rows = condition.data.get("side_rows")
    side = f" ({rows} protective orders are in the side file)" if rows else ""
    return f"the journal cannot be written or read: {_why(condition.data)}{side}"


def _close_all(condition: Condition) -> str:
    data = condition.data
    account, who = data.get("account") or "paper", data.get("who") or "-"
    if data.get("stage") == "under way":
        return f"CLOSE-ALL of {account} begun by {who}: {data.get('state', '')}"
    if data.get("stage") == "nothing is left":
        return f"CLOSE-ALL of {account} PROVED: {data.get('state', '')}"
    return f"CLOSE-ALL of {account}: {data.get('state', '')}"


def _channel(condition: Condition) -> str:
    return f"alerts by {condition.data.get('channel', '-')} fail: {_why(condition.data)}"


def _month(condition: Condition) -> str:
    name = condition.data.get("file") or condition.data.get("month", "-")
    return f"the month's report is ready: {name}"


def _said(condition: Condition) -> str:
    return _why(condition.data)


def _plainly(condition: Condition) -> str:
    return f"{condition.kind.replace('_', ' ')}: {_why(condition.data)}"


def _why(data: Mapping[str, Any]) -> str:
    return str(data.get("why") or "-")


WORDS: Mapping[str, Words] = {
    "engine_hung": _hung,
    "halt": _halt,
    "disk_full": _disk,
    "journal": _journal,
    "close_all": _close_all,
    "channel": _channel,
    "month": _month,
    "commands": _said,
}

OVER: Mapping[str, str] = {
    "engine_dead": "an engine runs again",
    "engine_hung": "the engine shows signs of life again",
    "disk_full": "there is room on the disk again",
    "journal": "the journal can be written and read again",
    "channel": "alerts are delivered again",
    "commands": "commands are taken again",
}
"""How it is said that a condition has passed."""
