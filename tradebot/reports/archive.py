"""Tables as CSV files, for an archive and for whoever does the books: a record, not tax advice.

UTC times as ISO-8601, plain decimals, a header always. A text that a spreadsheet would take for a formula gets an
apostrophe in front. Nothing in them comes from the event log: what is pruned there is not missed here.
"""

from __future__ import annotations

import csv
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import fields
from decimal import Decimal
from pathlib import Path
from typing import Any, NamedTuple, TextIO

from tradebot.core.model.money import ZERO, plain
from tradebot.core.model.times import iso
from tradebot.disk import replacing
from tradebot.journal.reader import Reader
from tradebot.journal.view import (
    EquityRow,
    FillRow,
    FundingRow,
    OrderRow,
    TableRow,
    TradeRow,
    as_json,
)
from tradebot.reports.monthly.period import Period
from tradebot.reports.signal_quality import SIGNAL_COLUMNS, signal_rows

Row = Mapping[str, Any]

FORMULAS = ("=", "+", "-", "@", "\t", "\r")
"""How a text begins that a spreadsheet may take for a formula."""

NOTE = "Each closing fill with what it realised before fees, at the average entry price; a record, not tax advice."


class Table(NamedTuple):
    """A table of the archive: its columns, and the rows of a run in a period (None: all)."""

    columns: Sequence[str]
    rows: Callable[[Reader, str, Period | None], Iterator[Row]]


def write_csv(columns: Sequence[str], rows: Iterable[Row], target: Path) -> int:
    """Write rows as CSV, unknown cells empty, and return how many; ``-`` is the standard output."""
    count = 0
    with written(target) as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(columns)
        for row in rows:
            writer.writerow([cell(row.get(name)) for name in columns])
            count += 1
    return count


@contextmanager
def written(target: Path) -> Iterator[TextIO]:
    """Open a file for text, or the standard output for ``-``; it is there whole or not at all."""
    if str(target) == "-":
        yield sys.stdout
        return
    with replacing(target) as draft, draft.open("w", encoding="utf-8", newline="") as file:
        yield file


def cell(value: Any) -> str:
    """Return a value as a cell: nothing for None, plain decimals, texts that no spreadsheet takes for a formula."""
    if value is None:
        return ""
    if isinstance(value, Decimal):
        return plain(value)
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list | tuple):
        value = "; ".join(map(str, value))
    if isinstance(value, str) and value.startswith(FORMULAS) and not _is_number(value):
        return f"'{value}"
    return str(value)


def _is_number(text: str) -> bool:
    return text.lstrip("+-").replace(".", "", 1).isdigit() and text.isascii()


def tables(
    reader: Reader, runs: Sequence[str], period: Period | None
) -> Iterator[tuple[str, Sequence[str], Iterator[Row]]]:
    """Yield every table of runs in a period: name, columns, rows."""
    for name, table in TABLES.items():
        yield name, table.columns, rows_of(reader, name, runs, period)


def rows_of(reader: Reader, name: str, runs: Sequence[str], period: Period | None) -> Iterator[Row]:
    """Yield a table's rows, run after run."""
    for run in runs:
        yield from TABLES[name].rows(reader, run, period)


def _plain_rows(
    ask: Callable[[Reader, str], Sequence[TableRow]], time: str
) -> Callable[[Reader, str, Period | None], Iterator[Row]]:
    """Return a table's rows as the journal has them, of a period by one of their times."""

    def rows(reader: Reader, run: str, period: Period | None) -> Iterator[Row]:
        for row in ask(reader, run):
            if period is None or period.holds(getattr(row, time)):
                yield as_json(row)

    return rows


def _columns(cls: type[TableRow], *without: str) -> tuple[str, ...]:
    return tuple(item.name for item in fields(cls) if item.name not in ("wall", *without))


def _trade_rows(reader: Reader, run: str, period: Period | None) -> Iterator[Row]:
    for trade in reader.trades(run):
        if period is None or period.holds(trade.exit_time):
            yield {**as_json(trade), "signal_id": trade.signal or None}


def _signal_rows(reader: Reader, run: str, period: Period | None) -> Iterator[Row]:
    since = None if period is None else period.first
    last = None if period is None else iso(period.last)
    for row in signal_rows(reader, run, since):
        if last is None or row["time"] < last:
            yield row


REALISED = (
    *("run", "symbol", "side", "opened", "closed", "qty", "cost", "proceeds", "fee", "realised"),
    *("order_id", "trade_id"),
)


def _realised_rows(reader: Reader, run: str, period: Period | None) -> Iterator[Row]:
    """Yield one row for each fill that closed something; ``realised = proceeds - cost``, before fees (USDT)."""
    held: dict[str, tuple[Decimal, Decimal, int]] = {}
    for fill in reader.fills(run):
        qty, entry, opened = held.get(fill.symbol, (ZERO, ZERO, fill.time))
        signed = fill.qty if fill.side == "buy" else -fill.qty
        if qty and (qty > 0) != (signed > 0) and (period is None or period.holds(fill.time)):
            yield _realised(fill, qty, entry, opened)
        fresh = not qty or (fill.position != 0 and (fill.position > 0) != (qty > 0))
        held[fill.symbol] = (fill.position, fill.entry, fill.time if fresh else opened)


def _realised(fill: FillRow, qty: Decimal, entry: Decimal, opened: int) -> Row:
    closed = min(fill.qty, abs(qty))
    into, out = closed * entry, closed * fill.price
    cost, proceeds = (into, out) if qty > 0 else (out, into)
    return {
        "run": fill.run,
        "symbol": fill.symbol,
        "side": "long" if qty > 0 else "short",
        "opened": iso(opened),
        "closed": iso(fill.time),
        "qty": closed,
        "cost": cost,
        "proceeds": proceeds,
        "fee": fill.fee,
        "realised": proceeds - cost,
        "order_id": fill.order_id,
        "trade_id": fill.trade_id,
    }


TABLES: Mapping[str, Table] = {
    "trades": Table((*_columns(TradeRow, "ts", "signal"), "signal_id"), _trade_rows),
    "orders": Table(
        ("ts", *_columns(OrderRow, "ts")), _plain_rows(lambda r, run: r.orders(run), "ts")
    ),
    "signals": Table(SIGNAL_COLUMNS, _signal_rows),
    "fills": Table(_columns(FillRow, "ts"), _plain_rows(lambda r, run: r.fills(run), "time")),
    "equity": Table(_columns(EquityRow, "seq"), _plain_rows(lambda r, run: r.equity(run), "ts")),
    "funding": Table(_columns(FundingRow, "seq"), _plain_rows(lambda r, run: r.funding(run), "ts")),
    "realised": Table(REALISED, _realised_rows),
}
"""The archive's tables, by name."""


__all__ = ["NOTE", "TABLES", "cell", "rows_of", "tables", "write_csv", "written"]
