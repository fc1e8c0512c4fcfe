"""Slippage beyond the model: fills of an exchange against what the simulated one would have made of them.

Positive basis points are against us: the fill was worse than modelled.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from decimal import Decimal
from typing import TypedDict

from tradebot.core.model.frozen import frozen
from tradebot.core.model.money import plain
from tradebot.core.model.times import iso
from tradebot.journal.facts import FillModelled
from tradebot.journal.projection import read_fact
from tradebot.journal.reader import Reader

HALF = Decimal("0.5")

LAST = 20
"""Newest modelled fills that the verdict rests on; with fewer there is none."""

WORST_BPS = Decimal(5)
"""A median above this is drift (basis points against us)."""

LAST_SIGNALS = 100
LEAST_PROFITABLE = 50
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
    bps: Sequence[Decimal], outcomes: Sequence[bool], worst_bps: Decimal = WORST_BPS
) -> DriftVerdict:
    """Judge fills (basis points against us, oldest first) and the outcomes of signals (profitable?, oldest first).

    ``worst_bps`` may only be tighter than ``WORST_BPS``: a wider one counts as that.
    """
    bound = min(worst_bps, WORST_BPS)
    newest, signals = bps[-LAST:], outcomes[-LAST_SIGNALS:]
    middle = median(newest) if len(newest) == LAST else None
    good = sum(signals) if len(signals) == LAST_SIGNALS else None
    reasons = []
    if middle is not None and middle > bound:
        reasons.append(
            f"the last {LAST} fills were worse than modelled by a median of {plain(middle)} bps, more than {plain(bound)}"
        )
    if good is not None and good < LEAST_PROFITABLE:
        reasons.append(
            f"{good} of the last {LAST_SIGNALS} signals beside it were profitable, fewer than {LEAST_PROFITABLE}"
        )
    fills = f"{len(newest)} of {LAST} fills" if middle is None else f"median {plain(middle)} bps"
    said = f"{len(signals)} of {LAST_SIGNALS} signals" if good is None else f"{good} % profitable"
    return DriftVerdict(
        ok=not reasons,
        needed=f"median <= {plain(bound)} bps, accuracy >= {LEAST_PROFITABLE} %",
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
