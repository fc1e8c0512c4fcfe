"""What a run has left behind for good, in few columns: a report reads tens of thousands of rows.

Times in UTC ms of the market, money in USDT.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import fields
from decimal import Decimal
from typing import NamedTuple

from tradebot.core.model.text import escaped
from tradebot.journal.reader import Reader
from tradebot.journal.view import TradeRow, row_of


class CurvePoint(NamedTuple):
    """A point of the equity curve."""

    at: int
    equity: Decimal
    why: str


class PricedFill(NamedTuple):
    """A fill's price and fee."""

    time: int
    symbol: str
    price: Decimal
    fee: Decimal
    maker: bool


class JudgedSignal(NamedTuple):
    """A signal and what became of it; ``outcome`` is None while unknown."""

    id: int
    time: int
    symbol: str
    confidence: float | None
    price: Decimal
    verdict: str
    refusals: tuple[str, ...]
    outcome: Decimal | None


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


_WHYS = {why: why for why in ("start", "end", "gap", "transfer", "trade", "hour", "day", "low")}
"""The reasons there are, each one text for all rows."""


def curve(reader: Reader, run: str, before: int) -> Iterator[CurvePoint]:
    """Yield a run's curve up to a moment, that one included."""
    sql = "SELECT ts, equity, why FROM equity WHERE run = ? AND ts <= ? ORDER BY seq"
    for at, equity, why in reader.select(sql, run, before):
        yield CurvePoint(at, Decimal(equity), _WHYS.get(why) or escaped(why))


def bounds(reader: Reader, run: str) -> tuple[int, int] | None:
    """Return the first and the last moment of a run's curve, None without one."""
    sql = "SELECT min(ts), max(ts) FROM equity WHERE run = ?"
    first, last = next(reader.select(sql, run))
    return None if first is None else (first, last)


def trades(reader: Reader, run: str, before: int) -> Iterator[TradeRow]:
    """Yield a run's trades that closed before a moment, by id."""
    names = [item.name for item in fields(TradeRow)]
    sql = f"SELECT {', '.join(names)} FROM trades WHERE run = ? AND exit_time < ? ORDER BY id"
    for row in reader.select(sql, run, before):
        yield row_of(TradeRow, dict(zip(names, row, strict=True)))


def fills(reader: Reader, run: str) -> Iterator[PricedFill]:
    """Yield a run's fills in the order of their times."""
    sql = "SELECT time, symbol, price, fee, maker FROM fills WHERE run = ? ORDER BY time, trade_id"
    for time, symbol, price, fee, maker in reader.select(sql, run):
        yield PricedFill(time, escaped(symbol), Decimal(price), Decimal(fee), bool(maker))


def signals(reader: Reader, run: str) -> Iterator[JudgedSignal]:
    """Yield a run's signals by id."""
    sql = (
        "SELECT id, time, symbol, confidence, price, verdict, refusals, outcome_pnl FROM signals"
        " WHERE run = ? ORDER BY id"
    )
    for id_, time, symbol, confidence, price, verdict, refusals, outcome in reader.select(sql, run):
        said = tuple(escaped(text) for text in json.loads(refusals))
        result = None if outcome is None else Decimal(outcome)
        yield JudgedSignal(
            id_, time, escaped(symbol), confidence, Decimal(price), escaped(verdict), said, result
        )


def cash(reader: Reader, run: str) -> Iterator[CashLine]:
    """Yield a run's cash lines in the order they were booked."""
    sql = "SELECT ts, kind, amount FROM cash WHERE run = ? ORDER BY ts, id"
    for at, kind, amount in reader.select(sql, run):
        yield CashLine(at, escaped(kind), Decimal(amount))


def funding(reader: Reader, run: str) -> Iterator[PaidFunding]:
    """Yield a run's fundings in order."""
    sql = "SELECT ts, symbol, amount, rate, qty FROM funding WHERE run = ? ORDER BY seq"
    for at, symbol, amount, rate, qty in reader.select(sql, run):
        yield PaidFunding(at, escaped(symbol), Decimal(amount), Decimal(rate), Decimal(qty))


__all__ = ["bounds", "cash", "curve", "fills", "funding", "signals", "trades"]
