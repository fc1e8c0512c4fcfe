"""A price script as a feed: rows of ``at_s, symbol, bid, ask, mark``, in seconds from the start."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from pathlib import Path

from tradebot.core.model.errors import DataError
from tradebot.core.model.money import plain
from tradebot.core.model.spelling import meant
from tradebot.core.model.values import Bar, Instrument, Quote
from tradebot.venue.bus import Tick

COLUMNS = ("at_s", "symbol", "bid", "ask", "mark")
SIZE = "1000"
"""Shown at the touch unless a row says otherwise (columns ``bid_qty`` and ``ask_qty``)."""


@dataclass(frozen=True, slots=True)
class ScriptRow:
    """One moment of one symbol: seconds from the start, prices and sizes as text."""

    at_s: float
    symbol: str
    bid: str
    ask: str
    mark: str
    bid_qty: str = SIZE
    ask_qty: str = SIZE


class ScriptFeed:
    """Plays rows from a start (UTC ms); they have to be in order of time."""

    trades = False

    def __init__(
        self, rows: Sequence[ScriptRow], start: int, *, label: str = "price script"
    ) -> None:
        self.label = label
        self.symbols = tuple(sorted({row.symbol for row in rows}))
        self._rows = rows
        self._start = start

    def history(self) -> Iterable[Bar]:
        """Return nothing: a script has no past."""
        return ()

    def ticks(self) -> Iterator[Tick]:
        """Yield a quote for each row."""
        for row in self._rows:
            at = self._start + round(row.at_s * 1000)
            text = (row.bid, row.ask, row.bid_qty, row.ask_qty, row.mark)
            yield Quote(row.symbol, at, at, text, float(row.mark))


def read_script(path: Path, instruments: Mapping[str, Instrument]) -> list[ScriptRow]:
    """Read a price script (CSV with a header) of listed symbols. DataError with file, line and what is wrong."""
    with path.open(encoding="utf-8", newline="") as lines:
        reader = csv.DictReader(lines)
        missing = [name for name in COLUMNS if name not in (reader.fieldnames or ())]
        if missing:
            raise DataError(
                f"no column {missing[0]}",
                file=str(path),
                line=1,
                hint=f"a price script begins with {','.join(COLUMNS)}",
            )
        rows: list[ScriptRow] = []
        for record in reader:
            rows.append(_row(record, path, reader.line_num, instruments))
            if len(rows) > 1 and rows[-1].at_s < rows[-2].at_s:
                raise DataError("is before the row above it", file=str(path), line=reader.line_num)
    if not rows:
        raise DataError("has no rows", file=str(path), line=1)
    return rows


def _row(
    record: dict[str, str], path: Path, line: int, instruments: Mapping[str, Instrument]
) -> ScriptRow:
    words = {name: (record.get(name) or "").strip() for name in (*COLUMNS, "bid_qty", "ask_qty")}
    sizes = {name: words[name] or SIZE for name in ("bid_qty", "ask_qty")}

    def bad(what: str, key: str | None = None, hint: str | None = None) -> DataError:
        return DataError(what, file=str(path), line=line, key=key, hint=hint)

    symbol = words["symbol"]
    if symbol not in instruments:
        hint = "the account file's [[symbols]] can make it up"
        raise bad(f"{symbol!r} is not listed", "symbol", meant(symbol, instruments, hint))
    for name, text in (words | sizes).items():
        if name != "symbol" and not _is_number(text):
            raise bad(f"{text!r} is no number", name)
    bid, ask, mark = (Decimal(words[name]) for name in ("bid", "ask", "mark"))
    if not 0 < bid < ask or mark <= 0:
        raise bad("needs 0 < bid < ask and a mark above 0")
    tick = instruments[symbol].tick
    for name, price in (("bid", bid), ("ask", ask)):
        if price % tick:
            raise bad(f"{price} is no multiple of the tick {plain(tick)}", name)
    for name, size in sizes.items():
        if Decimal(size) <= 0:
            raise bad(f"{size} is not above 0", name)
    if Decimal(words["at_s"]) < 0:
        raise bad(f"{words['at_s']} is before the start", "at_s")
    prices = (words["bid"], words["ask"], words["mark"])
    return ScriptRow(float(words["at_s"]), symbol, *prices, *sizes.values())


def _is_number(text: str) -> bool:
    try:
        return Decimal(text).is_finite()
    except InvalidOperation:
        return False
