"""Equity over time, linked: through transfers, over gaps, and from run to run.

A time-weighted return multiplies the growth between points (GIPS, "true time-weighted"): money that comes in or
goes out changes what later growth is measured on and is no growth itself. Nothing is linked over a gap, a time
without an engine: what the price did then is in the money, and in no return.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal
from itertools import pairwise
from typing import NamedTuple, TypeVar

from tradebot.core.model.money import ZERO
from tradebot.core.model.values import DAY_MS
from tradebot.reports.monthly.period import Period, day_start
from tradebot.reports.monthly.record import Flow, Point, RunHistory

BOUNDARIES = frozenset(("start", "hour", "day"))
"""Points noted before anything else of their moment."""


class Knot(NamedTuple):
    """A point of a linked curve: when (UTC ms), equity (USDT), what of it is no result, growth since the start (1.0).

    ``base`` is one object for many points: a curve has tens of thousands.
    """

    at: int
    equity: Decimal
    base: Decimal
    growth: float
    why: str

    @property
    def pnl(self) -> Decimal:
        """The summed result since the curve's start (USDT)."""
        return self.equity - self.base


P = TypeVar("P", Point, Knot)


class Day(NamedTuple):
    """A UTC day: its start (ms), result (USDT), time-weighted return, closed trades."""

    at: int
    pnl: Decimal
    growth: float
    trades: int


@dataclass(frozen=True, slots=True)
class Spell:
    """A fall of the equity from a peak: moments in UTC ms, ``recovery`` None while it has not come back.

    ``depth`` in USDT, ``depth_pct`` of the peak in percent, ``days`` from the peak to recovery, or to the end.
    """

    peak: int
    trough: int
    recovery: int | None
    depth: Decimal
    depth_pct: float
    days: float


def linked(records: Sequence[RunHistory]) -> list[Knot]:
    """Return the curve of runs that follow one another."""
    knots: list[Knot] = []
    pnl, growth = ZERO, 1.0
    for record in records:
        if record.points:
            knots += _knots(record, record.start_equity - pnl, growth)
            pnl, growth = knots[-1].pnl, knots[-1].growth
    return knots


def _knots(record: RunHistory, base: Decimal, growth: float) -> Iterator[Knot]:
    """Yield a run's knots, going on from a growth; ``base`` is its start less the results before it."""
    before = record.start_equity
    flows = iter(sorted(record.flows))
    flow = next(flows, None)
    first = record.points[0]
    if first.why != "start":  # a journal of before there were such points
        yield Knot(first.at, before, base, growth, "start")
    top = before
    for point in record.points:
        moved = ZERO
        while flow is not None and is_in(flow, point.at, point.why):
            moved += flow.amount
            flow = next(flows, None)
        if moved:
            base, top = base + moved, top + moved
        if point.drawdown and point.why != "gap":
            peak = point.equity + point.drawdown
            if peak > max(top, before + moved):  # the equity was there since the last point
                growth *= _factor(before, Point(point.at, peak, point.why), moved)
                moved, before = ZERO, peak
                yield Knot(point.at, peak, base, growth, "peak")
        top = max(top, before, point.equity)
        if point.why != "gap":
            growth *= _factor(before, point, moved)
        before = point.equity
        yield Knot(point.at, point.equity, base, growth, point.why)


def is_in(flow: Flow, at: int, why: str) -> bool:
    """Whether the equity of a point noted at a moment (UTC ms), for a reason, has a cash line in it."""
    return flow.at < at if why in BOUNDARIES else flow.at <= at


def _factor(base: Decimal, point: Point, moved: Decimal) -> float:
    """Return the growth from one point to the next; a transfer counts from the moment it was booked.

    Where a point was noted at the transfer, the growth is up to it; else the money is taken to have come first.
    """
    if point.why == "transfer":
        start, end = base, point.equity - moved
    else:
        start, end = base + moved, point.equity
    return float(end) / float(start) if start > 0 else 1.0


def boundary(points: Sequence[P], time: int) -> P | None:
    """Return the curve as it stood when a moment (UTC ms) began; None before its first point."""
    index = bisect_left(points, time, key=_at)
    if index < len(points) and points[index].at == time and points[index].why in BOUNDARIES:
        return points[index]
    return points[index - 1] if index else None


def within(knots: Sequence[Knot], period: Period) -> list[Knot]:
    """Return the part of a curve in a period, its ends as they stood at the period's."""
    first = boundary(knots, period.first)
    last = boundary(knots, period.last)
    inside = knots[
        bisect_left(knots, period.first, key=_at) : bisect_left(knots, period.last, key=_at)
    ]
    ends = [] if first is None else [first._replace(at=period.first)]
    inside = [knot for knot in inside if knot != first]
    if last is not None and (not inside or inside[-1] != last):
        inside.append(last._replace(at=min(last.at, period.last)))
    return [*ends, *inside]


def days_of(knots: Sequence[Knot], period: Period, closings: Sequence[int]) -> list[Day]:
    """Return the days in a period with anything on the curve; ``closings`` are moments of closed trades."""
    inside = within(knots, period)
    if not inside:
        return []
    counts: dict[int, int] = {}
    for at in closings:
        counts[day_start(at)] = counts.get(day_start(at), 0) + 1
    seen = {day_start(knot.at) for knot in inside[1:]} | {day_start(inside[0].at)}
    end = inside[-1].at
    days = []
    for start in range(day_start(inside[0].at), end + 1, DAY_MS):
        if start >= period.last or (start == end and start != day_start(inside[0].at)):
            break
        before = boundary(knots, max(start, period.first)) or knots[0]
        after = boundary(knots, min(start + DAY_MS, period.last)) or knots[0]
        if start in seen or counts.get(start):
            growth = after.growth / before.growth - 1 if before.growth else 0.0
            days.append(Day(start, after.pnl - before.pnl, growth, counts.get(start, 0)))
    return days


def spells(knots: Sequence[Knot]) -> list[Spell]:
    """Return every fall from a peak, in order: by growth, so that no transfer looks like one."""
    found: list[Spell] = []
    if not knots:
        return found
    peak = low = knots[0]
    fallen = False
    for knot in knots[1:]:
        if knot.growth >= peak.growth:
            if fallen:
                found.append(_spell(peak, low, knot))
            peak = low = knot
            fallen = False
        elif not fallen or knot.growth < low.growth:
            low, fallen = knot, True
    if fallen:
        found.append(_spell(peak, low, None, knots[-1].at))
    return found


def _spell(peak: Knot, low: Knot, back: Knot | None, end: int = 0) -> Spell:
    over = back.at if back is not None else end
    return Spell(
        peak.at,
        low.at,
        None if back is None else back.at,
        peak.pnl - low.pnl,
        100.0 * (1.0 - low.growth / peak.growth),
        (over - peak.at) / DAY_MS,
    )


def falls_of(knots: Sequence[Knot]) -> tuple[Decimal, list[tuple[int, float]]]:
    """Return the deepest fall of the summed result from its peak (USDT, 0 or more), and how far it was below at each point (0 or less)."""
    peak, depth, falls = None, ZERO, []
    for at, equity, base, _, _ in knots:
        pnl = equity - base
        if peak is None or pnl >= peak:
            peak = pnl
            falls.append((at, 0.0))
            continue
        fall = pnl - peak
        depth = min(depth, fall)
        falls.append((at, float(fall)))
    return -depth, falls


def gaps(knots: Sequence[Knot]) -> list[tuple[int, int, Decimal]]:
    """Return the times without an engine: from, to (UTC ms), and what the prices did meanwhile (USDT)."""
    return [(a.at, b.at, b.pnl - a.pnl) for a, b in pairwise(knots) if b.why == "gap"]


def _at(point: Point | Knot) -> int:
    return point.at


__all__ = [
    "Day",
    "Knot",
    "Spell",
    "boundary",
    "days_of",
    "falls_of",
    "gaps",
    "linked",
    "spells",
    "within",
]
