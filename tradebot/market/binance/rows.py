"""What REST's rows say: closed bars, mark bars, funding, and the price of the moment."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from functools import partial
from typing import Any, TypeVar

from tradebot.core.model.events import FundingRate
from tradebot.core.model.values import Bar, MarkBar
from tradebot.market.binance.messages import (
    MarkPrice,
    StrangeError,
    Touch,
    price,
    read_bar,
    read_touch,
    whole,
)

Read = TypeVar("Read")


@dataclass(frozen=True, slots=True)
class Bars:
    """Closed bars of an answer, in order. ``until`` is the open time to which it tells all there is; None: nothing."""

    bars: tuple[Bar, ...]
    until: int | None


def read_klines(
    symbol: str, rows: Any, interval: int, now: int, kind: type[Bar] = Bar, *, strict: bool = True
) -> Bars:
    """Return the closed bars of a ``klines`` or ``markPriceKlines`` answer; ``now`` is when it was asked for.

    Raises StrangeError for rows that are none; with ``strict`` off a row whose numbers are none is left out.
    """
    bars: list[Bar] = []
    until = None
    for row in _each(rows, "klines"):
        opened = _checked(symbol, "klines", row, partial(_open_time, row, interval))
        if until is not None and opened <= until:
            raise StrangeError(f"{symbol}: klines are out of order", f" at {opened}")
        until = opened
        if opened + interval > now:
            break
        try:
            bars.append(_checked(symbol, "klines", row, partial(_bar, symbol, row, interval, kind)))
        except StrangeError:
            if strict:
                raise
    return Bars(tuple(bars), until)


def _open_time(row: Any, interval: int) -> int:
    opened = whole(row[0])
    if opened % interval or whole(row[6]) != opened + interval - 1:
        raise ValueError(f"a row from {opened} to {row[6]} is none of {interval} ms")
    return opened


def _bar(symbol: str, row: Sequence[Any], interval: int, kind: type[Bar]) -> Bar:
    volume = row[5] if kind is Bar else "0"
    bar = read_bar(symbol, row[0], interval, (*row[1:5], volume))
    return bar if kind is Bar else kind.of(symbol, bar.open_time, interval, bar.text)


def read_mark_klines(symbol: str, rows: Any, interval: int, now: int) -> Bars:
    """Return the closed mark bars of a ``markPriceKlines`` answer."""
    return read_klines(symbol, rows, interval, now, MarkBar, strict=False)


def read_funding(symbol: str, rows: Any) -> list[FundingRate]:
    """Return the rates of a ``fundingRate`` answer, oldest first; StrangeError for rows that are none."""
    found = [
        _checked(symbol, "fundingRate", row, partial(_funding, symbol, row))
        for row in _each(rows, "fundingRate")
    ]
    return sorted(found, key=lambda rate: rate.at)


def _funding(symbol: str, row: Any) -> FundingRate:
    rate, mark = Decimal(row["fundingRate"]), row.get("markPrice") or None
    if not rate.is_finite() or abs(rate) > 1:
        raise ValueError(f"{rate} is no rate")
    return FundingRate(
        whole(row["fundingTime"]), symbol, rate, None if mark is None else Decimal(price(mark))
    )


def read_premium(symbol: str, body: Any) -> MarkPrice:
    """Return the mark price of a ``premiumIndex`` answer."""
    return _checked(symbol, "premiumIndex", body, partial(_premium, symbol, body))


def _premium(symbol: str, body: Any) -> MarkPrice:
    return MarkPrice(
        symbol, whole(body["time"]), price(body["markPrice"]), whole(body["nextFundingTime"])
    )


def read_book_ticker(symbol: str, body: Any, order: int) -> Touch:
    """Return the touch of a ``bookTicker`` answer; it has no update's number, so ``order`` is given."""

    def read() -> Touch:
        prices = read_touch(body["bidPrice"], body["askPrice"], body["bidQty"], body["askQty"])
        return Touch(symbol, whole(body["time"]), order, prices)

    return _checked(symbol, "bookTicker", body, read)


def read_time(body: Any) -> int:
    """Return the exchange's time (UTC ms) of a ``time`` answer."""
    return _checked("", "time", body, lambda: whole(body["serverTime"]))


def _each(rows: Any, what: str) -> list[Any]:
    if not isinstance(rows, list):
        raise StrangeError(f"{what} answered with {type(rows).__name__}, not with rows")
    return rows


def _checked(symbol: str, what: str, row: Any, read: Callable[[], Read]) -> Read:
    try:
        return read()
    except (KeyError, IndexError, TypeError, ValueError, InvalidOperation, OverflowError) as error:
        shown = repr(row)[:120]
        where = f"{symbol}: " if symbol else ""
        raise StrangeError(f"{where}{what} makes no sense", f" ({error}): {shown}") from None
