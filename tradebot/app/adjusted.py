"""A strategy whose signals are filtered, and whose stops and targets are moved, before anybody hears them."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace

from tradebot.core.model.errors import UsageError
from tradebot.core.model.spelling import meant
from tradebot.core.model.values import HOUR_MS, Bar
from tradebot.core.strategy.protocol import Signal, Strategy
from tradebot.reports.weekdays import WEEKDAYS, weekday_of

FARTHEST = 100.0


@dataclass(frozen=True, slots=True)
class Adjustment:
    """What is changed: entries that are left out, and distances of stops and targets as multiples of the strategy's."""

    min_confidence: float = 0.0
    skip_hours: frozenset[int] = frozenset()
    skip_days: frozenset[str] = frozenset()
    skip_symbols: frozenset[str] = frozenset()
    skip_sides: frozenset[str] = frozenset()
    stop_x: float = 1.0
    target_x: float = 1.0

    @classmethod
    def parse(cls, text: str) -> Adjustment:
        """Read ``min_confidence=0.75,skip_hours=3+4,stop_x=1.5``; UsageError for what is none."""
        values: dict[str, object] = {}
        for part in filter(None, (one.strip() for one in text.split(","))):
            name, mark, value = (word.strip() for word in part.partition("="))
            reader = _READERS.get(name)
            if reader is None:
                hint = meant(name, sorted(_READERS), f"known are {', '.join(sorted(_READERS))}")
                raise UsageError(f'--set-signal does not know "{name}"', hint=hint)
            if name in values:
                raise UsageError(f"--set-signal has {name} twice")
            try:
                values[name] = reader(value if mark else "")
            except ValueError as error:
                raise UsageError(f"--set-signal {name}: {error}") from None
        if not values:
            hint = "for example --set-signal skip_hours=3+4,stop_x=1.5"
            raise UsageError("--set-signal changes nothing", hint=hint)
        return cls(**values)  # type: ignore[arg-type]

    def takes(self, signal: Signal, symbol: str, at: int) -> bool:
        """Whether an entry signal of a bar that closed at ``at`` (UTC ms) is kept."""
        return not (
            signal.confidence < self.min_confidence
            or at // HOUR_MS % 24 in self.skip_hours
            or weekday_of(at).lower() in self.skip_days
            or symbol in self.skip_symbols
            or signal.side in self.skip_sides
        )

    def moved(self, signal: Signal, close: float) -> Signal:
        """Return the signal with its stop and target moved, seen from the close it was made at."""
        return replace(
            signal,
            stop=_moved(signal.stop, close, self.stop_x),
            target=_moved(signal.target, close, self.target_x),
        )


def _moved(price: float | None, close: float, share: float) -> float | None:
    return price if price is None or share == 1 else close + share * (price - close)


class AdjustedStrategy:
    """Another strategy, heard through an ``Adjustment``.

    An entry that is left out still ends a position of the other side: the strategy had wanted it to end.
    """

    def __init__(self, inner: Strategy, symbol: str, adjustment: Adjustment) -> None:
        self._inner = inner
        self._symbol = symbol
        self._adjustment = adjustment
        self._side = ""
        self.warmup = inner.warmup

    def on_bar(self, bar: Bar) -> Signal | None:
        """Take the next closed bar and return what is left of the strategy's signal."""
        signal = self._inner.on_bar(bar)
        if signal is None or signal.side == "exit":
            return signal
        if self._adjustment.takes(signal, self._symbol, bar.open_time + bar.interval):
            self._side = signal.side
            return self._adjustment.moved(signal, bar.close)
        if self._side in ("", signal.side):
            return None
        self._side = ""
        return Signal("exit", signal.confidence, reason=f"left out: {signal.reason}")


def adjusted(
    build: Callable[[str], Strategy], adjustment: Adjustment
) -> Callable[[str], AdjustedStrategy]:
    """Return a builder of adjusted strategies."""
    return lambda symbol: AdjustedStrategy(build(symbol), symbol, adjustment)


def _share(text: str) -> float:
    value = _number(text)
    if not 0 < value <= FARTHEST:
        raise ValueError(f'"{text}" is not above 0 and at most {FARTHEST:g}')
    return value


def _confidence(text: str) -> float:
    value = _number(text)
    if not 0 <= value <= 1:
        raise ValueError(f'"{text}" is not between 0 and 1')
    return value


def _number(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        raise ValueError(f'"{text}" is no number') from None
    if not math.isfinite(value):
        raise ValueError(f'"{text}" is no finite number')
    return value


def _hours(text: str) -> frozenset[int]:
    words = _words(text)
    if bad := [
        word for word in words if not (word.isascii() and word.isdigit() and int(word) < 24)
    ]:
        raise ValueError(f'"{bad[0]}" is no hour: 0 to 23, several as 3+4')
    return frozenset(map(int, words))


def _known(*names: str) -> Callable[[str], frozenset[str]]:
    def read(text: str) -> frozenset[str]:
        words = [word.lower() for word in _words(text)]
        if bad := [word for word in words if word not in names]:
            raise ValueError(f'"{bad[0]}" is none of {", ".join(names)}')
        return frozenset(words)

    return read


def _symbols(text: str) -> frozenset[str]:
    return frozenset(word.upper() for word in _words(text))


def _words(text: str) -> Iterable[str]:
    words = [word.strip() for word in text.split("+")]
    if not all(words):
        raise ValueError(f'"{text}" names nothing, or something empty; several are joined by +')
    return words


_READERS: dict[str, Callable[[str], object]] = {
    "min_confidence": _confidence,
    "skip_hours": _hours,
    "skip_days": _known(*(day.lower() for day in WEEKDAYS)),
    "skip_symbols": _symbols,
    "skip_sides": _known("long", "short"),
    "stop_x": _share,
    "target_x": _share,
}

__all__ = ["AdjustedStrategy", "Adjustment", "adjusted"]
