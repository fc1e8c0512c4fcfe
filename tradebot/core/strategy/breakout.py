"""Breakout: buys the first close above the channel of the last bars, leaves below a shorter one.

The rule of the "turtles" (Donchian's channel; Curtis Faith, Way of the Turtle, 2007): many small losses,
a few long rides. An example with sound conventions, not an edge.
"""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field

from tradebot.core.model.values import Bar
from tradebot.core.strategy.indicators import ATR, SMA, Donchian
from tradebot.core.strategy.prices import Sign, bracket
from tradebot.core.strategy.protocol import Signal, SignalSide


class Breakout:
    """Long on the first close above a channel of highs, out on a close below a shorter one of lows.

    The channels have ``entry`` and ``exit`` bars. The channel is that of the bars before this one. "First" means that the last bar did not close
    above its own channel. A breakout counts only with a volume of at least ``volume_factor`` times the
    mean of the ``volume`` bars before. With ``short`` the same upside down. A later breakout the same way
    while a position is open moves its stop. The first bar looked at is the one of index ``warmup``.
    """

    class Params(BaseModel):
        """What can be set about the strategy. Periods in bars, distances in average true ranges."""

        model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

        entry: int = Field(40, ge=2, le=5000, description="bars of the channel that is broken")
        exit: int = Field(15, ge=1, le=5000, description="bars of the channel that ends a trade")
        atr: int = Field(14, ge=1, le=1000, description="period of the ATR, bars")
        volume: int = Field(20, ge=1, le=1000, description="bars of the mean volume")
        volume_factor: float = Field(
            1.2, ge=0, le=100, description="least volume over its mean; 0: any"
        )
        stop_atr: float = Field(2.5, ge=0, le=100, description="stop distance in ATRs; 0: no stop")
        target_atr: float = Field(
            0.0,
            ge=0,
            le=1000,
            description="target distance in ATRs; 0: none, the exit channel ends it",
        )
        short: bool = Field(False, description="go short on a close below the channel")
        conviction: float = Field(
            0.0, ge=0, le=1, description="confidence of every signal; 0: computed, 0.5 to 1"
        )

    __slots__ = (
        "_above",
        "_atr",
        "_below",
        "_entry",
        "_exit",
        "_lean",
        "_params",
        "_seen",
        "_volume",
        "symbol",
        "warmup",
    )

    def __init__(self, params: Params, symbol: str) -> None:
        self.symbol = symbol
        self._params = params
        self._entry = Donchian(params.entry)
        self._exit = Donchian(params.exit)
        self._atr = ATR(params.atr)
        self._volume = SMA(params.volume)
        # one more than the longest, so that it is known where the bar before closed
        self.warmup = max(params.entry, params.exit, params.atr, params.volume) + 1
        self._seen = 0
        self._above = False  # the last bar closed above its channel
        self._below = False
        self._lean = 0  # the side of the last entry signalled and not yet left: 1, -1 or 0

    def on_bar(self, bar: Bar) -> Signal | None:
        """Take the next closed bar; return a signal where a channel is broken, else None."""
        top, bottom = self._entry.upper, self._entry.lower
        floor, ceiling = self._exit.lower, self._exit.upper
        usual = self._volume.value
        self._entry.update(bar.high, bar.low)
        self._exit.update(bar.high, bar.low)
        self._volume.update(bar.volume)
        self._atr.update(bar.high, bar.low, bar.close)
        self._seen += 1
        above, below = bar.close > top, bar.close < bottom
        first_above, first_below = above and not self._above, below and not self._below
        self._above, self._below = above, below
        if self._seen <= self.warmup:
            return None
        if first_above and (signal := self._enter(1, bar, top, usual)):
            return signal
        if first_below and self._params.short and (signal := self._enter(-1, bar, bottom, usual)):
            return signal
        return self._leave(bar.close, floor, ceiling)

    def _enter(self, sign: Sign, bar: Bar, level: float, usual: float) -> Signal | None:
        """Return the entry unless the volume is too small or its stop has no place."""
        params, atr = self._params, self._atr.value
        if bar.volume < params.volume_factor * usual:
            return None
        prices = bracket(bar.close, sign, atr, params.stop_atr, params.target_atr)
        if prices is None:
            return None
        self._lean = sign
        way, end = ("above", "high") if sign > 0 else ("below", "low")
        reason = f"close {way} the {params.entry}-bar {end} {level:.10g}"
        if usual > 0.0:
            reason += f", volume {bar.volume / usual:.1f}x"
        beyond = sign * (bar.close - level) / atr if atr > 0.0 else 0.0
        side: SignalSide = "long" if sign > 0 else "short"
        confidence = self._confidence(beyond)
        return Signal(side, confidence, *prices, reason, self._indicators(level, usual))

    def _leave(self, close: float, floor: float, ceiling: float) -> Signal | None:
        """Return the exit where the shorter channel is broken against the last entry."""
        bars = self._params.exit
        if self._lean > 0 and close < floor:
            level, reason = floor, f"close below the {bars}-bar low {floor:.10g}"
        elif self._lean < 0 and close > ceiling:
            level, reason = ceiling, f"close above the {bars}-bar high {ceiling:.10g}"
        else:
            return None
        self._lean = 0
        indicators = self._indicators(level, self._volume.value)
        return Signal("exit", self._confidence(0.0), None, None, reason, indicators)

    def _confidence(self, beyond: float) -> float:
        """Return the fixed conviction, else 0.5 to 1: a close one ATR beyond the channel makes 1."""
        return self._params.conviction or 0.5 + 0.5 * min(1.0, beyond)

    def _indicators(self, level: float, usual: float) -> dict[str, float]:
        return {"channel": level, "atr": self._atr.value, "volume_mean": usual}


__all__ = ["Breakout"]
