"""Aggregated trades, built up to one-minute bars."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from decimal import Decimal

from tradebot.core.model.events import MarketEvent
from tradebot.core.model.money import EXACT
from tradebot.core.model.times import iso
from tradebot.core.model.values import MINUTE_MS, Bar
from tradebot.market.files.findings import Findings, Gap, Span
from tradebot.market.files.klines import ANY_PRICE, MOST, Bounds, check_price, check_time, rows
from tradebot.market.files.probe import DataFile, milliseconds


class TradeBars:
    """One symbol's trades as bars of a minute. A minute without trades is a gap.

    A bar's open and close are the first and last trade of its minute, its volume the sum of quantities
    in base units. Files may be cut anywhere: the trades of one minute may lie in two of them.
    """

    interval = MINUTE_MS

    def __init__(
        self,
        symbol: str,
        files: Sequence[DataFile],
        findings: Findings,
        bounds: Bounds = ANY_PRICE,
    ) -> None:
        self.symbol = symbol
        self.files = files
        self.findings = findings
        self.bounds = bounds
        self._last_id = -1
        self._last_time = 0
        self._first = -1
        self._ended = False

    @property
    def span(self) -> Span:
        """From where to where trades were read, as open times of their minutes."""
        return Span(self._first, self._last_time - self._last_time % MINUTE_MS, self._ended)

    def steps(self) -> Iterator[list[MarketEvent]]:
        """Yield every bar as a step of its own. DataError at the first bad row."""
        self._last_id, self._last_time, self._first, self._ended = -1, 0, -1, False
        minute = _Minute(self.symbol, -1)
        for time, price, text, qty in self._trades():
            if not minute.open_time <= time < minute.open_time + MINUTE_MS:
                if minute.sizes:
                    yield [minute.bar()]
                minute = self._next_minute(minute, time)
            minute.add(price, text, qty)
        if minute.sizes:
            yield [minute.bar()]
        self._ended = True

    def _next_minute(self, last: _Minute, time: int) -> _Minute:
        opened = time - time % MINUTE_MS
        expected = last.open_time + MINUTE_MS
        if last.sizes and opened > expected:
            missing = (opened - expected) // MINUTE_MS
            self.findings.gap(Gap(self.symbol, expected, opened - MINUTE_MS, missing))
        if self._first < 0:
            self._first = opened
        return _Minute(self.symbol, opened)

    def _trades(self) -> Iterator[tuple[int, float, str, str]]:
        """Yield time, price, its text and the quantity's text of each trade, in order."""
        least, most = self.bounds
        for file in self.files:
            columns, micro = file.columns, file.micro
            scale = 1000 if micro else 1
            for start, lines in rows(file):
                for number, line in enumerate(lines, start):
                    parts = line.split(",")
                    try:
                        trade = int(parts[0])
                        time = int(parts[5]) // scale
                        price = float(parts[1])
                        qty = float(parts[2])
                    except (ValueError, IndexError):
                        if not line.strip():
                            continue
                        _refuse(file, number, line)
                    if not (0 < price < MOST and 0 <= qty < MOST) or len(parts) != columns:
                        _refuse(file, number, line)
                    if not least <= price <= most:
                        check_price(file, number, self.symbol, (price,), self.bounds)
                    if not qty:  # the exchange's own files have such rows
                        self.findings.empty(self.symbol, time)
                    if trade <= self._last_id or time < self._last_time:
                        self._refuse_order(file, number, trade, time)
                    if time - self._last_time >= MINUTE_MS:
                        check_time(file, number, time)
                    self._last_id = trade
                    self._last_time = time
                    yield time, price, parts[1], parts[2]

    def _refuse_order(self, file: DataFile, number: int, trade: int, time: int) -> None:
        if trade == self._last_id:
            file.source.fail(f"trade {trade} comes twice", number, "remove the duplicate row")
        file.source.fail(
            f"trade {trade} of {iso(time)} comes after {self._last_id} of {iso(self._last_time)}: "
            "rows are not in order",
            number,
            "sort the rows by trade id; files of one symbol must not overlap",
        )


class _Minute:
    """The trades of one minute so far."""

    __slots__ = ("high", "low", "open_time", "sizes", "symbol", "text")

    def __init__(self, symbol: str, open_time: int) -> None:
        self.symbol = symbol
        self.open_time = open_time
        self.sizes: list[str] = []
        self.text: list[str] = []
        self.high = self.low = 0.0

    def add(self, price: float, text: str, qty: str) -> None:
        """Take the next trade."""
        if not self.sizes:
            self.text = [text] * 4
            self.high = self.low = price
        elif price > self.high:
            self.high, self.text[1] = price, text
        elif price < self.low:
            self.low, self.text[2] = price, text
        self.text[3] = text
        self.sizes.append(qty)

    def bar(self) -> Bar:
        """Return the finished bar."""
        volume = Decimal(0)
        for qty in self.sizes:
            volume = EXACT.add(volume, Decimal(qty))
        text = (*self.text, format(volume, "f"))
        return Bar.of(self.symbol, self.open_time, MINUTE_MS, text)


def _refuse(file: DataFile, number: int, line: str) -> None:
    parts = line.split(",")
    message = _fault(file, parts)
    hint = None
    if number == file.source.unfinished:
        message = f"the file ends in the middle of this line ({message})"
        hint = "the file is damaged or incomplete: download it again"
    file.source.fail(message, number, hint)


def _fault(file: DataFile, parts: list[str]) -> str:
    if len(parts) != file.columns:
        return f"{len(parts)} columns, expected {file.columns}"
    try:
        int(parts[0])
        milliseconds(parts[5], micro=False)
    except ValueError:
        return f"trade id {parts[0]!r} or time {parts[5]!r} is not a number"
    for name, text in (("price", parts[1]), ("quantity", parts[2])):
        try:
            value = float(text)
        except ValueError:
            return f"{name} {text!r} is not a number"
        if not 0 <= value < MOST or (value == 0 and name == "price"):
            least = "above 0" if name == "price" else "not below 0"
            return f"{name} {text} must be finite, plausible and {least}"
    return "the row cannot be read"
