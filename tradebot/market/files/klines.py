"""Klines and mark klines: from lines to bars.

The hot path: a year of minutes passes through ``Klines.steps``. A block of lines is taken apart column
by column, which is done in C; a good row is then one chain of comparisons away from its Bar, and everything
else is decided off that path.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import chain
from typing import TypeAlias

from tradebot.core.model.events import MarketEvent
from tradebot.core.model.times import iso
from tradebot.core.model.values import Bar, MarkBar
from tradebot.market.files.gaps import Gap, GapReport
from tradebot.market.files.naming import Kind
from tradebot.market.files.probe import KLINE_COLUMNS, DataFile, milliseconds

MOST = 1e12
"""No price or volume reaches this: a larger number is a damaged row (and infinity is one)."""

Row: TypeAlias = tuple[int, int, tuple[str, ...], float, float, float, float, float]
"""Place in its block, open time (UTC ms), the five numbers as text, and as floats."""

new = object.__new__

_END = 4_102_444_800_000  # 2100-01-01
_NAMES = ("open", "high", "low", "close", "volume")


class Klines:
    """One symbol's bars of one kind, read from files in order of time."""

    def __init__(
        self, symbol: str, kind: Kind, interval: int, files: Sequence[DataFile], on_gap: GapReport
    ) -> None:
        self.symbol = symbol
        self.interval = interval
        self.files = files
        self.make: type[Bar] = MarkBar if kind is Kind.MARK else Bar
        self.on_gap = on_gap
        self._expected = -1

    def steps(self) -> Iterator[Sequence[MarketEvent]]:
        """Yield every bar as a step of its own. DataError at the first bad row."""
        self._expected = -1
        # chained, not delegated to: a ``yield from`` would cost something at every bar
        return chain.from_iterable(
            self._block(file, start, lines) for file in self.files for start, lines in rows(file)
        )

    def _block(
        self, file: DataFile, start: int, lines: list[str]
    ) -> Iterator[Sequence[MarketEvent]]:
        """Read a block of lines column by column; a row that is odd in any way is read by ``_odd``."""
        columns = _columns(file, lines)
        if columns is None:
            for number, line in enumerate(lines, start):
                yield from self._odd(file, number, line)
            return
        make, symbol, interval, most = self.make, self.symbol, self.interval, MOST
        last = interval - 1
        expected = self._expected
        for row, time, text, opened, high, low, close, volume in columns:
            if (
                time == expected
                and 0 < low <= opened <= high < most
                and low <= close <= high
                and 0 <= volume < most
            ):
                # what Bar.__init__ does, written out: the call would double what a bar costs
                bar = new(make)
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
                expected = time + interval
                yield (bar,)
            else:
                self._expected = expected
                yield from self._odd(file, start + row, lines[row])
                expected = self._expected
        self._expected = expected

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
        if time != self._expected:
            self._resume(file, number, time, self._expected)
        self._expected = time + self.interval
        text = parts[1:6]
        yield (self.make(self.symbol, time, self.interval, text, opened, high, low, close, volume),)

    def _resume(self, file: DataFile, number: int, time: int, expected: int) -> None:
        """Judge a row that does not follow its predecessor: a first one, a gap, or an error."""
        check_time(file, number, time)
        if time % self.interval:
            file.source.fail(
                f"{iso(time)} is not a multiple of the interval ({self.interval // 1000} s)", number
            )
        if expected < 0:
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
        self.on_gap(Gap(self.symbol, expected, time - self.interval, missing, mark))


def _columns(file: DataFile, lines: list[str]) -> Iterator[Row] | None:
    """Return the rows of a block, taken apart column by column; None where that does not work out.

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
        numbers = [list(map(float, column)) for column in texts]
    except ValueError:
        return None
    return zip(range(len(lines)), times, zip(*texts, strict=True), *numbers, strict=True)


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
