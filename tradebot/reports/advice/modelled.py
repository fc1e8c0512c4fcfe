"""What the simulation would have charged for fills that an exchange made: the same bars, the same rules.

A market fill costs half the spread and an impact by its part of the bar's volume; a stop moreover a quarter of the way from its
price to the bar's worst (rules 3 and 4 of the simulated exchange).
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from tradebot.core.model.values import Bar
from tradebot.journal.view import TradeRow
from tradebot.reports.monthly.ratios import ranks
from tradebot.reports.monthly.value import BesideModel


@dataclass(frozen=True, slots=True)
class FillModel:
    """``spread_bps`` is the whole spread; ``impact`` a share of the price for as much as the bar's whole volume."""

    spread_bps: float
    impact: float

    def charge(self, price: float, qty: float, volume: float) -> float:
        """Return what a market fill of ``qty`` costs against its price (USDT)."""
        part = 1.0 if qty >= volume else qty / volume
        return price * qty * (self.spread_bps / 20_000 + self.impact * part)


@dataclass(slots=True)
class ModelledFills:
    """Reckons, while bars pass by, what entry and exit of each trade would have cost in them.

    ``costs`` is by number, in USDT, of the trades both of whose bars passed.
    """

    model: FillModel
    costs: dict[int, float] = field(default_factory=dict)
    _due: dict[str, list[_Fill]] = field(default_factory=dict)
    _half: dict[int, float] = field(default_factory=dict)

    def watched(self, trades: Sequence[TradeRow], bars: Iterable[Bar]) -> Iterator[Bar]:
        """Pass bars on, in order and of all symbols, and note what they say of the trades' fills."""
        for fill in sorted(_fills(trades), key=lambda fill: -fill.time):
            self._due.setdefault(fill.row.symbol, []).append(fill)
        for bar in bars:
            due = self._due.get(bar.symbol)
            while due and due[-1].time < bar.open_time + bar.interval:
                self._note(due.pop(), bar)
            yield bar

    def _note(self, fill: _Fill, bar: Bar) -> None:
        if fill.time < bar.open_time:
            return  # its bar is missing
        price = float(fill.row.exit_price if fill.is_exit else fill.row.entry_price)
        qty = float(fill.row.qty)
        cost = self.model.charge(price, qty, bar.volume)
        if fill.is_exit and fill.row.exit_reason == "stop" and fill.row.stop is not None:
            worst = bar.low if fill.row.side == "long" else bar.high
            cost += abs(float(fill.row.stop) - worst) / 4 * qty
        first = self._half.pop(fill.number, None)
        if first is None:
            self._half[fill.number] = cost
        else:
            self.costs[fill.number] = first + cost


@dataclass(frozen=True, slots=True)
class _Fill:
    row: TradeRow
    number: int
    is_exit: bool

    @property
    def time(self) -> int:
        return self.row.exit_time if self.is_exit else self.row.entry_time


def _fills(trades: Sequence[TradeRow]) -> Iterator[_Fill]:
    for number, row in enumerate(trades):
        yield _Fill(row, number, False)
        yield _Fill(row, number, True)


def beside_model(trades: Sequence[TradeRow], model: FillModel, bars: Iterable[Bar]) -> BesideModel:
    """Return what trades' fills cost more than the model would have charged in the bars, which come in order of each symbol."""
    fills = ModelledFills(model)
    deque(fills.watched(trades, bars), maxlen=0)
    more: list[float] = []
    points: list[float] = []
    for number, cost in sorted(fills.costs.items()):
        row = trades[number]
        turnover = float(row.qty * (row.entry_price + row.exit_price))
        if row.slippage is not None and turnover:
            more.append(-float(row.slippage) - cost)
            points.append(more[-1] / turnover * 1e4)
    ranked = ranks(points)
    if ranked is None:
        return BesideModel(trades=len(trades), why=_why_none(trades, fills))
    return BesideModel(len(points), len(trades), *ranked, more=math.fsum(more))


def _why_none(trades: Sequence[TradeRow], fills: ModelledFills) -> str:
    if not trades:
        return "no trade was closed"
    if not fills.costs:
        return "the bars of these trades are no longer in the event log"
    return "at what price these trades were decided is not known"


__all__ = ["FillModel", "ModelledFills", "beside_model"]
