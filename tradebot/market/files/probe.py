"""Looking at a file's first rows: what it holds, before anything is streamed."""

from __future__ import annotations

from collections import Counter
from itertools import pairwise
from pathlib import Path

from tradebot.core.model.frozen import frozen
from tradebot.core.strategy.resample import TIMEFRAMES
from tradebot.market.files.naming import Kind, read_name
from tradebot.market.files.source import TextFile

KLINE_COLUMNS = (6, 12)
TRADE_COLUMNS = (7, 8)  # futures; spot has is_best_match as well
FUNDING_TIMES = ("calc_time", "funding_time", "fundingtime", "time", "timestamp")
FUNDING_RATES = ("last_funding_rate", "funding_rate", "fundingrate", "rate")

_PRICES = ["open", "high", "low", "close"]
_HINT = "expected a file as on data.binance.vision, or timestamp,open,high,low,close,volume"


@frozen
class DataFile:
    """A market data file and what its name and first rows say.

    ``symbol`` reads ``BTC/USDT`` or is None, ``interval`` is in milliseconds or None, ``header`` holds
    the column names in lower case (empty when there is no header), ``micro`` is true for timestamps in
    microseconds, ``first`` is the time of the first row in milliseconds, ``first_id`` its
    trade id (0 for rows that are no trades).
    """

    source: TextFile
    kind: Kind
    symbol: str | None
    interval: int | None
    header: tuple[str, ...]
    columns: int
    micro: bool
    first: int
    first_id: int

    @property
    def time_column(self) -> int:
        """Index of the timestamp's column."""
        return time_column(self.kind, self.header)


def probe(path: Path) -> DataFile:
    """Look at a file's name and first rows. DataError when it cannot be market data."""
    name = read_name(path)
    source = TextFile(path)
    rows = _first_rows(source)
    source.position = 0
    header: tuple[str, ...] = ()
    if not _is_data(rows[0][1]):
        header = tuple(field.strip().lower().replace(" ", "_") for field in rows[0][1])
        rows = rows[1:]
    if not rows:
        source.fail("holds a header and no rows", 1)
    kind = _kind(source, name.kind, header, rows[0])
    column = time_column(kind, header)
    _check_columns(source, kind, rows[0])
    micro = _is_micro(source, rows[0], column)
    times = _times(rows, column, micro)
    interval = _interval(source, name.interval, times) if kind in (Kind.KLINES, Kind.MARK) else None
    trade = _trade_id(source, rows[0]) if kind is Kind.TRADES else 0
    columns = len(rows[0][1])
    first = times[0] if times else 0
    return DataFile(source, kind, name.symbol, interval, header, columns, micro, first, trade)


def time_column(kind: Kind, header: tuple[str, ...]) -> int:
    """Return the index of the timestamp's column in files of a kind."""
    if kind is Kind.TRADES:
        return 5
    if kind is Kind.FUNDING:
        return next((i for i, name in enumerate(header) if name in FUNDING_TIMES), 0)
    return 0


def milliseconds(text: str, *, micro: bool) -> int:
    """Return a timestamp in milliseconds; ValueError when it is none, or no whole millisecond."""
    value = int(text)
    if not micro:
        return value
    whole, rest = divmod(value, 1000)
    if rest:
        raise ValueError(text)
    return whole


def _first_rows(source: TextFile) -> list[tuple[int, list[str]]]:
    """Return the first block's rows with their line numbers, blank lines left out."""
    for first, lines in source.blocks():
        rows = [(n, line.split(",")) for n, line in enumerate(lines, first) if line.strip()]
        if rows:
            break
    else:
        source.fail("is empty", 1)
    return rows


def _is_data(row: list[str]) -> bool:
    """Whether a first row is data: a header has no number in its first two fields."""
    for field in row[:2]:
        try:
            float(field)
        except ValueError:
            continue
        return True
    return False


def _kind(
    source: TextFile, named: Kind | None, header: tuple[str, ...], first: tuple[int, list[str]]
) -> Kind:
    line, row = first
    seen = _kind_of_header(header) if header else _kind_of_columns(len(row))
    if seen is None and header:
        source.fail(f"unknown columns: {','.join(header)[:120]}", 1, _HINT)
    if seen is None and named is None:
        source.fail(f"{len(row)} columns: no known kind of file", line, _HINT)
    if seen is None or seen is named or (seen is Kind.KLINES and named is Kind.MARK):
        assert named is not None
        return named
    if named is not None and header:
        source.fail(f"is named as {named} but has the columns of {seen}", 1, "rename the file")
    return named or seen


def _kind_of_header(header: tuple[str, ...]) -> Kind | None:
    if list(header[1:5]) == _PRICES and header[5:6] in ((), ("volume",), ("vol",)):
        return Kind.KLINES
    if header[:3] in (("agg_trade_id", "price", "quantity"), ("agg_trade_id", "price", "qty")):
        return Kind.TRADES
    if any(name in FUNDING_RATES for name in header):
        return Kind.FUNDING
    return None


def _kind_of_columns(columns: int) -> Kind | None:
    if columns in KLINE_COLUMNS:
        return Kind.KLINES
    if columns in TRADE_COLUMNS:
        return Kind.TRADES
    return Kind.FUNDING if columns == 3 else None


def _check_columns(source: TextFile, kind: Kind, first: tuple[int, list[str]]) -> None:
    line, row = first
    wanted = TRADE_COLUMNS if kind is Kind.TRADES else KLINE_COLUMNS
    if kind is not Kind.FUNDING and len(row) not in wanted:
        expected = " or ".join(map(str, wanted))
        source.fail(f"{len(row)} columns, expected {expected} for {kind}", line, _HINT)


def _is_micro(source: TextFile, first: tuple[int, list[str]], column: int) -> bool:
    line, row = first
    text = row[column].strip() if column < len(row) else ""
    if not text.isdigit():
        source.fail(f"timestamp {text!r} is not a number", line, "UTC milliseconds are expected")
    if len(text) not in (13, 16):
        source.fail(
            f"timestamp {text} is neither milliseconds (13 digits) nor microseconds (16)", line
        )
    return len(text) == 16


def _trade_id(source: TextFile, first: tuple[int, list[str]]) -> int:
    line, row = first
    if not row[0].strip().isdigit():
        source.fail(f"trade id {row[0]!r} is not a number", line)
    return int(row[0])


def _times(rows: list[tuple[int, list[str]]], column: int, micro: bool) -> list[int]:
    """Return the times of the first rows up to the first bad one, which its reader will name."""
    times: list[int] = []
    for _, row in rows:
        try:
            times.append(int(row[column]) // (1000 if micro else 1))
        except (ValueError, IndexError):
            break
    return times


def _interval(source: TextFile, named: int | None, times: list[int]) -> int | None:
    """Return the bars' interval: the name's, else the commonest distance of the first rows."""
    steps = Counter(b - a for a, b in pairwise(times) if b > a)
    common = steps.most_common(1)[0][0] if steps else None
    if named is None:
        if common is not None and common not in TIMEFRAMES.values():
            source.fail(f"rows are {common / 1000:g} s apart: that is no known interval", 2)
        return common
    if common is not None and named not in steps and steps.total() > 1:
        source.fail(
            f"is named as {named // 60_000}m but its rows are {common / 60_000:g}m apart", 2
        )
    return named
