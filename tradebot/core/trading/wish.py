"""Reading a strategy's signal: floats become decimals, and what makes no sense becomes a refusal."""

from __future__ import annotations

from decimal import Decimal
from math import isfinite
from typing import Any

from tradebot.core.model.approved import Refusal
from tradebot.core.model.money import of_float
from tradebot.core.model.text import escaped
from tradebot.core.model.values import Bar
from tradebot.core.state.instrument import Wish
from tradebot.core.strategy.fault import Fault, misread, returned
from tradebot.core.strategy.protocol import Signal

DEAREST = 1e12
"""No price is higher (USDT); exact sums with larger ones would run out of digits."""


def hear(number: int, answer: object, bar: Bar) -> tuple[Wish, tuple[Refusal, ...]] | Fault:
    """Return what a strategy's answer to a bar asks for, or the fault where it makes no sense.

    ``number`` counts the signals of the run.
    """
    try:
        if not isinstance(answer, Signal) or answer.side not in ("long", "short", "exit"):
            return returned(answer, bar)
        return read_signal(number, answer, bar.exchange_time)
    except KeyboardInterrupt:
        raise
    except BaseException as error:  # a value may be anything, a property that raises too
        return misread(error, bar)


def read_signal(number: int, signal: Signal, closed: int) -> tuple[Wish, tuple[Refusal, ...]]:
    """Return a signal's wish and what is wrong with it; ``number`` counts the signals of the run.

    ``closed`` is when its bar closed (UTC ms).

    Raises whatever a value does that is none (a word for a stop, no confidence at all).
    """
    faults: list[Refusal] = []
    stop = _price("stop", signal.stop, faults)
    target = _price("target", signal.target, faults)
    confidence = float(signal.confidence)
    if not 0 <= confidence <= 1:  # false for NaN too
        faults.append(Refusal("confidence", f"confidence {confidence!r} is not from 0 to 1"))
        confidence = 0.0
    indicators = {
        escaped(str(name)): finite
        for name, value in signal.indicators.items()
        if isfinite(finite := float(value))
    }
    reason = escaped(str(signal.reason))
    wish = Wish(number, signal.side, confidence, stop, target, reason, indicators, closed)
    return wish, tuple(faults)


def _price(name: str, value: Any, faults: list[Refusal]) -> Decimal | None:
    if value is None:
        return None
    number = float(value)
    if not isfinite(number):
        faults.append(Refusal("not_finite", f"{name} {value!r} is not a finite number"))
        return None
    if not 0 < number <= DEAREST:
        faults.append(Refusal("no_price", f"{name} {value!r} is no price"))
        return None
    return of_float(number)
