"""EMA cross: long when the fast average crosses above the slow one, out (or short) when below.

The plainest trend follower there is: an example of a strategy and a measure for engines, not an
edge.
"""

from __future__ import annotations

from typing import Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from tradebot.core.model.values import Bar
from tradebot.core.strategy.indicators import ATR
from tradebot.core.strategy.protocol import Signal, SignalSide


class EmaCross:
    """Crosses of two exponential averages of the close.

    Both averages start with the first close. A cross up at bar i means d[i-1] < 0 < d[i] with
    d = fast - slow (down the other way round); the first bar looked at is the one of index
    ``warmup`` = slow + 1, or later where the ATR needs it. The averages are worked out here, not
    in ``EMA``: two calls a bar would cost more than the rest of the strategy.
    """

    class Params(BaseModel):
        """What can be set about the strategy. Periods in bars, distances in average true ranges."""

        model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

        fast: int = Field(20, ge=1, le=1000, description="period of the fast EMA, bars")
        slow: int = Field(60, ge=2, le=5000, description="period of the slow EMA, bars")
        atr: int = Field(14, ge=1, le=1000, description="period of the ATR, bars")
        stop_atr: float = Field(2.0, ge=0, le=100, description="stop distance in ATRs; 0: no stop")
        target_atr: float = Field(
            4.0, ge=0, le=1000, description="target distance in ATRs; 0: none"
        )
        short: bool = Field(False, description="go short on a cross down instead of only out")
        conviction: float = Field(
            0.0, ge=0, le=1, description="confidence of every signal; 0: computed, 0.5 to 1"
        )

        @model_validator(mode="after")
        def _ordered(self) -> Self:
            if self.fast >= self.slow:
                raise ValueError(f"fast ({self.fast}) must be smaller than slow ({self.slow})")
            return self

    __slots__ = (
        "_atr",
        "_cold",
        "_fast",
        "_fast_keep",
        "_fast_weight",
        "_gap",
        "_params",
        "_slow",
        "_slow_keep",
        "_slow_weight",
        "symbol",
        "warmup",
    )

    def __init__(self, params: Params, symbol: str) -> None:
        self.symbol = symbol
        self._params = params
        self._fast_weight = 2.0 / (params.fast + 1)
        self._fast_keep = 1.0 - self._fast_weight
        self._slow_weight = 2.0 / (params.slow + 1)
        self._slow_keep = 1.0 - self._slow_weight
        ranged = params.stop_atr > 0 or params.target_atr > 0
        self._atr = ATR(params.atr) if ranged else None
        self.warmup = max(params.slow + 1, params.atr if ranged else 0)
        self._cold = self.warmup
        self._fast = 0.0
        self._slow = 0.0
        self._gap = 0.0

    def on_bar(self, bar: Bar) -> Signal | None:
        """Take the next closed bar; return a signal where the averages cross, else None."""
        if self._cold:
            self._warm(bar)
            return None
        close = bar.close
        self._fast = fast = self._fast_weight * close + self._fast_keep * self._fast
        self._slow = slow = self._slow_weight * close + self._slow_keep * self._slow
        last = self._gap
        self._gap = gap = fast - slow
        if self._atr is not None:
            self._atr.update(bar.high, bar.low, close)
        if last < 0.0 < gap:
            return self._signal("long", bar)
        if last > 0.0 > gap:
            return self._signal("short" if self._params.short else "exit", bar)
        return None

    def _warm(self, bar: Bar) -> None:
        """Feed the averages without looking at the cross."""
        close = bar.close
        if self._cold < self.warmup:
            self._fast = self._fast_weight * close + self._fast_keep * self._fast
            self._slow = self._slow_weight * close + self._slow_keep * self._slow
        else:
            self._fast = self._slow = close
        self._gap = self._fast - self._slow
        if self._atr is not None:
            self._atr.update(bar.high, bar.low, close)
        self._cold -= 1

    def _signal(self, side: SignalSide, bar: Bar) -> Signal | None:
        """Put the cross in words and prices; None where the stop would be below zero."""
        params = self._params
        sign = 1.0 if side == "long" else -1.0
        stop = target = None
        indicators = {"ema_fast": self._fast, "ema_slow": self._slow}
        if self._atr is not None:
            width = self._atr.value
            indicators["atr"] = width
            if side != "exit":
                stop = self._away(bar.close, -sign * params.stop_atr * width)
                target = self._away(bar.close, sign * params.target_atr * width)
                if params.stop_atr and stop is None:
                    return None
        way = "above" if sign > 0 else "below"
        reason = f"EMA{params.fast} crossed {way} EMA{params.slow}"
        return Signal(side, self._confidence(sign, bar), stop, target, reason, indicators)

    @staticmethod
    def _away(close: float, distance: float) -> float | None:
        """Return the price that far from the close; None for no distance or no such price."""
        price = close + distance
        return price if distance and price > 0.0 else None

    def _confidence(self, sign: float, bar: Bar) -> float:
        """Return the fixed conviction, else 0.5 to 1 by the push behind the cross.

        Where the averages meet, both the slope of the slow one and the gap that opens grow with
        the distance of the close from it, so that distance in ranges (ATR, else this bar's own
        range) is the measure: three of them make 1.
        """
        if self._params.conviction:
            return self._params.conviction
        width = bar.high - bar.low if self._atr is None else self._atr.value
        push = sign * (bar.close - self._slow)
        if push <= 0.0 or width <= 0.0:
            return 0.5
        return 0.5 + 0.5 * min(1.0, push / (3.0 * width))


__all__ = ["EmaCross"]
