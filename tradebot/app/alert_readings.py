"""What the alerter reads: the journal's audit trail and snapshots, the lock's owner, HALT, side file and disk."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from contextlib import suppress
from decimal import Decimal
from pathlib import Path
from shutil import disk_usage

from tradebot.alerts.model import AuditRow, Held, OwnerSeen, Scene, Sighting
from tradebot.app.status import close_all_of
from tradebot.clock import SYSTEM, Clock
from tradebot.core.model.errors import (
    JournalError,
    MissingJournalError,
    OlderJournalError,
    TradebotError,
)
from tradebot.core.model.times import iso
from tradebot.guard.latch import halt_present, read_halts
from tradebot.guard.lock import left_behind, lock_holder, lock_owner, shown_start
from tradebot.guard.notice import Notice, read_notice
from tradebot.journal.paths import REPORTS, journal_path
from tradebot.journal.projection import read_fact
from tradebot.journal.reader import Reader
from tradebot.journal.rows import RunRow
from tradebot.journal.side import SIDE_FILE, read_side
from tradebot.journal.snapshots import PositionRow, Snapshot
from tradebot.journal.status import day_pnl, midnight
from tradebot.journal.tail import newest_row, newest_start, rows_behind

EXCHANGES = re.compile(r"(BINANCE (USD-M|DEMO)|(DEMO )?LOOPBACK \S+) \(")
"""How the label of a market begins that is no simulated one, and no file."""


LATELY_MS = 60_000
"""For so long an engine has just ended."""


class JournalReadings:
    """Reads a data directory. The journal is opened anew for each look: it may have been put back from a copy."""

    def __init__(self, data_dir: Path, clock: Clock = SYSTEM) -> None:
        self._data_dir = data_dir
        self._clock = clock
        self._path = journal_path(data_dir)

    def rows(self, after: int, limit: int) -> Sequence[AuditRow]:
        """Return the audit rows behind number ``after``; JournalError when the journal cannot be read."""
        with Reader(self._path) as reader:
            return [
                AuditRow(
                    *(row.seq, row.run, row.ts, row.wall, row.kind, _body(row.body)),
                    fact=_fact(row.kind, row.body),
                    mark=row.hash[:8],
                )
                for row in rows_behind(reader, after, limit)
            ]

    def newest_start(self) -> int:
        """Return the number of the row before the newest start of an engine that works, or has just ended.

        Else that of the newest row: what is long over is told nobody, also where the next engine only opens its journal. A run
        as fast as it goes can be over before an alerter that was started for it has begun.
        """
        owner = lock_owner(self._data_dir)
        with Reader(self._path) as reader:
            started, newest = newest_start(reader), newest_row(reader)
            begun = sum(row.wall for row in rows_behind(reader, started - 1, 1))
            ended = sum(row.wall for row in rows_behind(reader, newest - 1, 1))
            lately = self._clock.wall_ms() - ended < LATELY_MS
            works = owner is not None and begun >= owner.taken
            return started - 1 if started and (lately or works) else newest

    def scene(self, run: str) -> Scene | None:
        """Return how a run stands; None for one that the journal does not know."""
        with Reader(self._path) as reader:
            try:
                row = reader.run(run)
            except JournalError:
                raise
            except TradebotError:
                return None
            return _scene(reader, row)

    def look(self) -> Sighting:
        """Return what is to be seen beside the audit trail; never raises."""
        owner = lock_owner(self._data_dir)
        seen = None
        if owner is not None:
            account = "" if owner.traded is None else owner.traded.environment
            shown = shown_start(self._data_dir)
            seen = OwnerSeen(owner.pid, owner.started, account, owner.taken, shown)
        left = left_behind(self._data_dir) if owner is None else None
        notice = read_notice(self._data_dir)
        free = None
        with suppress(OSError):
            free = disk_usage(self._data_dir).free
        side = 0
        with suppress(OSError):
            side = len(read_side(self._data_dir / SIDE_FILE))
        scenes, unmade = self._scenes()
        closing = None
        with suppress(Exception):  # rows that others wrote
            closing = close_all_of(self._data_dir)
        return Sighting(
            wall=self._clock.wall_ms(),
            owner=seen,
            scenes=scenes or (),
            readable=scenes is not None,
            unmade=unmade,
            left=None if left is None else (left.pid, left.started),
            halted=halt_present(self._data_dir),
            halt_words=_halted_by(self._data_dir),
            trouble=_trouble(notice),
            waits=owner is not None and notice is not None and notice.kind == "waits",
            free_bytes=free,
            side_rows=side,
            closing=closing,
            reports=_reports(self._data_dir),
            busy=owner is None and lock_holder(self._data_dir) is not None,
        )

    def _scenes(self) -> tuple[Sequence[Scene] | None, bool]:
        """Return the runs that are not over, else the newest; None of a journal that cannot be read, and whether a start mends that."""
        try:
            with Reader(self._path) as reader:
                runs = reader.runs(shown=True)
                running = [run for run in runs if run.state == "running"] or runs[:1]
                return [_scene(reader, run) for run in running], False
        except (MissingJournalError, OlderJournalError):
            return None, True
        except TradebotError:
            return None, False


def _halted_by(data_dir: Path) -> str:
    """Return who has set the HALT file and why; "" where nobody has, or where it does not say."""
    with suppress(OSError, ValueError):
        rows = read_halts(data_dir)
        if rows:
            what = ", close-all" if rows[-1].kind == "close-all" else ""
            return f"{rows[-1].who}{what}: {rows[-1].reason}"
    return ""


def _trouble(notice: Notice | None) -> str:
    """Return what an engine says that cannot write its journal; "" where it says nothing, or something else."""
    if notice is None or notice.kind != "journal":
        return ""
    return f"since {iso(notice.since)} {notice.text}"


def _reports(data_dir: Path) -> Sequence[str]:
    """Return the pages of whole months; one that goes on is none yet."""
    try:
        pages = sorted(map(str, (data_dir / REPORTS).glob("*.html")))
    except OSError:
        return ()
    return [page for page in pages if not page.endswith("-so-far.html")]


def _fact(kind: str, body: str) -> object:
    """Return the value that a row was written from; None for one that makes no sense."""
    try:
        return read_fact(kind, body)
    except ValueError:
        return None


def _body(text: str) -> dict[str, object]:
    try:
        body = json.loads(text)
    except ValueError:  # a row that makes no sense must not keep the next from being told
        body = text
    return body if isinstance(body, dict) else {"value": body}


def _scene(reader: Reader, run: RunRow) -> Scene:
    shown = reader.snapshot(run.id)
    simulated = EXCHANGES.match(run.market) is None
    known = {"run": run.id, "mode": run.mode, "market": run.market, "simulated": simulated}
    began = run.resumed or run.started
    if shown is None:
        return Scene(**known, state=run.state, beat=began)  # type: ignore[arg-type]
    return Scene(
        **known,  # type: ignore[arg-type]
        state=run.state,
        equity=shown.equity,
        start_equity=shown.start_equity,
        day_pnl=_day_pnl(reader, shown),
        positions=[_held(row) for row in shown.positions],
        halts=dict(shown.halts),
        beat=max(began, shown.wall),
    )


def _day_pnl(reader: Reader, shown: Snapshot) -> Decimal:
    return day_pnl(shown, reader.equity(shown.run, since=midnight(shown)))


def _held(row: PositionRow) -> Held:
    return Held(row.symbol, row.side, row.qty, row.entry_price, row.price, row.pnl, row.stop)


__all__ = ["JournalReadings"]
