"""RSI reversion: buys a fall that has ended, for the way back to the mean.

Works in markets that swing around a level and loses in those that run away, hence the filter by ADX
and the stop. An example with sound conventions, not an edge: fees eat most of what one-minute bars give.
"""

from __future__ import annotations

from typing import Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from tradebot.core.model.values import Bar
from tradebot.core.strategy.indicators import ADX, ATR, RSI, Bollinger
from tradebot.core.strategy.prices import Sign, bracket
from tradebot.core.strategy.protocol import Signal


class RsiReversion:
    """Long when the RSI comes back from oversold, out when it has recovered.

    Oversold is ``low``, recovered is ``leave``. The signal is the way back: RSI at or below ``low`` on the last bar, above it on this one. It is left
    out while the ADX is above ``adx_max``: the market runs. The target is the mean of the Bollinger
    bands, or ``target_atr`` ranges; an entry whose mean is less than ``reward`` times the stop's distance
    away is left out too. With ``short`` the same upside down at ``high``. The first bar looked at is
    the one of index ``warmup``.
    """

    class Params(BaseModel):
        """What can be set about the strategy. Periods in bars, distances in average true ranges."""

        model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

        rsi: int = Field(14, ge=2, le=500, description="period of the RSI, bars")
        low: float = Field(30.0, ge=1, le=49, description="oversold: long on the way back above")
        high: float = Field(70.0, ge=51, le=99, description="overbought: short on the way below")
        leave: float = Field(
            55.0, ge=2, le=98, description="out of a long here; short: 100 less it"
        )
        bands: int = Field(20, ge=2, le=1000, description="period of the Bollinger bands, bars")
        atr: int = Field(14, ge=1, le=1000, description="period of the ATR, bars")
        adx: int = Field(14, ge=2, le=500, description="period of the ADX, bars")
        adx_max: float = Field(
            45.0, ge=0, le=100, description="no entry above this ADX; 0: always enter"
        )
        stop_atr: float = Field(3.0, ge=0, le=100, description="stop distance in ATRs; 0: no stop")
        target_atr: float = Field(
            0.0, ge=0, le=1000, description="target distance in ATRs; 0: the mean of the bands"
        )
        reward: float = Field(
            0.3, ge=0, le=100, description="least distance of the mean over the stop's; 0: any"
        )
        short: bool = Field(False, description="go short on the way back below high")
        conviction: float = Field(
            0.0, ge=0, le=1, description="confidence of every signal; 0: computed, 0.5 to 1"
        )

        @model_validator(mode="after")
        def _ordered(self) -> Self:
            if self.leave <= self.low:
                raise ValueError(f"leave ({self.leave:g}) must be larger than low ({self.low:g})")
            if 100 - self.leave >= self.high:
                raise ValueError(
                    f"100 less leave ({100 - self.leave:g}) must be below high ({self.high:g})"
                )
            return self

    __slots__ = (
        "_adx",
        "_atr",
        "_bands",
        "_deepest",
        "_lean",
        "_params",
        "_rsi",
        "_seen",
        "symbol",
        "warmup",
    )

    def __init__(self, params: Params, symbol: str) -> None:
        self.symbol = symbol
        self._params = params
        self._rsi = RSI(params.rsi)
        self._bands = Bollinger(params.bands)
        self._atr = ATR(params.atr)
        self._adx = ADX(params.adx)
        self.warmup = max(params.rsi + 1, params.bands, params.atr, 2 * params.adx)
        self._seen = 0
        self._deepest = 50.0  # the RSI farthest out since it was last inside
        self._lean = 0  # the side of the last entry signalled and not yet left: 1, -1 or 0

    def on_bar(self, bar: Bar) -> Signal | None:
        """Take the next closed bar; return a signal where the RSI turns back, else None."""
        last = self._rsi.value
        rsi = self._rsi.update(bar.close)
        self._bands.update(bar.close)
        self._atr.update(bar.high, bar.low, bar.close)
        self._adx.update(bar.high, bar.low, bar.close)
        self._seen += 1
        if self._seen <= self.warmup:
            return None
        return self._judge(last, rsi, bar.close)

    def _judge(self, last: float, rsi: float, close: float) -> Signal | None:
        params = self._params
        if last <= params.low < rsi:
            return self._enter(1, last, close)
        if last >= params.high > rsi and params.short:
            return self._enter(-1, last, close)
        if rsi <= params.low or rsi >= params.high:
            self._go_deeper(rsi)
        if self._lean > 0 and rsi >= params.leave:
            return self._leave(f"RSI{params.rsi} reached {params.leave:g}")
        if self._lean < 0 and rsi <= 100.0 - params.leave:
            return self._leave(f"RSI{params.rsi} fell to {100.0 - params.leave:g}")
        return None

    def _go_deeper(self, rsi: float) -> None:
        same_side = (rsi < 50.0) == (self._deepest < 50.0)
        if not same_side or abs(rsi - 50.0) > abs(self._deepest - 50.0):
            self._deepest = rsi

    def _enter(self, sign: Sign, last: float, close: float) -> Signal | None:
        """Return the entry unless the market runs, or the mean is not worth the stop's risk."""
        params, deepest, mean = self._params, self._deepest, self._bands.middle
        self._deepest = 50.0
        if params.adx_max and self._adx.value > params.adx_max:
            return None
        prices = bracket(close, sign, self._atr.value, params.stop_atr, params.target_atr)
        room = sign * (mean - close)
        least = params.reward * params.stop_atr * self._atr.value
        if prices is None or (least and room < least):
            return None
        stop, target = prices
        if not params.target_atr:
            target = mean if room > 0.0 else None
        self._lean = sign
        level = params.low if sign > 0 else params.high
        way = "above" if sign > 0 else "below"
        out = min(deepest, last) if sign > 0 else max(deepest, last)
        reason = f"RSI{params.rsi} back {way} {level:g} after {out:.1f}"
        confidence = self._confidence(abs(out - level))
        return Signal(
            "long" if sign > 0 else "short", confidence, stop, target, reason, self._indicators()
        )

    def _leave(self, reason: str) -> Signal:
        self._lean = 0
        return Signal("exit", self._confidence(0.0), None, None, reason, self._indicators())

    def _confidence(self, depth: float) -> float:
        """Return the fixed conviction, else 0.5 to 1: 10 points of RSI beyond the level make 1."""
        return self._params.conviction or 0.5 + 0.5 * min(1.0, depth / 10.0)

    def _indicators(self) -> dict[str, float]:
        return {
            "rsi": self._rsi.value,
            "mean": self._bands.middle,
            "atr": self._atr.value,
            "adx": self._adx.value,
        }


__all__ = ["RsiReversion"]
