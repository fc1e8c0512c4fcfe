"""What the screens show, read from the journal: one value per look, nothing held open in between.

A ``Feed`` is asked twice a second, on a thread. It asks the journal only for what can have changed: the
tables follow from the audit trail, so while its head stands still they are the ones of the last look.
"""

from __future__ import annotations

import json
import threading
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from decimal import Decimal
from pathlib import Path
from typing import Any

from tradebot.app.alerts_state import AlertsState, alerts_state
from tradebot.app.status import (
    close_dirs,
    engine_of,
    is_closed_down,
    latched_halt,
    trouble_of,
)
from tradebot.core.model.errors import JournalError, TradebotError
from tradebot.core.model.values import Bar
from tradebot.guard.closing import CloseProgress, last_close
from tradebot.guard.diary import diary_mark
from tradebot.guard.lock import lock_owner
from tradebot.journal.paths import journal_path
from tradebot.journal.reader import Reader
from tradebot.journal.rows import RunRow
from tradebot.journal.snapshots import AccountSeen, LimitRow, PositionRow, RiskView, Snapshot
from tradebot.journal.status import (
    HEARTBEAT_MS,
    HaltInForce,
    Liveness,
    day_pnl,
    halts_in_force,
    liveness,
)
from tradebot.journal.view import (
    EquityRow,
    FillRow,
    HaltEvent,
    NoticeRow,
    OrderRow,
    SignalRow,
    TradeRow,
)
from tradebot.tui.figures import clock
from tradebot.tui.ghost_feed import GhostFeed, GhostView

STALE_MS = 5_000
"""Prices that have not moved on for longer than this are stale."""

NEWEST = 500
"""Rows of a table that the screens hold; the commands show them all."""

BARS = 500
"""Bars per symbol that a plot can show."""

CLOSE_S = 1.0
"""Seconds to wait for a look that is under way, before leaving the journal open."""

ALERTS_MS = 2_000
"""Time between two looks at how alerts do."""

NO_ALERTS = AlertsState("off")

LOOK_BACK = 60_000
"""Newest events of the log in which bars are looked for."""


@dataclass(frozen=True, slots=True)
class View:
    """Everything the screens show, as of ``wall`` (UTC milliseconds of the real clock).

    ``held`` says that an engine works on some run, ``running`` has the figures of the runs that are not over, ``fresh`` is when market time was last seen to move; lists are oldest first. ``ghost`` is of the run, or of one beside it; ``closing`` is the account's newest close-all, for as long as it is under way or its row stands in the HALT file. ``problem`` says in words why there is nothing.
    """

    wall: int
    data_dir: Path
    problem: str = ""
    runs: tuple[RunRow, ...] = ()
    run: RunRow | None = None
    engine: Liveness = "stopped"
    pid: int | None = None
    held: bool = False
    snapshot: Snapshot | None = None
    running: dict[str, Snapshot] = field(default_factory=dict)
    fresh: int | None = None
    latch: HaltInForce | None = None
    closing: CloseProgress | None = None
    orders: tuple[OrderRow, ...] = ()
    trades: tuple[TradeRow, ...] = ()
    signals: tuple[SignalRow, ...] = ()
    equity: tuple[EquityRow, ...] = ()
    notices: tuple[NoticeRow, ...] = ()
    halt_log: tuple[HaltEvent, ...] = ()
    bars: dict[str, list[Bar]] = field(default_factory=dict)
    config: dict[str, Any] = field(default_factory=dict)
    ghost: GhostView | None = None
    alerts: AlertsState = NO_ALERTS

    @property
    def live(self) -> bool:
        """Whether an engine works (or hangs) on this run right now."""
        return self.engine in ("running", "hung")

    @property
    def at(self) -> int | None:
        """The market's time, UTC milliseconds."""
        return None if self.snapshot is None else self.snapshot.at

    @property
    def positions(self) -> Sequence[PositionRow]:
        """The open positions."""
        return () if self.snapshot is None else self.snapshot.positions

    @property
    def risk(self) -> RiskView | None:
        """Limits, liquidation and refusals as the engine last wrote them down."""
        return None if self.snapshot is None else self.snapshot.risk

    @property
    def prices(self) -> Mapping[str, Decimal]:
        """The symbols' prices (USDT)."""
        return {} if self.snapshot is None else self.snapshot.prices

    @property
    def symbols(self) -> list[str]:
        """The symbols with a price, in order."""
        return sorted(self.prices)

    @property
    def halts(self) -> list[HaltInForce]:
        """Why entries are stopped: the engine's reasons, and the HALT file it has not seen yet."""
        return halts_in_force(self.snapshot, self.halt_log, self.latch)

    def day_pnl(self) -> Decimal | None:
        """Return the change of equity since 00:00 UTC of the market's day; None when unknown."""
        return None if self.snapshot is None else day_pnl(self.snapshot, self.equity)

    def limit(self, rule: str, symbol: str | None = None) -> LimitRow | None:
        """Return a limit with its use, as the snapshot has it."""
        return None if self.risk is None else self.risk.limit(rule, symbol)

    def beat_age(self, wall: int) -> float | None:
        """Return the seconds since the engine's last sign of life; None when no engine runs."""
        if self.snapshot is None or not self.live:
            return None
        return max(0.0, (wall - self.snapshot.wall) / 1000)

    def feed_age(self, wall: int) -> float | None:
        """Return the seconds for which market time has stood still; None when no engine runs."""
        if self.fresh is None or not self.live:
            return None
        return max(0.0, (wall - self.fresh) / 1000)

    def banned_s(self, wall: int) -> float:
        """Return for how many seconds the exchange still answers nobody here; 0 where it does, or no engine runs."""
        links = None if self.snapshot is None or not self.live else self.snapshot.links
        if links is None or links.banned_until is None:
            return 0.0
        return max(0.0, (links.banned_until - wall) / 1000)

    @property
    def traded(self) -> bool:
        """Whether the run trades an account at an exchange: demo or live."""
        return self.run is not None and self.run.venue not in ("local", "none")

    @property
    def account(self) -> AccountSeen | None:
        """The account as the exchange last told it whole; None where none is traded, or it was not read yet."""
        links = None if self.snapshot is None else self.snapshot.links
        return None if links is None else links.account

    @property
    def streams(self) -> list[tuple[str, float | None]]:
        """The streams by name, with the seconds since each was heard; None for one that is away."""
        links = None if self.snapshot is None or not self.live else self.snapshot.links
        if links is None or self.snapshot is None:
            return []
        since = max(0, self.wall - self.snapshot.wall)
        return [
            (name, None if age is None else (age + since) / 1000)
            for name, age in sorted(links.ages.items())
        ]

    def hung(self, wall: int) -> bool:
        """Whether the engine holds its lock but gives no sign of life."""
        age = self.beat_age(wall)
        return age is not None and age * 1000 > HEARTBEAT_MS


class Feed:
    """Reads the journal of a data directory for the screens, from whatever thread.

    ``pinned`` is the run to show whatever happens; without one it is the newest. ``clock`` gives the real
    time in UTC milliseconds.
    """

    def __init__(self, data_dir: Path, clock: Callable[[], int], pinned: str | None = None) -> None:
        self.data_dir = data_dir
        self.pinned = pinned
        self._clock = clock
        self._reader: Reader | None = None
        self._ghosts: GhostFeed | None = None
        self._inode = 0
        self._last = View(0, data_dir)
        self._head: object = None
        self._log = 0
        self._bars: dict[str, deque[Bar]] = {}
        self._mark: list[int] = []
        self._closing: CloseProgress | None = None
        self._alerts_at, self._alerts_seen = 0, NO_ALERTS
        self._busy = threading.Lock()
        self._leaving = False

    def pin(self, run: str | None) -> None:
        """Show this run from the next look on; None follows the newest."""
        self.pinned = run

    def close(self) -> None:
        """Let go of the journal, for good; one that is just being read is let go of by who reads it."""
        self._leaving = True
        # closed under a thread that still reads it, the connection would take the process down
        if self._busy.acquire(timeout=CLOSE_S):
            try:
                self._drop()
            finally:
                self._busy.release()

    def _drop(self) -> None:
        if self._reader is not None:
            self._reader.close()
        self._reader, self._ghosts, self._inode = None, None, 0
        self._last, self._head = View(0, self.data_dir), None

    def read(self) -> View:
        """Return what there is to see now; a journal that cannot be read is told in ``problem``."""
        with self._busy:
            view = self._last
            if not self._leaving:
                view = replace(self._read(), closing=self._close_all(), alerts=self._alerts())
            if self._leaving:
                self._drop()
            return view

    def _alerts(self) -> AlertsState:
        """Return how alerts do; looked at less often than prices."""
        wall = self._clock()
        if not 0 <= wall - self._alerts_at < ALERTS_MS:
            self._alerts_at, self._alerts_seen = wall, alerts_state(self.data_dir, wall)
        return self._alerts_seen

    def _close_all(self) -> CloseProgress | None:
        """Return how the newest close-all stands; its rows are read again when there are more, or while it goes on."""
        dirs = close_dirs(self.data_dir)
        mark, known = diary_mark(dirs), self._closing
        if mark != self._mark or (known is not None and known.stage == "under way"):
            self._mark, self._closing = mark, last_close(dirs)
        found = self._closing
        goes = found is not None and found.stage == "under way"
        return found if goes or is_closed_down(self.data_dir) else None

    def _read(self) -> View:
        wall = self._clock()
        latch = latched_halt(self.data_dir)
        try:
            inode = journal_path(self.data_dir).stat().st_ino
        except OSError:
            self._drop()
            return View(wall, self.data_dir, "there is no journal yet", latch=latch)
        if inode != self._inode:  # it was moved away, and there is another one now
            self._drop()
            self._inode = inode
        try:
            self._last = self._look(wall, latch)
        except TradebotError as error:
            self._drop()
            hint = f" ({error.hint})" if error.hint else ""
            return View(wall, self.data_dir, f"{error.message}{hint}", latch=latch)
        except Exception as error:  # whatever is wrong with it: the kill keys must not go with it
            self._drop()
            said = f"the journal cannot be read: {type(error).__name__} {error}"
            return View(wall, self.data_dir, said, latch=latch)
        return self._last

    def _look(self, wall: int, latch: HaltInForce | None) -> View:
        reader = self._reader
        if reader is None:
            reader = self._reader = Reader(journal_path(self.data_dir))
            self._ghosts = GhostFeed(reader, NEWEST)
        with reader.moment():
            runs = tuple(reader.runs(shown=True))
            if not runs:
                raise JournalError("there is no run yet")
            run = runs[0] if self.pinned is None else reader.run(self.pinned)
            view = self._view(reader, runs, run, wall, latch)
        trouble = trouble_of(self.data_dir)
        return view if trouble is None else replace(view, problem=trouble)

    def _view(
        self,
        reader: Reader,
        runs: tuple[RunRow, ...],
        run: RunRow,
        wall: int,
        latch: HaltInForce | None,
    ) -> View:
        last = self._last
        changed = last.run is None or last.run.id != run.id
        if changed:
            self._head, self._log, self._bars = None, 0, {}
        shown = reader.snapshot(run.id)
        beat = None if shown is None else shown.wall
        moved = changed or shown is None or shown.at != last.at
        head = reader.head()
        owner = engine_of(self.data_dir, run)
        return View(
            wall=wall,
            data_dir=self.data_dir,
            runs=runs,
            run=run,
            engine=liveness(run.state, owner is not None, beat, wall),
            held=lock_owner(self.data_dir) is not None,
            pid=None if owner is None else owner.pid,
            snapshot=shown,
            running=_newest(reader, runs),
            fresh=beat if moved else last.fresh,
            latch=latch,
            config=json.loads(run.config) if changed else last.config,
            bars=self._newest_bars(reader, run.id, last.bars),
            ghost=None if self._ghosts is None else self._ghosts.look(runs, run, shown, head),
            **self._tables(reader, run.id, head),
        )

    def _tables(self, reader: Reader, run: str, head: object) -> dict[str, Any]:
        """Return the tables of a run, read again only when the audit trail has grown."""
        last = self._last
        if head == self._head:
            names = ("orders", "trades", "signals", "equity", "notices", "halt_log")
            return {name: getattr(last, name) for name in names}
        first = self._head is None
        self._head = head
        return {
            "orders": tuple(reader.orders(run, open_only=True)),
            "trades": tuple(reader.trades(run, limit=NEWEST)),
            "signals": tuple(reader.signals(run, limit=NEWEST)),
            "equity": self._equity(reader, run, () if first else last.equity),
            "notices": tuple(reader.notices(run, limit=NEWEST)),
            "halt_log": tuple(reader.halts(run, limit=NEWEST)),
        }

    def _equity(
        self, reader: Reader, run: str, known: tuple[EquityRow, ...]
    ) -> tuple[EquityRow, ...]:
        """Return all equity points; those seen before are not read again."""
        if not known:
            return tuple(reader.equity(run))
        newest = known[-1]
        rows = reader.equity(run, since=newest.ts)
        return known + tuple(row for row in rows if row.seq > newest.seq)

    def _newest_bars(
        self, reader: Reader, run: str, known: dict[str, list[Bar]]
    ) -> dict[str, list[Bar]]:
        last, bars = reader.newest_bars(run, self._log, LOOK_BACK)
        self._log = last
        if not bars:
            return known if self._bars else {}
        for bar in bars:
            self._bars.setdefault(bar.symbol, deque(maxlen=BARS)).append(bar)
        return {symbol: list(rows) for symbol, rows in self._bars.items()}


def _newest(reader: Reader, runs: Sequence[RunRow]) -> dict[str, Snapshot]:
    """Return how the runs stand that are not over: they have no summary yet."""
    found = {run.id: reader.snapshot(run.id) for run in runs if run.state == "running"}
    return {run: shown for run, shown in found.items() if shown is not None}


def trip(reader: Reader, trade: TradeRow) -> tuple[SignalRow | None, list[OrderRow], list[FillRow]]:
    """Return what a closed trade was made of: its signal (None if there was none), orders, fills."""
    run, symbol, begin, end = trade.run, trade.symbol, trade.entry_time, trade.exit_time
    fills = [fill for fill in reader.fills(run, symbol) if begin <= fill.time <= end]
    ids = {fill.order_id for fill in fills}
    orders = [
        order
        for order in reader.orders(run)
        if order.symbol == symbol and (order.id in ids or begin <= order.ts <= end)
    ]
    signals = [one for one in reader.signals(run, symbol=symbol) if one.id == trade.signal]
    return (signals[0] if signals else None), orders, fills


def since_text(ms: int | None) -> str:
    """Return a time (UTC milliseconds) as ``14:03:22Z``, "" for none."""
    return "" if ms is None else f"{clock(ms, date=False)}Z"
