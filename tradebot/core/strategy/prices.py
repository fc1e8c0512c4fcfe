"""Stop and target prices of a signal, from distances in average true ranges."""

from __future__ import annotations

from typing import Literal

Sign = Literal[1, -1]
"""1 for the long side, -1 for the short."""


def bracket(
    close: float, sign: Sign, atr: float, stop_atr: float, target_atr: float
) -> tuple[float | None, float | None] | None:
    """Return stop and target (USDT); None for each that has no distance or would be below zero.

    None altogether where the stop that was asked for cannot be: no range, or a price below zero.
    """
    stop = _away(close, -sign * stop_atr * atr)
    if stop_atr and stop is None:
        return None
    return stop, _away(close, sign * target_atr * atr)


def _away(close: float, distance: float) -> float | None:
    price = close + distance
    return price if price != close and price > 0.0 else None


__all__ = ["Sign", "bracket"]
