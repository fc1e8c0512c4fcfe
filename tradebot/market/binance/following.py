"""What is known of one symbol: its bars on their way out, its newest prices, when it was heard, what was funded."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import NamedTuple

from tradebot.core.model.events import FundingRate
from tradebot.core.model.values import MINUTE_MS, Bar, MarkBar
from tradebot.market.binance.assembly import Assembly
from tradebot.market.binance.conflation import Conflation
from tradebot.market.binance.deafness import Deafness
from tradebot.market.binance.messages import MarkPrice

FUNDED_MS = 1_000
"""Exchange time after a funding until its rate is asked for."""
ASK_MS = 2_000
PATIENT_MS = 60_000
"""Time between two questions for a rate that is not there yet; and after a minute of that."""


class RawTouch(NamedTuple):
    """A touch as it arrived. ``order`` grows with every change, ``heard`` is when, by our own clock (ms)."""

    order: int
    text: str
    heard: int


class Following:
    """One symbol. ``last`` is the open time of its newest bar, ``funded`` the time of its newest funding (UTC ms).

    ``pending`` and ``rates`` wait to go out; ``held_since`` is since when prices wait for them. ``unread`` is the newest
    touch while nobody needed to know what it says.
    """

    def __init__(
        self, symbol: str, interval: int, last: int, funded: int, heard: int | None = None
    ) -> None:
        self.symbol = symbol
        self.bars = Assembly(interval, last)
        self.prices = Conflation(symbol)
        self.deafness = Deafness(heard)
        self.funded = funded
        self.pending: list[Bar] = []
        self.rates: list[FundingRate] = []
        self.due: int | None = None
        self.asked = 0
        self.unsure = True
        self.held_since: int | None = None
        self.failures = 0
        self.unread: RawTouch | None = None

    def see_due(self, mark: MarkPrice) -> None:
        """Note when the next funding is due: the first one that is not known yet."""
        if self.due is None and mark.due > self.funded:
            self.due = mark.due

    def asks_for_funding(self, now: int) -> bool:
        """Whether fundings may have passed that are not known, and it is time to ask."""
        if self.unsure:
            return now >= self.asked + ASK_MS
        if self.due is None or now < self.due + FUNDED_MS:
            return False
        return now >= self.asked + (ASK_MS if now - self.due < PATIENT_MS else PATIENT_MS)

    def take_rates(self, rates: Iterable[FundingRate]) -> None:
        """Take all rates there are by REST, each once."""
        self.unsure = False
        for rate in rates:
            minute = rate.at - rate.at % MINUTE_MS
            if minute > self.funded:
                self.funded = minute
                self.rates.append(rate)
        if self.due is not None and self.due <= self.funded:
            self.due = None

    @property
    def missed(self) -> list[Bar]:
        """The bars on their way out of which a part was not heard."""
        return [bar for bar in self.pending if self.deafness.missed(bar)]

    def steps(
        self, marks: Mapping[int, MarkBar], missed: Iterable[Bar]
    ) -> list[list[Bar | FundingRate]]:
        """Return what waits, in the order of its time; missed bars with their mark bars.

        Funding is paid after the bars that open before it and before any that opens at it or later.
        """
        played = {bar.open_time for bar in missed}
        timed: list[tuple[int, int, list[Bar | FundingRate]]] = []
        for rate in self.rates:
            timed.append((rate.at - rate.at % MINUTE_MS, 0, [rate]))
        for bar in self.pending:
            step: list[Bar | FundingRate] = [bar]
            if bar.open_time in played:
                step.insert(0, marks.get(bar.open_time) or _own_mark(bar))
            timed.append((bar.open_time, 1, step))
        if self.pending:
            self.deafness.forget(self.pending[-1].exchange_time)
        self.pending, self.rates = [], []
        return [step for _, _, step in sorted(timed, key=lambda one: one[:2])]


def _own_mark(bar: Bar) -> MarkBar:
    """Return a mark bar where the exchange gives none: the trades' own prices."""
    return MarkBar.of(bar.symbol, bar.open_time, bar.interval, bar.text)
