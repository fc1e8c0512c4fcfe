"""What the flight recorder holds beside the log of events: how each start was set up, and every effect.

The effects come as they are stored, byte for byte, and only those that the engine (or its hypothetical trades) had:
what a start took over from elsewhere, and what a runner answered by itself, followed from no event.
"""

from __future__ import annotations

import json
from collections.abc import Generator, Iterator
from typing import Any, NamedTuple

from tradebot.core.model import codec
from tradebot.core.trading.engine import EngineConfig
from tradebot.journal.facts import TOLD
from tradebot.journal.projection import Fact, read_fact
from tradebot.journal.reader import Reader
from tradebot.journal.rows import LoggedEvent, RunBegun, RunEnded, RunResumed, RunRow

LIFE = ("RunBegun", "RunResumed", "RunEnded")
HYPOTHETICAL = ("GhostOpened", "GhostClosed")
"""Effects of no event of the engine's: they follow from steps of the market."""


class StartRow(NamedTuple):
    """How a start was set up. ``config`` and ``engine`` are JSON text, ``engine`` empty in old rows.

    ``after`` is the last event in the state that it went on from, 0 at the beginning.
    """

    nonce: str
    version: str
    config: str
    engine: str
    after: int


class EffectRow(NamedTuple):
    """An effect as the audit trail has it: its number, the time of its event (UTC ms), kind and JSON text."""

    seq: int
    ts: int
    kind: str
    body: str

    @property
    def effect(self) -> Fact:
        """The effect itself; ValueError if its text makes no sense."""
        return read_fact(self.kind, self.body)

    def __str__(self) -> str:
        return f"{self.kind} {self.body}"


class Extent(NamedTuple):
    """How far a run is recorded at one moment: its last event and its last audit row, and whether it is over for good."""

    event: int
    audit: int
    ended: bool


def extent(reader: Reader, run: str) -> Extent:
    """Return how far a run is recorded now."""
    num = "(SELECT num FROM runs WHERE id = ?)"
    with reader.moment():
        (log,) = reader.select(f"SELECT coalesce(max(seq), 0) FROM log WHERE run = {num}", run)
        sql = f"SELECT coalesce(max(last), 0) FROM blocks WHERE run = {num}"
        (packed,) = reader.select(sql, run)
        (audit,) = reader.select("SELECT coalesce(max(seq), 0) FROM audit WHERE run = ?", run)
        ended = reader.run(run).state == "ended"
    return Extent(max(log[0], packed[0]), audit[0], ended)


def engine_text(told: EngineConfig) -> str:
    """Return what an engine is told as JSON text."""
    return codec.dumps(told)


def engine_told(text: str) -> EngineConfig:
    """Return what an engine was told; ValueError if the text makes no sense."""
    told: EngineConfig = codec.read(EngineConfig, text)
    return told


def as_stored(state: dict[str, Any]) -> dict[str, Any]:
    """Return a session's state as it comes back from the journal."""
    stored: dict[str, Any] = json.loads(codec.canonical(state))
    return stored


def event_text(row: LoggedEvent) -> str:
    """Return the kind of an event, and its text as the log has it."""
    return f"{type(row.event).__name__} {codec.event_payload(row.event)}"


def starts(reader: Reader, run: RunRow) -> dict[str, StartRow]:
    """Return how each start of a run was set up, by its nonce, in their order."""
    found: dict[str, StartRow] = {}
    for _, kind, body in _rows(reader, run.id, f"kind IN {LIFE}", "kind, body"):
        match read_fact(kind, body):
            case RunBegun(nonce=nonce, version=version, engine=engine):
                found[nonce] = StartRow(nonce, version, run.config, engine, 0)
            case RunResumed(nonce, version, config, engine, after):
                found[nonce] = StartRow(nonce, version, config or run.config, engine, after)
            case RunEnded():
                pass
    return found


def wanted(reader: Reader, run: str, last: int) -> Generator[EffectRow]:
    """Yield what the engine wanted, up to audit row ``last``, in its order."""
    asked = {number for _, number in _rows(reader, run, "kind = 'Command'", _COMMAND)}
    taken_over = ""
    for seq, ts, wall, kind, body in _rows(reader, run, _WANTED, "ts, wall, kind, body", last):
        if kind in LIFE:
            taken_over = json.loads(body).get("nonce", "")
            continue
        if taken_over and _is_taken_over(kind, body, taken_over, ts == wall):
            continue
        taken_over = ""
        if kind != "CommandDone" or json.loads(body)["id"] in asked:
            yield EffectRow(seq, ts, kind, body)


def hypothetical(reader: Reader, run: str, last: int) -> Generator[EffectRow]:
    """Yield what became of hypothetical trades, up to audit row ``last``, in its order."""
    rows = _rows(reader, run, f"kind IN {HYPOTHETICAL}", "ts, kind, body", last)
    yield from (EffectRow(*row) for row in rows)


_COMMAND = "json_extract(body, '$.id')"
_WANTED = f"kind NOT IN {(*HYPOTHETICAL, *TOLD, 'Command')}"


def _rows(
    reader: Reader, run: str, where: str, columns: str, last: int = 1 << 62
) -> Iterator[tuple]:  # type: ignore[type-arg]
    sql = f"SELECT seq, {columns} FROM audit WHERE run = ? AND seq <= ? AND {where} ORDER BY seq"
    return reader.select(sql, run, last)


def _is_taken_over(kind: str, body: str, nonce: str, by_the_wall: bool) -> bool:
    """Whether a row right behind a start tells what happened before it: an order of the side file, a close-all.

    Such an order has another start's name; such words bear the real time.
    """
    if kind == "Place":
        return f"-{nonce}-" not in json.loads(body)["approved"]["order"]["id"]
    return kind == "Notify" and by_the_wall


__all__ = [
    "EffectRow",
    "Extent",
    "StartRow",
    "as_stored",
    "engine_text",
    "engine_told",
    "event_text",
    "extent",
    "hypothetical",
    "starts",
    "wanted",
]
