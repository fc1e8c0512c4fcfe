"""The time a report is about: from its first moment up to, not including, its last."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime

from tradebot.core.model.errors import UsageError
from tradebot.core.model.times import EPOCH, iso
from tradebot.core.model.values import DAY_MS

MONTHS = (
    *("January", "February", "March", "April", "May", "June", "July", "August", "September"),
    *("October", "November", "December"),
)


@dataclass(frozen=True, slots=True)
class Period:
    """UTC milliseconds: ``first`` belongs to it, ``last`` does not."""

    first: int
    last: int

    @property
    def name(self) -> str:
        """The month in words, else the days."""
        if month_of(self.first) == self:
            moment = _moment(self.first)
            return f"{MONTHS[moment.month - 1]} {moment.year}"
        return f"{_time(self.first)} to {_time(self.last)}"

    @property
    def code(self) -> str:
        """The month as 2025-05, else the days with an underscore between them: for file names."""
        if month_of(self.first) == self:
            return iso(self.first)[:7]
        return f"{iso(self.first)[:10]}_{iso(self.last)[:10]}"

    def holds(self, time: int) -> bool:
        """Whether a moment (UTC ms) is in it."""
        return self.first <= time < self.last


def month(year: int, number: int) -> Period:
    """Return a calendar month, 1 to 12."""
    after = (year + 1, 1) if number == 12 else (year, number + 1)
    return Period(_start(year, number), _start(*after))


def month_of(time: int) -> Period:
    """Return the calendar month of a moment (UTC ms)."""
    moment = _moment(time)
    return month(moment.year, moment.month)


def month_named(text: str) -> Period:
    """Return the month of a text like 2025-05; UsageError for any other."""
    found = re.fullmatch(r"(\d{4})-(\d{2})", text.strip())
    if found is None or not 1 <= int(found[2]) <= 12 or not 1970 <= int(found[1]) < 9999:
        raise UsageError(f'"{text}" is no month', hint="write it as 2025-05", key="--month")
    return month(int(found[1]), int(found[2]))


def day_start(time: int) -> int:
    """Return 00:00 UTC of a moment's day."""
    return time - time % DAY_MS


def _start(year: int, number: int) -> int:
    return round((datetime(year, number, 1, tzinfo=UTC) - EPOCH).total_seconds()) * 1000


def _moment(time: int) -> datetime:
    return datetime.fromtimestamp(time / 1000, UTC)


def _time(time: int) -> str:
    text = iso(time)
    return text[:10] if time % DAY_MS == 0 else text[:16].replace("T", " ")


__all__ = ["MONTHS", "Period", "day_start", "month", "month_named", "month_of"]
