"""Sign-offs and incidents as they are written in a journal, for who looks often: whether it is genuine, gates say."""

from __future__ import annotations

from dataclasses import dataclass

from tradebot.core.model.values import DAY_MS
from tradebot.journal.facts import SignedOff
from tradebot.journal.projection import read_fact
from tradebot.journal.reader import Reader
from tradebot.journal.testimony import Said
from tradebot.reports.readiness.gates import SIGNERS
from tradebot.reports.readiness.incidents import open_incidents
from tradebot.reports.readiness.signoffs import MOST_AGE_MS, voids
from tradebot.reports.readiness.spelled import folded


@dataclass(frozen=True, slots=True)
class OnRecord:
    """What a journal has of sign-offs and incidents, as it is written: whether it is genuine, `tradebot gates` says.

    ``signers`` are the names whose sign-offs were nothing has voided since, and that are not too old, ``days_left`` for how long two of them
    stand; None without two.
    """

    signers: tuple[str, ...] = ()
    days_left: int | None = None
    incidents: tuple[str, ...] = ()


_KINDS = ("SignedOff", "SignoffRevoked", "IncidentOpened", "IncidentClosed", "Halted")


def on_record(reader: Reader, now: int) -> OnRecord:
    """Return it in a few milliseconds, for who looks often; ``now`` in UTC ms."""
    marks = ", ".join(f"'{kind}'" for kind in _KINDS)
    columns = "seq, run, ts, wall, kind, body"
    rows = reader.select(f"SELECT {columns} FROM audit WHERE kind IN ({marks}) ORDER BY seq")
    told: list[Said] = []
    until: dict[str, tuple[str, int]] = {}
    for seq, run, ts, wall, kind, body in rows:
        try:
            fact = read_fact(kind, body)
        except (ValueError, TypeError, ArithmeticError):  # it was changed: gates say so
            continue
        told.append(Said(seq, run, ts, wall, fact))
        if voids(fact):
            until.clear()
        elif isinstance(fact, SignedOff):
            until[folded(fact.name)] = (fact.name, wall + MOST_AGE_MS)
    standing = sorted(((end, name) for name, end in until.values() if end > now), reverse=True)
    incidents = tuple(one.words for one in open_incidents(told))
    left = (standing[SIGNERS - 1][0] - now) // DAY_MS if len(standing) >= SIGNERS else None
    return OnRecord(tuple(name for _, name in standing), left, incidents)
