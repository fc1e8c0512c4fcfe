"""The embedded market: plausible prices for five symbols, made from a seed.

It needs no network and no keys, never ends, and is the same for the same seed whichever symbols are
asked for and however often it is stopped. It is no forecast and no record: faces label it SIMULATED
MARKET. Its first hours swing on purpose (``climate``), so results on it say nothing about a strategy.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from decimal import Decimal
from itertools import islice
from random import Random

from tradebot.core.model.errors import DataError
from tradebot.core.model.events import FundingRate, MarketEvent
from tradebot.core.model.values import HOUR_MS, MINUTE_MS
from tradebot.market.cursor import Cursor
from tradebot.market.embedded.climate import Climate
from tradebot.market.embedded.coins import COINS, Walk

START = 1_736_143_200_000
"""2025-01-06T06:00Z, a Monday: hours before the blackout at 22:00."""

FUNDING_MS = 8 * HOUR_MS
LABEL = "SIMULATED MARKET"


class SimulatedMarket:
    """The feed: a quote and mark per symbol and second, bars of a minute, funding every 8 hours.

    ``symbols`` are some of ``COINS`` (DataError otherwise), ``start`` is a full minute in UTC
    milliseconds (ValueError otherwise). One iterator of ``steps`` at a time.
    """

    interval = MINUTE_MS
    has_funding = True

    def __init__(self, symbols: Sequence[str], seed: int, *, start: int = START) -> None:
        unknown = [symbol for symbol in symbols if symbol not in COINS]
        if unknown or not symbols:
            raise DataError(
                f"the simulated market has no {', '.join(unknown) or 'symbols to show'}",
                hint=f"it has {', '.join(COINS)}",
            )
        if start % MINUTE_MS:
            raise ValueError(f"start {start} is not a full minute")
        self.symbols = tuple(sorted(set(symbols)))
        self.seed = seed
        self.start = start
        self.label = f"{LABEL} (seed {seed})"
        self._minute = start // MINUTE_MS
        self._taken = 0
        self._state = _state(Climate(), self._walks())

    def history(self, bars: int) -> list[list[MarketEvent]]:
        """Return the ``bars`` minutes before the start as steps of bars, oldest first.

        They are the same process, walked backwards from the start, so that asking for more of them
        changes nothing after it.
        """
        climate, walks = Climate(), self._walks()
        steps: list[list[MarketEvent]] = []
        first = self.start // MINUTE_MS - 1
        for minute in range(first, first - bars, -1):
            volatility, common = climate.advance(self.seed, minute, first + 1 - minute)
            step: list[MarketEvent] = []
            for walk in walks:
                lived = walk.advance(self.seed, minute, volatility, common, back=True)
                step.append(walk.bar(lived, minute * MINUTE_MS))
            steps.append(step)
        steps.reverse()
        return steps

    def steps(self, cursor: Cursor | None = None) -> Iterator[list[MarketEvent]]:
        """Yield steps without end, from the start or from where ``cursor`` was taken.

        At equal times funding comes first. A bar's step comes after the quotes of its minute. DataError
        for a cursor of another seed or other symbols.
        """
        climate, walks = Climate(), self._walks()
        self._minute, self._taken = self.start // MINUTE_MS, 0
        if cursor is not None:
            climate = self._restore(cursor, walks)
        skip = self._taken
        while True:
            self._state = _state(climate, walks)
            for step in islice(self._live(climate, walks), skip, None):
                self._taken += 1
                yield step
            skip = self._taken = 0
            self._minute += 1

    def cursor(self) -> Cursor:
        """Return the position after the last step taken, for JSON.

        It holds the state at the start of the minute and the number of its steps already taken.
        """
        return {
            "seed": self.seed,
            "symbols": list(self.symbols),
            "minute": self._minute,
            "taken": self._taken,
            "state": self._state,
        }

    def _walks(self) -> list[Walk]:
        return [Walk.begin(symbol) for symbol in self.symbols]

    def _live(self, climate: Climate, walks: list[Walk]) -> list[list[MarketEvent]]:
        """Live through the current minute and return its steps."""
        opened = self._minute * MINUTE_MS
        steps: list[list[MarketEvent]] = []
        if opened % FUNDING_MS == 0:
            steps.append([_funding(self.seed, walk, opened) for walk in walks])
        since = self._minute - self.start // MINUTE_MS
        volatility, common = climate.advance(self.seed, self._minute, since)
        bars: list[MarketEvent] = []
        quotes = []
        for walk in walks:
            lived = walk.advance(self.seed, self._minute, volatility, common)
            quotes.append(walk.quotes(lived, opened))
            bars.append(walk.bar(lived, opened))
        steps.extend(list(second) for second in zip(*quotes, strict=True))
        steps.append(bars)
        return steps

    def _restore(self, cursor: Cursor, walks: list[Walk]) -> Climate:
        if cursor["seed"] != self.seed or tuple(cursor["symbols"]) != self.symbols:
            raise DataError(
                f"the run's market had seed {cursor['seed']} and {', '.join(cursor['symbols'])}",
                hint="use the same seed and symbols, or start a new run with --new",
            )
        self._minute, self._taken = cursor["minute"], cursor["taken"]
        state = cursor["state"]
        for walk in walks:
            walk.restore(state[walk.coin.symbol])
        regime, left, *numbers = state["climate"]
        return Climate(int(regime), int(left), *numbers)


def _state(climate: Climate, walks: list[Walk]) -> dict[str, list[float]]:
    state = {walk.coin.symbol: walk.state() for walk in walks}
    return {"climate": climate.state(), **state}


def _funding(seed: int, walk: Walk, time: int) -> FundingRate:
    """Return the rate due at ``time``: 0.01 % and the premium of mark over mid, as on the exchange."""
    draw = Random(f"{seed}/{walk.coin.symbol}/funding/{time}")
    rate = 0.0001 + 0.5 * walk.basis + draw.gauss(0.0, 0.00004)
    mark = f"{walk.mark:.{walk.coin.digits + 2}f}"
    return FundingRate(
        time, walk.coin.symbol, Decimal(f"{max(-0.003, min(0.003, rate)):.8f}"), Decimal(mark)
    )
