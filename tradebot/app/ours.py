"""What is open of our own live runs: by the journal, by the side file, and by the names of orders on the account.

A start must know this before anything else: what is open has to be protected whatever else is wrong.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from decimal import Decimal
from pathlib import Path

from tradebot.broker.account_view import AccountHoldings
from tradebot.core.model.account import OrderRead, PositionRead
from tradebot.core.model.errors import TradebotError
from tradebot.core.model.money import ZERO, plain
from tradebot.core.model.values import OrderStatus, Purpose
from tradebot.core.trading.shared import CHECKLIST
from tradebot.guard.instance import INSTANCE_FILE
from tradebot.journal.paths import journal_path
from tradebot.journal.reader import Reader
from tradebot.journal.rows import SEEN, RunRow
from tradebot.journal.side import SIDE_FILE, cut_lines, read_side
from tradebot.journal.view import OrderRow

LIVE = "live"
OPEN_ENDED = (OrderStatus.PENDING, OrderStatus.UNKNOWN, OrderStatus.CANCELLING)
"""An order that a journal leaves in one of these may be anywhere."""
PREFIX = "tb"
"""How the client ids of all tradebots' orders begin."""


@dataclass(frozen=True, slots=True)
class Ours:
    """What this directory has of the newest live run on an account.

    ``positions`` are signed (base units), ``working`` the orders that are not over, ``side`` the protective orders of the side
    file, ``cut`` the lines of it that cannot be read. ``seen`` is when the run's engine last wrote (real clock, UTC ms); ``problem`` is
    why the journal cannot be read. ``stage`` is the one it was in then, ``only`` why it could only protect, "" where it traded.
    """

    run: RunRow | None = None
    positions: Mapping[str, Decimal] = field(default_factory=dict)
    working: Sequence[OrderRow] = ()
    side: int = 0
    cut: Sequence[str] = ()
    instance: str = ""
    seen: int | None = None
    problem: str = ""
    stage: int = 0
    only: str = ""

    @property
    def unknown(self) -> list[OrderRow]:
        """The orders of which nobody knows what became: also one whose cancel was on its way, whatever it was before."""
        return [order for order in self.working if order.status in OPEN_ENDED]

    @property
    def entering(self) -> set[str]:
        """The symbols on which an entry may have been filled that nobody has booked."""
        return {one.symbol for one in self.working if one.purpose == Purpose.ENTRY.value}

    @property
    def symbols(self) -> set[str]:
        """The symbols on which something of ours is open by the journal."""
        return {*self.positions, *(one.symbol for one in self.working)}

    def named(self, order_id: str) -> bool:
        """Whether an order's client id is one of this directory's."""
        return bool(self.instance) and order_id.startswith(f"{PREFIX}{self.instance}-")

    def open_here(self) -> list[str]:
        """Say what is open by journal and side file."""
        said = [f"{symbol} {plain(qty)} (journal)" for symbol, qty in self.positions.items()]
        said += [f"{one.id} {one.status} (journal)" for one in self.working]
        if self.side or self.cut:
            said.append(f"{self.side + len(self.cut)} order(s) in {SIDE_FILE}")
        return said

    def naked(self, held: AccountHoldings, symbols: Sequence[str]) -> list[PositionRead]:
        """Return the positions on ``symbols`` of which neither the journal nor an order of ours on the account knows."""
        known = {*self.symbols, *(one.symbol for one in self._orders_there(held))}
        return [one for one in held.positions if one.symbol in symbols and one.symbol not in known]

    def _orders_there(self, held: AccountHoldings) -> list[OrderRead]:
        return [one for one in (*held.algos, *held.orders) if self.named(one.order_id)]

    def open_there(self, held: AccountHoldings) -> list[str]:
        """Say what is open on the account under our names: orders, and the positions that they protect."""
        orders = self._orders_there(held)
        symbols = {one.symbol for one in orders} | set(self.positions)
        said = [f"{one.symbol} {one.order_id} (account)" for one in orders]
        return said + [
            f"{one.symbol} {plain(one.qty)} (account)"
            for one in held.positions
            if one.symbol in symbols
        ]


def read_ours(data_dir: Path, venue: str) -> Ours:
    """Return what a directory has of its newest live run on the account ``venue`` (demo or live); raises nothing."""
    side = data_dir / SIDE_FILE
    try:
        rows, cut = len(read_side(side)), cut_lines(side)
    except OSError as error:
        rows, cut = 1, [f"it cannot be read: {error.strerror}"]
    made = Ours(side=rows, cut=cut, instance=_instance(data_dir))
    path = journal_path(data_dir)
    if not path.exists():
        return made
    try:
        return _read_journal(path, venue, made)
    except (TradebotError, OSError) as error:
        return Ours(side=rows, cut=cut, instance=made.instance, problem=str(error))


def _read_journal(path: Path, venue: str, made: Ours) -> Ours:
    with Reader(path) as reader, reader.moment():
        runs = (run for run in reader.runs() if (run.mode, run.venue) == (LIVE, venue))
        run = next(runs, None)
        if run is None:
            return made
        shown = reader.snapshot(run.id)
        held = (
            {}
            if shown is None
            else {one.symbol: _signed(one.side, one.qty) for one in shown.positions}
        )
        working = reader.orders(run.id, open_only=True)
        seen = last_sign(reader, run)
        stage, only = (0, "") if shown is None else (shown.stage, shown.halts.get(CHECKLIST, ""))
        ours = Ours(run, held, working, made.side, made.cut, made.instance, seen)
        return replace(ours, stage=stage, only=only)


def last_sign(reader: Reader, run: RunRow) -> int | None:
    """Return when a run's engine last wrote (real clock, UTC ms), None if it never did; a command without it is no sign of life."""
    before = (run.summary or {}).get(SEEN)
    if before is not None and run.state != "running":
        return int(before)
    shown = reader.snapshot(run.id)
    return None if shown is None else shown.wall


def _signed(side: str, qty: Decimal) -> Decimal:
    return -qty if side == "short" else qty


def _instance(data_dir: Path) -> str:
    try:
        return (data_dir / INSTANCE_FILE).read_text(encoding="utf-8").strip()
    except (OSError, ValueError):
        return ""


def read_differences(
    ours: Ours, held: AccountHoldings, symbols: Sequence[str]
) -> tuple[list[str], list[str]]:
    """Hold the account against the journal: what nothing explains, and what a start will book.

    A position that has become smaller while nobody watched was closed by its own stop or by a person: that is booked with
    its true result. One that appeared is explained by an entry of unknown outcome only.
    """
    there = {one.symbol: one.qty for one in held.positions}
    strange: list[str] = []
    booked: list[str] = []
    for symbol in sorted({*symbols, *ours.positions} & {*there, *ours.positions}):
        ours_, theirs = ours.positions.get(symbol, ZERO), there.get(symbol, ZERO)
        if ours_ == theirs:
            continue
        text = f"{symbol}: {plain(ours_)} by the journal, {plain(theirs)} on the account"
        shrunk = abs(theirs) < abs(ours_) and ours_ * theirs >= ZERO
        (booked if shrunk or symbol in ours.entering else strange).append(text)
    return strange, booked
