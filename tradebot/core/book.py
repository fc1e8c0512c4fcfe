"""What the engine keeps per symbol: strategy, last price, plan, and which of its orders do what."""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from tradebot.core.money import ZERO
from tradebot.core.portfolio import Holding
from tradebot.core.resample import Resampler
from tradebot.core.strategy.protocol import Strategy
from tradebot.core.values import Bar, Instrument, Quote, Side


@dataclass(frozen=True, slots=True)
class Plan:
    """An entry that was approved and how its position is to be protected (prices in USDT)."""

    signal: int
    side: Side
    stop: Decimal | None
    target: Decimal | None


@dataclass(slots=True)
class Book:
    """One symbol. Order ids name entries of the engine's order table; "" means none.

    ``closing`` is why the position is being closed, "" while it is not. ``reverse`` is the wish to act on as soon
    as the position is flat. ``seen`` is a price newer than ``last`` (an extreme inside a bar). ``retiring`` are protective
    orders to cancel once their replacement is acknowledged.
    """

    symbol: str
    instrument: Instrument
    strategy: Strategy
    resampler: Resampler | None
    holding: Holding
    last: Bar | Quote | None = None
    seen: Decimal | None = None
    plan: Plan | None = None
    entry: str = ""
    stop: str = ""
    target: str = ""
    exit: str = ""
    closing: str = ""
    retiring: list[str] = field(default_factory=list)
    reverse: Wish | None = None

    def price(self) -> Decimal | None:
        """Return the last price at which the position is valued (mark, else close), USDT."""
        if self.seen is not None:
            return self.seen
        last = self.last
        if last is None:
            return None
        return last.exact_close if isinstance(last, Bar) else last.exact_mark

    def touch(self) -> tuple[Decimal, Decimal, Decimal]:
        """Return mark, bid and ask in USDT; with bars all three are the close."""
        last = self.last
        if isinstance(last, Quote):
            return last.exact_mark, last.exact_bid, last.exact_ask
        price = self.price() or ZERO
        return price, price, price

    def export_state(self) -> dict[str, Any]:
        """Return the book as JSON values; strategy and resampler are re-fed from the journalled bars."""
        return {
            "plan": None if self.plan is None else _export_plan(self.plan),
            "orders": [self.entry, self.stop, self.target, self.exit],
            "retiring": self.retiring,
            "closing": self.closing,
            "reverse": None if self.reverse is None else self.reverse.export_state(),
            "last": None if self.last is None else _export_last(self.last),
            "seen": None if self.seen is None else str(self.seen),
        }

    def restore(self, state: dict[str, Any]) -> None:
        """Take over ``export_state``'s values."""
        self.plan = None if state["plan"] is None else _restore_plan(state["plan"])
        self.entry, self.stop, self.target, self.exit = state["orders"]
        self.retiring = list(state["retiring"])
        self.closing = state["closing"]
        self.reverse = None if state["reverse"] is None else Wish.restored(state["reverse"])
        self.last = None if state["last"] is None else _restore_last(self.symbol, state["last"])
        self.seen = None if state["seen"] is None else Decimal(state["seen"])


@dataclass(frozen=True, slots=True)
class Wish:
    """A strategy's signal with its numbers made exact: what the engine acts on. ``id`` counts per run."""

    id: int
    side: str
    confidence: float
    stop: Decimal | None
    target: Decimal | None
    reason: str
    indicators: dict[str, float]

    def export_state(self) -> list[Any]:
        """Return the wish as JSON values."""
        return [
            self.id,
            self.side,
            self.confidence,
            None if self.stop is None else str(self.stop),
            None if self.target is None else str(self.target),
            self.reason,
            self.indicators,
        ]

    @classmethod
    def restored(cls, state: list[Any]) -> Wish:
        """Build the wish from ``export_state``."""
        id_, side, confidence, stop, target, reason, indicators = state
        return cls(
            id_,
            side,
            confidence,
            None if stop is None else Decimal(stop),
            None if target is None else Decimal(target),
            reason,
            indicators,
        )


def _export_plan(plan: Plan) -> list[Any]:
    return [
        plan.signal,
        plan.side.value,
        None if plan.stop is None else str(plan.stop),
        None if plan.target is None else str(plan.target),
    ]


def _restore_plan(state: list[Any]) -> Plan:
    signal, side, stop, target = state
    return Plan(
        signal,
        Side(side),
        None if stop is None else Decimal(stop),
        None if target is None else Decimal(target),
    )


def _export_last(last: Bar | Quote) -> list[Any]:
    if isinstance(last, Bar):
        return ["bar", last.open_time, last.interval, list(last.text)]
    return ["quote", last.exchange_time, last.at, list(last.text)]


def _restore_last(symbol: str, state: list[Any]) -> Bar | Quote:
    kind, first, second, text = state
    if kind == "bar":
        return Bar.of(symbol, first, second, text)
    return Quote(symbol, first, second, text, float(text[4]))
