"""Recorded funding rates."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from decimal import Decimal, InvalidOperation

from tradebot.core.model.events import FundingRate
from tradebot.core.model.times import iso
from tradebot.core.model.values import HOUR_MS, MINUTE_MS
from tradebot.market.files.klines import check_time, rows
from tradebot.market.files.probe import FUNDING_RATES, DataFile, milliseconds

_INTERVALS = ("funding_interval_hours", "fundingintervalhours")
_MARKS = ("mark_price", "markprice", "mark")


class Funding:
    """One symbol's funding rates, read from files in order of time.

    ``moments`` are the times read so far (UTC ms), each with the interval it closes (ms) if the file says.
    """

    def __init__(self, symbol: str, files: Sequence[DataFile]) -> None:
        self.symbol = symbol
        self.files = files
        self.moments: list[tuple[int, int | None]] = []

    def rates(self) -> Iterator[FundingRate]:
        """Yield every rate at its time cut to the minute (recorded rows carry stray milliseconds).

        DataError at the first bad row.
        """
        last = -1
        self.moments.clear()
        for file in self.files:
            for start, lines in rows(file):
                for number, line in enumerate(lines, start):
                    if not line.strip():
                        continue
                    row = line.split(",")
                    rate = self._read(file, number, row)
                    if rate.at <= last:
                        what = "comes twice" if rate.at == last else f"comes after {iso(last)}"
                        file.source.fail(f"funding of {iso(rate.at)} {what}", number)
                    last = rate.at
                    self.moments.append((rate.at, _interval(file, row)))
                    yield rate

    def _read(self, file: DataFile, number: int, row: list[str]) -> FundingRate:
        if len(row) != file.columns:
            file.source.fail(f"{len(row)} columns, expected {file.columns}", number)
        try:
            time = milliseconds(row[file.time_column], micro=file.micro)
        except ValueError:
            file.source.fail(f"time {row[file.time_column]!r} is not a number", number)
        check_time(file, number, time)
        rate = _number(file, number, "rate", row[_rate_column(file)])
        if abs(rate) >= 1:
            file.source.fail(f"a funding rate of {rate} is not plausible", number)
        return FundingRate(
            time - time % MINUTE_MS, self.symbol, rate, self._mark(file, number, row)
        )

    def _mark(self, file: DataFile, number: int, row: list[str]) -> Decimal | None:
        column = next((i for i, name in enumerate(file.header) if name in _MARKS), None)
        if column is None or not row[column].strip():
            return None
        mark = _number(file, number, "mark price", row[column])
        if mark <= 0:
            file.source.fail(f"mark price {mark} must be above 0", number)
        return mark


def _interval(file: DataFile, row: list[str]) -> int | None:
    """Return the interval a funding closes in milliseconds; None where the file does not say."""
    column = next((i for i, name in enumerate(file.header) if name in _INTERVALS), None)
    text = "" if column is None else row[column].strip()
    hours = int(text) if text.isdigit() and len(text) < 3 else 0
    return hours * HOUR_MS if hours else None


def _rate_column(file: DataFile) -> int:
    named = (i for i, name in enumerate(file.header) if name in FUNDING_RATES)
    return next(named, file.columns - 1)


def _number(file: DataFile, number: int, name: str, text: str) -> Decimal:
    try:
        value = Decimal(text)
    except InvalidOperation:
        file.source.fail(f"{name} {text!r} is not a number", number)
    if not value.is_finite():
        file.source.fail(f"{name} {text} is not a finite number", number)
    return value
