"""The note of a rehearsed stop: on the disk before the stop leaves, taken away when it is seen gone.

What a process that was killed in the middle leaves behind is known by it as ours, whatever the exchange shows just then.
"""

from __future__ import annotations

import json
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from tradebot.disk import on_disk, replace_durably

NOTE = "tradebot.rehearsed.{account}.json"
"""In the data directory, one for each account (its key's fingerprint): another cannot say what became of the stop."""


@dataclass(frozen=True, slots=True)
class RehearsedStop:
    """A stop that left for the exchange at ``at`` (real clock, UTC ms) or a little later, and was not seen gone."""

    order_id: str
    symbol: str
    at: int


def note_stop(data_dir: Path, account: str, stop: RehearsedStop) -> None:
    """Have it on the disk; JournalError where that cannot be."""
    words = {"order_id": stop.order_id, "symbol": stop.symbol, "at": stop.at}
    path = _note(data_dir, account)
    with on_disk(path):
        replace_durably(path, json.dumps(words) + "\n")


def left_stop(data_dir: Path, account: str) -> RehearsedStop | None:
    """Return what a rehearsal left behind on an account, None if nothing; a note that cannot be read names none, and is no note."""
    try:
        words = json.loads(_note(data_dir, account).read_text(encoding="utf-8"))
        return RehearsedStop(str(words["order_id"]), str(words["symbol"]), int(words["at"]))
    except (OSError, ValueError, KeyError, TypeError):
        return None


def forget_stop(data_dir: Path, account: str) -> None:
    """Take the note away: the stop is gone. One that stays leads to another look, no more."""
    with suppress(OSError):
        _note(data_dir, account).unlink(missing_ok=True)


def _note(data_dir: Path, account: str) -> Path:
    return data_dir / NOTE.format(account=account)
