"""Commands: the one thing other processes write, each in one short transaction."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

from tradebot.clock import SYSTEM, Clock
from tradebot.core.model.errors import UsageError
from tradebot.journal.faults import faults
from tradebot.journal.reader import Reader
from tradebot.journal.rows import CommandRow
from tradebot.journal.schema import transaction

CLOSE_INCIDENT = "close-incident"
"""Its review is the incident's number, who and reason are the person's name and words."""

STATE = "state"
"""Its review is the statement as JSON text, who and reason are the person's name and its kind."""

RECORD_DRILL = "record-drill"
"""Its review is the drill's row, sealed."""

RECORD_BACKTEST = "record-backtest"
"""Its review is the backtest's row, sealed."""

RECORDS = (RECORD_DRILL, RECORD_BACKTEST)
NAMES = ("halt", "resume", "close-all", "stop", CLOSE_INCIDENT, *RECORDS, STATE)
_BUSY_S = 5.0
_POLL_S = 0.05


def post_command(
    path: Path,
    name: str,
    who: str,
    reason: str,
    run: str | None = None,
    busy_s: float = _BUSY_S,
    review: str = "",
    clock: Clock = SYSTEM,
) -> int:
    """Ask the engine for something; returns the command's id. ``run`` None means all its runs;
    ``review`` is the text of a written review.

    Raises UsageError for an unknown command or run, JournalError when there is no journal or it stays
    locked for ``busy_s`` seconds.
    """
    if name not in NAMES:
        raise UsageError(f"there is no command {name!r}", hint=f"one of {', '.join(NAMES)}")
    with Reader(path) as reader:  # a missing or foreign database is told apart here
        if run is not None:
            reader.run(run)
        # the reader stays open: the last connection to close would take a dead engine's log with it
        return _insert(path, busy_s, (run, name, who, reason, clock.wall_ms(), review))


def _insert(path: Path, busy_s: float, row: tuple[str | int | None, ...]) -> int:
    uri = f"{path.absolute().as_uri()}?mode=rw"
    with (
        faults(path),
        closing(sqlite3.connect(uri, uri=True, isolation_level=None, timeout=busy_s)) as db,
    ):
        with transaction(db):
            cursor = db.execute(
                "INSERT INTO commands (run, name, who, reason, wall, review)"
                " VALUES (?, ?, ?, ?, ?, ?)",
                row,
            )
        return cursor.lastrowid or 0


def wait_command(
    path: Path, command: int, timeout: float, clock: Clock = SYSTEM
) -> CommandRow | None:
    """Wait at most ``timeout`` seconds for a command's answer; None if none came."""
    deadline = clock.monotonic() + timeout
    with Reader(path) as reader:
        while True:
            row = reader.command(command)
            if row is not None and row.ok is not None:
                return row
            if clock.monotonic() >= deadline:
                return None
            clock.sleep(_POLL_S)
