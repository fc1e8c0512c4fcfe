"""Slippage beyond the model: fills of an exchange against what the simulated one would have made of them.

Positive basis points are against us: the fill was worse than modelled.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Sequence
from decimal import Decimal
from itertools import islice
from typing import TypedDict

from tradebot.core.model.frozen import frozen
from tradebot.core.model.money import plain
from tradebot.core.model.times import iso
from tradebot.core.risk.ceilings import DRIFT_BPS, GHOST_ACCURACY_PCT
from tradebot.journal.facts import FillModelled
from tradebot.journal.projection import read_fact
from tradebot.journal.reader import Reader
from tradebot.journal.rows import RunRow

HALF = Decimal("0.5")

_RUNS = "run IN (SELECT id FROM runs UNION SELECT '')"
_OF_KIND = f"SELECT run, body FROM audit WHERE {_RUNS} AND kind = ?"
_STAGES = f"SELECT kind, body FROM audit WHERE {_RUNS} AND kind IN ('StageRaised', 'Demoted') ORDER BY seq"

LAST = 20
"""Newest modelled fills that the verdict rests on; with fewer there is none."""

WORST_BPS = DRIFT_BPS
"""A median above this is drift (basis points against us)."""

LAST_SIGNALS = 100
LEAST_PROFITABLE = GHOST_ACCURACY_PCT
"""Of the newest hundred signals of the ghost beside it so many must be profitable (%)."""


@frozen
class DriftVerdict:
    """Whether live still is what was modelled. ``have`` and ``needed`` in words, ``reasons`` why not.

    ``median_bps`` None: too few fills to say; ``profitable`` of the newest signals, None with too few.
    """

    ok: bool
    needed: str
    have: str
    reasons: tuple[str, ...]
    median_bps: Decimal | None
    profitable: int | None


def drift_verdict(
    bps: Sequence[Decimal],
    outcomes: Sequence[bool],
    worst_bps: Decimal = WORST_BPS,
    least_pct: Decimal = LEAST_PROFITABLE,
) -> DriftVerdict:
    """Judge fills (basis points against us, oldest first) and the outcomes of signals (profitable?, oldest first).

    ``worst_bps`` and ``least_pct`` (%) may only be tighter than ``WORST_BPS`` and ``LEAST_PROFITABLE``: looser ones count as these.
    """
    bound, least = min(worst_bps, WORST_BPS), max(least_pct, LEAST_PROFITABLE)
    newest, signals = bps[-LAST:], outcomes[-LAST_SIGNALS:]
    middle = median(newest) if len(newest) == LAST else None
    good = sum(signals) if len(signals) == LAST_SIGNALS else None
    reasons = []
    if middle is not None and middle > bound:
        reasons.append(
            f"the last {LAST} fills were worse than modelled by a median of {plain(middle)} bps, more than {plain(bound)}"
        )
    if good is not None and good * 100 < least * LAST_SIGNALS:
        reasons.append(
            f"{good} of the last {LAST_SIGNALS} signals beside it were profitable, fewer than {plain(least)}"
        )
    fills = f"{len(newest)} of {LAST} fills" if middle is None else f"median {plain(middle)} bps"
    said = f"{len(signals)} of {LAST_SIGNALS} signals" if good is None else f"{good} % profitable"
    return DriftVerdict(
        ok=not reasons,
        needed=f"median <= {plain(bound)} bps, accuracy >= {plain(least)} %",
        have=f"{fills}, {said}",
        reasons=tuple(reasons),
        median_bps=middle,
        profitable=good,
    )


def median(values: Sequence[Decimal]) -> Decimal:
    """Return the middle one of values (at least one), or the mean of both."""
    ranked = sorted(values)
    middle = len(ranked) // 2
    if len(ranked) % 2:
        return ranked[middle]
    return (ranked[middle - 1] + ranked[middle]) * HALF


class SlippageRow(TypedDict):
    """One group of fills: which, how many, and by how much they were worse than modelled (basis points)."""

    by: str
    group: str
    fills: int
    median_bps: Decimal
    p95_bps: Decimal
    worst_bps: Decimal


GROUPS: dict[str, Callable[[FillModelled], str]] = {
    "all": lambda _: "all",
    "symbol": lambda row: row.symbol,
    "side": lambda row: row.side,
    "purpose": lambda row: row.purpose or "unknown",
    "hour": lambda row: iso(row.time)[11:13],
}


def slippage_rows(fills: Iterable[FillModelled]) -> list[SlippageRow]:
    """Return the groups of modelled fills; none for fills that could not be modelled."""
    modelled = [fill for fill in fills if fill.bps]
    rows: list[SlippageRow] = []
    for by, group_of in GROUPS.items():
        groups: dict[str, list[Decimal]] = {}
        for fill in modelled:
            groups.setdefault(group_of(fill), []).append(Decimal(fill.bps))
        rows += [_row(by, name, sorted(values)) for name, values in sorted(groups.items())]
    return rows


def _row(by: str, name: str, ranked: Sequence[Decimal]) -> SlippageRow:
    p95 = ranked[-(-95 * len(ranked) // 100) - 1]  # the nearest rank
    return SlippageRow(
        by=by,
        group=name,
        fills=len(ranked),
        median_bps=median(ranked),
        p95_bps=p95,
        worst_bps=ranked[-1],
    )


def live_bps(reader: Reader, venue: str) -> list[Decimal]:
    """Return by how much the newest fills of live runs on a venue were worse than modelled, oldest first, as many as are judged."""
    runs = {run.id for run in reader.runs() if run.mode == "live" and run.venue == venue}
    newest = reader.select(f"{_OF_KIND} ORDER BY seq DESC", "FillModelled")
    found = (json.loads(body)["bps"] for run, body in newest if run in runs)
    return [Decimal(bps) for bps in islice(filter(None, found), LAST)][::-1]


def ghost_beside(reader: Reader, run: RunRow) -> RunRow | None:
    """Return the ghost run that a live run was begun with: the last one before it."""
    if run.mode != "live":
        return None
    before = [one for one in reader.runs() if one.mode == "ghost" and one.started <= run.started]
    return max(before, key=lambda one: one.started, default=None)


def ghost_outcomes(reader: Reader, run: str) -> list[bool]:
    """Return whether the newest signals of a ghost run were profitable, oldest first, as many as are judged."""
    rows = reader.select(
        "SELECT pnl FROM ghosts WHERE run = ? AND state = 'closed' AND entry_time IS NOT NULL"
        " ORDER BY closed DESC LIMIT ?",
        *(run, LAST_SIGNALS),
    )
    return [Decimal(pnl) > 0 for (pnl,) in rows][::-1]


def demoted_for(reader: Reader) -> list[str]:
    """Return why live was demoted since its stage was raised last."""
    told: list[str] = []
    for kind, body in reader.select(_STAGES):
        told = [] if kind == "StageRaised" else [*told, json.loads(body)["why"]]
    return told


def modelled_fills(reader: Reader, run: str) -> list[FillModelled]:
    """Return a run's fills as they were modelled, oldest first."""
    found: list[FillModelled] = []
    for (body,) in reader.select(
        "SELECT body FROM audit WHERE run = ? AND kind = 'FillModelled' ORDER BY seq", run
    ):
        fact = read_fact("FillModelled", body)
        assert isinstance(fact, FillModelled)
        found.append(fact)
    return found
