"""Market data files as one feed: steps in time order, streamed."""

from __future__ import annotations

import heapq
from collections.abc import Iterator, Mapping, Sequence
from itertools import dropwhile, groupby, pairwise
from pathlib import Path
from typing import Any

from tradebot.core.model.errors import DataError
from tradebot.core.model.events import FundingRate, MarketEvent
from tradebot.core.model.text import escaped
from tradebot.core.model.times import iso
from tradebot.core.model.values import MINUTE_MS, Bar
from tradebot.market.files.findings import Findings, funding_sentences, span_sentences
from tradebot.market.files.funding import Funding
from tradebot.market.files.klines import ANY_PRICE, Bounds, Klines, refuse_without_volume
from tradebot.market.files.naming import Kind
from tradebot.market.files.probe import DataFile, probe
from tradebot.market.files.trades import TradeBars

Steps = Iterator[Sequence[MarketEvent]]

_PRICES = (Kind.KLINES, Kind.TRADES)


def open_files(
    paths: Sequence[Path],
    symbols: Sequence[str] | None = None,
    *,
    bounds: Mapping[str, Bounds] | None = None,
) -> FileFeed:
    """Look at the files and return the feed that streams them.

    ``symbols`` names, in order, the symbols of files whose name does not say theirs, and picks among
    the others; None takes all. ``bounds`` are the prices (USDT) that a symbol can have. DataError when a
    file cannot be used, files overlap, or bars of different intervals meet.
    """
    if not paths:
        raise DataError("no market data files", hint="name at least one file")
    files = _with_symbols([probe(Path(path)) for path in paths], symbols)
    groups: dict[tuple[str, Kind], list[DataFile]] = {}
    for symbol, file in files:
        groups.setdefault((symbol, file.kind), []).append(file)
    for group in groups.values():
        group.sort(key=lambda file: (file.first, file.first_id))
        _refuse_overlap(group)
    feed = FileFeed(groups, _interval([file for _, file in files]), bounds or {})
    for _, file in files:
        if file.kind is Kind.KLINES:
            refuse_without_volume(file)
    return feed


class FileFeed:
    """A feed of files. ``interval`` in milliseconds, ``first_time`` the first bar's open time.

    A step holds the events of one moment: MarkBars, then Bars, by symbol; funding rates are steps of
    their own, after all bars opening before them. Mark bars without their bar and funding outside the
    bars' span are left out. ``findings`` says what was odd in what has been streamed.
    """

    def __init__(
        self,
        groups: dict[tuple[str, Kind], list[DataFile]],
        interval: int,
        bounds: Mapping[str, Bounds],
    ) -> None:
        self._groups = groups
        self._bounds = bounds
        self._readers: dict[str, Klines | TradeBars] = {}
        self._rates: dict[str, Funding] = {}
        self.findings = Findings()
        self.interval = interval
        self.symbols = self._with(*_PRICES)
        self.mark_symbols = self._with(Kind.MARK)
        self.funding_symbols = self._with(Kind.FUNDING)
        self._refuse_orphans()
        self._prices = [
            file for (_, kind), group in groups.items() if kind in _PRICES for file in group
        ]
        self.first_time = min(file.first for file in self._prices)
        self.first_time -= self.first_time % interval
        self.total_bytes = sum(file.source.size for file in self._prices)
        self.label = self._label()

    @property
    def has_funding(self) -> bool:
        """Whether there are recorded funding rates for any symbol (``funding_symbols`` says which)."""
        return bool(self.funding_symbols)

    def length(self) -> int:
        """Return the market time from the first bar to the end of the last, in milliseconds.

        It looks at the files' ends, for which packed ones are read through once.
        """
        ends = [_last_time(file) for file in self._prices]
        return max([end for end in ends if end is not None], default=self.first_time) + (
            self.interval - self.first_time
        )

    @property
    def progress(self) -> float:
        """Share of the price files read so far, 0 to 1."""
        done = sum(file.source.position for file in self._prices)
        return min(1.0, done / self.total_bytes)

    def steps(self, after: int | None = None) -> Steps:
        """Yield the steps in time order, from the first one later than ``after`` (UTC ms) on.

        A step's time is its bars' open time or its funding time. DataError at the first bad row.
        """
        self.findings.clear(after)
        for file in self._prices:
            file.source.position = 0
        steps = self._bars()
        if self.mark_symbols:
            steps = _with_marks(steps, {s: self._marks(s) for s in self.mark_symbols})
        if self.funding_symbols:
            steps = _with_funding(steps, self._funding(), self.interval)
        if after is None:
            return steps
        return dropwhile(lambda step: _time(step) <= after, steps)

    def warnings(self, end: int, positions: Sequence[Mapping[str, Any]] = ()) -> list[str]:
        """Say what the data streamed so far lacks: bars, symbols from when to when, funding.

        ``end`` is the run's last moment (UTC ms), ``positions`` the rows of what is open then.
        """
        spans = {symbol: reader.span for symbol, reader in self._readers.items()}
        moments = {symbol: rates.moments for symbol, rates in self._rates.items()}
        return [
            *self.findings.sentences(self.interval),
            *span_sentences(spans, end, self.interval, positions),
            *funding_sentences(moments, spans, end, self.interval),
        ]

    def _bars(self) -> Steps:
        self._readers = {symbol: self._reader(symbol) for symbol in self.symbols}
        series: list[Steps] = [reader.steps() for reader in self._readers.values()]
        return series[0] if len(series) == 1 else _merge(series)

    def _reader(self, symbol: str) -> Klines | TradeBars:
        kind, bounds = self._price_kind(symbol), self._bounds.get(symbol, ANY_PRICE)
        files = self._groups[symbol, kind]
        if kind is Kind.TRADES:
            return TradeBars(symbol, files, self.findings, bounds)
        return Klines(symbol, kind, self.interval, files, self.findings, bounds)

    def _marks(self, symbol: str) -> Steps:
        files, bounds = self._groups[symbol, Kind.MARK], self._bounds.get(symbol, ANY_PRICE)
        return Klines(symbol, Kind.MARK, self.interval, files, self.findings, bounds).steps()

    def _funding(self) -> Iterator[list[FundingRate]]:
        self._rates = {s: Funding(s, self._groups[s, Kind.FUNDING]) for s in self.funding_symbols}
        series = [rates.rates() for rates in self._rates.values()]
        rates = heapq.merge(*series, key=lambda rate: (rate.at, rate.symbol))
        return (list(group) for _, group in groupby(rates, key=lambda rate: rate.at))

    def _with(self, *kinds: Kind) -> tuple[str, ...]:
        return tuple(sorted({symbol for symbol, kind in self._groups if kind in kinds}))

    def _price_kind(self, symbol: str) -> Kind:
        return Kind.KLINES if (symbol, Kind.KLINES) in self._groups else Kind.TRADES

    def _refuse_orphans(self) -> None:
        for (symbol, kind), files in self._groups.items():
            if symbol not in self.symbols:
                files[0].source.fail(
                    f"holds {kind} of {symbol}, but no file has its prices",
                    hint=f"add klines of {symbol} or leave this file out",
                )
            if kind is Kind.TRADES and (symbol, Kind.KLINES) in self._groups:
                files[0].source.fail(
                    f"holds {kind} of {symbol}, which has klines too", hint="use one of the two"
                )

    @property
    def names(self) -> tuple[str, ...]:
        """The names of all files, marks and funding too, sorted."""
        files = (file for group in self._groups.values() for file in group)
        return tuple(sorted(escaped(file.source.path.name) for file in files))

    def _label(self) -> str:
        names = [escaped(file.source.path.name) for file in self._prices]
        return names[0] if len(names) == 1 else f"{names[0]} and {len(names) - 1} more"


def _with_symbols(
    files: list[DataFile], symbols: Sequence[str] | None
) -> list[tuple[str, DataFile]]:
    """Pair each file with its symbol; files of symbols nobody asked for are left out."""
    given = [_read_symbol(symbol) for symbol in symbols or ()]
    named = {file.symbol for file in files if file.symbol and file.kind in _PRICES}
    nameless = [file for file in files if file.symbol is None]
    spare = [symbol for symbol in given if symbol not in named]
    if nameless and len(nameless) != len(spare):
        nameless[0].source.fail(
            "the name does not say the symbol"
            if not given
            else f"{len(nameless)} file(s) without a symbol in the name, {len(spare)} symbol(s) for them",
            hint="name one with --symbols for each such file, in their order: --symbols BTC/USDT",
        )
    if not nameless and spare:
        raise DataError(f"no file holds {spare[0]}", hint="add its file or drop the symbol")
    fitting = iter(spare)
    pairs = [(file.symbol or next(fitting), file) for file in files]
    return [(symbol, file) for symbol, file in pairs if not given or symbol in given]


def _read_symbol(text: str) -> str:
    base, slash, quote = text.strip().upper().partition("/")
    if not (base.isalnum() and slash and quote.isalnum()):
        raise DataError(f"{text!r} is no symbol", hint="symbols are written BTC/USDT")
    return f"{base}/{quote}"


def _interval(files: list[DataFile]) -> int:
    """Return the one interval of all bars. DataError when there are two, or none can be told."""
    lengths: dict[int, DataFile] = {}
    for file in files:
        if file.kind is Kind.TRADES:
            lengths.setdefault(MINUTE_MS, file)
        elif file.interval is not None:
            lengths.setdefault(file.interval, file)
    if len(lengths) > 1:
        (one, first), (two, second) = list(lengths.items())[:2]
        second.source.fail(
            f"has bars of {two // MINUTE_MS}m, {first.source.path.name} has bars of {one // MINUTE_MS}m",
            hint="all files of a run must have bars of the same interval",
        )
    bars = [file for file in files if file.kind in (*_PRICES, Kind.MARK)]
    if not lengths and bars:
        bars[0].source.fail("one row does not tell the interval", hint="name it SYMBOL-1m-...")
    if not lengths:
        raise DataError("there are no price files", hint="add klines or aggTrades")
    return next(iter(lengths))


def _refuse_overlap(group: list[DataFile]) -> None:
    for earlier, later in pairwise(group):
        last = _last_time(earlier)
        if last is None or later.first > last:
            continue
        # trades may share a millisecond: their ids are compared on the way
        if later.kind is not Kind.TRADES or later.first < last:
            later.source.fail(
                f"overlaps {earlier.source.path.name}: starts at {iso(later.first)}, "
                f"that one goes to {iso(last)}",
                hint="files of one symbol must not overlap",
            )


def _last_time(file: DataFile) -> int | None:
    """Return the last row's time; None when it is bad, which its reader will say with its line."""
    try:
        time = int(file.source.tail().split(",")[file.time_column])
    except (ValueError, IndexError):
        return None
    finally:
        file.source.position = 0
    return time // (1000 if file.micro else 1)


def _time(step: Sequence[MarketEvent]) -> int:
    event = step[0]
    return event.open_time if isinstance(event, Bar) else event.at


def _open_time(step: Sequence[MarketEvent]) -> int:
    bar = step[-1]
    assert isinstance(bar, Bar)
    return bar.open_time


def _merge(series: list[Steps]) -> Steps:
    """Merge one-bar steps of several symbols (in order of their names) by open time."""
    heads = [next(steps, None) for steps in series]
    while True:
        present = [head[0] for head in heads if head is not None]
        if not present:
            return
        now = min([bar.open_time for bar in present])  # type: ignore[union-attr]
        step = [bar for bar in present if bar.open_time == now]  # type: ignore[union-attr]
        if len(step) == len(series):  # the rule: every symbol has a bar of every minute
            heads = [next(steps, None) for steps in series]
        else:
            for i, head in enumerate(heads):
                if head is not None and head[0].open_time == now:  # type: ignore[union-attr]
                    heads[i] = next(series[i], None)
        yield step


def _with_marks(steps: Steps, series: dict[str, Steps]) -> Steps:
    """Put the mark bars of a moment before its bars. A mark bar without its bar is left out."""
    heads = {symbol: next(marks, None) for symbol, marks in series.items()}
    for step in steps:
        now = _open_time(step)
        present = {event.symbol for event in step}
        found: list[MarketEvent] = []
        for symbol, head in heads.items():
            while head is not None and _open_time(head) < now:
                head = next(series[symbol], None)
            if head is not None and _open_time(head) == now and symbol in present:
                found += head
            heads[symbol] = head
        yield [*found, *step]


def _with_funding(steps: Steps, funding: Iterator[list[FundingRate]], interval: int) -> Steps:
    """Put funding steps between the bars: after those opening before it, before all others."""
    due = next(funding, None)
    first = end = -1
    for step in steps:
        now = _open_time(step)
        first = now if first < 0 else first
        while due is not None and due[0].at <= now:
            if due[0].at >= first:
                yield [*due]
            due = next(funding, None)
        yield step
        end = now + interval
    while due is not None and due[0].at < end:
        yield [*due]
        due = next(funding, None)
