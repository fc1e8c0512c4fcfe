"""The days of the week, Monday first: of UTC, as everything here is."""

from __future__ import annotations

from tradebot.core.model.values import DAY_MS

WEEKDAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")


MONDAY = 4 * DAY_MS
"""1970 began on a Thursday: the first Monday (UTC ms)."""


def weekday_of(time: int) -> str:
    """Return the UTC weekday of a moment (UTC ms)."""
    return WEEKDAYS[place_of(time)[1]]


def place_of(time: int) -> tuple[int, int]:
    """Return the week of a moment (UTC ms), counted from the first Monday there was, and the day in it: 0 is Monday."""
    return divmod((time - MONDAY) // DAY_MS, 7)


def week_start(week: int) -> int:
    """Return when a week began (UTC ms)."""
    return MONDAY + week * 7 * DAY_MS


__all__ = ["WEEKDAYS", "place_of", "week_start", "weekday_of"]
