"""The note of a rehearsed stop: on the disk before the stop leaves, taken away when it is seen gone.

What a process that was killed in the middle leaves behind is known by it as ours, whatever the exchange shows just then.
"""

from __future__ import annotations

import json
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from tradebot.disk import on_disk, replace_durably

NOTE = "tradebot.rehearsed.json"
"""In the data directory."""


@dataclass(frozen=True, slots=True)
class RehearsedStop:
    """A stop that left for the exchange at ``at`` (real clock, UTC ms) or a little later, and was not seen gone."""

    order_id: str
    symbol: str
    at: int


def note_stop(data_dir: Path, stop: RehearsedStop) -> None:
    """Have it on the disk; JournalError where that cannot be."""
    words = {"order_id": stop.order_id, "symbol": stop.symbol, "at": stop.at}
    with on_disk(data_dir / NOTE):
        replace_durably(data_dir / NOTE, json.dumps(words) + "\n")


def left_stop(data_dir: Path) -> RehearsedStop | None:
    """Return what a rehearsal left behind, None if nothing; a note that cannot be read names none, and is no note."""
    try:
        words = json.loads((data_dir / NOTE).read_text(encoding="utf-8"))
        return RehearsedStop(str(words["order_id"]), str(words["symbol"]), int(words["at"]))
    except (OSError, ValueError, KeyError, TypeError):
        return None


def forget_stop(data_dir: Path) -> None:
    """Take the note away: the stop is gone. One that stays leads to another look, no more."""
    with suppress(OSError):
        (data_dir / NOTE).unlink(missing_ok=True)
