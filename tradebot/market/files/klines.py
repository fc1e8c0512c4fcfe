"""Klines and mark klines: from lines to bars.

The hot path: a year of minutes passes through ``Klines.steps``. A block of lines is taken apart and looked
over column by column, which is done in C; where nothing is odd its rows become bars at once, and everything
else is decided off that path.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import chain
from math import inf, nextafter
from typing import Any, NamedTuple, TypeAlias

from tradebot.core.model.events import MarketEvent
from tradebot.core.model.times import iso
from tradebot.core.model.values import Bar, BarDraft, MarkBar
from tradebot.market.files.findings import Findings, Gap, Span
from tradebot.market.files.naming import Kind
from tradebot.market.files.probe import KLINE_COLUMNS, DataFile, milliseconds

MOST = 1e12
"""No price or volume reaches this: a larger number is a damaged row (and infinity is one)."""

Bounds: TypeAlias = tuple[float, float]
"""The least and the largest price a symbol can have (USDT)."""

ANY_PRICE: Bounds = (nextafter(0.0, 1.0), nextafter(MOST, 0.0))
"""Any price above 0 and below ``MOST``."""

Row: TypeAlias = tuple[int, tuple[str, ...], float, float, float, float, float]
"""Open time (UTC ms), the five numbers as text, and as floats."""

_END = 4_102_444_800_000  # 2100-01-01
_NAMES = ("open", "high", "low", "close", "volume")


class Columns(NamedTuple):
    """A block of rows: their open times (UTC ms), and the columns of the five numbers as text and as floats."""

    times: list[int]
    texts: list[list[str]]
    floats: list[list[float]]

    def rows(self) -> Iterator[Row]:
        """Put the columns together again, row by row."""
        return zip(self.times, zip(*self.texts, strict=True), *self.floats, strict=True)


class Klines:
    """One symbol's bars of one kind, read from files in order of time.

    ``bounds`` are the least and the largest price that the symbol can have (USDT).
    """

    def __init__(
        self,
        symbol: str,
        kind: Kind,
        interval: int,
        files: Sequence[DataFile],
        findings: Findings,
        bounds: Bounds = ANY_PRICE,
    ) -> None:
        self.symbol = symbol
        self.interval = interval
        self.files = files
        self.make: type[Bar] = MarkBar if kind is Kind.MARK else Bar
        self.findings = findings
        self.bounds = bounds
        self._expected = -1
        self._first = -1
        self._ended = False

    def steps(self) -> Iterator[Sequence[MarketEvent]]:
        """Yield every bar as a step of its own. DataError at the first bad row."""
        self._expected = self._first = -1
        self._ended = False
        # chained, not delegated to: a ``yield from`` would cost something at every bar
        return chain.from_iterable(self._blocks())

    @property
    def span(self) -> Span:
        """From where to where bars were read; while ``ended`` is false the last may lag behind."""
        return Span(self._first, self._expected - self.interval, self._ended)

    def _blocks(self) -> Iterator[Iterator[Sequence[MarketEvent]]]:
        for file in self.files:
            before = self._expected
            for start, lines in rows(file):
                yield self._block(file, start, lines)
            if self._expected == before:
                file.source.fail(
                    f"has no row whose time is a multiple of {self.interval // 1000} s",
                    hint="timestamps are UTC; shifted rows are not the exchange's bars",
                )
        self._ended = True

    def _block(
        self, file: DataFile, start: int, lines: list[str]
    ) -> Iterator[Sequence[MarketEvent]]:
        """Read a block of lines column by column; where one is odd in any way, line by line."""
        columns = _columns(file, lines)
        if columns is None or not self._in_order(columns):
            for number, line in enumerate(lines, start):
                yield from self._odd(file, number, line)
            return
        make, symbol, interval = self.make, self.symbol, self.interval
        begins, last = self._expected, interval - 1
        for time, text, opened, high, low, close, volume in columns.rows():
            if not low <= opened <= high or not low <= close <= high:
                number = (time - begins) // interval
                refuse(file, start + number, lines[number])
            # what Bar does, written out: the call would double what a bar costs
            bar: Any = BarDraft()
            bar.symbol = symbol
            bar.open_time = time
            bar.interval = interval
            bar.at = time + last
            bar.text = text
            bar.open = opened
            bar.high = high
            bar.low = low
            bar.close = close
            bar.volume = volume
            bar.__class__ = make
            yield (bar,)
        self._expected = columns.times[-1] + interval

    def _in_order(self, columns: Columns) -> bool:
        """Whether every row follows the one before, and no column holds anything implausible.

        A whole column is asked at a time; how the prices of a row lie to each other is seen later.
        """
        times, begins = columns.times, self._expected
        _, high, low, _, volume = columns.floats
        least, dearest = self.bounds
        return (
            times == list(range(begins, begins + len(times) * self.interval, self.interval))
            and least <= min(low)
            and max(high) <= dearest
            and min(volume) >= 0
            and max(volume) < MOST
            and sum(volume) < inf  # not where one is NaN, which the two before may not have seen
        )

    def _odd(self, file: DataFile, number: int, line: str) -> Iterator[Sequence[MarketEvent]]:
        """Read one row by itself: a first one, one after a gap, a blank or a bad one."""
        if not line.strip():
            return
        parts = line.split(",")
        try:
            time = milliseconds(parts[0], micro=file.micro)
            opened, high, low, close, volume = map(float, parts[1:6])
        except (ValueError, IndexError):
            refuse(file, number, line)
        ordered = 0 < low <= opened <= high < MOST and low <= close <= high
        if not (ordered and 0 <= volume < MOST and len(parts) == file.columns):
            refuse(file, number, line)
        check_price(file, number, self.symbol, (low, high), self.bounds)
        if time % self.interval:
            check_time(file, number, time)
            self.findings.skip(self.symbol, time)
            return
        if time != self._expected:
            self._resume(file, number, time, self._expected)
        self._expected = time + self.interval
        text = parts[1:6]
        yield (self.make(self.symbol, time, self.interval, text, opened, high, low, close, volume),)

    def _resume(self, file: DataFile, number: int, time: int, expected: int) -> None:
        """Judge a row that does not follow its predecessor: a first one, a gap, or an error."""
        check_time(file, number, time)
        if expected < 0:
            self._first = time
            return
        if time == expected - self.interval:
            file.source.fail(f"{iso(time)} comes twice", number, "remove the duplicate row")
        if time < expected:
            file.source.fail(
                f"{iso(time)} comes after {iso(expected - self.interval)}: rows are not in order",
                number,
                "sort the rows by time; files of one symbol must not overlap",
            )
        missing = (time - expected) // self.interval
        mark = self.make is MarkBar
        self.findings.gap(Gap(self.symbol, expected, time - self.interval, missing, mark))


def _columns(file: DataFile, lines: list[str]) -> Columns | None:
    """Return a block taken apart column by column; None where that does not work out.

    A row with a field too many beside one with a field too few is not seen here: its time is not the
    expected one.
    """
    width = file.columns
    fields = ",".join(lines).split(",")
    if len(fields) != width * len(lines):
        return None
    texts = [fields[i::width] for i in range(1, 6)]
    try:
        if file.micro:
            times = [milliseconds(field, micro=True) for field in fields[::width]]
        else:
            times = list(map(int, fields[::width]))
        return Columns(times, texts, [list(map(float, column)) for column in texts])
    except ValueError:
        return None


def rows(file: DataFile) -> Iterator[tuple[int, list[str]]]:
    """Yield a file's blocks of lines without its header (the number of a block's first line first)."""
    skip = bool(file.header)
    for start, lines in file.source.blocks():
        if skip:
            head = next((i for i, line in enumerate(lines) if line.strip()), None)
            if head is None:
                continue
            skip = False
            start, lines = start + head + 1, lines[head + 1 :]
        yield start, lines


def check_time(file: DataFile, number: int, time: int) -> None:
    """Refuse a time in another unit than the file's first row."""
    if not 0 < time < _END:
        file.source.fail(
            f"timestamp {time} is out of range", number, "UTC milliseconds are expected"
        )


def check_price(
    file: DataFile, number: int, symbol: str, prices: Sequence[float], bounds: Bounds
) -> None:
    """Refuse a price that the symbol cannot have: it is another one's, or an index, or a ratio."""
    least, most = bounds
    for price in prices:
        if not least <= price <= most:
            file.source.fail(
                f"{symbol} at {price:.15g}: its price lies in {least:.15g} .. {most:.15g}",
                number,
                "are these rows of another symbol, or no prices (a premium index)?",
            )


def refuse_without_volume(file: DataFile) -> None:
    """Refuse a kline file in which nothing was ever traded: nothing could be filled in it either."""
    count = 0
    try:
        for _, lines in rows(file):
            for line in filter(str.strip, lines):
                if float(line.split(",", 6)[5]):
                    return
                count += 1
    except (ValueError, IndexError):  # its reader will say so, with the line
        return
    finally:
        file.source.position = 0
    file.source.fail(
        f"all {count} bars have volume 0: mark or index klines?",
        hint="use the klines; mark klines may stand beside them, named SYMBOL-mark-1m-...",
    )


def refuse(file: DataFile, number: int, line: str) -> None:
    """Raise DataError saying what is wrong with a kline row."""
    parts = line.split(",")
    message = _columns_fault(file, len(parts)) or _number_fault(file, parts) or _price_fault(parts)
    hint = None
    if number == file.source.unfinished:
        message = f"the file ends in the middle of this line ({message})"
        hint = "the file is damaged or incomplete: download it again"
    file.source.fail(message, number, hint)


def _columns_fault(file: DataFile, count: int) -> str:
    if count == file.columns and count in KLINE_COLUMNS:
        return ""
    wanted = str(file.columns) if file.columns in KLINE_COLUMNS else "6 or 12"
    return f"{count} columns, expected {wanted}"


def _number_fault(file: DataFile, parts: list[str]) -> str:
    try:
        milliseconds(parts[0], micro=file.micro)
    except ValueError:
        return f"timestamp {parts[0]!r} is not a number of {'us' if file.micro else 'ms'}"
    for name, text in zip(_NAMES, parts[1:6], strict=True):
        try:
            value = float(text)
        except ValueError:
            return f"{name} {text!r} is not a number"
        if not abs(value) < MOST:
            return f"{name} {text} is not a finite, plausible number"
        if value < 0 or (value == 0 and name != "volume"):
            return f"{name} {text} must be {'0 or more' if name == 'volume' else 'above 0'}"
    return ""


def _price_fault(parts: list[str]) -> str:
    opened, high, low, close = (float(text) for text in parts[1:5])
    if high < low:
        return f"high {parts[2]} is below low {parts[3]}"
    name, text = ("close", parts[4]) if low <= opened <= high else ("open", parts[1])
    assert not low <= float(text) <= high, (opened, close)
    return f"{name} {text} lies outside low {parts[3]} .. high {parts[2]}"
