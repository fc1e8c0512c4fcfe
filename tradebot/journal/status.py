"""How a run stands, worked out once for all who show it: alive or not, PnL of the day, halts in force."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Literal

from tradebot.core.model.spoken import dead_since
from tradebot.core.model.values import DAY_MS
from tradebot.journal.rows import RunRow
from tradebot.journal.snapshots import Snapshot
from tradebot.journal.view import EquityRow, HaltEvent

Liveness = Literal["running", "hung", "stopped", "dead"]
"""``dead``: it was killed, and nobody watches what it left open; ``stopped``: in order, or it ended."""

HEARTBEAT_MS = 10_000
"""An engine that has written nothing for longer than this is taken to hang."""


@dataclass(frozen=True, slots=True)
class HaltInForce:
    """Why no entry leaves: the reason's name, who or why, and since when (real time, None if unknown)."""

    reason: str
    detail: str
    since: int | None


def liveness(state: str, held: bool, beat: int | None, wall: int) -> Liveness:
    """Return whether an engine works on a run in this ``state``: ``held`` is its lock, ``beat`` its last sign of life.

    Times in UTC milliseconds of the real clock; an engine that has only begun has given no sign yet.
    """
    if not held:
        return "dead" if state == "running" else "stopped"
    return "running" if beat is None or wall - beat <= HEARTBEAT_MS else "hung"


def is_silent(snapshot: Snapshot | None) -> bool:
    """Whether an engine that writes has had no price to work on for too long: then it is not said to run."""
    links = None if snapshot is None else snapshot.links
    return links is not None and links.are_silent(HEARTBEAT_MS)


def engine_word(state: str, snapshot: Snapshot | None, wall: int, *, held: bool) -> str:
    """Return how an engine is, as ``liveness`` says it; one that writes without any prices is silent."""
    word = liveness(state, held, None if snapshot is None else snapshot.wall, wall)
    return "silent" if word == "running" and is_silent(snapshot) else word


def dead_words(snapshot: Snapshot | None, wall: int) -> str:
    """Return since when an engine that was killed is dead, and how many positions nobody watches.

    It died after the last thing it wrote; ``wall`` is the real time (UTC milliseconds).
    """
    if snapshot is None:
        return dead_since(None, 0, wall)
    return dead_since(snapshot.wall, len(snapshot.positions), wall)


def run_state(run: RunRow, held: bool) -> str:
    """Return running, ended or interrupted: one left running by an engine that was killed is the last."""
    return "interrupted" if run.state == "running" and not held else run.state


def midnight(snapshot: Snapshot) -> int:
    """Return when the market's day began (UTC milliseconds)."""
    return snapshot.at - snapshot.at % DAY_MS


def day_pnl(snapshot: Snapshot, points: Sequence[EquityRow]) -> Decimal:
    """Return the change of equity since 00:00 UTC of the market's day, in USDT; a transfer is none.

    A run that began today has changed since its start. ``points`` are the equity curve in order, from that midnight at the
    latest: by these it is worked out where the snapshot is an old one, which has no base.
    """
    if snapshot.day_base is not None:
        return snapshot.equity - snapshot.day_base
    begun = midnight(snapshot)
    for row in reversed(points):
        if row.ts < begun:
            break
        if row.why == "day":
            return snapshot.equity - row.equity
    return snapshot.pnl


def halts_in_force(
    snapshot: Snapshot | None, log: Iterable[HaltEvent], latched: HaltInForce | None
) -> list[HaltInForce]:
    """Return why entries are stopped: the engine's reasons, and the latch where it has not seen it yet."""
    since = {row.reason: row.wall for row in log if row.event == "halted"}
    reasons = {} if snapshot is None else snapshot.halts
    found = [HaltInForce(name, detail, since.get(name)) for name, detail in reasons.items()]
    if latched is not None and latched.reason not in reasons:
        found.append(latched)
    return found
