"""The journal without its engine: looking at it, and acting on a run that stands still.

``act`` carries out a command on an interrupted paper run: it takes the lock, restores engine and simulated
exchange from the journalled state, delivers the command and commits what follows, all in one transaction.
"""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any

from tradebot.assembly import make_session
from tradebot.config import Config
from tradebot.core.effects import Effect
from tradebot.core.errors import JournalError
from tradebot.core.events import Command, Event
from tradebot.core.money import exact, plain
from tradebot.core.strategy.protocol import Signal
from tradebot.core.times import iso
from tradebot.core.values import Bar
from tradebot.journal.audit import AuditKey
from tradebot.journal.reader import Reader
from tradebot.journal.rows import Batch, RunRow, StateRow
from tradebot.journal.writer import Journal
from tradebot.lock import InstanceLock, clear_halt
from tradebot.report import position_rows, snapshot
from tradebot.runner import wall_ms
from tradebot.session import Session

DATABASE = "tradebot.db"

TIMES = ("time", "entry_time", "exit_time", "ts", "updated", "started", "resumed", "ended")
MONEY = (
    "qty",
    "price",
    "stop",
    "target",
    "entry_price",
    "exit_price",
    "fees",
    "funding",
    "pnl",
    "outcome_pnl",
    "trigger_price",
    "filled",
    "average",
)


class Idle:
    """A strategy that says nothing: a run that stands still needs none."""

    warmup = 0

    def on_bar(self, bar: Bar) -> Signal | None:  # noqa: ARG002 - the protocol's shape
        """Return None."""
        return None


def database(config: Config) -> Path:
    """Return the journal's path; JournalError with the way out when there is none yet."""
    path = config.data_dir() / DATABASE
    if not path.exists():
        raise JournalError(
            "there is no journal yet",
            hint="`tradebot paper` makes one; --data-dir names another place",
            file=str(path),
        )
    return path


async def act(config: Config, name: str, who: str, reason: str) -> list[dict[str, Any]]:
    """Carry out a command while no engine runs; return the positions that are left.

    The newest interrupted paper run is meant; nothing happens when there is none. Raises
    AlreadyRunningError while an engine holds the lock, JournalError when the journal cannot be used.
    """
    data_dir = config.data_dir()
    path = database(config)
    with InstanceLock(data_dir), exact():
        async with await Journal.open(path, key=AuditKey.load(data_dir)) as journal:
            with Reader(path) as reader:
                run = _standing(reader)
                state = None if run is None else reader.state(run.id)
            left: list[dict[str, Any]] = []
            if run is not None and state is not None:
                batch, left = _deliver(config, run, state, name, who, reason)
                await journal.commit(batch, full=True)
        if name == "resume":
            clear_halt(data_dir)
    return left


def _standing(reader: Reader) -> RunRow | None:
    runs = (run for run in reader.runs() if run.mode == "paper")
    return next((run for run in runs if run.state == "interrupted"), None)


def _deliver(
    config: Config, run: RunRow, state: StateRow, name: str, who: str, reason: str
) -> tuple[Batch, list[dict[str, Any]]]:
    batch = Batch(run=run.id, wall=wall_ms())

    def take(event: Event, effects: Sequence[Effect]) -> None:
        batch.events.append(event)
        batch.effects.extend((event.at, effect) for effect in effects)

    session = _restored(config, state)
    session.sink = take
    now = session.engine.now
    session.deliver(Command(now, 0, name, who, reason))
    if name == "close-all":
        for event in session.exchange.close_all_now(now):
            session.deliver(event)
    batch.state = {**state.body, "session": session.export_state()}
    batch.snapshot = snapshot(session.engine, run.market, None)
    return batch, position_rows(session.engine)


def _restored(config: Config, state: StateRow) -> Session:
    symbols, interval, timeframe, quotes = state.body["shape"]
    session = make_session(
        config, lambda _: Idle(), symbols, interval, quotes=quotes, timeframe=timeframe
    )
    session.restore(state.body["session"])
    return session


def journal_row(row: dict[str, Any]) -> dict[str, Any]:
    """Return a journal row as JSON has it: times as ISO-8601, money without exponent."""
    return {name: _as_json(name, value) for name, value in row.items() if name != "wall"}


def _as_json(name: str, value: Any) -> Any:
    if value is None:
        return None
    if name in TIMES:
        return iso(value)
    return plain(Decimal(value)) if name in MONEY else value
