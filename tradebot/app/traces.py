"""Incidents that no engine could put on record when they happened: what a hung one and a close-all left behind in files."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tradebot.app.watchdog import DUMP_FILE
from tradebot.core.model.errors import LeftoverError
from tradebot.core.model.times import of_iso
from tradebot.guard.diary import BROKEN_OFF, Step, diary_mark, read_diary

_ENDS = {LeftoverError.exit_code: "left something", BROKEN_OFF: "was broken off"}
"""Ends of a close-all that prove nothing, by their codes."""
_LINE = 500
"""Characters of a file's first line that are read."""


@dataclass(frozen=True, slots=True)
class Trace:
    """An incident in a file: its kind, in words, and when it was (real clock, UTC ms)."""

    what: str
    text: str
    at: int


def traces_of(data_dir: Path, latches: Sequence[Path]) -> list[Trace]:
    """Return what the files of a directory and of the account's latches tell of, oldest first."""
    found = [
        Trace("close_all", f"a close-all {_ENDS[code]}: {_left(step.more)}", step.wall)
        for step in read_diary(latches)
        if (code := _code(step)) in _ENDS
    ]
    hung = _hung(data_dir / DUMP_FILE)
    return sorted([*found, *([hung] if hung else [])], key=lambda trace: trace.at)


def trace_mark(data_dir: Path, latches: Sequence[Path]) -> list[int]:
    """Return what is another one when a trace was left since."""
    marks = diary_mark(latches)
    with contextlib.suppress(OSError):
        marks.append((data_dir / DUMP_FILE).lstat().st_mtime_ns)
    return marks


def _code(step: Step) -> int:
    code = step.more.get("code")
    return code if step.step == "result" and isinstance(code, int) else 0


def _left(more: Mapping[str, Any]) -> str:
    left = more.get("left")
    if isinstance(left, list) and left:
        rows = [row for row in left if isinstance(row, dict)]
        return ", ".join(f"{row.get('symbol')} {row.get('what')}" for row in rows)
    return str(more.get("why") or "it could not be told what is open")


def _hung(path: Path) -> Trace | None:
    """Return what a watchdog wrote: its first line is a time and words."""
    try:
        with path.open(encoding="utf-8", errors="replace") as file:
            time, _, text = file.readline(_LINE).strip().partition(" ")
        return Trace("watchdog", text, of_iso(time))
    except (OSError, ValueError):
        return None


__all__ = ["Trace", "trace_mark", "traces_of"]
