"""What the Ghost view shows, read from the journal: statistics and the newest hypothetical trades.

Read on the Feed's thread. Statistics are kept up with the journal: only what has closed since the last
look is counted, and figures are made anew only when that was something.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from tradebot.journal.reader import Reader
from tradebot.journal.rows import RunRow
from tradebot.journal.snapshots import OpenGhost, Snapshot
from tradebot.journal.view import GhostRow
from tradebot.reports.quality_documents import StandingDocument
from tradebot.reports.signal_quality import Gauge

BESIDE_MS = 2_000
"""Runs that one process hosts are begun within this of each other (real time)."""


@dataclass(frozen=True, slots=True)
class GhostView:
    """A ghost run's signals: ``figures`` as ``Gauge.view`` has them, ``rows`` oldest first.

    Of an open trade ``pnl`` (USDT) is what it stands at, None while it is not filled or unknown.
    """

    run: RunRow
    figures: StandingDocument
    rows: tuple[GhostRow, ...]


class GhostFeed:
    """Follows the ghost run that belongs to the run on screen. It lives as long as its reader."""

    def __init__(self, reader: Reader, most: int) -> None:
        self._reader = reader
        self._most = most
        self._head: object = None
        self._gauge: Gauge | None = None
        self._read: tuple[GhostRow, ...] = ()
        self._open: object = None
        self._last: GhostView | None = None

    def look(
        self, runs: Sequence[RunRow], shown: RunRow, snapshot: Snapshot | None, head: object
    ) -> GhostView | None:
        """Return what there is now; None where no ghost belongs to the run.

        ``snapshot`` is that of ``shown``, ``head`` the end of the audit trail: while it stands still no
        table is read.
        """
        run = ghost_of(runs, shown)
        if run is None:
            self._gauge = self._last = None
            return None
        known = self._last is not None and self._last.run.id == run.id
        if not known:
            self._gauge, self._last, self._head = Gauge(self._reader, run), None, None
        stirred = self._head != head or self._last is None
        standing = self._standing(run, shown, snapshot)
        if self._last is not None and not stirred and standing == self._open:
            return self._last
        figures = self._figures(run, stirred=stirred)
        self._head, self._open = head, standing
        rows = tuple(_with_standing(row, standing) for row in self._read)
        self._last = GhostView(run, figures, rows)
        return self._last

    def _standing(
        self, run: RunRow, shown: RunRow, snapshot: Snapshot | None
    ) -> dict[int, OpenGhost]:
        """Return the open hypothetical trades of the newest snapshot by signal."""
        if run.id != shown.id:
            snapshot = self._reader.snapshot(run.id)
        return {} if snapshot is None else {row.signal: row for row in snapshot.ghosts}

    def _figures(self, run: RunRow, *, stirred: bool) -> StandingDocument:
        """Return the statistics, and read the tables again, as far as something can have changed."""
        assert self._gauge is not None
        if not stirred:
            assert self._last is not None
            return self._last.figures
        self._read = tuple(self._reader.ghosts(run.id, limit=self._most))
        if self._gauge.refresh() or self._last is None:
            return self._gauge.view()
        return {**self._last.figures, **self._reader.ghost_counts(run.id)}


def ghost_of(runs: Sequence[RunRow], shown: RunRow) -> RunRow | None:
    """Return the run itself if it is a ghost, else the ghost that was hosted beside it, if any."""
    if shown.mode == "ghost":
        return shown
    beside = (run for run in runs if run.mode == "ghost" and _together(run, shown))
    return next(beside, None)


def _together(one: RunRow, other: RunRow) -> bool:
    alike = (one.instance, one.market, one.strategy_hash)
    apart = abs((one.resumed or one.started) - (other.resumed or other.started))
    return alike == (other.instance, other.market, other.strategy_hash) and apart <= BESIDE_MS


def _with_standing(row: GhostRow, standing: dict[int, OpenGhost]) -> GhostRow:
    """Return a row, an open one with what it stands at."""
    newest = standing.get(row.signal)
    if row.state != "open" or newest is None:
        return row
    return replace(
        row, entry_time=newest.entry_time, entry_price=newest.entry_price, pnl=newest.pnl
    )
