"""What a strategy is. See CONTRACT: it sees closed bars of one symbol and nothing else."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal, Protocol

from tradebot.core.model.values import Bar

SignalSide = Literal["long", "short", "exit"]


@dataclass(frozen=True, slots=True)
class Signal:
    """A strategy's wish at the close of a bar.

    ``confidence`` from 0 to 1: from 0.75 the full size, from 0.5 0.7 of it, else 0.3. ``stop`` and
    ``target`` are prices in USDT, or None. ``indicators`` are the values behind ``reason``.
    """

    side: SignalSide
    confidence: float
    stop: float | None = None
    target: float | None = None
    reason: str = ""
    indicators: dict[str, float] = field(default_factory=dict)


class Strategy(Protocol):
    """One instance per symbol; deterministic, no clock, no I/O.

    The class also has ``Params``, a pydantic model, and is built as ``cls(Params(...), symbol)``.
    """

    warmup: int
    """Bars needed before the first signal."""

    def on_bar(self, bar: Bar) -> Signal | None:
        """Take the next closed bar and return a signal, or None."""
        ...


class StrategyClass(Protocol):
    """The class of a strategy: carries ``Params`` and builds an instance per symbol."""

    __name__: str
    Params: Any

    def __call__(self, params: Any, symbol: str) -> Strategy:
        """Build the strategy of one symbol."""
        ...
