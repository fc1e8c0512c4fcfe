"""The tables of a run that is over within this process, to be read like any journal's and thrown away.

No chain, no event log, no lock, nothing that has to outlive the process: what a backtest is reported from.
"""

from __future__ import annotations

import json
import sqlite3
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

from tradebot.core.model.effects import Effect
from tradebot.core.model.events import Event
from tradebot.journal import schema
from tradebot.journal.faults import faults
from tradebot.journal.projection import Fact, project
from tradebot.journal.rows import RunBegun, RunEnded

RUN = "backtest"
"""The one run's id."""

NAME = "tradebot.db"


class ScratchJournal:
    """Takes effects as a session's ``sink`` and ``note``; ``path`` can be read from ``end`` on. Use it in a ``with``."""

    def __init__(self, begun: RunBegun) -> None:
        self._folder = tempfile.TemporaryDirectory(prefix="tradebot-")
        self.path = Path(self._folder.name) / NAME
        self._seq = 0
        with faults(self.path):
            self._db = sqlite3.connect(self.path, isolation_level=None)
            self._db.execute("PRAGMA journal_mode = OFF")
            self._db.execute("PRAGMA synchronous = OFF")
            schema.migrate(self._db, self.path)
            self._db.execute("BEGIN")
            self._write(0, begun)

    def __enter__(self) -> ScratchJournal:
        return self

    def __exit__(self, *_: object) -> None:
        self._db.close()
        self._folder.cleanup()

    def take(self, event: Event, effects: Sequence[Effect]) -> None:
        """Write down what an event had for effects."""
        if effects:
            self.note(event.at, effects)

    def note(self, at: int, effects: Sequence[Effect]) -> None:
        """Write down effects of a moment (UTC ms)."""
        with faults(self.path):
            for effect in effects:
                self._write(at, effect)

    def end(self, summary: Mapping[str, object]) -> None:
        """Write down how the run ended, and let it be read."""
        with faults(self.path):
            self._write(0, RunEnded("ended", None, json.dumps(summary)))
            self._db.execute("COMMIT")

    def _write(self, at: int, fact: Fact) -> None:
        self._seq += 1
        for statement, values in project(self._seq, RUN, at, 0, fact):
            self._db.execute(statement, values)


__all__ = ["RUN", "ScratchJournal"]
