"""Sign-offs and incidents as they are written in a journal, for who looks often: whether it is genuine, gates say."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from tradebot.core.model.values import DAY_MS
from tradebot.journal.facts import IncidentClosed, IncidentOpened, SignedOff, SignoffRevoked
from tradebot.journal.projection import read_fact
from tradebot.journal.reader import Reader
from tradebot.reports.readiness.gates import SIGNERS
from tradebot.reports.readiness.signoffs import MOST_AGE_MS
from tradebot.reports.readiness.spelled import folded


def open_incidents(told: Iterable[object]) -> tuple[str, ...]:
    """Return the incidents that nobody has closed, of rows of the chain in order, in words."""
    found: dict[int, str] = {}
    for fact in told:
        if isinstance(fact, IncidentOpened):
            found[fact.id] = f"{fact.id} {fact.what}: {fact.text}"
        elif isinstance(fact, IncidentClosed):
            found.pop(fact.id, None)
    return tuple(found.values())


@dataclass(frozen=True, slots=True)
class OnRecord:
    """What a journal has of sign-offs and incidents, as it is written: whether it is genuine, `tradebot gates` says.

    ``signers`` are the names whose sign-offs were neither revoked nor are too old, ``days_left`` for how long two of them
    stand; None without two.
    """

    signers: tuple[str, ...] = ()
    days_left: int | None = None
    incidents: tuple[str, ...] = ()


_KINDS = ("SignedOff", "SignoffRevoked", "IncidentOpened", "IncidentClosed")


def on_record(reader: Reader, now: int) -> OnRecord:
    """Return it in a few milliseconds, for who looks often; ``now`` in UTC ms."""
    marks = ", ".join(f"'{kind}'" for kind in _KINDS)
    rows = reader.select(f"SELECT wall, kind, body FROM audit WHERE kind IN ({marks}) ORDER BY seq")
    told: list[object] = []
    until: dict[str, tuple[str, int]] = {}
    for wall, kind, body in rows:
        try:
            fact = read_fact(kind, body)
        except (ValueError, TypeError, ArithmeticError):  # it was changed: gates say so
            continue
        told.append(fact)
        if isinstance(fact, SignoffRevoked):
            until.clear()
        elif isinstance(fact, SignedOff):
            until[folded(fact.name)] = (fact.name, wall + MOST_AGE_MS)
    standing = sorted(((end, name) for name, end in until.values() if end > now), reverse=True)
    left = (standing[SIGNERS - 1][0] - now) // DAY_MS if len(standing) >= SIGNERS else None
    return OnRecord(tuple(name for _, name in standing), left, open_incidents(told))
