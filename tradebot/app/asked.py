"""Rows that another process asks for while an engine holds the journal: a drill, a backtest, sealed with the chain's key.

The engine looks at each anew and signs it; without one whoever has made the row takes the lock and writes it.
"""

from __future__ import annotations

import json
from contextlib import suppress
from dataclasses import asdict, replace
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import TYPE_CHECKING

from tradebot import __version__
from tradebot.app.recording import put_on_record
from tradebot.app.sealed import BACKTEST, FRESH_MS, Sealed
from tradebot.app.target import Request, may_run
from tradebot.clock import SYSTEM
from tradebot.core.model.errors import OlderJournalError, RefusedError
from tradebot.core.model.values import MINUTE_MS
from tradebot.journal.audit import AuditKey
from tradebot.journal.commands import RECORD_BACKTEST
from tradebot.journal.facts import BacktestRecorded, DrillPlayed, read_told
from tradebot.journal.faults import faults
from tradebot.journal.opening import wrong_key
from tradebot.journal.paths import journal_path
from tradebot.journal.reader import Reader

if TYPE_CHECKING:
    from tradebot.journal.rows import CommandRow

ANSWER_S = 15.0
"""Seconds for which an engine's answer is waited for."""
ENGINE_HINT = (
    "so says the engine: run it again; one of another version has to be started anew first"
)


def refuse_foreign_key(data_dir: Path) -> None:
    """Raise JournalError where nothing could be put on record: the key at hand is not the one of the journal.

    To be asked before minutes are spent on what is to be recorded. Nothing is made where there is no journal yet.
    """
    path = journal_path(data_dir)
    with faults(path):
        if not path.exists() or not path.stat().st_size:  # of a first start that was cut off
            return
    key = AuditKey.load(data_dir)
    with suppress(OlderJournalError), Reader(path) as reader:  # an older one is brought up to date
        for (wanted,) in reader.select("SELECT value FROM meta WHERE key = 'key_fingerprint'"):
            if wanted != key.fingerprint:
                raise wrong_key(path, key, wanted)


def row_asked(
    command: CommandRow, key: AuditKey, now: int, born: int, taken: set[str]
) -> BacktestRecorded | DrillPlayed:
    """Return the row that a command asks for, looked at anew at ``now`` (UTC ms); RefusedError where it is none to be signed.

    ``born`` is when the engine began (UTC ms), ``taken`` are the seals that it has taken. Of backtests the one that went
    on record last counts: one that is posted once more must not take the place of a newer one. Drills go by when they were played.
    """
    if command.name == RECORD_BACKTEST:
        found = Sealed.read(command.review)
        row = unsealed(command.review, key, now)
        if found.at < born:
            raise RefusedError("it was asked of an engine that ended before it could answer")
        if found.seal in taken:
            raise RefusedError("it is on record already")
        taken.add(found.seal)
        return row
    from tradebot.app.drill import asked  # it knows how each disaster is played

    return asked.unsealed(command.review, key, now)


def sealed(row: BacktestRecorded, key: AuditKey, at: int) -> str:
    """Return a backtest's row as the text of a command of the time ``at`` (UTC ms)."""
    return BACKTEST.seal(json.dumps(asdict(row), sort_keys=True), key, at).text()


def unsealed(text: str, key: AuditKey, now: int) -> BacktestRecorded:
    """Return the row of a command's text; RefusedError where it is no backtest to be signed."""
    found = Sealed.read(text)
    BACKTEST.refuse_forged(found, key, now)
    try:
        row = read_told(BacktestRecorded, json.loads(found.body))
        spans = [Decimal(days) for _, days in row.spans]
    except (ValueError, TypeError, KeyError, AttributeError, InvalidOperation):
        raise RefusedError("it is no backtest that could be put on record") from None
    if row.version != __version__:
        raise RefusedError(f"the backtest is of version {row.version}, the engine of {__version__}")
    if not all(days.is_finite() and days >= 0 for days in spans):
        raise RefusedError("it says of no symbol for how many days it was played")
    return replace(row, weak_key=row.weak_key or key.is_weak)


def put_backtest_on_record(data_dir: Path, row: BacktestRecorded) -> str:
    """Write the row of a backtest, by the engine that holds the journal or without one; return the chain's head.

    RefusedError where the engine does not sign it, else as ``put_on_record``.
    """
    if not may_run(data_dir):
        return str(put_on_record(data_dir, lambda _: [row], "backtest --record"))
    from tradebot.app.control import ask

    path = journal_path(data_dir)
    text = sealed(row, AuditKey.load(data_dir), SYSTEM.wall_ms())
    try:
        answer = ask(path, Request(RECORD_BACKTEST, "tradebot", "backtest", review=text), ANSWER_S)
    except RefusedError as error:
        raise RefusedError(error.message, hint=ENGINE_HINT) from None
    if answer is None:
        raise RefusedError(
            "the engine has not answered: the backtest is not on record yet",
            hint=f"`tradebot status` shows its heartbeat: within {FRESH_MS // MINUTE_MS} minutes it takes it once it works;"
            " record it again where it has ended",
        )
    with Reader(path) as reader:
        return str(reader.head())


__all__ = [
    "put_backtest_on_record",
    "refuse_foreign_key",
    "row_asked",
    "sealed",
    "unsealed",
]
