"""What is told, in words: an audit row, a condition or a moment to alerts.

``told`` is asked for every audit row in order, ``told_of`` for what the alerter sees by itself, ``told_at`` once a
minute. All are pure: what they have to remember goes through ``memory``, which is kept with the cursor. Every text is made
by ``framed``, its first line in the words of the log.
"""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from tradebot.alerts.advice import advice
from tradebot.alerts.conditions import draft_of
from tradebot.alerts.days import day_words
from tradebot.alerts.draft import Draft
from tradebot.alerts.frame import framed
from tradebot.alerts.model import KINDS, Alert, AuditRow, Condition, Memory, Scene, Wishes
from tradebot.alerts.rows import drafts_of
from tradebot.core.model.values import DAY_MS, MINUTE_MS

MOST_CHANGES = 6
"""Changed keys of a configuration that are named."""

SAYS_NOTHING = frozenset(("Place", "Cancel", "WakeAt", "LookUp", "ReadBack", "Countdown"))
"""Audit rows of which nobody is told, or that others tell of."""

WHOLE = ("config", "summary", "indicators")
"""Parts of a row that are documents of their own: an alert does not carry them."""

MONEYLESS = (
    "symbol",
    "side",
    "reason",
    "status",
    "stage",
    "state",
    "seconds",
    "channel",
    "verdict",
)
"""What of an alert's data is passed on where no money may be in it."""


def told(row: AuditRow, scene: Scene, wishes: Wishes, memory: Memory) -> tuple[list[Alert], Memory]:
    """Return the alerts an audit row leads to (mostly none), and what is to be remembered."""
    if row.kind in SAYS_NOTHING:
        return [], memory
    memory = copy.deepcopy(memory)
    own: Memory = memory.setdefault("runs", {}).setdefault(row.run, {})
    drafts = [*drafts_of(row, scene, wishes, own), *_changed(row, scene, memory, own)]
    if row.kind == "RunEnded" and row.body.get("state") == "ended":  # it is never continued
        del memory["runs"][row.run]
    alerts = []
    for draft in drafts:
        source = f"audit:{row.seq}{':' if draft.tag else ''}{draft.tag}"
        own_data = {name: part for name, part in row.body.items() if name not in WHOLE}
        data = {**own_data, **draft.data}
        alerts.append(_alert(draft, scene, wishes, row.seq, source, row.wall, data))
    return alerts, memory


def told_of(condition: Condition, scene: Scene | None, wishes: Wishes) -> Alert:
    """Return the alert about a condition that no audit row tells of."""
    draft = draft_of(condition, scene)
    run = "" if scene is None else scene.run
    about = f":{draft.about}" if draft.about else ""
    over = ":over" if condition.over else ""
    source = f"{condition.kind}:{run}:{condition.since}{about}{over}"
    data = dict(condition.data)
    time = condition.since + (1000 * int(data.get("seconds") or 0) if condition.over else 0)
    return _alert(draft, scene, wishes, None, source, time, data)


def told_at(
    now: int, scenes: Sequence[Scene], wishes: Wishes, memory: Memory
) -> tuple[list[Alert], Memory]:
    """Return the alerts that a moment leads to (UTC ms): the summary of yesterday, and that a close-all left nothing.

    Simulated runs have their summary at the end of the market's own day.
    """
    memory = copy.deepcopy(memory)
    alerts = []
    for scene in scenes:
        own: Memory = memory.setdefault("runs", {}).setdefault(scene.run, {})
        for tag, draft in (*_summary(now, scene, wishes, own), *_flat(scene, own)):
            source = f"{draft.kind}:{scene.run}:{tag}"
            alerts.append(_alert(draft, scene, wishes, None, source, now, draft.data))
    return alerts, memory


def _summary(now: int, scene: Scene, wishes: Wishes, own: Memory) -> Iterator[tuple[object, Draft]]:
    today = now // DAY_MS
    due = now % DAY_MS >= wishes.summary_at * MINUTE_MS
    if scene.simulated or not due or own.get("summed") == today:
        return
    own["summed"] = today
    words = day_words(own, (today - 1) * DAY_MS, scene, wishes)
    if words:
        yield today - 1, Draft("day", words, str(today - 1))


def _flat(scene: Scene, own: Memory) -> Iterator[tuple[object, Draft]]:
    """Say that a close-all of a simulated run has left nothing; that of an account has a proof of its own."""
    who = own.get("closing")
    if not who or scene.positions:
        return
    own["closing"] = ""
    if scene.mode == "live":
        return
    beat = scene.beat or 0
    yield beat, Draft("close_all", f"CLOSE-ALL by {who}: nothing is left", "flat")


def _changed(row: AuditRow, scene: Scene, memory: Memory, own: Memory) -> list[Draft]:
    """Say where a run begins, or goes on, with another strategy or configuration than the last start of its mode."""
    now = _start(row, own)
    if now is None:
        return []
    starts: dict[str, dict[str, str]] = memory.setdefault("starts", {})
    before = starts.get(scene.mode)
    starts[scene.mode] = now
    if before is None:
        return []
    words = []
    if before["strategy_hash"] != now["strategy_hash"]:
        names = [f"{one['strategy']} ({one['strategy_hash'][:8]})" for one in (before, now)]
        words.append(f"strategy {names[0]} -> {names[1]}")
    words += _differences(before["config"], now["config"])
    if not words:
        return []
    head = f"changed since the last {scene.mode} start: {'; '.join(words)}"
    return [Draft("changed", head, scene.mode, advice("changed", scene.mode), "changed")]


def _start(row: AuditRow, own: Memory) -> dict[str, str] | None:
    """Return what an engine was started with; None where a row is no start, or where that is not known."""
    if row.kind == "RunBegun":
        names = ("strategy", "strategy_hash", "config")
        own["start"] = {name: str(row.body.get(name, "")) for name in names}
    elif row.kind != "RunResumed" or own.get("command") or "start" not in own:
        return None
    begun: dict[str, str] = own["start"]
    return {**begun, "config": str(row.body.get("config") or begun["config"])}


def _differences(before: str, now: str) -> list[str]:
    """Return the keys of a configuration (JSON text) that are others now, with both values."""
    try:
        old, new = _flattened(json.loads(before)), _flattened(json.loads(now))
    except ValueError:
        return [] if before == now else ["configuration"]
    keys = [key for key in sorted({*old, *new}) if old.get(key) != new.get(key)]
    words = [f"{key} {old.get(key, '-')} -> {new.get(key, '-')}" for key in keys[:MOST_CHANGES]]
    return words + ([f"{len(keys) - MOST_CHANGES} more keys"] if len(keys) > MOST_CHANGES else [])


def _flattened(table: Mapping[str, Any], name: str = "") -> dict[str, Any]:
    """Return a configuration's values by their whole names; where alerts go is no part of it."""
    found: dict[str, Any] = {}
    for key, value in table.items():
        whole = f"{name}.{key}" if name else key
        if whole == "alerts":
            continue
        found |= _flattened(value, whole) if isinstance(value, Mapping) else {whole: value}
    return found


def plainly(row: AuditRow, scene: Scene) -> Alert:
    """Return the alert about a row that could not be put into words."""
    grave = row.kind == "Halted" or row.body.get("level") == "critical"
    kind = "halt" if grave else "changed"
    text = f"{row.kind} in {row.run}: `tradebot status` tells more"
    where = (row.run, scene.mode, scene.market, scene.simulated)
    key = f"plainly:{row.kind}"
    return Alert(row.seq, "", kind, KINDS[kind], key, text, row.wall, row.body, *where)


def _alert(
    draft: Draft,
    scene: Scene | None,
    wishes: Wishes,
    seq: int | None,
    source: str,
    time: int,
    data: Mapping[str, Any],
) -> Alert:
    mode = "" if scene is None else scene.mode
    text = framed(draft.head, scene, wishes, draft.do or advice(draft.kind, mode))
    run, where = "", ("", "", False)
    if scene is not None:
        run, where = scene.run, (scene.mode, scene.market, scene.simulated)
    key = f"{draft.kind}:{run}:{draft.about}"
    told = data if wishes.amounts else {name: data[name] for name in MONEYLESS if name in data}
    file = str(draft.data.get("file") or "") if wishes.amounts else ""  # there is money in it
    return Alert(
        *(seq, source, draft.kind, KINDS[draft.kind], key, text, time, told, run, *where, file)
    )


__all__ = ["framed", "plainly", "told", "told_at", "told_of"]
