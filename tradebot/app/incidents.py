"""Incidents of a directory's journal: which are open, opening one, and a person's word that closes it.

An engine that holds the journal writes what it sees itself, and what a command asks for; without one the command
takes the lock.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

from tradebot.app.database import journal_of
from tradebot.app.recording import put_on_record
from tradebot.app.target import Request, may_run
from tradebot.app.traces import Trace, trace_mark, traces_of
from tradebot.clock import SYSTEM, Clock
from tradebot.core.model.errors import JournalError, RefusedError, TradebotError
from tradebot.guard.account_lock import account_dir
from tradebot.journal.commands import CLOSE_INCIDENT
from tradebot.journal.facts import IncidentClosed, IncidentOpened
from tradebot.journal.paths import journal_path
from tradebot.journal.reader import Reader
from tradebot.journal.rows import RunBegun, RunResumed
from tradebot.journal.testimony import Said, read_said
from tradebot.reports.readiness.incidents import Incident, closed_words, closing, incidents_of

_KINDS = ("RunBegun", "RunResumed", "IncidentOpened", "IncidentClosed")
ANSWER_S = 10.0
"""Seconds for which an engine's answer is waited for."""


class Incidents:
    """The incidents of a journal as its one writer has them. ``fresh`` says that open ones have changed since that was told."""

    def __init__(self, rows: Sequence[Said] = (), clock: Clock = SYSTEM) -> None:
        self.known = incidents_of(rows)
        self._clock = clock
        self._mark: list[int] = []
        self.fresh = True
        self._starts = [said for said in rows if isinstance(said.fact, RunBegun | RunResumed)]

    @property
    def reasons(self) -> tuple[str, ...]:
        """Why entries are barred: every open one in words."""
        return tuple(
            f"{one}; close it with tradebot incidents close" for one in self.known if one.is_open
        )

    def begin(self, run: str, what: str, text: str, at: int | None = None) -> IncidentOpened:
        """Return the row of a new incident, which is open from now on; ``at`` (real clock, UTC ms) None: it is now."""
        number = max((one.id for one in self.known), default=0) + 1
        row = IncidentOpened(number, what, text, self._clock.wall_ms() if at is None else at)
        self.known.append(Incident(run, row))
        self.fresh = True
        return row

    def close(self, number: int, name: str, text: str) -> IncidentClosed:
        """Return the row of a person's word on an open one; TradebotError as ``closing`` raises it."""
        row, wall = closing(self.known, number, name, text), self._clock.wall_ms()
        self.known = [
            Incident(one.run, one.opened, row, wall) if one.id == number else one
            for one in self.known
        ]
        self.fresh = True
        return row

    def new_traces(self, data_dir: Path, latches: Sequence[Path]) -> list[Trace]:
        """Return the untold traces where the files are not as they were at the last look."""
        mark = trace_mark(data_dir, latches)
        if mark == self._mark:
            return []
        self._mark = mark
        return self.untold(traces_of(data_dir, latches))

    def untold(self, traces: Iterable[Trace]) -> list[Trace]:
        """Return the traces of live runs that are no incident on record yet."""
        told = {(one.opened.what, one.opened.at) for one in self.known}
        begun = [said for said in self._starts if _is_live(said)]
        since = min((said.wall for said in begun), default=None)
        return [
            trace
            for trace in traces
            if since is not None and since <= trace.at and (trace.what, trace.at) not in told
            if trace.what != "watchdog" or self._was_live(trace.at)
        ]

    def _was_live(self, at: int) -> bool:
        """Whether the run that was started last before a moment is a live one, or the ghost beside it."""
        before = [
            said.run
            for said in self._starts
            if said.wall <= at and not said.run.startswith("ghost")
        ]
        return bool(before) and before[-1].startswith("live")


def _is_live(said: Said) -> bool:
    return isinstance(said.fact, RunBegun) and said.fact.mode == "live"


def incidents_in(path: Path, clock: Clock = SYSTEM, *, skip: bool = False) -> Incidents:
    """Return the incidents of a journal as its rows have them; none where there is no journal.

    JournalError for a row that was damaged, unless those are to be left out (``skip``).
    """
    if not path.exists():
        return Incidents(clock=clock)
    with Reader(path) as reader:
        return Incidents(list(read_said(reader, _KINDS, skip=skip)), clock)


def incidents_now(data_dir: Path) -> list[Incident]:
    """Return those of a journal as it is written, whatever its key or its chain say, and what files tell of as the incidents
    that it will be; nothing is written, no lock taken.

    Rows that were damaged are left out; JournalError where nothing else is there, and for a journal that cannot be read.
    """
    path = journal_path(data_dir)
    try:
        return _with_traces(incidents_in(path), data_dir)
    except JournalError:
        found = _with_traces(incidents_in(path, skip=True), data_dir)
        if not found:
            raise
        return found


def _with_traces(found: Incidents, data_dir: Path) -> list[Incident]:
    for trace in found.untold(traces_of(data_dir, [data_dir])):
        found.begin("", trace.what, trace.text, trace.at)
    return found.known


def standing_incidents(data_dir: Path, rows: Sequence[Said]) -> list[Incident]:
    """Return the open ones of a chain's rows, and what files tell of."""
    return [one for one in _with_traces(Incidents(rows), data_dir) if one.is_open]


def close_incident(data_dir: Path, number: int, name: str, text: str, clock: Clock = SYSTEM) -> str:
    """Put on record that a person has closed an incident, by the engine or without one; say how.

    Raises UsageError and RefusedError as ``closing`` does, RefusedError for an engine that says no or nothing, JournalError
    without a journal that can be written.
    """
    path = journal_of(data_dir)
    row = closing(incidents_in(path).known, number, name, text)
    if may_run(data_dir):
        from tradebot.app.control import ask

        request = Request(CLOSE_INCIDENT, name.strip(), text.strip(), review=str(number))
        answer = ask(path, request, ANSWER_S)
        if answer is None:
            raise RefusedError(
                "the engine has not answered: the incident is still open",
                hint="`tradebot status` shows its heartbeat; try again once it works",
            )
        return answer
    put_on_record(
        data_dir,
        lambda _: [closing(incidents_in(path).known, number, name, text)],
        "incidents close",
        clock,
    )
    return closed_words(row)


def record_traces(
    data_dir: Path, fingerprints: Sequence[str], clock: Clock = SYSTEM
) -> list[IncidentOpened]:
    """Put on record what files tell of and no engine has written; none while one holds the journal: it does.

    What cannot be written is left to the next start.
    """
    path = journal_path(data_dir)
    latches = [data_dir, *map(account_dir, fingerprints)]
    rows: list[IncidentOpened] = []

    def make(_: object) -> Sequence[IncidentOpened]:
        known = incidents_in(path)
        rows.extend(
            known.begin("", one.what, one.text, one.at)
            for one in known.untold(traces_of(data_dir, latches))
        )
        if not rows:
            raise RefusedError("nothing to be told")
        return rows

    try:
        if not may_run(data_dir) and incidents_in(path).untold(traces_of(data_dir, latches)):
            put_on_record(data_dir, make, "incident", clock)
    except TradebotError:
        return []
    return rows


__all__ = [
    "Incidents",
    "close_incident",
    "incidents_in",
    "incidents_now",
    "record_traces",
    "standing_incidents",
]
