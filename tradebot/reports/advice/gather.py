"""From the journal's rows to what the rules look at."""

from __future__ import annotations

import statistics
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal

from tradebot.core.model.values import Bar
from tradebot.journal.view import SignalRow, TradeRow
from tradebot.reports.advice.exits import WIDER
from tradebot.reports.advice.outcomes import HeldOn, PastTrade, RefusedEntry
from tradebot.reports.monthly.usage import rule_of

SignalKey = tuple[str, int]
"""Run and id of a signal."""


def past_trades(
    trades: Iterable[TradeRow], confidences: Mapping[SignalKey, float | None]
) -> list[PastTrade]:
    """Return closed trades as statistics sees them, numbered in their order; ``confidences`` are their signals'."""
    return [
        _past(number, row, confidences.get((row.run, row.signal)))
        for number, row in enumerate(trades)
    ]


def _past(number: int, row: TradeRow, confidence: float | None) -> PastTrade:
    return PastTrade(
        id=number,
        time=row.entry_time,
        exit=row.exit_time,
        symbol=row.symbol,
        side=row.side,
        reason=row.exit_reason,
        pnl=float(row.pnl),
        gross=float(row.pnl + row.fees - row.funding),
        costs=float(row.fees - row.funding),
        turnover=float(row.qty * (row.entry_price + row.exit_price)),
        confidence=confidence,
        slippage=_float(row.slippage),
        risk=_float(row.risk),
        stop_loss=_worth(row, row.stop),
        reward=_worth(row, row.target),
        mae=None if row.mae is None else -float(row.mae),
        mfe=_float(row.mfe),
    )


def _worth(row: TradeRow, level: Decimal | None) -> float | None:
    """Return what a price's distance from the entry is worth (USDT)."""
    return None if level is None else float(abs(level - row.entry_price) * row.qty)


def _float(value: Decimal | None) -> float | None:
    return None if value is None else float(value)


def refused_entries(signals: Iterable[SignalRow]) -> list[RefusedEntry]:
    """Return the refused entries whose hypothetical end is known, once for each rule that refused."""
    return [
        RefusedEntry(row.time, rule, float(row.outcome_pnl))
        for row in signals
        if row.refusals and row.outcome_pnl is not None
        for rule in sorted({rule_of(text) for text in row.refusals})
    ]


# -- what would have come after a stop -----------------------------------------------------------------


@dataclass(slots=True)
class _Stopped:
    """A stopped trade that is held on to: with which stop, to which target, until when (UTC ms)."""

    row: TradeRow
    number: int
    stop: Decimal
    target: Decimal
    until: int

    @property
    def sign(self) -> int:
        return 1 if self.row.side == "long" else -1

    def end(self, bar: Bar) -> Decimal | None:
        """Return the price it ends at in a bar, the worse first; None if it goes on."""
        low, high = (
            (bar.exact_low, bar.exact_high) if self.sign > 0 else (bar.exact_high, bar.exact_low)
        )
        if self.sign * (low - self.stop) <= 0:
            return self.stop
        if bar.open_time >= self.row.exit_time and self.sign * (high - self.target) >= 0:
            return self.target
        return bar.exact_close if bar.open_time + bar.interval >= self.until else None

    def gain(self, price: Decimal) -> float:
        """Return how much better than it was the trade would have ended (USDT)."""
        return float(self.sign * (price - self.row.exit_price) * self.row.qty)


def held_on(trades: Sequence[TradeRow], bars: Iterable[Bar]) -> dict[int, HeldOn]:
    """Return, by number, what stopped trades would have come to with stops ``WIDER`` times as far.

    Bars in order, of all symbols. A trade is held for as long as half of the winners took, at most.
    """
    waiting = sorted(_stopped(trades), key=lambda one: one.row.exit_time, reverse=True)
    active: dict[str, list[_Stopped]] = {}
    found: dict[int, HeldOn] = {}
    for bar in bars:
        close = bar.open_time + bar.interval
        while waiting and waiting[-1].row.exit_time < close:
            one = waiting.pop()
            active.setdefault(one.row.symbol, []).append(one)
        held = active.get(bar.symbol)
        if not held:
            continue
        left = []
        for one in held:
            price = one.end(bar)
            if price is None:
                left.append(one)
            else:
                found[one.number] = HeldOn(one.gain(price), price == one.target)
        active[bar.symbol] = left
    return found


def _stopped(trades: Sequence[TradeRow]) -> Iterator[_Stopped]:
    winners = [row.exit_time - row.entry_time for row in trades if row.pnl > 0]
    if not winners:
        return
    patience = round(statistics.median(winners))
    for number, row in enumerate(trades):
        if row.exit_reason == "stop" and row.stop is not None and row.target is not None:
            wider = row.entry_price + Decimal(str(WIDER)) * (row.stop - row.entry_price)
            yield _Stopped(row, number, wider, row.target, row.exit_time + patience)
