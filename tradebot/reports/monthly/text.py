"""Figures of a report in words, the same in every face that people read."""

from __future__ import annotations

from decimal import Decimal

from tradebot.core.model.times import iso
from tradebot.core.model.values import DAY_MS

NONE = "-"


def usd(value: Decimal | float | None) -> str:
    """Return an amount of USDT that has no sign of its own: ``$1,234.50``."""
    if value is None:
        return NONE
    return f"{'-' if value < 0 else ''}${abs(value):,.2f}"


def signed(value: Decimal | float | None) -> str:
    """Return a result with its sign: ``+12.30``."""
    return NONE if value is None else f"{value:+,.2f}"


def percent(value: float | None, places: int = 2) -> str:
    """Return percent: ``12.30 %``."""
    return NONE if value is None else f"{value:,.{places}f} %"


def change(value: float | None, places: int = 2) -> str:
    """Return percent with its sign: ``+12.30 %``."""
    return NONE if value is None else f"{value:+,.{places}f} %"


def figure(value: float | None, places: int = 2) -> str:
    """Return a ratio."""
    return NONE if value is None else f"{value:,.{places}f}"


def spread(low: float | None, high: float | None, places: int = 2) -> str:
    """Return an interval: ``-1.20 to +0.30``."""
    if low is None or high is None:
        return NONE
    return f"{low:+,.{places}f} to {high:+,.{places}f}"


def share(value: float | None, low: float | None, high: float | None) -> str:
    """Return a proportion in percent with its interval: ``41.2 % (34 to 48)``."""
    if value is None or low is None or high is None:
        return NONE
    return f"{value:.1f} % ({low:.0f} to {high:.0f})"


def moment(at: int | None) -> str:
    """Return a moment (UTC ms) as people read it: ``2025-05-01 06:30``."""
    return NONE if at is None else iso(at)[:16].replace("T", " ")


def day(at: int | None) -> str:
    """Return a moment's UTC day."""
    return NONE if at is None else iso(at)[:10]


def lasted(days: float) -> str:
    """Return a time in days as people read it: ``3.2 d``, ``5 h``."""
    if days >= 1:
        return f"{days:.1f} d"
    hours = days * 24
    return f"{hours:.1f} h" if hours >= 1 else f"{days * DAY_MS / 60_000:.0f} min"


def tint(value: Decimal | float | None) -> str:
    """Return ``up``, ``down`` or nothing, by the sign."""
    return "" if not value else "up" if value > 0 else "down"


__all__ = [
    "change",
    "day",
    "figure",
    "lasted",
    "moment",
    "percent",
    "share",
    "signed",
    "spread",
    "tint",
    "usd",
]
