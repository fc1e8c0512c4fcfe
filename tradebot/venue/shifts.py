"""Prices moved away from the feed's: a crash, a spike or a gap at the moment a script asks for it.

From then on every tick of the symbol is the feed's times a factor, so that the market goes on from where it was moved to.
"""

from __future__ import annotations

from decimal import Decimal

from tradebot.core.model.money import ONE, floor_to, plain
from tradebot.core.model.values import Instrument, Quote
from tradebot.venue.bus import Depth, Tick, Trade

_HUNDRED = Decimal(100)


class Shifts:
    """By how much the symbols (``BTC/USDT``) were moved, as factors."""

    def __init__(self) -> None:
        self._factors: dict[str, Decimal] = {}

    def add(self, symbol: str, percent: Decimal) -> None:
        """Move a symbol's prices by so many percent of where they are now; ValueError unless some price is left."""
        if not -_HUNDRED < percent <= _HUNDRED * 10:
            raise ValueError(f"prices cannot be moved by {plain(percent)} %")
        factor = self._factors.get(symbol, ONE) * (ONE + percent / _HUNDRED)
        self._factors[symbol] = factor.normalize()

    def shifted(self, tick: Tick, instrument: Instrument) -> Tick:
        """Return a tick as it is after the moves; funding rates are no prices."""
        factor = self._factors.get(tick.symbol)
        if factor is None:
            return tick
        if isinstance(tick, Quote):
            return quote_at(tick, factor, instrument, tick.at)
        if isinstance(tick, Trade):
            price = _at(tick.price, factor, instrument)
            return Trade(tick.symbol, tick.at, tick.id, price, tick.qty, tick.maker_buys)
        if isinstance(tick, Depth):
            bids, asks = (
                tuple((_at(price, factor, instrument), qty) for price, qty in side)
                for side in (tick.bids, tick.asks)
            )
            return Depth(
                *(tick.symbol, tick.at, tick.first, tick.last, tick.previous),
                *(bids, asks, tick.snapshot),
            )
        return tick


def quote_at(quote: Quote, factor: Decimal, instrument: Instrument, at: int) -> Quote:
    """Return a quote times a factor, told at a moment (UTC ms): prices in full ticks, a tick of spread at least."""
    tick = instrument.tick
    bid = Decimal(_at(quote.text[0], factor, instrument))
    ask = max(Decimal(_at(quote.text[1], factor, instrument)), bid + tick)
    mark = f"{quote.exact_mark * factor:.8f}"
    text = (format(bid, "f"), format(ask, "f"), *quote.text[2:4], mark)
    return Quote(quote.symbol, at, at, text, float(mark))


def _at(price: str, factor: Decimal, instrument: Instrument) -> str:
    tick = instrument.tick
    return format(max(tick, floor_to(Decimal(price) * factor, tick)), "f")
