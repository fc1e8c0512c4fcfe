"""One run as its host sees it: its session, who looks at it, and what is put on record of its start."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from tradebot.app.build import make_session
from tradebot.app.demotion import DriftGuard
from tradebot.app.drift import drift_watch
from tradebot.app.incident_watch import IncidentWatch
from tradebot.app.incidents import Incidents, incidents_in
from tradebot.app.provenance import Footing, Witness, evidence_hash
from tradebot.app.queued import QueueRunner
from tradebot.app.run import Hosted, Identity
from tradebot.app.runner import Runner
from tradebot.app.setup import Setup
from tradebot.core.model.errors import JournalError
from tradebot.core.model.money import ZERO
from tradebot.core.risk.monitor import Reached
from tradebot.core.trading.session import Session
from tradebot.guard.latch import halt_present
from tradebot.journal.audit import AuditKey
from tradebot.journal.reader import Reader
from tradebot.journal.rows import CommandRow
from tradebot.market.feed import ExchangeSource
from tradebot.reports.drift import demoted_for, ghost_outcomes, live_bps

if TYPE_CHECKING:
    from tradebot.app.statements import Statements

UNREADABLE = (JournalError, ValueError, KeyError, TypeError, ArithmeticError)
"""What comes of rows that are damaged, or that somebody wrote."""


def witness_of(setup: Setup, runner: Runner, key: AuditKey) -> Witness:
    """Return who writes the rows of this start."""
    config, speed = setup.config, setup.pace.speed
    evidence = evidence_hash(setup.spec, config.strategy.timeframe, setup.source.symbols)
    pace = "max" if speed is None else f"{speed:g}"
    footing = Footing(
        *(pace, config.risk.profile, evidence, key.is_weak), setup.terminal, config.stage
    )

    def now() -> int:
        return runner.time.now() if isinstance(runner, QueueRunner) else runner.session.engine.now

    return Witness(runner.runs, setup.source, footing, now, setup.clock, key)


def statement_taker(
    setup: Setup, path: Path, runs: Sequence[Hosted], key: AuditKey
) -> Callable[[CommandRow], None]:
    """Return who takes what people state to an engine. What judges it is loaded with the first statement, except where an account is traded."""
    born = setup.clock.wall_ms()

    @cache
    def taker() -> Statements:
        from tradebot.app.statements import Statements  # with it comes the exchange's client

        return Statements(setup.config, path, runs, key, setup.clock, born)

    if setup.account is not None:
        taker()
    return lambda row: taker().take(row)


def hosted_run(setup: Setup, identity: Identity, session: Session, *, beside: bool) -> Hosted:
    """Return a run with who looks at it; one ``beside`` another has its words for hypothetical trades only."""
    trades = setup.account is not None and session.broker.outside
    hosted = Hosted(
        identity,
        session,
        setup.observe,
        beside=beside,
        latches=setup.latches(identity.mode),
        account=setup.venue if trades else None,
        standstill=setup.account.standstill if setup.account is not None and trades else None,
    )
    if session.broker.outside:
        hosted.drift = drift_watch(setup.config, session.engine)
        if identity.mode == "live":
            hosted.watch = IncidentWatch(session.engine)
            hosted.lowest = setup.config.risk.live.in_stage(1)
            hosted.supervision, hosted.standing = setup.supervision, setup.standing
            hosted.terminal, hosted.wall = setup.terminal, setup.clock.wall_ms
    return hosted


def session_of(
    setup: Setup,
    mode: str,
    start_equity: Decimal | None = None,
    first: Decimal | None = None,
    reached: tuple[Reached, ...] = (),
) -> Session:
    """Return a mode's session; ``first`` is what a live run's approved loss counts from, for one that begins."""
    latches = setup.latches(mode)
    return make_session(
        setup.config,
        setup.spec.build,
        setup.source.symbols,
        setup.source.interval,
        quotes=setup.source.quotes,
        latched=lambda: any(map(halt_present, latches)),
        clock=setup.clock.monotonic,
        ghost=mode == "ghost",
        broker=setup.broker if mode == setup.modes[0] else None,
        instruments=setup.source.instruments if isinstance(setup.source, ExchangeSource) else None,
        start_equity=start_equity,
        reached=reached,
        signoff_equity=(first or ZERO) if mode == "live" else None,
        drops_stops=setup.venue == "demo",
        unproved=setup.unproved and mode == setup.modes[0],
    )


def take_record(setup: Setup, path: Path, runs: Sequence[Hosted]) -> list[str]:
    """Have the runs know of the incidents and the drift on record; return what people are told of a record that cannot be read.

    Where an account is traded that is one more doubt in the journal, for what is open must be protected all the same.
    Raises JournalError for a simulated run.
    """
    incidents = Incidents(clock=setup.clock)
    try:
        incidents = incidents_in(path, setup.clock)
        _guard(setup, path, runs)
    except UNREADABLE as error:
        said = error.message if isinstance(error, JournalError) else f"a row of drift: {error!r}"
        if not setup.outside:
            raise JournalError(said, hint="tradebot db verify", file=str(path)) from error
        return [doubt_said(_doubt(run, said)) for run in runs if run.session.broker.outside]
    finally:
        for run in runs:
            run.incidents = incidents
    return []


def doubt_said(doubt: str) -> str:
    """Return what people are told of a doubt in the journal."""
    return f"{doubt}; no entries, protection goes on"


def _doubt(run: Hosted, why: str) -> str:
    """Have a run begin with one more doubt; return that."""
    doubts = filter(None, (run.identity.doubt, why))
    run.identity = replace(run.identity, doubt="; ".join(doubts))
    return why


def _guard(setup: Setup, path: Path, runs: Sequence[Hosted]) -> None:
    """Have a live run's fills, and the ghost beside it, judged; those of earlier starts count too."""
    live = next((run for run in runs if run.watch is not None), None)
    if live is None:
        return
    beside = next((run for run in runs if run.identity.mode == "ghost"), None)
    choice = setup.config.live
    with Reader(path) as reader:
        guard = DriftGuard(
            *(choice.drift_bps, choice.ghost_accuracy_pct),
            live_bps(reader, setup.venue),
            [] if beside is None else ghost_outcomes(reader, beside.identity.run),
            demoted_for(reader),
            live.demote,
        )
    for run in (live, beside):
        if run is not None:
            run.guard = guard


__all__ = [
    "doubt_said",
    "hosted_run",
    "session_of",
    "statement_taker",
    "take_record",
    "witness_of",
]
