"""What a run has left behind for good, in few columns: a report reads tens of thousands of rows.

Times in UTC ms of the market, money in USDT.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import fields
from decimal import Decimal
from functools import wraps
from typing import Concatenate, NamedTuple, ParamSpec, TypeVar

from tradebot.core.model.text import escaped
from tradebot.journal.logged import damaged
from tradebot.journal.reader import Reader
from tradebot.journal.view import TradeRow, reader_of


class CurvePoint(NamedTuple):
    """A point of the equity curve: when (UTC ms), USDT, why it was noted, how far below the peak of the run until then."""

    at: int
    equity: Decimal
    why: str
    drawdown: Decimal = Decimal(0)


class PricedFill(NamedTuple):
    """A fill's price and fee, and the position (signed) and its average entry after it."""

    time: int
    symbol: str
    price: Decimal
    fee: Decimal
    maker: bool
    position: Decimal
    entry: Decimal


class JudgedSignal(NamedTuple):
    """A signal and what became of it; ``outcome`` (USDT) is None while unknown, ``closed`` when its hypothetical trade ended (UTC ms)."""

    id: int
    time: int
    symbol: str
    confidence: float | None
    price: Decimal
    verdict: str
    refusals: tuple[str, ...]
    outcome: Decimal | None
    closed: int | None = None


class CashLine(NamedTuple):
    """A cash line that is neither fill nor funding, at the time it was booked."""

    at: int
    kind: str
    amount: Decimal


class PaidFunding(NamedTuple):
    """A funding booking and its rate (a share of the notional, above 0: longs paid)."""

    at: int
    symbol: str
    amount: Decimal
    rate: Decimal
    qty: Decimal


P = ParamSpec("P")
T = TypeVar("T")

_UNFIT = (KeyError, TypeError, ValueError, ArithmeticError, AttributeError)
"""What a row that is not what it should be raises."""


def _told(
    name: str, ask: Callable[Concatenate[Reader, str, P], Iterator[T]]
) -> Callable[Concatenate[Reader, str, P], Iterator[T]]:
    """Return a question whose rows that make no sense are a JournalError."""

    @wraps(ask)
    def asked(reader: Reader, run: str, /, *more: P.args, **named: P.kwargs) -> Iterator[T]:
        try:
            yield from ask(reader, run, *more, **named)
        except _UNFIT as error:
            raise damaged(f"a row of {run} ({name})", error) from error

    return asked


def _money(text: str) -> Decimal:
    value = Decimal(text)
    if not value.is_finite():
        raise ValueError(f"{text} is no amount")
    return value


def _time(value: object) -> int:
    if not isinstance(value, int):
        raise ValueError(f"{value!r} is no time")
    return value


_NONE = Decimal(0)
_WHYS = {why: why for why in ("start", "end", "gap", "transfer", "trade", "hour", "day", "low")}
"""The reasons there are, each one text for all rows."""


def _curve(reader: Reader, run: str, before: int) -> Iterator[CurvePoint]:
    """Yield a run's curve up to a moment, that one included."""
    sql = "SELECT ts, equity, why, drawdown FROM equity WHERE run = ? AND ts <= ? ORDER BY seq"
    text, equity = None, _NONE
    for at, told, why, fall in reader.select(sql, run, before):
        if told != text:  # while nothing is open it stays what it is
            text, equity = told, _money(told)
        drawdown = _NONE if fall == "0" else _money(fall)
        yield CurvePoint(_time(at), equity, _WHYS.get(why) or escaped(why), drawdown)


def bounds(reader: Reader, run: str) -> tuple[int, int] | None:
    """Return the first and the last moment of a run's curve, None without one."""
    sql = "SELECT min(ts), max(ts) FROM equity WHERE run = ?"
    first, last = next(reader.select(sql, run))
    try:
        return None if first is None else (_time(first), _time(last))
    except ValueError as error:
        raise damaged(f"the curve of {run}", error) from error


def _trades(reader: Reader, run: str, before: int) -> Iterator[TradeRow]:
    """Yield a run's trades that closed before a moment, by id."""
    names = [item.name for item in fields(TradeRow)]
    sql = f"SELECT {', '.join(names)} FROM trades WHERE run = ? AND exit_time < ? ORDER BY id"
    yield from map(reader_of(TradeRow), reader.select(sql, run, before))


def _fills(reader: Reader, run: str) -> Iterator[PricedFill]:
    """Yield a run's fills in the order of their times."""
    sql = (
        "SELECT time, symbol, price, fee, maker, position, entry FROM fills"
        " WHERE run = ? ORDER BY time, trade_id"
    )
    for time, symbol, price, fee, maker, position, entry in reader.select(sql, run):
        yield PricedFill(
            *(_time(time), escaped(symbol), _money(price), _money(fee), bool(maker)),
            *(_money(position), _money(entry)),
        )


def _signals(reader: Reader, run: str) -> Iterator[JudgedSignal]:
    """Yield a run's signals by id."""
    sql = (
        "SELECT s.id, s.time, s.symbol, s.confidence, s.price, s.verdict, s.refusals, s.outcome_pnl,"
        " g.exit_time FROM signals s LEFT JOIN ghosts g ON g.run = s.run AND g.signal = s.id"
        " WHERE s.run = ? ORDER BY s.id"
    )
    for id_, time, symbol, confidence, price, *told, outcome, closed in reader.select(sql, run):
        verdict, refusals = told
        yield JudgedSignal(
            *(id_, _time(time), escaped(symbol), confidence, _money(price), escaped(verdict)),
            refusals=tuple(escaped(text) for text in json.loads(refusals)),
            outcome=None if outcome is None else _money(outcome),
            closed=None if closed is None else _time(closed),
        )


def _cash(reader: Reader, run: str) -> Iterator[CashLine]:
    """Yield a run's cash lines in the order they were booked."""
    sql = "SELECT ts, kind, amount FROM cash WHERE run = ? ORDER BY ts, id"
    for at, kind, amount in reader.select(sql, run):
        yield CashLine(_time(at), escaped(kind), _money(amount))


def _funding(reader: Reader, run: str) -> Iterator[PaidFunding]:
    """Yield a run's fundings in order."""
    sql = "SELECT ts, symbol, amount, rate, qty FROM funding WHERE run = ? ORDER BY seq"
    for at, symbol, amount, rate, qty in reader.select(sql, run):
        yield PaidFunding(_time(at), escaped(symbol), _money(amount), _money(rate), _money(qty))


curve = _told("equity", _curve)
trades = _told("trades", _trades)
fills = _told("fills", _fills)
signals = _told("signals", _signals)
cash = _told("cash", _cash)
funding = _told("funding", _funding)

__all__ = ["CurvePoint", "bounds", "cash", "curve", "fills", "funding", "signals", "trades"]
