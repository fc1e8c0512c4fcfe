"""What is told, in words: an audit row, a condition or a moment to alerts.

``told`` is asked for every audit row in order, ``told_of`` for what the alerter sees by itself, ``told_at`` once a
minute. All are pure: what they have to remember goes through ``memory``, which is kept with the cursor.
"""

from __future__ import annotations

from collections.abc import Sequence

from tradebot.alerts.model import (
    KINDS,
    SIMULATED,
    Alert,
    AuditRow,
    Condition,
    Memory,
    Scene,
    Wishes,
)


def told(row: AuditRow, scene: Scene, wishes: Wishes, memory: Memory) -> tuple[list[Alert], Memory]:
    """Return the alerts an audit row leads to (mostly none), and what is to be remembered."""
    if row.kind != "Halted":
        return [], memory
    text = framed(f"HALTED ({row.body['reason']}): {row.body['detail']}", scene, wishes)
    alert = Alert(
        *(row.seq, f"audit:{row.seq}", "halt", KINDS["halt"], f"halt:{row.run}", text, row.wall),
        *(row.body, row.run, scene.mode, scene.market, scene.simulated),
    )
    return [alert], memory


def told_of(condition: Condition, scene: Scene | None, wishes: Wishes) -> Alert:
    """Return the alert about a condition that no audit row tells of."""
    what = f"{condition.kind.replace('_', ' ')}{' is over' if condition.over else ''}"
    kind = "recovered" if condition.over else condition.kind
    run = "" if scene is None else scene.run
    source = f"{condition.kind}:{run}:{condition.since}{':over' if condition.over else ''}"
    key = f"{condition.kind}:{run}"
    where = ("", "", False) if scene is None else (scene.mode, scene.market, scene.simulated)
    text = what if scene is None else framed(what, scene, wishes)
    data = condition.data
    return Alert(None, source, kind, KINDS[kind], key, text, condition.since, data, run, *where)


def told_at(
    now: int,  # noqa: ARG001
    scenes: Sequence[Scene],  # noqa: ARG001
    wishes: Wishes,  # noqa: ARG001
    memory: Memory,
) -> tuple[list[Alert], Memory]:
    """Return the alerts that a moment leads to (UTC ms): the summary of the day, the month's report."""
    return [], memory


def framed(
    head: str,
    scene: Scene,
    wishes: Wishes,  # noqa: ARG001
    do: str = "",
) -> str:
    """Return a whole text: what happened, then how the run stands, then what to do."""
    first = f"{SIMULATED} {head}" if scene.simulated else head
    return "\n".join(line for line in (first, f"{scene.run} {scene.mode}", do) if line)
