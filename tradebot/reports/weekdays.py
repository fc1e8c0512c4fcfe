"""The days of the week, Monday first: of UTC, as everything here is."""

from __future__ import annotations

from tradebot.core.model.values import DAY_MS

WEEKDAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")


def weekday_of(time: int) -> str:
    """Return the UTC weekday of a moment (UTC ms)."""
    return WEEKDAYS[(time // DAY_MS + 3) % 7]  # 1970 began on a Thursday


__all__ = ["WEEKDAYS", "weekday_of"]
