"""The side file: protective orders that left while the journal would not take them.

JSON lines, each on the disk before its order leaves. The next start puts them into the journal.
"""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tradebot.core.model import codec
from tradebot.core.model.effects import Place
from tradebot.journal.faults import faults

SIDE_FILE = "tradebot.protective.jsonl"


@dataclass(frozen=True, slots=True)
class SideRow:
    """A protective order that left: of which run, at which engine time and real time (UTC ms)."""

    run: str
    at: int
    wall: int
    place: Place


def append_side(path: Path, rows: Sequence[SideRow]) -> None:
    """Add rows; they are on the disk when this returns. OSError when they cannot be."""
    text = "".join(f"{json.dumps(_body(row), sort_keys=True)}\n" for row in rows)
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    try:
        os.write(handle, text.encode())
        os.fsync(handle)
    finally:
        os.close(handle)


def read_side(path: Path) -> list[SideRow]:
    """Return all rows, oldest first; a last line that was cut off is left out."""
    try:
        lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
    except FileNotFoundError:
        return []
    return [row for line in lines if (row := _row(line)) is not None]


def cut_lines(path: Path) -> list[str]:
    """Return the lines that cannot be read: what is left of a row that a crash or a full disk cut."""
    try:
        lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
    except FileNotFoundError:
        return []
    return [line for line in lines if line.strip() and _row(line) is None]


def write_side(path: Path, rows: Sequence[SideRow]) -> None:
    """Keep these rows only; without any the file goes. JournalError when that cannot be."""
    with faults(path):
        path.unlink(missing_ok=True)
        if rows:
            append_side(path, rows)


def _body(row: SideRow) -> dict[str, Any]:
    return {"run": row.run, "at": row.at, "wall": row.wall, "place": codec.encode(row.place)}


def _row(line: str) -> SideRow | None:
    try:
        body = json.loads(line)
        place = codec.decode("Place", body["place"])
        return SideRow(body["run"], body["at"], body["wall"], place)
    except (ValueError, KeyError, TypeError):
        return None
