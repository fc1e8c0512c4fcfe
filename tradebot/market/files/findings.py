"""What is odd in the data of a run, as its stream meets it: counted and told, never mended in silence."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any

from tradebot.core.model.frozen import frozen
from tradebot.core.model.times import iso
from tradebot.core.model.values import HOUR_MS, MINUTE_MS

SHOWN = 5
"""Gaps of prices, and holes of a symbol's funding, that are named one by one; the rest is counted."""

FUNDING_MS = 8 * HOUR_MS
"""Milliseconds between two fundings where the file does not say."""


@frozen
class Gap:
    """``count`` bars are missing; ``first`` and ``last`` are their open times (UTC ms).

    ``mark`` is true when the mark price's bars are meant.
    """

    symbol: str
    first: int
    last: int
    count: int
    mark: bool = False


@frozen
class Span:
    """Where a symbol's prices begin and end: open times (UTC ms); ``ended`` when no bar follows."""

    first: int
    last: int
    ended: bool


class Findings:
    """Gaps, rows off the interval's grid, trades of quantity 0: by symbol, later than ``after`` (UTC ms)."""

    def __init__(self) -> None:
        self.gaps: list[Gap] = []
        self.off_grid: Counter[str] = Counter()
        self.empty_trades: Counter[str] = Counter()
        self.after: int | None = None

    def clear(self, after: int | None) -> None:
        """Begin anew: a stream is read again, and what lies up to ``after`` was told before."""
        self.gaps.clear()
        self.off_grid.clear()
        self.empty_trades.clear()
        self.after = after

    def gap(self, gap: Gap) -> None:
        """Take a gap."""
        if self._new(gap.first):
            self.gaps.append(gap)

    def skip(self, symbol: str, time: int) -> None:
        """Take a row whose time is no multiple of the interval."""
        if self._new(time):
            self.off_grid[symbol] += 1

    def empty(self, symbol: str, time: int) -> None:
        """Take a trade of quantity 0."""
        if self._new(time):
            self.empty_trades[symbol] += 1

    def sentences(self, interval: int) -> list[str]:
        """Say what was found; ``interval`` of the bars in milliseconds."""
        said = [_gap(gap) for gap in self.gaps[:SHOWN]]
        if len(self.gaps) > SHOWN:
            said.append(f"and {len(self.gaps) - SHOWN} more gaps in the data")
        for symbol, count in sorted(self.off_grid.items()):
            minutes = interval // MINUTE_MS
            said.append(
                f"{symbol}: {count} row(s) skipped: their time is no multiple of {minutes}m"
            )
        for symbol, count in sorted(self.empty_trades.items()):
            said.append(f"{symbol}: {count} trade(s) of quantity 0, taken as recorded")
        return said

    def _new(self, time: int) -> bool:
        return self.after is None or time > self.after


def _gap(gap: Gap) -> str:
    kind = "mark bars" if gap.mark else "bars"
    return f"{gap.symbol}: {gap.count} {kind} are missing, {iso(gap.first)} to {iso(gap.last)}"


# -- from when to when ---------------------------------------------------------------------------


def span_sentences(
    spans: Mapping[str, Span], end: int, interval: int, positions: Sequence[Mapping[str, Any]]
) -> list[str]:
    """Say whose prices begin later or end earlier than the run's.

    ``end`` is the run's last moment (UTC ms), ``positions`` the rows of what is open then.
    """
    said = []
    begin = min((span.first for span in spans.values()), default=0)
    held = {str(row["symbol"]): row for row in positions}
    for symbol, span in spans.items():
        if span.first > begin:
            after = duration(span.first - begin)
            said.append(f"{symbol}: its data begins at {iso(span.first)}, {after} after the run's")
        closed = span.last + interval
        if span.ended and closed < end:
            text = f"{symbol}: its data ends at {iso(closed)}, {duration(end + 1 - closed)} before the run's"
            if symbol in held:
                text += (
                    f"; its open position is valued at {held[symbol]['price']}, a price that old"
                )
            said.append(text)
    return said


def duration(ms: int) -> str:
    """Return a duration in its two largest units: ``3 d 4 h``, ``2 h 5 min``, ``1 min``."""
    minutes = max(1, ms // MINUTE_MS)
    units = (("d", minutes // 1440), ("h", minutes // 60 % 24), ("min", minutes % 60))
    return " ".join([f"{count} {unit}" for unit, count in units if count][:2])


# -- funding ---------------------------------------------------------------------------------------


@frozen
class Hole:
    """``count`` fundings have no rate; ``first`` and ``last`` are their times (UTC ms)."""

    first: int
    last: int
    count: int


def holes(moments: Sequence[tuple[int, int | None]], first: int, last: int) -> list[Hole]:
    """Return what a series of fundings leaves out between two times (UTC ms, inclusive).

    ``moments`` are times in order, each with the interval it closes in milliseconds, None where the file does not
    say (8 h then). Before the first and after the last one, fundings are due at the multiples of their interval.
    """
    if not moments:
        return _grid(first, last, FUNDING_MS)
    found = _grid(first, min(last, moments[0][0] - 1), moments[0][1] or FUNDING_MS)
    for (a, one), (b, two) in pairwise(moments):
        step = max(one or FUNDING_MS, two or FUNDING_MS)
        if b - a > step:
            found += _grid(max(first, a + 1), min(last, b - 1), step)
    found += _grid(max(first, moments[-1][0] + 1), last, moments[-1][1] or FUNDING_MS)
    return found


def _grid(first: int, last: int, step: int) -> list[Hole]:
    """Return the multiples of ``step`` from ``first`` to ``last`` as one hole, if there are any."""
    begin, end = first + -first % step, last - last % step
    return [Hole(begin, end, (end - begin) // step + 1)] if begin <= end else []


def funding_sentences(
    moments: Mapping[str, Sequence[tuple[int, int | None]]],
    spans: Mapping[str, Span],
    end: int,
    interval: int,
) -> list[str]:
    """Say for which symbols and stretches there are no rates; ``moments`` by symbol, see ``holes``."""
    if not moments:
        return ["no funding file was given: funding counts as 0"]
    said = []
    for symbol, span in spans.items():
        if symbol not in moments:
            said.append(f"{symbol}: no funding file was given: its funding counts as 0")
            continue
        missing = holes(moments[symbol], span.first, min(end, span.last + interval - 1))
        said += [_hole(symbol, hole) for hole in missing[:SHOWN]]
        if len(missing) > SHOWN:
            said.append(f"{symbol}: and {len(missing) - SHOWN} more holes in its funding rates")
    return said


def _hole(symbol: str, hole: Hole) -> str:
    if hole.count == 1:
        return f"{symbol}: no funding rate for {iso(hole.first)}: it counts as 0"
    times = f"{iso(hole.first)} to {iso(hole.last)}"
    return f"{symbol}: no funding rates for {times} ({hole.count} fundings): they count as 0"
