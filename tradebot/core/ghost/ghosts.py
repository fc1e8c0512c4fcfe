"""Hypothetical trades: what every entry signal would have come to, refused and held ones too.

Each long or short signal is an independent trade of a fixed notional on a simulated exchange of its
own, by that exchange's own rules (DESIGN 11): a market order decided at the signal's close, so
latency, touch, impact and taker fee are the exchange's. Stop and target go in on its fill. It is left
by the strategy's exit or opposite signal (whatever the gate said to that one), its stop, its target,
or the end of the run, labelled so. A signal that a position of the shadow account answers with *held*
is a trade like any other, and does not move the stop of an older one.

Nothing here can reach a venue: the only thing an order is given to is a ``SimExchange``.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal
from typing import Any

from tradebot.core.ghost.trade import (
    AMPLE,
    SIDES,
    WORDS,
    Group,
    HypotheticalPlan,
    HypotheticalTrade,
    export_price,
    restore_price,
)
from tradebot.core.model.documents import GhostFigures, OpenGhostDocument
from tradebot.core.model.effects import GhostClosed, GhostOpened, SignalJudged
from tradebot.core.model.events import FundingRate, MarketEvent
from tradebot.core.model.money import ZERO, plain, ratio, rounded
from tradebot.core.model.values import Bar, Instrument, MarkBar, Quote
from tradebot.core.simulated import SimRules
from tradebot.core.simulated.state import export_bars, restore_bars

HUNDRED = Decimal(100)


class Ghosts:
    """All hypothetical trades of a run: the open ones, and counts of those that are over.

    ``signals`` counts entry signals, ``closed`` those that were filled and left, ``unfilled`` those
    that never were; ``profitable`` of the closed ones had a net result above zero; ``pnl`` is the
    sum of results (USDT). ``notional`` is the size of each trade (USDT).
    """

    def __init__(
        self, notional: Decimal, rules: SimRules, instruments: Mapping[str, Instrument]
    ) -> None:
        self.notional = notional
        self.signals = 0
        self.closed = 0
        self.unfilled = 0
        self.profitable = 0
        self.pnl = ZERO
        self._rules = rules
        self._instruments = instruments
        self._open: dict[str, list[HypotheticalTrade]] = {}
        self._last: dict[str, Group] = {}
        self._minutes: dict[str, Bar] = {}
        self._newest = 0

    def advance(self, step: Sequence[MarketEvent], at: int) -> list[GhostClosed]:
        """Play all market events of one moment to the open trades; return those that ended.

        ``at`` is the engine's clock after the step (UTC milliseconds). A symbol that has shown a quote
        is traded on quotes: its bars only say what volume a minute has.
        """
        touched = False
        for event in step:  # funding comes first, as at the exchange
            if isinstance(event, FundingRate):
                for trade in self._open.get(event.symbol, ()):
                    trade.fund(event)
        marks: dict[str, MarkBar] = {}
        for event in step:
            if isinstance(event, Quote):
                group: Group = (event,)
                self._last[event.symbol] = group
                low = high = event.mark
            elif isinstance(event, MarkBar):
                marks[event.symbol] = event
                continue
            elif isinstance(event, Bar):
                quoted = isinstance(self._last.get(event.symbol, (event,))[0], Quote)
                if quoted and event.symbol not in marks:
                    self._pass_by(event)
                    continue
                group, low, high = _with_mark(event, marks.get(event.symbol))
                if quoted:  # nobody heard quotes in it: it is played, and the last quote stays
                    self._minutes[event.symbol] = event
                else:
                    self._last[event.symbol] = group
            else:
                continue
            for trade in self._open.get(event.symbol, ()):
                trade.see(group, low, high)
                touched = touched or not trade.asleep
        return self._sweep(at) if touched else []

    def _pass_by(self, minute: Bar) -> None:
        self._minutes[minute.symbol] = minute
        for trade in self._open.get(minute.symbol, ()):
            trade.pass_by(minute)

    def judge(self, signal: SignalJudged) -> list[GhostOpened | GhostClosed]:
        """Take a signal: opposite trades are left, and an entry signal begins a trade.

        A signal that is judged again (its reversal has come to its turn) is known already.
        """
        if signal.id <= self._newest:
            return []
        self._newest = signal.id
        for trade in self._open.get(signal.symbol, ()):
            if WORDS[trade.plan.side] != signal.side and not trade.closing:
                trade.leave(signal.at, "signal")
        if signal.side not in SIDES:
            return []
        self.signals += 1
        opened = self._begin(signal)
        return [opened, *self._sweep(signal.at)]

    def finish(self, at: int) -> list[GhostClosed]:
        """Close what is open at the last known prices: the run is over."""
        for trade in self._each():
            trade.end(at)
        return self._sweep(at)

    def view(self) -> list[OpenGhostDocument]:
        """Return the open trades as readers see them, by signal."""
        rows = [trade.view() for trade in self._each()]
        return sorted(rows, key=lambda row: row["signal"])

    def figures(self) -> GhostFigures:
        """Return what a summary adds: entry signals, profitable ones, accuracy of the closed ones.

        ``ghost_pnl`` is the sum of hypothetical results (USDT) of trades of ``ghost_notional`` each.
        """
        closed = Decimal(self.closed)
        accuracy = ratio(self.profitable * HUNDRED, closed) if closed else None
        return {
            "signals": self.signals,
            "profitable": self.profitable,
            "accuracy_pct": rounded(accuracy),
            "ghost_closed": self.closed,
            "ghost_unfilled": self.unfilled,
            "ghost_notional": plain(self.notional),
            "ghost_pnl": plain(self.pnl),
        }

    def _begin(self, signal: SignalJudged) -> GhostOpened:
        symbol = signal.symbol
        instrument = self._instruments[symbol]
        plan = HypotheticalPlan.of(signal, self.notional, instrument)
        trade = HypotheticalTrade(plan, self.notional * AMPLE, self._rules, instrument)
        trade.open(signal.at, self._last.get(symbol), self._minutes.get(symbol))
        self._open.setdefault(symbol, []).append(trade)
        return GhostOpened(signal.id, signal.at, symbol, signal.side, self.notional, plan.qty)

    def _each(self) -> Iterator[HypotheticalTrade]:
        for symbol in sorted(self._open):
            yield from self._open[symbol]

    def _sweep(self, at: int) -> list[GhostClosed]:
        """Take out the trades that are over, and count them."""
        ended: list[GhostClosed] = []
        for symbol in sorted(self._open):
            trades = self._open[symbol]
            ended += [trade.outcome(at) for trade in trades if trade.over]
            if left := [trade for trade in trades if not trade.over]:
                self._open[symbol] = left
            else:
                del self._open[symbol]
        for closed in ended:
            self._count(closed)
        return ended

    def _count(self, closed: GhostClosed) -> None:
        if closed.entry_time is None:
            self.unfilled += 1
            return
        self.closed += 1
        self.profitable += closed.pnl > 0
        self.pnl += closed.pnl

    def export_state(self) -> dict[str, Any]:
        """Return open trades, last prices and counts as JSON values; only between steps."""
        return {
            "notional": str(self.notional),
            "counts": [self.signals, self.closed, self.unfilled, self.profitable, self._newest],
            "pnl": str(self.pnl),
            "open": [trade.export_state() for trade in self._each()],
            "last": {
                symbol: [export_price(e) for e in group] for symbol, group in self._last.items()
            },
            "minutes": export_bars(self._minutes),
        }

    def restore(self, state: dict[str, Any]) -> None:
        """Take over ``export_state``'s values; the size of trades is this one's own from now on."""
        counts = state["counts"]
        self.signals, self.closed, self.unfilled, self.profitable, self._newest = counts
        self.pnl = Decimal(state["pnl"])
        for stored in state["open"]:
            trade = HypotheticalTrade.restored(stored, self._rules, self._instruments)
            self._open.setdefault(trade.plan.symbol, []).append(trade)
        self._last = {
            symbol: tuple(restore_price(symbol, e) for e in group)
            for symbol, group in state["last"].items()
        }
        self._minutes = restore_bars(Bar, state.get("minutes", {}))


def _with_mark(bar: Bar, mark: MarkBar | None) -> tuple[Group, float, float]:
    """Return a bar with its mark bar, and the range of both."""
    if mark is None:
        return (bar,), bar.low, bar.high
    return (mark, bar), min(bar.low, mark.low), max(bar.high, mark.high)
