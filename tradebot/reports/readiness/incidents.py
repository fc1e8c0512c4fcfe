"""Incidents: what the bot saw in a live run that must not be passed over, and which of it a person has closed."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from tradebot.core.model.errors import RefusedError, UsageError
from tradebot.core.model.text import escaped
from tradebot.journal.facts import IncidentClosed, IncidentOpened
from tradebot.journal.testimony import Said
from tradebot.reports.readiness.spelled import folded, seen

LEAST_WORDS = 40
"""Characters of what a person says who closes an incident."""
MOST_WORDS = 2000

KINDS: Mapping[str, str] = {
    "unprotected": "a position had no stop for more than 5 s",
    "unknown_order": "nobody knew for too long what had become of an order",
    "watchdog": "the engine made no progress and was ended, or hung",
    "reconcile": "account and journal differed, and nothing explained it",
    "cent": "the wallet differed from the ledger, and nothing explained it",
    "liquidation": "the exchange liquidated a position",
    "close_all": "a close-all left something open",
    "ban": "the exchange banned this address",
    "side_file": "a protective order left without being in the journal",
}
"""What an incident can be, by its word."""

WAY_OUT = "tradebot incidents close ID --text TEXT"


@dataclass(frozen=True, slots=True)
class Incident:
    """An incident on record: in which run, and who has closed it when (real clock, UTC ms) with which words, if somebody has."""

    run: str
    opened: IncidentOpened
    closed: IncidentClosed | None = None
    closed_at: int | None = None

    @property
    def id(self) -> int:
        """Its number in the journal."""
        return self.opened.id

    @property
    def is_open(self) -> bool:
        """Whether nobody has closed it."""
        return self.closed is None

    @property
    def words(self) -> str:
        """Its number, its kind, and what was seen."""
        return f"{self.id} {self.opened.what}: {self.opened.text}"

    def __str__(self) -> str:
        return f"incident {self.id}, {self.opened.what}: {self.opened.text}"


def incidents_of(rows: Iterable[Said]) -> list[Incident]:
    """Return all incidents of a journal, oldest first; ``rows`` are the chain's, those of other kinds do not matter."""
    found: dict[int, Incident] = {}
    for said in rows:
        match said.fact:
            case IncidentOpened(id=number):
                found[number] = Incident(said.run, said.fact)
            case IncidentClosed(id=number) if number in found and found[number].is_open:
                found[number] = replace(found[number], closed=said.fact, closed_at=said.wall)
            case _:
                pass
    return list(found.values())


def open_incidents(rows: Iterable[Said]) -> list[Incident]:
    """Return those that nobody has closed."""
    return [one for one in incidents_of(rows) if one.is_open]


def closing(known: Sequence[Incident], number: int, name: str, text: str) -> IncidentClosed:
    """Return a person's word that closes an incident.

    Raises UsageError for words that will not do or an incident that is none, RefusedError for one that is closed already.
    """
    if not folded(name):
        raise UsageError(
            "who closes it is not said", key="--name", hint="--name NAME, the one you go by"
        )
    length = len(seen(text))
    if not LEAST_WORDS <= length <= MOST_WORDS:
        raise UsageError(
            f"the text has {length} characters: {LEAST_WORDS} to {MOST_WORDS} are needed",
            key="--text",
            hint="say what happened, what you found, and why it will not happen again",
        )
    one = next((one for one in known if one.id == number), None)
    if one is None:
        numbers = ", ".join(str(other.id) for other in known if other.is_open)
        text = f"there is no incident {number}"
        raise UsageError(text, hint=f"open: {numbers}" if numbers else "none is open")
    if one.closed is not None:
        who = escaped(one.closed.name)
        raise RefusedError(
            f"incident {number} was closed already, by {who}", hint="tradebot incidents shows all"
        )
    return IncidentClosed(number, name.strip(), text.strip())


def closed_words(row: IncidentClosed) -> str:
    """Say that an incident is closed."""
    return f"incident {row.id} is closed, by {row.name}"


__all__ = ["KINDS", "Incident", "closed_words", "closing", "incidents_of", "open_incidents"]
