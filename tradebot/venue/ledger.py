"""The venue's own record, as JSON lines: what was asked, answered, filled, booked, sent or withheld.

Tests take their truth from here, never from the bot. A row is ``{"at": UTC ms, "kind": ..., ...}``;
the kinds are ``request``, ``order``, ``fill``, ``algo``, ``income``, ``account``, ``stream``, ``fault`` and ``venue``.
Decimals are plain strings.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any, TextIO

from tradebot.core.model.money import plain
from tradebot.venue.clock import VenueClock

Row = dict[str, Any]


class Ledger:
    """Writes rows to a file, keeps them in memory (``keep``), and shows them to listeners.

    The file is begun (and what was in it lost) by ``begin`` only; rows before wait for that. ``later``: rows are
    passed on when what runs now is done, so that nobody waits for an answer until its record is written.
    """

    def __init__(
        self,
        clock: VenueClock,
        path: Path | None = None,
        *,
        keep: bool = False,
        later: bool = False,
    ) -> None:
        self._clock = clock
        self._path = path
        self._file: TextIO | None = None
        self._early: list[str] = []
        self._keep = keep
        self._later = later
        self._waiting: list[Row] = []
        self.rows: list[Row] = []
        self._listeners: list[Callable[[Row], None]] = []

    def begin(self) -> None:
        """Open the file and write what waits for it; OSError when it cannot be written."""
        if self._path is not None:
            self._file = self._path.open("w", encoding="utf-8")
            self._file.writelines(self._early)
            self._early = []

    def listen(self, listener: Callable[[Row], None]) -> None:
        """Show every later row to a listener."""
        self._listeners.append(listener)

    def write(self, kind: str, **fields: Any) -> None:
        """Add a row at the venue's present time."""
        row: Row = {"at": self._clock.now(), "kind": kind, **fields}
        if self._keep:
            self.rows.append(row)
        if not self._later:
            self._pass_on(row)
            return
        if not self._waiting:
            self._clock.call_at(row["at"], self._pass_all_on)
        self._waiting.append(row)

    def _pass_all_on(self) -> None:
        waiting, self._waiting = self._waiting, []
        for row in waiting:
            self._pass_on(row)

    def _pass_on(self, row: Row) -> None:
        if self._path is not None:
            line = _row_to_json(row) + "\n"
            if self._file is None:
                self._early.append(line)
            else:
                self._file.write(line)
        for listener in self._listeners:
            listener(row)

    def of(self, kind: str) -> list[Row]:
        """Return the kept rows of one kind, oldest first."""
        return [row for row in self.rows if row["kind"] == kind]

    def flush(self) -> None:
        """Hand what was written to the system, so that a reader sees it."""
        self._pass_all_on()
        if self._file is not None:
            self._file.flush()

    def close(self) -> None:
        """Finish the file."""
        self._pass_all_on()
        if self._file is not None:
            self._file.close()
            self._path = self._file = None


def _plain(value: object) -> str:
    return plain(value) if isinstance(value, Decimal) else str(value)


to_json = json.JSONEncoder(separators=(",", ":")).encode
"""JSON without spaces, as all that is sent is written."""
_row_to_json = json.JSONEncoder(separators=(",", ":"), default=_plain).encode
