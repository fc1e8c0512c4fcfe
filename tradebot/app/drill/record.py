"""Puts a drill on record: a row of the real journal's chain, which is all of it that outlives the drill's directory."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

from tradebot import __version__
from tradebot.app.control import ask
from tradebot.app.database import journal_of
from tradebot.app.drill.asked import sealed
from tradebot.app.drill.drill import ScenarioResult
from tradebot.app.readiness import execution_text, journal_place, limits_text
from tradebot.app.recording import put_on_record
from tradebot.app.target import Request, may_run
from tradebot.clock import SYSTEM
from tradebot.config import Config
from tradebot.core.model.errors import RefusedError
from tradebot.core.model.money import plain
from tradebot.journal.audit import AuditKey
from tradebot.journal.commands import RECORD_DRILL
from tradebot.journal.facts import DrillPlayed
from tradebot.journal.reader import Reader
from tradebot.plugins.evidence import evidence_of
from tradebot.plugins.strategies import StrategySpec
from tradebot.reports.readiness.gates import PASSED

ANSWER_S = 15.0
"""Seconds for which an engine's answer is waited for."""


def put_drill_on_record(
    config: Config,
    spec: StrategySpec,
    evidence: str,
    outcomes: Sequence[ScenarioResult],
    began: int,
) -> str:
    """Write the row of a drill that began at ``began`` (UTC ms) and has just ended; return the chain's head.

    ``evidence`` is the hash as it was before: RefusedError where it is another one by now. AlreadyRunningError while an
    engine that does not answer holds the journal, JournalError where it cannot be written.
    """
    if evidence_of(spec, config.strategy.timeframe, config.market.symbols).hash != evidence:
        raise RefusedError(
            "the strategy's files have changed while it was drilled: nothing was put on record",
            hint="leave them alone, and drill it again",
        )
    row, data_dir = drill_row(config, evidence, outcomes, began), config.data_dir()
    if may_run(data_dir):
        return _by_engine(data_dir, row)
    return str(put_on_record(data_dir, lambda _: [row], "drill"))


def _by_engine(data_dir: Path, row: DrillPlayed) -> str:
    """Have the engine that holds the journal sign the row; RefusedError where it does not."""
    path = journal_of(data_dir)
    request = Request(
        RECORD_DRILL, "tradebot", "drill", review=sealed(row, AuditKey.load(data_dir))
    )
    if ask(path, request, ANSWER_S) is None:
        raise RefusedError(
            "the engine has not answered: the drill is not on record",
            hint="`tradebot status` shows its heartbeat; drill again once it works, or has ended",
        )
    with Reader(path) as reader:
        return str(reader.head())


def drill_row(
    config: Config, evidence: str, outcomes: Sequence[ScenarioResult], began: int
) -> DrillPlayed:
    """Return the row of a drill that has just ended."""
    return DrillPlayed(
        evidence=evidence,
        strategy=config.strategy.name,
        version=__version__,
        config_hash=config.digest(),
        limits=limits_text(config),
        scenarios=tuple((one.scenario, one.why or PASSED) for one in outcomes),
        scripted=tuple(one.scenario for one in outcomes if one.scripted),
        began=began,
        ended=SYSTEM.wall_ms(),
        table=json.dumps([one.document() for one in outcomes], default=plain, sort_keys=True),
        weak_key=AuditKey.load(config.data_dir()).is_weak,
        execution=execution_text(config),
        place=journal_place(config),
    )


__all__ = ["drill_row", "put_drill_on_record"]
