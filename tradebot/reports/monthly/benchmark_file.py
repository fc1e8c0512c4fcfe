"""Benchmarks from files: daily values as they are downloaded from stooq, FRED or Yahoo, or as date,close.

Nothing is fetched and nothing guessed: a row that cannot be read is an error with file and line.
"""

from __future__ import annotations

import csv
import gzip
import math
import re
import zlib
from collections.abc import Iterator, Sequence
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from pathlib import Path
from typing import NamedTuple
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from tradebot.core.ghost.quality import YEAR_DAYS
from tradebot.core.model.errors import DataError, UsageError
from tradebot.disk import kind_of
from tradebot.reports.monthly.comparison import Benchmark, Fixing

MOST_BYTES = 64 << 20
"""Larger than any list of daily values."""

SESSIONS = 252
"""Trading days in a year of a stock exchange."""

CLOSE = time(16, 0)
EXCHANGE = "America/New_York"
DAY_FIRST = re.compile(r"\d{1,2}[./-]\d{1,2}[./-]\d{2,4}$")
HOLIDAYS = ("", ".")
"""What FRED writes for a day without a value."""

FORMATS = "date,close; stooq's Date,Open,High,Low,Close,Volume; FRED's observation_date,VALUE; Yahoo's with Adj Close"


class Shape(NamedTuple):
    """A file's columns: where date and value are, whether a value may be missing, what the series is."""

    date: int
    value: int
    gaps: bool
    note: str


def read_benchmark(told: str) -> Benchmark:
    """Return the benchmark of ``FILE`` or ``FILE:NAME``; UsageError or DataError for one that cannot be read."""
    path, name = _named(told)
    sessions, shape = parse(_text(path), path)
    every_day = any(day.weekday() >= 5 for day, _ in sessions)
    notes = (
        shape.note,
        "its days end at 00:00 UTC" if every_day else "its sessions end at 16:00 New York",
    )
    per_year = YEAR_DAYS if every_day else SESSIONS
    zone = None if every_day else _new_york()
    closes = [Fixing(_end(day, zone), value) for day, value in sessions]
    return Benchmark(name, closes, notes, per_year)


def _named(told: str) -> tuple[Path, str]:
    """Return file and name; the name is what follows the last colon, unless the whole is a file."""
    whole = Path(told)
    if ":" in told and not whole.exists():
        file, _, name = told.rpartition(":")
        if file and name:
            return Path(file), name
    return whole, re.split(r"[.]", whole.name)[0] or whole.name


def _text(path: Path) -> str:
    try:
        kind = kind_of(path)
        if kind is not None:
            raise UsageError(f"is {kind[0]}, not a file", hint=kind[1], file=str(path))
        raw = path.read_bytes()[: MOST_BYTES + 1]
        if raw[:2] == b"\x1f\x8b":
            with gzip.open(path) as file:
                raw = file.read(MOST_BYTES + 1)
    except FileNotFoundError:
        raise UsageError(
            "does not exist", hint="--benchmark FILE or FILE:NAME", file=str(path)
        ) from None
    except (OSError, EOFError, ValueError, zlib.error) as error:
        why = getattr(error, "strerror", None) or str(error)
        raise DataError(
            f"cannot be read: {why}", hint="download it again", file=str(path)
        ) from None
    if len(raw) > MOST_BYTES:
        raise DataError("is too large for daily values", hint=FORMATS, file=str(path))
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise DataError("is no text (UTF-8)", hint=FORMATS, file=str(path)) from None


def parse(text: str, path: Path) -> tuple[list[tuple[date, float]], Shape]:
    """Return days and values of a file's text, in order; DataError naming file and line."""
    rows = _rows(text, path)
    first = next(rows, None)
    if first is None:
        raise DataError("is empty", hint=FORMATS, file=str(path))
    shape = _shape(first[1], path)
    days: list[tuple[date, float]] = []
    for line, cells in rows:
        if not cells or all(not cell.strip() for cell in cells):
            continue
        day, value = _row(cells, shape, path, line)
        if value is None:
            continue
        if days and day <= days[-1][0]:
            word = "comes twice" if day == days[-1][0] else f"comes after {days[-1][0]}"
            raise _bad(f"{day} {word}", "sort it by date, the oldest first", path, line)
        days.append((day, value))
    if len(days) < 2:
        raise DataError("has fewer than two values", hint=FORMATS, file=str(path))
    return days, shape


def _rows(text: str, path: Path) -> Iterator[tuple[int, list[str]]]:
    reader = csv.reader(text.splitlines())
    try:
        for cells in reader:
            yield reader.line_num, cells
    except csv.Error as error:
        raise _bad(str(error), FORMATS, path, reader.line_num) from None


def _shape(header: Sequence[str], path: Path) -> Shape:
    names = [cell.strip().lower() for cell in header]
    if len(names) >= 2 and names[0] in ("date", "observation_date"):
        if "adj close" in names:
            return Shape(0, names.index("adj close"), True, "Adj Close: with dividends")
        if "close" in names:
            return Shape(0, names.index("close"), False, "price index, without dividends")
        if len(names) == 2:
            return Shape(0, 1, True, f"{header[1].strip()} of FRED: price index, without dividends")
    raise _bad("the first line is no known heading", FORMATS, path, 1)


def _row(cells: Sequence[str], shape: Shape, path: Path, line: int) -> tuple[date, float | None]:
    if len(cells) <= max(shape.date, shape.value):
        raise _bad(f"has {len(cells)} cells", "every row has the heading's columns", path, line)
    day = _day(cells[shape.date].strip(), path, line)
    text = cells[shape.value].strip()
    if shape.gaps and (text in HOLIDAYS or text.lower() == "null"):
        return day, None
    try:
        value = float(text) if text.isascii() and "_" not in text else math.nan
    except ValueError:
        value = math.nan
    if not math.isfinite(value) or value <= 0.0:
        raise _bad(f'"{text}" is no value above 0', "write 5911.69", path, line)
    return day, value


def _day(text: str, path: Path, line: int) -> date:
    if DAY_FIRST.match(text):
        hint = "write 2025-05-31: what comes first, day or month, cannot be told"
        raise _bad(f'"{text}" may be day-first or month-first', hint, path, line)
    try:
        if re.fullmatch(r"\d{4}-\d{2}-\d{2}", text):
            return date.fromisoformat(text)
    except ValueError:
        pass
    raise _bad(f'"{text}" is no date', "write 2025-05-31", path, line)


def _bad(what: str, hint: str, path: Path, line: int) -> DataError:
    return DataError(what, hint=hint, file=str(path), line=line)


def _new_york() -> tzinfo:
    try:
        return ZoneInfo(EXCHANGE)
    except ZoneInfoNotFoundError:
        raise UsageError("this system has no time zones", hint="pip install tzdata") from None


def _end(day: date, zone: tzinfo | None) -> int:
    """Return when a day's session ends (UTC ms)."""
    if zone is None:
        moment = datetime.combine(day, time(), UTC) + timedelta(days=1)
    else:
        moment = datetime.combine(day, CLOSE, zone)
    return round(moment.timestamp()) * 1000


__all__ = ["parse", "read_benchmark"]
