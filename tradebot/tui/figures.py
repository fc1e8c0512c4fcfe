"""Figures as a trader reads them: sign, glyph and word, so that colour is never the only carrier.

All take the journal's decimal text; None is unknown and shows as ``-``, never as 0.
"""

from __future__ import annotations

from decimal import Decimal

from tradebot.core.model.facts import MOST_DECIMALS, PRICE_DECIMALS

UNKNOWN = "-"

DAY_S = 86_400

EMPTY = "·"
"""What is left of a bar: nothing that could be taken for a part of it."""


def usd(value: str | Decimal | None, places: int = 2) -> str:
    """Return an amount of USDT."""
    return UNKNOWN if value is None else f"${Decimal(value):,.{places}f}"


def signed(value: str | Decimal | None, unit: str = "", places: int = 2) -> str:
    """Return a figure with its sign."""
    return UNKNOWN if value is None else f"{Decimal(value):+,.{places}f}{unit}"


def arrow(value: str | Decimal | None) -> str:
    """Return ``▲`` for a gain, ``▼`` for a loss, ``=`` for neither."""
    if value is None:
        return " "
    number = Decimal(value)
    return "▲" if number > 0 else "▼" if number < 0 else "="


def gain(value: str | Decimal | None, unit: str = "", places: int = 2) -> str:
    """Return a figure with its sign and its arrow: ``+1.20 ▲``."""
    return UNKNOWN if value is None else f"{signed(value, unit, places)} {arrow(value)}"


def brief_gain(value: str | Decimal | None) -> str:
    """Return a gain for a column: from 1,000 on without its cents, rather than cut off."""
    large = value is not None and abs(Decimal(value)) >= 1000
    return gain(value, places=0 if large else 2)


def tint(value: str | Decimal | None) -> str:
    """Return the paint of a gain or a loss; it only repeats what sign and arrow say."""
    if value is None:
        return "dim"
    number = Decimal(value)
    return "up" if number > 0 else "down" if number < 0 else ""


def figure(value: str | Decimal | None, unit: str = "", places: int = 2) -> str:
    """Return a plain figure."""
    return UNKNOWN if value is None else f"{Decimal(value):,.{places}f}{unit}"


def quantity(value: str | Decimal | None) -> str:
    """Return a quantity with the digits it has."""
    return UNKNOWN if value is None else f"{Decimal(value):f}"


def price(value: str | Decimal | None, symbol: str) -> str:
    """Return a price with the decimals of its symbol's tick: averages carry eight of their own."""
    if value is None:
        return UNKNOWN
    places = PRICE_DECIMALS.get(symbol, MOST_DECIMALS)
    return f"{Decimal(value):,.{places}f}"


def duration(seconds: float) -> str:
    """Return a duration in its two largest units: ``45s``, ``3m07s``, ``2h05m``, ``3d04h``."""
    whole = int(seconds)
    if whole < 60:
        return f"{whole}s"
    if whole < 3600:
        return f"{whole // 60}m{whole % 60:02d}s"
    if whole < DAY_S:
        return f"{whole // 3600}h{whole % 3600 // 60:02d}m"
    return f"{whole // DAY_S}d{whole % DAY_S // 3600:02d}h"


def clock(ms: int | None, *, date: bool = True) -> str:
    """Return UTC milliseconds as ``01-06 14:03:22``, or only the time of day."""
    if ms is None:
        return UNKNOWN
    seconds = ms // 1000
    of_day = seconds % DAY_S
    text = f"{of_day // 3600:02d}:{of_day % 3600 // 60:02d}:{of_day % 60:02d}"
    return f"{_date(seconds // DAY_S)} {text}" if date else text


def clip(text: str, width: int) -> str:
    """Return the text in at most ``width`` characters, an ellipsis for what was cut."""
    return text if len(text) <= width else text[: max(0, width - 1)] + "…"


def bar(share: Decimal, width: int) -> str:
    """Return a share of 0 to 1 as a bar of ``width`` characters; more than 1 is a full one, 0 an empty one."""
    filled = min(width, max(0, int(share * width + Decimal("0.5"))))
    if share > 0 and not filled:
        filled = 1  # a little is not nothing
    return "█" * filled + EMPTY * (width - filled)


def _date(days: int) -> str:
    """Return the month and day of a count of days since 1970-01-01."""
    from datetime import date, timedelta

    return (date(1970, 1, 1) + timedelta(days=days)).strftime("%m-%d")
