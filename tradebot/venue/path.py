"""Bars into ticks: a feed of closed bars is lived through, second by second, as the venue's prices.

Where the bar comes with quotes (the embedded market) the trades of its minute are laid on them, so
that a kline made from the trades is the bar again. Where there is only the bar, prices go from the open
to the low, the high and the close (a falling bar: high first), the way the simulated exchange walks it
for a long position or none.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Iterator, Sequence
from decimal import Decimal

from tradebot.core.model.events import FundingRate, MarketEvent
from tradebot.core.model.money import floor_to
from tradebot.core.model.values import MINUTE_MS, Bar, Instrument, MarkBar, Quote
from tradebot.venue.bus import Tick, Trade
from tradebot.venue.prices import FIRST_TRADE

SECOND = 1000
_TOUCH = Decimal("0.05")
"""Size shown at the touch, as a share of a bar's volume, where a feed has bars only."""

Steps = Iterable[Sequence[MarketEvent]]


class BarFeed:
    """A feed of steps (bars, or quotes and then their bar), shifted by ``shift`` milliseconds.

    ``steps`` and ``history`` are called once each, when they are needed. ``interval`` in milliseconds.
    """

    trades = True

    def __init__(
        self,
        label: str,
        instruments: dict[str, Instrument],
        steps: Callable[[], Steps],
        *,
        history: Callable[[], Iterable[Bar]] = tuple,
        shift: int = 0,
    ) -> None:
        self.label = label
        self.symbols = tuple(sorted(instruments))
        self._instruments = instruments
        self._steps = steps
        self._history = history
        self._shift = shift
        self._ids = dict.fromkeys(self.symbols, FIRST_TRADE)

    def history(self) -> Iterator[Bar]:
        """Yield the bars before the start, minute by minute."""
        for bar in self._history():
            yield from _minutes(_moved_bar(bar, self._shift))

    def ticks(self) -> Iterator[Tick]:
        """Yield each minute's quotes and trades by second."""
        quotes: list[Quote] = []
        marks: dict[str, MarkBar] = {}
        for step in self._steps():
            bars: list[Bar] = []
            for event in step:
                if isinstance(event, Quote):
                    quotes.append(event)
                elif isinstance(event, FundingRate):
                    yield FundingRate(event.at + self._shift, event.symbol, event.rate, event.mark)
                elif isinstance(event, MarkBar):
                    marks[event.symbol] = event
                else:
                    bars.append(event)
            if bars:
                yield from self._live(bars, quotes, marks)
                quotes, marks = [], {}

    def _live(self, bars: list[Bar], quotes: list[Quote], marks: dict[str, MarkBar]) -> list[Tick]:
        ticks: list[Tick] = []
        for bar in bars:
            own = [quote for quote in quotes if quote.symbol == bar.symbol]
            instrument = self._instruments[bar.symbol]
            shown = own or quotes_of(bar, marks.get(bar.symbol), instrument)
            ticks += self._with_trades(bar, shown, instrument)
        ticks.sort(key=lambda tick: tick.at)
        return ticks

    def _with_trades(
        self, bar: Bar, quotes: Sequence[Quote], instrument: Instrument
    ) -> Iterator[Tick]:
        sizes = split(bar.exact_volume, len(quotes), instrument.step)
        prices = trade_prices(bar, quotes)
        for quote, size, (price, rises) in zip(quotes, sizes, prices, strict=True):
            at = quote.at + self._shift
            yield Quote(quote.symbol, at, at, quote.text, quote.mark)
            if size:
                number = self._ids[bar.symbol]
                self._ids[bar.symbol] += 1
                yield Trade(bar.symbol, at, number, price, format(size, "f"), not rises)


def trade_prices(bar: Bar, quotes: Sequence[Quote]) -> list[tuple[str, bool]]:
    """Return a trade's price for each quote, and whether a buyer took: the bar's four prices are kept."""
    prices: list[tuple[str, bool]] = []
    last: float | None = None
    for quote in quotes:
        mid = float(quote.text[0]) + float(quote.text[1])
        rises = last is not None and mid > last
        prices.append((quote.text[1] if rises else quote.text[0], rises))
        last = mid
    low, high = Decimal(bar.text[2]), Decimal(bar.text[1])
    inside = [(min(max(Decimal(p), low), high), rises) for p, rises in prices]
    texts = [(format(price, "f"), rises) for price, rises in inside]
    texts[0] = (bar.text[0], texts[0][1])
    texts[-1] = (bar.text[3], texts[-1][1])
    _reach(texts, bar.text[1], highest=True)
    _reach(texts, bar.text[2], highest=False)
    return texts


def _reach(prices: list[tuple[str, bool]], extreme: str, *, highest: bool) -> None:
    """Let the outermost inner price be the bar's extreme, unless one is there already."""
    wanted = Decimal(extreme)
    if any(Decimal(price) == wanted for price, _ in prices):
        return
    inner = range(1, len(prices) - 1) or range(1)
    pick = max if highest else min
    index = pick(inner, key=lambda i: Decimal(prices[i][0]))
    prices[index] = (extreme, prices[index][1])


def split(volume: Decimal, parts: int, step: Decimal) -> list[Decimal]:
    """Return a volume in parts of full steps; what does not divide goes to the first and last parts."""
    each = floor_to(volume / parts, step)
    sizes = [each] * parts
    rest = volume - each * parts
    extra = int(rest // step)
    for index in range(extra):
        sizes[index] += step
    sizes[-1] += rest - extra * step
    return sizes


def quotes_of(bar: Bar, mark: MarkBar | None, instrument: Instrument) -> list[Quote]:
    """Return a quote for each second of a bar that has none: a tick of spread on the path's price."""
    seconds = max(4, bar.interval // SECOND)
    tick = instrument.tick
    size = max(instrument.step, floor_to(bar.exact_volume * _TOUCH, instrument.step))
    prices = path(bar, seconds)
    fair = path(mark, seconds) if mark is not None else prices
    quotes = []
    for index, (price, mid) in enumerate(zip(prices, fair, strict=True)):
        at = bar.open_time + index * bar.interval // seconds
        bid = floor_to(price, tick)
        text = [format(bid, "f"), format(bid + tick, "f"), f"{size}", f"{size}", f"{mid:.8f}"]
        quotes.append(Quote(bar.symbol, at, at, text, float(text[4])))
    return quotes


def path(bar: Bar, points: int) -> list[Decimal]:
    """Return prices along open, one extreme, the other, close, at even distances in time."""
    falling = bar.exact_close < bar.exact_open
    middle = [bar.exact_high, bar.exact_low] if falling else [bar.exact_low, bar.exact_high]
    corners = [bar.exact_open, *middle, bar.exact_close]
    places = [0, (points - 1) // 3, 2 * (points - 1) // 3, points - 1]
    prices: list[Decimal] = []
    for (begin, end), (here, there) in zip(
        itertools.pairwise(places), itertools.pairwise(corners), strict=True
    ):
        for index in range(begin, end):
            prices.append(here + (there - here) * (index - begin) / (end - begin))
    return [*prices, corners[-1]]


def _moved_bar(bar: Bar, shift: int) -> Bar:
    return type(bar).of(bar.symbol, bar.open_time + shift, bar.interval, bar.text)


def _minutes(bar: Bar) -> Iterator[Bar]:
    """Yield a longer bar as minutes: the first has all of it, the others stand at the close."""
    yield type(bar).of(bar.symbol, bar.open_time, MINUTE_MS, bar.text)
    close = bar.text[3]
    for at in range(bar.open_time + MINUTE_MS, bar.open_time + bar.interval, MINUTE_MS):
        yield type(bar).of(bar.symbol, at, MINUTE_MS, (close, close, close, close, "0"))
