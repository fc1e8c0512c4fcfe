"""What the journal is told of a start: which run it is, and how its engine was set up, so that it can be made again."""

from __future__ import annotations

from tradebot import __version__
from tradebot.app.setup import Setup
from tradebot.core.trading.session import Session
from tradebot.journal.flight import engine_text
from tradebot.journal.rows import NewRun, RunResumed, RunRow, StateRow


def new_run(setup: Setup, mode: str, session: Session, nonce: str, instance: str) -> NewRun:
    """Return the row of a run that begins."""
    config = setup.config
    return NewRun(
        mode=mode,
        venue=setup.venue_of(mode),
        market=setup.source.label,
        seed=setup.seed,
        config=config.canonical_json(),
        config_hash=config.digest(),
        strategy=setup.spec.name,
        strategy_hash=setup.spec.hash,
        nonce=nonce,
        instance=instance,
        wall=setup.clock.wall_ms(),
        version=__version__,
        engine=engine_text(session.engine.config),
    )


def gone_on(
    setup: Setup, before: RunRow, state: StateRow | None, session: Session, nonce: str
) -> RunResumed:
    """Return the row of a run that goes on from a state, or anew without one."""
    config = setup.config.canonical_json()
    return RunResumed(
        nonce,
        version=__version__,
        config="" if config == before.config else config,
        engine=engine_text(session.engine.config),
        after=0 if state is None else state.log_seq,
    )


__all__ = ["gone_on", "new_run"]
