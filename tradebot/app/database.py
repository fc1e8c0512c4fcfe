"""Where the journal is that a command looks at. Light: every command that only reads begins with it."""

from __future__ import annotations

from pathlib import Path

from tradebot.config import Config
from tradebot.core.model.errors import JournalError
from tradebot.journal.noted import lost, was_written
from tradebot.journal.paths import journal_path


def database(config: Config) -> Path:
    """Return the journal's path; JournalError with the way out when there is none yet."""
    return journal_of(config.data_dir())


def journal_of(data_dir: Path) -> Path:
    """Return the path of a directory's journal; JournalError with the way out when there is none yet."""
    path = journal_path(data_dir)
    if not path.exists() and was_written(path):
        raise lost(path, "the journal is gone")
    if not path.exists():
        raise JournalError(
            "there is no journal yet",
            hint="`tradebot paper` makes one; --data-dir names another place",
            file=str(path),
        )
    return path


__all__ = ["database", "journal_of"]
