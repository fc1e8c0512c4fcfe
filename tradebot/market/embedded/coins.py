"""The embedded market's five symbols: what they cost, how they move, what trades."""

from __future__ import annotations

from dataclasses import dataclass
from math import exp, log, pow, sqrt
from random import Random

from tradebot.core.model.facts import INSTRUMENTS
from tradebot.core.model.values import MINUTE_MS, Bar, Quote
from tradebot.market.embedded.climate import SECONDS

_ROOT = 1 / sqrt(SECONDS)
_RETURN = 1 / 86_400  # pull of the price to its first one per minute: over 60 days
_JUMPS = 1 / 1200  # per minute
_JUMP_SIZE = 5.0


@dataclass(frozen=True, slots=True)
class Coin:
    """A symbol's constants.

    ``price`` in USDT; ``sigma`` is the ordinary one-minute return and ``volume`` the median quantity of
    a minute (base units), both measured on 1m recordings of May and June 2025; ``beta`` is the
    correlation with the common return; ``touch`` the mean size at the best price; ``digits`` and
    ``places`` the decimals of prices and quantities: ticks and steps are powers of ten.
    """

    symbol: str
    price: float
    sigma: float
    beta: float
    volume: float
    touch: float
    digits: int
    places: int


def _coin(
    symbol: str, price: float, sigma: float, beta: float, volume: float, touch: float
) -> Coin:
    rules = INSTRUMENTS[symbol]
    digits, places = -rules.tick.adjusted(), -rules.step.adjusted()
    return Coin(symbol, price, sigma, beta, volume, touch, digits, places)


COINS = {
    coin.symbol: coin
    for coin in (
        _coin("ADA/USDT", 1.0800, 11.2e-4, 0.86, 270_000, 30_000),
        _coin("BTC/USDT", 98_300.0, 5.1e-4, 0.91, 65, 4),
        _coin("ETH/USDT", 3_640.0, 10.2e-4, 0.93, 2_550, 50),
        _coin("SOL/USDT", 213.0, 10.5e-4, 0.87, 9_600, 300),
        _coin("XRP/USDT", 2.4000, 9.1e-4, 0.84, 265_000, 15_000),
    )
}
"""The five symbols by name. Prices are those of the market's fixed start, rounded."""


_THIN = 0.1
_THIN_POWER = 3.3
_THIN_LEAST = 0.0002


def _size(draw: float) -> float:
    """Return a touch's size against its mean, from a number in [0, 1).

    Nine of ten are exponential. The rest, thin ones, rise as a power: of BTC's best sizes recorded on
    2024-08-08 one in a hundred was 0.002 or less, one in twenty under 0.08, the median 2.7, the mean 4.2.
    """
    if draw < _THIN:
        return _THIN_LEAST + 0.2 * pow(draw / _THIN, _THIN_POWER)
    return -_FULL * log((1.0 - draw) / (1.0 - _THIN))


_FULL = 1.1
"""Mean of the full ones: with the thin ones the mean is 1."""


@dataclass(slots=True)
class Minute:
    """One symbol's minute: touch prices in ticks and mark prices by second, and what traded."""

    bids: list[int]
    asks: list[int]
    trades: list[int]
    marks: list[float]
    volume: float
    draw: Random


@dataclass(slots=True)
class Walk:
    """A symbol's carried state: mid and mark price, own log volatility, basis of the mark, and ``bustle``.

    Bustle is what makes volume hold on for minutes where prices do not move more: a log, as ``own``.
    """

    coin: Coin
    mid: float
    mark: float
    own: float = 0.0
    basis: float = 0.0
    bustle: float = 0.0

    @classmethod
    def begin(cls, symbol: str) -> Walk:
        """Return the state of a symbol at the market's start."""
        coin = COINS[symbol]
        return cls(coin, coin.price, coin.price)

    def state(self) -> list[float]:
        """Return the carried numbers in order of the fields."""
        return [self.mid, self.mark, self.own, self.basis, self.bustle]

    def restore(self, state: list[float]) -> None:
        """Go on from a ``state``."""
        self.mid, self.mark, self.own, self.basis, self.bustle = state

    def advance(
        self, seed: int, minute: int, volatility: float, common: list[float], *, back: bool = False
    ) -> Minute:
        """Live through a minute (counted from 1970) of the climate's ``volatility`` and returns.

        With ``back`` the minute is walked from its end to its start.
        """
        draw = Random(f"{seed}/{self.coin.symbol}/{minute}")
        mids = self._mids(draw, volatility, common)
        if back:
            mids.reverse()
        minute_ = self._touch(mids, draw)
        minute_.volume = self._volume(draw, volatility, abs(mids[-1] / mids[0] - 1.0))
        return minute_

    def _volume(self, draw: Random, volatility: float, moved: float) -> float:
        """Return what trades in the minute: more where prices are wild, or moved more than usual."""
        self.bustle = 0.75 * self.bustle + 0.24 * draw.gauss(0.0, 1.0)
        noise = exp(0.9 * self.own + self.bustle + 0.43 * draw.gauss(0.0, 1.0))
        push = 1.0 + 0.4 * min(moved / self.coin.sigma, 8.0)
        return 1.09 * self.coin.volume * volatility * push * noise  # 1.09 keeps the median

    def _mids(self, draw: Random, volatility: float, common: list[float]) -> list[float]:
        coin, gauss = self.coin, draw.gauss
        self.own = 0.992 * self.own + 0.035 * gauss(0.0, 1.0)
        self.basis = 0.98 * self.basis + 0.00002 * gauss(0.0, 1.0)
        shared = coin.sigma * coin.beta
        alone = coin.sigma * sqrt(1.0 - coin.beta**2) * volatility * exp(self.own - 0.04) * _ROOT
        pull = log(coin.price / self.mid) * _RETURN / SECONDS
        factors = [1.0 + pull + shared * c + alone * gauss(0.0, 1.0) for c in common]
        if draw.random() < _JUMPS:
            jump = gauss(0.0, _JUMP_SIZE) * min(volatility, 2.0) * coin.sigma
            factors[draw.randrange(SECONDS)] += max(-0.08, min(0.08, jump))
        mids = []
        mid = self.mid
        for factor in factors:
            mid *= factor
            mids.append(mid)
        self.mid = mid
        return mids

    def _touch(self, mids: list[float], draw: Random) -> Minute:
        """Round to ticks: the spread is a tick, wider after a fast move; trades hit the side they go to.

        The mark follows the mid plus the basis with a lag of a few seconds.
        """
        per_unit = 10**self.coin.digits
        towards = 1.0 + self.basis
        mark, last = self.mark, mids[0]
        bids, asks, trades, marks = [], [], [], []
        for mid in mids:
            bid = int(mid * per_unit)
            ask = bid + 1 + int(abs(mid - last) * per_unit * 0.05)
            mark += (mid * towards - mark) * 0.2
            bids.append(bid)
            asks.append(ask)
            trades.append(ask if mid > last else bid)
            marks.append(mark)
            last = mid
        self.mark = mark
        return Minute(bids, asks, trades, marks, 0.0, draw)

    def bar(self, minute: Minute, open_time: int) -> Bar:
        """Return the minute's bar."""
        coin, trades = self.coin, minute.trades
        per_unit = 10**coin.digits
        prices = (trades[0], max(trades), min(trades), trades[-1])
        text = [f"{price / per_unit:.{coin.digits}f}" for price in prices]
        text.append(f"{max(minute.volume, 10.0**-coin.places):.{coin.places}f}")
        return Bar.of(coin.symbol, open_time, MINUTE_MS, text)

    def quotes(self, minute: Minute, open_time: int) -> list[Quote]:
        """Return the quote of each second."""
        coin, random = self.coin, minute.draw.random
        per_unit, symbol = 10**coin.digits, coin.symbol
        least = 10.0**-coin.places
        price, size, mark = f"%.{coin.digits}f", f"%.{coin.places}f", f"%.{coin.digits + 2}f"
        form = f"{price},{price},{size},{size},{mark}"
        quotes = []
        at = open_time
        for bid, ask, fair in zip(minute.bids, minute.asks, minute.marks, strict=True):
            numbers = (
                bid / per_unit,
                ask / per_unit,
                max(least, coin.touch * _size(random())),
                max(least, coin.touch * _size(random())),
                fair,
            )
            text = (form % numbers).split(",")
            quotes.append(Quote(symbol, at, at, text, float(text[4])))
            at += 1000
        return quotes
