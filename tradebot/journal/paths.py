"""Where a data directory keeps its journal."""

from __future__ import annotations

from pathlib import Path

JOURNAL_FILE = "tradebot.db"


def journal_path(data_dir: Path) -> Path:
    """Return the journal's path in a data directory, whether there is one or not."""
    return data_dir / JOURNAL_FILE


REPORTS = "reports"
"""Where in the data directory the reports that are due are kept."""
