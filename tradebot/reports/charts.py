"""Charts as SVG: one module draws them for every page. No script, no style of their own but classes.

Values are floats (USDT, percent), moments UTC milliseconds. Text that others wrote is escaped.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from html import escape
from itertools import pairwise
from math import ceil, floor, log10

from tradebot.core.model.times import iso
from tradebot.core.model.values import DAY_MS
from tradebot.reports.weekdays import WEEKDAYS, place_of

Points = Sequence[tuple[int, float]]

MOST_POINTS = 1_200
"""Columns a curve is drawn with: of the points in each, the lowest and the highest are kept."""

MOST_MARKS = 60
"""More marks than this would hide the curve: they become a rug below it."""

WIDTH, HEIGHT = 960, 260
LEFT, RIGHT, TOP, BOTTOM = 78, 12, 12, 26
NAMED = WIDTH - RIGHT - 130
"""Right of this stands what an axis is of."""
RUG = 16
"""Height of the rug, below the curve."""

TOO_SHORT = '<p class="none">Too short for a curve.</p>'


@dataclass(frozen=True, slots=True)
class Mark:
    """A closed trade on a curve: when (UTC ms), its PnL in USDT, and what a pointer over it says."""

    at: int
    pnl: float
    text: str


@dataclass(frozen=True, slots=True)
class Plane:
    """The part of the plane a chart lives in: from ``first`` to ``last`` across, ``low`` to ``high`` up."""

    first: float
    last: float
    low: float
    high: float
    bottom: float = HEIGHT - BOTTOM

    def x(self, at: float) -> float:
        """Return where a value across is drawn."""
        return LEFT + (WIDTH - LEFT - RIGHT) * (at - self.first) / ((self.last - self.first) or 1)

    def y(self, value: float) -> float:
        """Return where a value up is drawn."""
        return TOP + (self.bottom - TOP) * (self.high - value) / ((self.high - self.low) or 1)

    def path(self, points: Points) -> str:
        """Return points as SVG has them."""
        return " ".join(f"{self.x(at):.1f},{self.y(value):.1f}" for at, value in points)


def curve(points: Points, marks: Sequence[Mark] = (), title: str = "Equity") -> str:
    """Return a curve with its marks: triangles beneath it, a rug below it where they are many."""
    if len(points) < 2:
        return TOO_SHORT
    many = len(marks) > MOST_MARKS
    plane = _plane(points, HEIGHT - BOTTOM - (RUG if many else 0))
    line = f'<polyline class="curve" points="{plane.path(thinned(points, MOST_POINTS))}"/>'
    drawn = _rug(plane, marks) if many else "".join(_triangles(plane, points, marks))
    return svg([*_levels(plane), *_times(plane), drawn, line], title)


def area(points: Points, title: str = "Drawdown") -> str:
    """Return an area between a curve at or below 0 and 0."""
    if len(points) < 2:
        return TOO_SHORT
    plane = _plane([*points, (points[-1][0], 0.0)], HEIGHT - BOTTOM)
    closed = [(points[0][0], 0.0), *thinned(points, MOST_POINTS), (points[-1][0], 0.0)]
    shape = f'<polygon class="fall" points="{plane.path(closed)}"/>'
    return svg([*_levels(plane), *_times(plane), shape], title)


def bars(rows: Sequence[tuple[str, float]], title: str, *, whole: bool = False) -> str:
    """Return a bar for each name and value; ``whole`` values are counts."""
    if not rows:
        return ""
    low, high = min(0.0, *(v for _, v in rows)), max(0.0, *(v for _, v in rows))
    room = (high - low) * 0.08 or 1.0
    plane = Plane(0, len(rows), low - (room if low < 0 else 0), high + room)
    parts = list(_levels(plane))
    for i, (name, value) in enumerate(rows):
        parts += _bar(
            *(plane, i, name, 0.0, value, "" if whole else tint(value)),
            f"{name}: {value:,.{0 if whole else 2}f}",
            f"{value:,.0f}" if whole and value else "",
        )
    return svg(parts, title)


def waterfall(steps: Sequence[tuple[str, float]], total: tuple[str, float], title: str) -> str:
    """Return steps that add up, each beginning where the one before ended, and their total from 0."""
    ends, level = [], 0.0
    for _, value in steps:
        ends.append((level, level + value))
        level += value
    values = [0.0, total[1], *(edge for pair in ends for edge in pair)]
    room = (max(values) - min(values)) * 0.1 or 1.0
    plane = Plane(0, len(steps) + 1, min(values) - room, max(values) + room)
    parts = list(_levels(plane))
    for i, ((name, value), (start, end)) in enumerate(zip(steps, ends, strict=True)):
        parts += _bar(
            plane, i, name, start, end, tint(value), f"{name}: {value:+,.2f}", f"{value:+,.2f}"
        )
    told = f"{total[1]:+,.2f}"
    parts += _bar(plane, len(steps), total[0], 0.0, total[1], "sum", f"{total[0]}: {told}", told)
    return svg(parts, title)


def _bar(
    plane: Plane,
    place: int,
    name: str,
    start: float,
    end: float,
    kind: str,
    said: str,
    label: str = "",
) -> Iterator[str]:
    left, right = plane.x(place + 0.12), plane.x(place + 0.88)
    top, bottom = sorted((plane.y(start), plane.y(end)))
    yield (
        f'<rect class="bar {kind}" x="{left:.1f}" y="{top:.1f}" width="{right - left:.1f}"'
        f' height="{max(1.0, bottom - top):.1f}"><title>{escape(said)}</title></rect>'
    )
    middle = (left + right) / 2
    yield f'<text x="{middle:.1f}" y="{HEIGHT - 8}" text-anchor="middle">{escape(name)}</text>'
    if label:
        beside = (
            top - 4 if end >= start or start == 0 else bottom + 12
        )  # where no line of another bar is
        yield f'<text class="value" x="{middle:.1f}" y="{beside:.1f}" text-anchor="middle">{label}</text>'


def scatter(points: Sequence[tuple[float, float]], across: str, up: str, title: str) -> str:
    """Return dots: those above 0 up in one colour, the others in the other; ``across`` and ``up`` name the axes."""
    if len(points) < 2:
        return ""
    xs, ys = [x for x, _ in points], [y for _, y in points]
    room_x, room_y = (max(xs) - min(xs)) * 0.04 or 1.0, (max(ys) - min(ys)) * 0.06 or 1.0
    plane = Plane(min(xs) - room_x, max(xs) + room_x, min(ys) - room_y, max(ys) + room_y)
    dots = [
        f'<path class="dots {kind}" d="{_dots(plane, [p for p in points if (p[1] > 0) == won])}"/>'
        for kind, won in (("up", True), ("down", False))
    ]
    names = [
        f'<text x="{WIDTH - RIGHT}" y="{HEIGHT - 8}" text-anchor="end">{escape(across)}</text>',
        f'<text x="{LEFT + 6}" y="{TOP + 10}">{escape(up)}</text>',
    ]
    return svg([*_levels(plane), *_across(plane), *dots, *names], title)


def _dots(plane: Plane, points: Sequence[tuple[float, float]]) -> str:
    return "".join(f"M{plane.x(x):.1f} {plane.y(y):.1f}h0" for x, y in points)


CELL, GAP, HEAD = 40, 3, 22
MOST_WEEKS = 6
"""A month has no more: beyond it days are cells without words."""


def calendar(days: Sequence[tuple[int, float, str]], title: str) -> str:
    """Return a heat map: weeks across, Monday on top; each day its start (UTC ms), result, and what it says."""
    if not days:
        return ""
    first = place_of(days[0][0])[0]
    weeks = place_of(days[-1][0])[0] - first + 1
    size = CELL if weeks <= MOST_WEEKS else max(9, min(20, (WIDTH - LEFT) // weeks - GAP))
    most = max((abs(value) for _, value, _ in days), default=0.0) or 1.0
    parts = [
        f'<text x="0" y="{HEAD + i * (size + GAP) + size * 0.65:.0f}">{name}</text>'
        for i, name in enumerate(WEEKDAYS)
        if size >= 14 or i % 2 == 0
    ]
    seen = ""
    for at, value, said in days:
        week, weekday = place_of(at)
        x, y = (
            40 + (week - first) * (size * (2 if size == CELL else 1) + GAP),
            HEAD + weekday * (size + GAP),
        )
        wide = size * 2 if size == CELL else size
        level = 0 if not value else min(4, 1 + int(3.999 * abs(value) / most))
        kind = f"heat {'up' if value > 0 else 'down' if value < 0 else 'flat'}{level}"
        parts.append(
            f'<rect class="{kind}" x="{x}" y="{y}" width="{wide}" height="{size}" rx="3">'
            f"<title>{escape(said)}</title></rect>"
        )
        if size == CELL:
            parts.append(_day_text(at, value, x, y, wide))
        if iso(at)[:7] != seen:
            seen = iso(at)[:7]
            parts.append(f'<text x="{x}" y="{HEAD - 8}">{seen}</text>')
    width = 40 + weeks * ((size * 2 if size == CELL else size) + GAP)
    return svg(parts, title, max(width, 320), HEAD + 7 * (size + GAP), "calendar", scale=1.3)


def _day_text(at: int, value: float, x: float, y: float, wide: float) -> str:
    middle = x + wide / 2
    return (
        f'<text class="on" x="{middle:.0f}" y="{y + 15:.0f}" text-anchor="middle">{iso(at)[8:10]}</text>'
        f'<text class="on" x="{middle:.0f}" y="{y + 31:.0f}" text-anchor="middle">{value:+,.2f}</text>'
    )


def svg(
    parts: Sequence[str],
    title: str,
    width: int = WIDTH,
    height: int = HEIGHT,
    kind: str = "chart",
    scale: float = 0.0,
) -> str:
    """Return a drawing of parts, with a title for who cannot see it; at most ``scale`` times its size, 0: as wide as the page."""
    name = escape(title)
    most = f' style="max-width:{width * scale:.0f}px"' if scale else ""
    return (
        f'<div class="{kind}"><svg viewBox="0 0 {width} {height}"{most} role="img" aria-label="{name}">'
        f"<title>{name}</title>{''.join(parts)}</svg></div>"
    )


def tint(value: float) -> str:
    """Return ``up``, ``down`` or nothing, by the sign."""
    return "up" if value > 0 else "down" if value < 0 else ""


def _plane(points: Points, bottom: float) -> Plane:
    values = [value for _, value in points]
    low, high = min(values), max(values)
    room = (high - low) * 0.05 or max(abs(high) * 0.001, 0.01)
    return Plane(points[0][0], points[-1][0], low - room, high + room, bottom)


def _levels(plane: Plane) -> Iterator[str]:
    step = round_step((plane.high - plane.low) / 5)
    level = ceil(plane.low / step)
    digits = 0 if step >= 1 else 2 if step >= 0.01 else 4
    while level * step <= plane.high:
        y = plane.y(level * step)
        kind = "grid zero" if level == 0 else "grid"
        yield f'<line class="{kind}" x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{y:.1f}" y2="{y:.1f}"/>'
        text = f"{level * step:,.{digits}f}"
        yield f'<text x="{LEFT - 6}" y="{y + 4:.1f}" text-anchor="end">{text}</text>'
        level += 1


def _across(plane: Plane) -> Iterator[str]:
    step = round_step((plane.last - plane.first) / 6)
    level = ceil(plane.first / step)
    digits = 0 if step >= 1 else 2 if step >= 0.01 else 4
    while level * step <= plane.last and plane.x(level * step) < NAMED:
        text = f"{level * step:,.{digits}f}"
        yield f'<text x="{plane.x(level * step):.1f}" y="{HEIGHT - 8}" text-anchor="middle">{text}</text>'
        level += 1


def round_step(least: float) -> float:
    """Return the smallest of 1, 2 or 5 times a power of ten that is not below ``least``."""
    power = 10.0 ** floor(log10(least))
    return next(power * part for part in (1, 2, 5, 10) if power * part >= least * 0.999)


def _times(plane: Plane) -> Iterator[str]:
    first, last = int(plane.first), int(plane.last)
    long = last - first > 3 * DAY_MS
    for part in range(5):
        at = first + (last - first) * (part * 2 + 1) // 10
        text = iso(at)[:10] if long else iso(at)[5:16].replace("T", " ")
        yield f'<text x="{plane.x(at):.1f}" y="{HEIGHT - 8}" text-anchor="middle">{text}</text>'


def _rug(plane: Plane, marks: Sequence[Mark]) -> str:
    """Return a tick below the curve for every mark, wins above losses."""
    top, half = plane.bottom + 2, RUG / 2 - 2
    ticks = []
    for kind, won, y in (("up", True, top), ("down", False, top + half + 1)):
        places = sorted({round(plane.x(m.at), 1) for m in marks if (m.pnl > 0) == won})
        path = "".join(f"M{x:g} {y:.1f}v{half:.1f}" for x in places)
        ticks.append(f'<path class="rug {kind}" d="{path}"/>')
    return "".join(ticks)


def _triangles(plane: Plane, points: Points, marks: Sequence[Mark]) -> Iterator[str]:
    """Draw a triangle where a trade closed, up for a win."""
    index = 0
    for mark in sorted(marks, key=lambda mark: mark.at):
        while index + 1 < len(points) and points[index + 1][0] <= mark.at:
            index += 1
        x, y = plane.x(mark.at), plane.y(points[index][1])
        tip = -5 if mark.pnl > 0 else 5
        shape = f"M{x:.1f} {y + tip:.1f}l4 {-1.4 * tip:.1f}h-8z"
        text = escape(mark.text)
        yield f'<path class="mark {tint(mark.pnl)}" d="{shape}"><title>{text}</title></path>'


def thinned(points: Points, columns: int) -> list[tuple[int, float]]:
    """Return at most two points per column, in order: the extremes, so that no spike is lost."""
    if len(points) <= 2 * columns:
        return list(points)
    kept: list[tuple[int, float]] = [points[0]]
    edges = [len(points) * column // columns for column in range(columns + 1)]
    value: Callable[[tuple[int, float]], float] = lambda point: point[1]  # noqa: E731
    for start, end in pairwise(edges):
        part = points[start:end]
        ends = {min(part, key=value), max(part, key=value)}
        kept += sorted(ends)
    return [*kept, points[-1]]


__all__ = ["Mark", "Points", "area", "bars", "calendar", "curve", "scatter", "thinned", "waterfall"]
