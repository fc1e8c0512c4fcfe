"""Files in the layout of data.binance.vision: which there are for a stretch of days, and each written so that it can be trusted.

A whole calendar month is one file, what is left are files of a day, as there. A file is a zip with one CSV beside a
``.CHECKSUM``; it takes its name only when it has been read back and is what was to be written.
"""

from __future__ import annotations

import hashlib
import io
import zipfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any, Final, Literal

from tradebot.core.model.errors import DataError
from tradebot.core.model.values import HOUR_MS
from tradebot.disk import replacing
from tradebot.wire.public import venue_symbol

ArchiveKind = Literal["klines", "mark", "funding"]

KLINE_HEADER: Final = (
    *("open_time", "open", "high", "low", "close", "volume", "close_time", "quote_volume"),
    *("count", "taker_buy_volume", "taker_buy_quote_volume", "ignore"),
)
FUNDING_HEADER: Final = ("calc_time", "funding_interval_hours", "last_funding_rate")
_FOLDERS: Final = {"klines": "klines", "mark": "markPriceKlines", "funding": "fundingRate"}
_STAMP = (1980, 1, 1, 0, 0, 0)
"""The time in a zip: the same rows give the same file, byte for byte."""
USUAL_HOURS = 8


@dataclass(frozen=True, slots=True)
class ArchiveFile:
    """One file: what it is of, and its days, from ``first`` to before ``end`` (UTC)."""

    symbol: str
    kind: ArchiveKind
    timeframe: str
    first: date
    end: date

    @property
    def monthly(self) -> bool:
        """Whether it holds a calendar month."""
        return (self.end - self.first).days > 1

    @property
    def start_ms(self) -> int:
        """When its first day begins, UTC ms."""
        return _ms(self.first)

    @property
    def end_ms(self) -> int:
        """When its last day is over, UTC ms."""
        return _ms(self.end)

    @property
    def name(self) -> str:
        """Its name without a suffix: ``BTCUSDT-1m-2025-05``, ``BTCUSDT-fundingRate-2025-05-01``."""
        what = "fundingRate" if self.kind == "funding" else self.timeframe
        when = self.first.isoformat()[: 7 if self.monthly else 10]
        return f"{venue_symbol(self.symbol)}-{what}-{when}"

    @property
    def path(self) -> Path:
        """Where it is, from the archive's root."""
        place = Path("futures", "um", "monthly" if self.monthly else "daily", _FOLDERS[self.kind])
        place /= venue_symbol(self.symbol)
        if self.kind != "funding":
            place /= self.timeframe
        return place / f"{self.name}.zip"


def files_of(
    symbol: str, kind: ArchiveKind, timeframe: str, first: date, last: date
) -> Iterator[ArchiveFile]:
    """Yield the files of the days from ``first`` to ``last``, both included."""
    day, end = first, last + timedelta(days=1)
    while day < end:
        turn = (day.replace(day=1) + timedelta(days=32)).replace(day=1)
        until = turn if day.day == 1 and turn <= end else day + timedelta(days=1)
        yield ArchiveFile(symbol, kind, timeframe, day, until)
        day = until


def kline_csv(rows: Sequence[Sequence[Any]]) -> bytes:
    """Return kline rows of REST as the CSV of a file."""
    return _csv(KLINE_HEADER, rows)


def funding_csv(rates: Sequence[dict[str, Any]]) -> bytes:
    """Return fundingRate rows of REST as the CSV of a file; the interval is the time since the one before."""
    rows = [(int(row["fundingTime"]), str(row["fundingRate"])) for row in rates]
    hours = [round((after[0] - before[0]) / HOUR_MS) for before, after in pairwise(rows)]
    hours.insert(0, hours[0] if hours else USUAL_HOURS)
    lines = [(at, length, rate) for (at, rate), length in zip(rows, hours, strict=False)]
    return _csv(FUNDING_HEADER, lines)


def _csv(header: Sequence[str], rows: Sequence[Sequence[Any]]) -> bytes:
    lines = [",".join(header), *(",".join(map(str, row)) for row in rows)]
    return ("\n".join(lines) + "\n").encode()


def store(path: Path, csv: bytes) -> None:
    """Write a file and its checksum, and read it back. DataError where it is not what was to be written."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise DataError(
            f"cannot be made: {error.strerror}", file=str(path.parent), hint="choose another --dir"
        ) from None
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(zipfile.ZipInfo(f"{path.stem}.csv", _STAMP), csv, zipfile.ZIP_DEFLATED)
    with replacing(path, 0o644) as draft:
        draft.write_bytes(packed.getvalue())
        if _sum(draft) != hashlib.sha256(packed.getvalue()).hexdigest() or _content(draft) != csv:
            raise DataError(
                "it is not on the disk as it was written", file=str(path), hint="check the disk"
            )
    with replacing(_checksum(path), 0o644) as draft:
        draft.write_text(f"{_sum(path)}  {path.name}\n", encoding="utf-8")


def is_whole(path: Path) -> bool:
    """Whether a file is there, and is what its checksum says."""
    try:
        told = _checksum(path).read_text(encoding="utf-8").split()
        return told[:1] == [_sum(path)] and bool(_content(path))
    except (OSError, UnicodeDecodeError, zipfile.BadZipFile, DataError):
        return False


def count_rows(path: Path) -> int:
    """Return how many rows a file has, its header left out."""
    return max(0, _content(path).count(b"\n") - 1)


def _checksum(path: Path) -> Path:
    return path.with_name(f"{path.name}.CHECKSUM")


def _sum(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _content(path: Path) -> bytes:
    with zipfile.ZipFile(path) as archive:
        names = archive.namelist()
        if len(names) != 1:
            raise DataError(f"holds {len(names)} files, not one", file=str(path))
        return archive.read(names[0])


def _ms(day: date) -> int:
    return round(datetime(day.year, day.month, day.day, tzinfo=UTC).timestamp() * 1000)
