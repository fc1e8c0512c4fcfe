"""What no audit row can say, because who writes them is gone, hangs or cannot: seen by looking. Pure.

``watched`` compares a look with what was remembered of those before it: an engine that went without an end row, one
that lives and writes nothing, a full disk, a journal that cannot be written, a HALT file nobody else tells of, a close-all.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from tradebot.alerts.model import Condition, Memory, OwnerSeen, Scene, Sighting

HUNG_MS = 10_000
"""An engine that has written nothing for longer than this hangs."""

SURE_MS = 5_000
"""It is told when it still hangs so much later: a machine that slept has a moment to move."""

BEGINNING_MS = 120_000
"""How long an engine may take until it writes for the first time, where it does not show how its start goes on."""

OPENING_MS = 600_000
"""How long a start that is seen to go on may take until the run begins, and again until that writes more."""

WAITED_MS = 60_000
"""An engine that waits for a resume begins anew with its start, to this much."""

SLEPT_MS = 30_000
"""Where two looks lie further apart the machine slept, or its clock was set: a start has its time anew."""

FULL_BYTES = 65_536


def watched(
    seen: Sighting, memory: Memory, now: int, looked: int = 0
) -> tuple[list[tuple[Condition, Scene | None]], Memory]:
    """Return what has begun or passed since the last look, each with the run it is about, and what to remember.

    A condition is told when it begins and when it is over; what stands in ``memory["standing"]`` has been told.
    ``looked`` is when it was looked before (UTC ms), 0 where that is not known.
    """
    owner = _owner(seen, memory.get("owner"), now, looked)
    dead = _dead(seen, memory)
    died = None if dead else _died(seen, memory)
    found = {
        **dead,
        **_dead_in_start(seen, died),
        **_gone(seen, memory),
        **_hung(seen, owner, memory, now),
        **_trouble(seen),
    }
    standing: dict[str, Any] = dict(memory.get("standing", {}))
    if "halt" in standing or _is_untold_halt(seen, owner, memory, now):
        found |= _halted(seen)
    told: list[tuple[Condition, Scene | None]] = []
    for name, (condition, scene) in found.items():
        if name not in standing:
            standing[name] = {"kind": condition.kind, "since": condition.since}
            if condition.data.get("starting"):
                standing[name]["starting"] = True
            told.append((condition, scene))
    for name in [name for name in standing if name not in found]:
        if _is_unknown(str(standing[name]["kind"]), seen):
            continue
        before = standing.pop(name)
        told += _over(name, before, seen, now)
    closing, told_closing = _closing(seen, memory)
    unseen = (
        owner is None and not seen.readable
    )  # who went while nobody could look has not gone in order
    remembered = {
        "owner": memory.get("owner") if unseen else owner,
        "first": memory.get("first", 0) if owner is None else owner["first"],
        "died": died,
        "standing": standing,
        "silent_since": _silent_since(seen, owner, memory, now),
        "closing": closing,
        "reports": list(seen.reports),
        "halted": seen.halted,
    }
    told += _reports(seen, memory)
    return told + told_closing, {**memory, **remembered}


def taken_up(seen: Memory, kept: Memory) -> Memory:
    """Return what to remember where something was ``seen`` before what was ``kept`` could be read.

    What stood then and stands no more is over, which has yet to be told; a page of a month that came meanwhile too.
    """
    standing = {**kept.get("standing", {}), **seen.get("standing", {})}
    reports = {"reports": kept["reports"]} if "reports" in kept else {}
    return {**kept, **seen, **({"standing": standing} if standing else {}), **reports}


def opens(seen: Sighting, memory: Memory, now: int, looked: int = 0) -> bool:
    """Whether the journal cannot be read since an engine only brings it up to date, or makes it, and is seen to go on."""
    owner = _owner(seen, memory.get("owner"), now, looked)
    if not seen.unmade or owner is None or seen.owner is None or not seen.owner.taken:
        return False
    return now - seen.owner.shown <= HUNG_MS and now - _since(owner) <= OPENING_MS


Found = dict[str, tuple[Condition, Scene | None]]


def _owner(seen: Sighting, before: dict[str, Any] | None, now: int, looked: int) -> Any:
    """Return who owns the lock as JSON types, with since when; None without an owner. One that waits is as new.

    ``woke`` is when it was first looked again after a gap.
    """
    owner = seen.owner
    if owner is None:
        return None
    same = before is not None and (before["pid"], before["started"]) == (owner.pid, owner.started)
    first = before["first"] if before is not None and same else now
    if seen.waits and now - first > WAITED_MS:  # not at each look: it is kept on the disk
        first = now
    known = {"pid": owner.pid, "started": owner.started, "first": first}
    if not owner.taken:
        return known
    woke = before.get("woke", 0) if before is not None and same else 0
    if looked and now - looked > SLEPT_MS:
        woke = now
    return {**known, "taken": owner.taken, "account": owner.account, "woke": woke}


def _since(owner: Any, beat: int = 0) -> int:
    """Return since when an engine's start has its time: since it is known, or its run wrote, or since the machine woke."""
    return max(beat or int(owner["first"]), int(owner.get("woke", 0)))


def _running(scenes: Iterable[Scene]) -> list[Scene]:
    return [scene for scene in scenes if scene.state == "running"]


def _dead(seen: Sighting, memory: Memory) -> Found:
    """Find runs that nobody ended and nobody works on.

    An engine that died before it wrote anything is another one than that which died before it.
    """
    if seen.owner is not None or seen.busy:
        return {}
    found: Found = {}
    for scene in _running(seen.scenes):
        since = max(scene.beat or seen.wall, int(memory.get("first", 0)))
        condition = Condition("engine_dead", since, data={"seen_ms": seen.wall})
        found[f"engine_dead:{scene.run}:{since}"] = (condition, scene)
    return found


def _died(seen: Sighting, memory: Memory) -> Any:
    """Return the engine that died in its start, as it is remembered, until another one is there; None where none did.

    Its journal has no run of it: it left its note behind, or was told of as one that hangs. One that is refused does neither.
    """
    if seen.owner is not None:
        return None
    before = memory.get("owner")
    if before is None or seen.busy or not seen.readable:
        return memory.get("died")
    hung = any(one.get("starting") for one in memory.get("standing", {}).values())
    if not before.get("taken") or not (hung or seen.left == (before["pid"], before["started"])):
        return None
    beat = max((scene.beat or 0 for scene in seen.scenes), default=0)
    return before if beat < before["taken"] and (seen.scenes or before["account"]) else None


def _dead_in_start(seen: Sighting, died: Any) -> Found:
    if died is None or seen.busy or not seen.readable:
        return {}
    scene = next(iter(seen.scenes), None)
    data = {"pid": died["pid"], "seen_ms": seen.wall, "starting": True}
    name = f"engine_dead:{'' if scene is None else scene.run}:{died['taken']}"
    return {name: (Condition("engine_dead", int(died["taken"]), data=data), scene)}


def _gone(seen: Sighting, memory: Memory) -> Found:
    """Find an engine that went while its journal could not be read: what it worked on nobody can tell."""
    if seen.readable or seen.owner is not None or seen.busy or not seen.trouble:
        return {}
    if memory.get("owner") is None:
        return {}
    data = {"pid": memory["owner"]["pid"], "seen_ms": seen.wall, "unread": True}
    return {"engine_dead": (Condition("engine_dead", seen.wall, data=data), None)}


def _silence(seen: Sighting, owner: Any, now: int) -> tuple[Scene | None, int] | None:
    """Return the run whose engine lives and has shown no sign of life for too long, with the last one (UTC ms)."""
    if owner is None or seen.owner is None or seen.waits or not seen.readable:
        return None
    running = _running(seen.scenes)
    newest = max(running or seen.scenes, key=lambda scene: scene.beat or 0, default=None)
    beat = (newest.beat or 0) if newest is not None else 0
    last = _last_sign(seen.owner, owner, beat, now, running=bool(running))
    if last is None or now - last <= HUNG_MS:
        return None
    at_stake = newest is not None or seen.owner.account
    return (newest, last) if at_stake else None


def _last_sign(owner: OwnerSeen, known: Any, beat: int, now: int, *, running: bool) -> int | None:
    """Return when an engine last showed that it lives (UTC ms); None where nothing can be expected of it.

    ``known`` is what is remembered of it, ``beat`` when a run was last written.
    """
    first = int(known["first"])
    if not owner.taken:
        return beat if running and (beat >= first or now - first > BEGINNING_MS) else None
    begun = beat >= owner.taken
    if begun and not running:  # its run is over
        return None
    shown = owner.shown or first  # not since 1970
    return max(beat, min(shown, _since(known, beat if begun else 0) + OPENING_MS))


def _silent_since(seen: Sighting, owner: Any, memory: Memory, now: int) -> int | None:
    before = memory.get("silent_since")
    if not seen.readable:
        return None if owner is None or before is None else int(before)
    if _silence(seen, owner, now) is None:
        return None
    return now if before is None else int(before)


def _hung(seen: Sighting, owner: Any, memory: Memory, now: int) -> Found:
    silence = _silence(seen, owner, now)
    since = _silent_since(seen, owner, memory, now)
    if silence is None or since is None or now - since < SURE_MS:
        return {}
    scene, last = silence
    data = {"pid": owner["pid"], "seconds": (now - last) // 1_000}
    beat = 0 if scene is None else scene.beat or 0
    if seen.owner is not None and beat < seen.owner.taken:
        data["starting"] = True
    name = f"engine_hung:{'' if scene is None else scene.run}"
    return {name: (Condition("engine_hung", last, data=data), scene)}


def _trouble(seen: Sighting) -> Found:
    scene = next(iter(seen.scenes), None)
    found: Found = {}
    if seen.free_bytes is not None and seen.free_bytes < FULL_BYTES:
        data: dict[str, Any] = {"free_bytes": seen.free_bytes}
        found["disk_full"] = (Condition("disk_full", seen.wall, data=data), scene)
    if seen.trouble or seen.side_rows:
        data = {"why": seen.trouble, "side_rows": seen.side_rows}
        found["journal"] = (Condition("journal", seen.wall, data=data), scene)
    return found


def _is_untold_halt(seen: Sighting, owner: Any, memory: Memory, now: int) -> bool:
    """Whether a HALT file has come that no engine tells of: an engine that works has it in its audit trail."""
    came = seen.halted and not memory.get("halted", True)
    return came and (owner is None or _silence(seen, owner, now) is not None)


def _halted(seen: Sighting) -> Found:
    if not seen.halted:
        return {}
    scene = next(iter(seen.scenes), None)
    data = {"file": "HALT", "by": seen.halt_words, "hung": seen.owner is not None}
    return {"halt": (Condition("halt", seen.wall, data=data), scene)}


def _is_unknown(kind: str, seen: Sighting) -> bool:
    """Whether a look says nothing of what stood before: then it is not over."""
    match kind:
        case "engine_dead":  # a command that closes what is open is no engine that runs again
            return seen.owner is None and (seen.busy or not seen.readable)
        case "engine_hung":
            return seen.owner is not None and not seen.readable
        case "journal":
            return not seen.readable
        case "disk_full":
            return seen.free_bytes is None
        case _:
            return False


def _over(
    name: str, before: dict[str, Any], seen: Sighting, now: int
) -> list[tuple[Condition, Scene | None]]:
    """Say that something is over: of a halt its resume says so, of a run that a command has ended the command."""
    kind = str(before["kind"])
    if kind == "halt" or (kind == "engine_dead" and seen.owner is None):
        return []
    run = name.split(":")[1] if ":" in name else ""
    scene = next((scene for scene in seen.scenes if run in ("", scene.run)), None)
    if kind == "engine_hung" and seen.owner is None:
        return []  # it is dead now, which is told
    data = {"seconds": max(0, now - int(before["since"])) // 1_000}
    return [(Condition(kind, int(before["since"]), over=True, data=data), scene)]


def _reports(seen: Sighting, memory: Memory) -> list[tuple[Condition, Scene | None]]:
    """Tell of a month's report that was written since the last look."""
    if "reports" not in memory:  # the first look of all: that is history
        return []
    new = [path for path in seen.reports if path not in memory["reports"]]
    scene = next(iter(seen.scenes), None)
    return [
        (Condition("month", seen.wall, data={"file": path, "month": Path(path).stem}), scene)
        for path in new
    ]


def _closing(seen: Sighting, memory: Memory) -> tuple[Any, list[tuple[Condition, Scene | None]]]:
    """Tell of a close-all of an account each time it stands otherwise than before."""
    before = memory.get("closing")
    if seen.closing is None:
        return before, []
    now = [seen.closing.get("begun"), seen.closing.get("stage")]
    if now == before:
        return before, []
    if "closing" not in memory and "owner" not in memory:  # the first look of all: that is history
        return now, []
    scene = next(iter(seen.scenes), None)
    return now, [(Condition("close_all", seen.wall, data=seen.closing), scene)]


__all__ = ["opens", "taken_up", "watched"]
