"""Reading what the exchange sends: numbers that are numbers, names that are known, and what is not understood."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal, InvalidOperation
from typing import Any

from tradebot.core.model.money import ZERO
from tradebot.core.model.values import OrderStatus, Side

QUOTE = "USDT"
"""The asset everything is counted in; another's amounts are not understood."""

STATUSES: Mapping[str, OrderStatus] = {
    "NEW": OrderStatus.WORKING,
    "NEW_INSURANCE": OrderStatus.WORKING,
    "NEW_ADL": OrderStatus.WORKING,
    "PENDING_NEW": OrderStatus.WORKING,
    "PARTIALLY_FILLED": OrderStatus.PARTIAL,
    "FILLED": OrderStatus.FILLED,
    "CANCELED": OrderStatus.CANCELLED,
    "EXPIRED": OrderStatus.EXPIRED,
    "EXPIRED_IN_MATCH": OrderStatus.EXPIRED,
    "REJECTED": OrderStatus.REJECTED,
}
"""A regular order's states."""

ALGO_STATUSES: Mapping[str, OrderStatus] = {
    "NEW": OrderStatus.WORKING,
    "TRIGGERING": OrderStatus.WORKING,
    "TRIGGERED": OrderStatus.WORKING,
    "FINISHED": OrderStatus.FILLED,
    "CANCELED": OrderStatus.CANCELLED,
    "EXPIRED": OrderStatus.EXPIRED,
    "REJECTED": OrderStatus.REJECTED,
}
"""A stop's or target's states; FINISHED says only that its child has ended, filled or not."""

MALFORMED = (KeyError, TypeError, ValueError, AttributeError, InvalidOperation)
"""What reading something of another shape raises."""

LONGEST = 120
"""Characters that are shown of what is wrong: an answer may be a megabyte."""

ALGO_PREFIX = "algo:"
"""Before the numbers of the algo service: they are not those of regular orders."""


_FLAGS = {True: True, False: False, "true": True, "false": False}


def why(error: Exception) -> str:
    """Say in words what is wrong with something of another shape: only ``ValueError`` has words of its own."""
    if isinstance(error, KeyError):
        return f"it lacks {error.args[0]}" if error.args else "something is missing in it"
    if isinstance(error, ValueError):
        return str(error)[:LONGEST]
    return (
        "a number in it is none" if isinstance(error, InvalidOperation) else "it has another shape"
    )


def number(value: Any) -> Decimal:
    """Return a number that came as text, or as a whole one; ValueError for what is none or not finite."""
    if isinstance(value, bool) or not isinstance(value, str | int):
        raise ValueError(f"{value!r} is no number")
    found = Decimal(value)
    if not found.is_finite():
        raise ValueError(f"{value!r} is no finite number")
    return found


def whole(value: Any) -> int:
    """Return a whole number; ValueError for what is none."""
    if isinstance(value, bool) or not isinstance(value, str | int):
        raise ValueError(f"{value!r} is no whole number")
    return int(value)


def text(value: Any) -> str:
    """Return a text; ValueError for what is none."""
    if not isinstance(value, str):
        raise ValueError(f"{value!r} is no text")
    return value


def flag(value: Any) -> bool:
    """Return true or false, as such or as text; ValueError for anything else."""
    if not isinstance(value, bool | str) or value not in _FLAGS:
        raise ValueError(f"{value!r} is neither true nor false")
    return _FLAGS[value]


def side(value: Any) -> Side:
    """Return BUY or SELL; ValueError for anything else."""
    return Side(text(value).lower())


def symbol(value: Any) -> str:
    """Return our name of a symbol: ``BTCUSDT`` is ``BTC/USDT``; others keep theirs."""
    name = text(value)
    if not name:
        raise ValueError("a symbol has no name")
    return f"{name[: -len(QUOTE)]}/{QUOTE}" if name.endswith(QUOTE) and name != QUOTE else name


def price(value: Any) -> Decimal | None:
    """Return a price; None where 0 stands for none."""
    return number(value) or None


def ended_algo(status: str, qty: Decimal, filled: Decimal) -> OrderStatus:
    """Return what a stop's or target's state means: one that is FINISHED short has expired."""
    known = ALGO_STATUSES[status]
    if known is OrderStatus.FILLED and filled < qty:
        return OrderStatus.EXPIRED
    return known


def child(value: Any) -> str:
    """Return the number of the order that a stop has become; empty before that."""
    found = "" if value is None else str(value)
    return "" if found == "0" else found


def fee(amount: Any, asset: Any) -> tuple[Decimal, str]:
    """Return a commission in USDT, 0 where there is none, and "".

    Another asset's, or one that is no number, counts as 0 beside what is wrong with it: the fill is one all the same.
    """
    try:
        paid = ZERO if amount is None else number(amount)
    except (ValueError, InvalidOperation):
        return ZERO, f"a fee is {amount!r}"
    return (ZERO, f"a fee was paid in {asset}") if paid and asset != QUOTE else (paid, "")
