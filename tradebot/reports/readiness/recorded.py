"""What is on record and does not count for a gate, each with every reason: backtests, drills, runs nobody knows the prices of."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from tradebot.core.model.times import iso
from tradebot.journal.facts import BacktestRecorded, DrillPlayed, Provenance
from tradebot.journal.rows import RunBegun
from tradebot.journal.testimony import Said
from tradebot.reports.readiness.drilled import DrillTerms
from tradebot.reports.readiness.stretches import WEAK, Demand, doubts_of
from tradebot.reports.readiness.verdict import LeftOut

UNSEEN = "it ended before it was known where its prices came from"


def backtests_left_out(
    rows: Iterable[Said], demand: Demand, weak_until: int
) -> tuple[LeftOut, ...]:
    """Return the recorded backtests that are none of this evidence hash, or whose key was weak."""
    return tuple(
        LeftOut(f"backtest of {iso(said.wall)}", reasons)
        for said in rows
        if isinstance(said.fact, BacktestRecorded)
        if (reasons := tuple(_of_record(said, said.fact, demand, weak_until)))
    )


def drills_left_out(
    rows: Iterable[Said], terms: DrillTerms, weak_until: int
) -> tuple[LeftOut, ...]:
    """Return the recorded drills that were played under something else, or whose key was weak."""
    found: list[LeftOut] = []
    for said in rows:
        if isinstance(said.fact, DrillPlayed):
            weak = [WEAK] if said.fact.weak_key or said.seq <= weak_until else []
            reasons = (*weak, *terms.against(said.fact))
            found += [LeftOut(f"drill of {iso(said.wall)}", reasons)] if reasons else []
    return tuple(found)


def _of_record(
    said: Said, fact: BacktestRecorded, demand: Demand, weak_until: int
) -> Iterator[str]:
    if fact.weak_key or said.seq <= weak_until:
        yield WEAK
    if fact.evidence != demand.evidence:
        yield f"its evidence hash is another one ({fact.evidence[:12] or 'none'})"


def runs_unseen(rows: Iterable[Said], mode: str, demand: Demand) -> tuple[LeftOut, ...]:
    """Return the runs of a mode that left no word of where their prices came from."""
    found: dict[str, None] = {}
    for said in rows:
        if isinstance(said.fact, RunBegun) and said.fact.mode == mode:
            found[said.run] = None
        elif isinstance(said.fact, Provenance):
            found.pop(said.run, None)
    return tuple(LeftOut(run, (*doubts_of(demand), UNSEEN)) for run in found)
