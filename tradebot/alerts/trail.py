"""How far the audit trail was read, and what lies behind that; another journal in its place is begun at its engine's start."""

from __future__ import annotations

from collections.abc import Sequence

from tradebot.alerts.loose import Loose
from tradebot.alerts.model import AuditRow, Readings
from tradebot.alerts.outbox import SECOND
from tradebot.clock import Clock
from tradebot.core.model.errors import JournalError

BATCH = 500
UNREADABLE_MS = 10 * SECOND


class Trail:
    """The place up to which rows were decided on: ``cursor`` is None before the very first start, ``mark`` that row's own."""

    def __init__(self, readings: Readings, clock: Clock) -> None:
        self._readings, self._clock = readings, clock
        self._unreadable_since: int | None = None
        self.cursor: int | None = None
        self.mark = ""

    @property
    def place(self) -> tuple[int, str] | None:
        """The last row that was decided on, by its number and its mark."""
        return None if self.cursor is None else (self.cursor, self.mark)

    def go_on(self, place: tuple[int, str]) -> None:
        """Stand behind another row."""
        self.cursor, self.mark = place

    def excuse(self) -> None:
        """Have it count anew from the next look for how long it cannot be read."""
        self._unreadable_since = None

    def is_unreadable(self, now: int) -> bool:
        """Whether it could not be read for so long that this has to be told."""
        since = self._unreadable_since
        return since is not None and now - since > UNREADABLE_MS

    def rows(self, loose: Loose | None = None) -> Sequence[AuditRow]:
        """Return the next rows, behind the cursor or behind what was read without recording it; none where it cannot be read.

        At the very first start it stands before the newest engine's own start.
        """
        try:
            if self.cursor is None:
                self.cursor = self._readings.newest_start()
            if loose is None:
                self._find_place()
            known = None if loose is None else loose.cursor
            rows = self._readings.rows(self.cursor if known is None else known, BATCH)
        except JournalError:
            if self._unreadable_since is None:
                self._unreadable_since = self._clock.wall_ms()
            return ()
        self._unreadable_since = None
        return rows

    def _find_place(self) -> None:
        """Go on from the engine's own start where the last row is another than the one that was decided on.

        Then another journal, or an older copy, was put in its place. What a copy and the old one share is not told again.
        """
        if not self.cursor:
            return
        last = self._readings.rows(self.cursor - 1, 1)
        mark = last[0].mark if last and last[0].seq == self.cursor else None
        if mark is None or mark != (self.mark or mark):
            self.cursor, self.mark = self._readings.newest_start(), ""
        elif not self.mark:
            self.mark = mark


__all__ = ["BATCH", "Trail"]
