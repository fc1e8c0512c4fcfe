"""The journal without its engine: looking at it, and acting on a run that stands still.

``act`` carries out a command on interrupted paper runs: it takes the lock, restores engine and simulated
exchange from the journalled state, delivers the command and commits what follows in one transaction. A run that
trades an account has no simulated exchange: what is held there is closed by ``flatten``, never from a journal.
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from tradebot import __version__
from tradebot.app.books import fill_in
from tradebot.app.build import make_session
from tradebot.app.database import journal_of
from tradebot.app.ours import last_sign
from tradebot.app.resume import replay_tail
from tradebot.app.run import summary_of, view, wall_ms
from tradebot.app.target import ACCOUNTS, ExchangeAccount, Request
from tradebot.broker.mute import MuteBroker
from tradebot.broker.simulated import SimulatedBroker
from tradebot.config import Config
from tradebot.core.model.documents import PositionDocument, SummaryDocument
from tradebot.core.model.effects import CommandDone, Effect
from tradebot.core.model.errors import JournalError
from tradebot.core.model.events import Command, Event, RunStarted
from tradebot.core.model.money import ZERO, exact
from tradebot.core.model.values import Bar
from tradebot.core.strategy.protocol import Signal
from tradebot.core.trading.session import Session
from tradebot.core.trading.shared import CHECKLIST
from tradebot.core.trading.snapshot import Heading, position_rows
from tradebot.guard.account_lock import account_dir
from tradebot.guard.latch import clear_halt
from tradebot.guard.lock import InstanceLock
from tradebot.journal.audit import AuditKey
from tradebot.journal.flight import engine_text
from tradebot.journal.noted import find_loss, lost
from tradebot.journal.reader import Reader
from tradebot.journal.rows import (
    COMMAND_NONCE,
    EXIT_CODE,
    SEEN,
    Batch,
    CommandRow,
    RunResumed,
    RunRow,
    StateRow,
)
from tradebot.journal.writer import Journal

ACCOUNT_STATE = "account"
"""Under which a run's state has the fingerprint of the key it traded with."""

STANDING = ("paper", "ghost", "live")
"""Modes of runs that a command can be carried out on while no engine runs."""


STAYS = "stays halted"
"""How it is said of a run that not every halt could be lifted."""


class Idle:
    """A strategy that says nothing: a run that stands still needs none."""

    warmup = 0

    def on_bar(self, bar: Bar) -> Signal | None:  # noqa: ARG002 - the protocol's shape
        """Return None."""
        return None


async def act(data_dir: Path, request: Request) -> list[PositionDocument]:
    """Carry out a command while no engine runs; return the positions that are left, with their run.

    Interrupted runs are meant (of a ghost, the shadow account); an ended one is history. Raises AlreadyRunningError while an engine
    holds the lock, JournalError when the journal cannot be used, UsageError for an unknown run.
    """
    path = journal_of(data_dir)
    key = AuditKey.load(data_dir)
    closing = request.name == "close-all"
    left: list[PositionDocument] = []
    damaged: list[JournalError] = []
    with InstanceLock(data_dir, request.name), exact():
        missing = find_loss(path, key) if closing else None
        if missing is not None:
            raise lost(path, missing)
        async with await Journal.open(path, key=key, quick=closing) as journal:
            with Reader(path) as reader:
                # the one that ran last comes last, so that it stays the newest
                standing = list(reversed(_standing(reader, request)))
            for run in standing:
                try:
                    left += await _act_on(journal, run, request)
                except (
                    JournalError
                ) as error:  # one run's damage is no reason to leave the others open
                    damaged.append(error)
        if damaged:
            raise damaged[0]
        if request.name == "resume":
            clear_halt(data_dir, request.posted)
    return left


def _standing(reader: Reader, request: Request) -> list[RunRow]:
    """Return the runs a command is for; a close-all has nothing to close here of one that trades an account."""
    runs = reader.runs() if request.run is None else [reader.run(request.run)]
    standing = [run for run in runs if run.mode in STANDING and run.state == "interrupted"]
    if request.name == "close-all":
        return [run for run in standing if run.venue not in ACCOUNTS]
    return standing


def standing_accounts(data_dir: Path, wanted: str | None) -> list[ExchangeAccount]:
    """Return the accounts of runs that are not over, or left something open, each once; else that of the run named.

    Where one is is in the configuration that its run began with. JournalError when that cannot be read.
    """
    with Reader(journal_of(data_dir)) as reader:
        runs = reader.runs() if wanted is None else [reader.run(wanted)]
        mine = [run for run in runs if run.venue in ACCOUNTS]
        if wanted is None:
            mine = [run for run in mine if run.state != "ended" or left_open(reader, run.id)]
        return list(dict.fromkeys(account_of_run(reader, run) for run in mine))


def left_open(reader: Reader, run: str) -> list[str]:
    """Return the symbols on which a run has a position or an order, as far as its journal knows."""
    held = {row.symbol for row in reader.positions(run)}
    return sorted(held | {row.symbol for row in reader.orders(run, open_only=True)})


def still_halted(data_dir: Path) -> list[str]:
    """Return the runs that stand still and what halts them, in words, as their journal has it."""
    with Reader(journal_of(data_dir)) as reader:
        standing = [
            run for run in reader.runs() if run.mode in STANDING and run.state == "interrupted"
        ]
        shown = ((run.id, reader.snapshot(run.id)) for run in standing)
        return [
            f"{name} {STAYS}: {', '.join(seen.halts)}"
            for name, seen in shown
            if seen is not None and seen.halts
        ]


def simulated_stand(data_dir: Path) -> bool:
    """Whether a simulated run is not over."""
    with Reader(journal_of(data_dir)) as reader:
        return any(run.state != "ended" and run.venue not in ACCOUNTS for run in reader.runs())


def account_of_run(reader: Reader, run: RunRow) -> ExchangeAccount:
    """Return the account that a run trades, with its key's fingerprint where that was noted.

    JournalError where its configuration or its state cannot be read.
    """
    exchange = _configured(run).exchange
    try:
        state = reader.state(run.id)
        fingerprint = "" if state is None else str(state.body["session"].get(ACCOUNT_STATE, ""))
    except (ValueError, KeyError, TypeError, AttributeError):
        text = f"which account {run.id} traded cannot be told: its state cannot be read"
        raise JournalError(text, hint="name it with --account demo or live") from None
    return ExchangeAccount(run.venue, exchange.url, exchange.demo, fingerprint)


async def _act_on(journal: Journal, run: RunRow, request: Request) -> list[PositionDocument]:
    """Make the run current for a moment, deliver the command, commit, and let it stand again."""
    await journal.vouch(run.id)
    with Reader(journal.path) as reader, exact():
        state, seen = reader.state(run.id), last_sign(reader, run)
        if state is not None:
            fill_in(reader, run.id, state)
    if state is None:  # killed before its first commit: nothing ever happened in it
        return []
    nonce = f"{COMMAND_NONCE}{secrets.token_hex(4)}"
    session = _restored(run, state)
    if session.broker.outside:
        replay_tail(journal.path, run.id, session, state)
    engine = engine_text(session.engine.config)
    resumed = RunResumed(nonce, __version__, engine=engine, after=state.log_seq)
    await journal.resume_run(run.id, resumed, wall_ms())
    events: list[Event] = []
    batch = Batch(run.id, wall_ms(), events)

    def take(event: Event, effects: Sequence[Effect]) -> None:
        events.append(event)
        batch.effects.extend((event.at, effect) for effect in effects)

    session.sink = take
    session.note = lambda at, effects: batch.effects.extend((at, effect) for effect in effects)
    _deliver(session, run, nonce, request)
    batch.effects += _answers(await journal.pending_commands(), session.engine.now, run.id, request)
    batch.state = {**state.body, "session": session.export_state()}
    batch.snapshot = view(session, run.market, None)
    await journal.commit(batch, full=True)
    summary = {**_summary(run, state, session), **_left_as_it_was(run, seen)}
    await journal.end_run(run.id, "interrupted", run.error, summary, wall_ms())
    if request.name == "resume" and (fingerprint := state.body["session"].get(ACCOUNT_STATE)):
        clear_halt(account_dir(fingerprint), request.posted)
    return [{"run": run.id, **row} for row in position_rows(session.engine)]


def _deliver(session: Session, run: RunRow, nonce: str, request: Request) -> None:
    now = session.engine.now
    # a run that could only protect still can: nothing was checked, and only a start that was lifts that
    only = session.engine.halts.reasons.get(CHECKLIST)
    started = RunStarted(
        *(now, run.id, run.instance, nonce, run.config_hash, True),
        protect="" if only is None else only.detail,
    )
    session.deliver(started)
    session.deliver(Command(now, 0, request.name, request.who, request.reason, request.review))
    if request.name == "close-all":
        broker = session.broker
        assert isinstance(broker, SimulatedBroker), (
            "only a simulated account can be closed from here"
        )
        for event in broker.close_all_now(now):
            session.deliver(event)


def _answers(
    pending: Sequence[CommandRow], now: int, run: str, request: Request
) -> Iterator[tuple[int, Effect]]:
    """Answer what a dead engine was asked and never answered: the next one must not do it again."""
    for row in pending:
        if row.run in (None, run):
            # a close-all halts: who asked for the halt has it
            done = row.name == request.name or (row.name, request.name) == ("halt", "close-all")
            said = "carried out without the engine" if done else f"overtaken by {request.name}"
            yield now, CommandDone(now, row.id, done, said)


def _summary(run: RunRow, state: StateRow, session: Session) -> SummaryDocument:
    first, last = state.body["first"], session.engine.now
    heading = Heading(run.id, run.mode, run.market, run.strategy, first, last)
    return {**summary_of(heading, session), "hashes": session.digest.hashes()}


def _left_as_it_was(run: RunRow, seen: int | None) -> dict[str, Any]:
    """Return what a command must not change of a run: how it ended, and when it last was alive (real clock, UTC ms)."""
    before = run.summary or {}
    ended = {name: before[name] for name in (EXIT_CODE,) if name in before}
    return ended if seen is None else {**ended, SEEN: seen}


def _restored(run: RunRow, state: StateRow) -> Session:
    symbols, interval, timeframe, quotes = state.body["shape"]
    session = make_session(
        _configured(run),
        lambda _: Idle(),
        symbols,
        interval,
        quotes=quotes,
        timeframe=timeframe,
        ghost=run.mode == "ghost",
        broker=MuteBroker() if run.venue in ACCOUNTS else None,
        signoff_equity=ZERO if run.mode == "live" else None,  # its state has the real one
    )
    session.restore(state.body["session"])
    return session


def _configured(run: RunRow) -> Config:
    """Return the configuration the run was begun with: what is in bot.toml today may be anything."""
    try:
        return Config.model_validate(json.loads(run.config))
    except (ValueError, TypeError) as error:
        raise JournalError(
            f"the configuration that {run.id} was begun with cannot be used: {error}",
            hint="`tradebot paper` goes on with today's, and close-all then works",
        ) from error
