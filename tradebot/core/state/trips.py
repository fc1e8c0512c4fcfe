"""Round trips as trades with stable numbers, kept right when a late fill changes the past."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from tradebot.core.model.effects import Effect, TradeClosed, TradeReopened
from tradebot.core.state.course import UNKNOWN, Story
from tradebot.core.state.metrics import Tally
from tradebot.core.state.portfolio import WINDOW, Booked, Portfolio, Trip


class Trades:
    """Numbers the round trips of a run and adds them up in ``tally``.

    A late fill can only change the newest trips of a symbol; these are remembered, and the newest one's story.
    """

    __slots__ = ("_known", "_most", "_stories", "count", "tally")

    def __init__(self, symbols: int) -> None:
        self.tally = Tally()
        self.count = 0
        self._known: dict[tuple[str, int], tuple[int, Trip | None]] = {}
        self._stories: dict[str, tuple[int, Story]] = {}
        self._most = WINDOW * symbols

    def take(
        self, at: int, symbol: str, booked: Booked, story: Story = UNKNOWN
    ) -> Iterable[Effect]:
        """Yield what a fill did to the trades: those it reopened, then those it closed or changed.

        ``story`` is that of the round trip it belongs to.
        """
        for trip_number in booked.undone:
            number, trip = self._known[symbol, trip_number]
            self._forget(trip)
            self._known[symbol, trip_number] = (number, None)
            yield TradeReopened(number, at, symbol)
        for trip in booked.trips:
            told = self._told(trip, story)
            yield _closed(self._number(trip), at, trip, told)

    def _told(self, trip: Trip, story: Story) -> Story:
        """Return a round trip's story: that of a fill that ends it, its own where it is only worked out anew."""
        _, before = self._known.get((trip.symbol, trip.number), (0, None))
        number, told = self._stories.get(trip.symbol, (0, UNKNOWN))
        if before is not None:
            return told if number == trip.number else UNKNOWN
        self._stories[trip.symbol] = (trip.number, story)
        return story

    def _number(self, trip: Trip) -> int:
        """Count a round trip; one that a late fill has changed keeps its number."""
        key = (trip.symbol, trip.number)
        number, before = self._known.get(key, (self.count + 1, None))
        self.count = max(self.count, number)
        self._forget(before)
        self._known[key] = (number, trip)
        self.tally.add(trip)
        if len(self._known) > self._most:  # older ones cannot change any more
            del self._known[next(iter(self._known))]
        return number

    def _forget(self, trip: Trip | None) -> None:
        if trip is not None:
            self.tally.drop(trip)

    def export_state(self) -> dict[str, Any]:
        """Return counts and numbers as JSON values; the trips themselves are in the portfolio's state."""
        return {
            "tally": self.tally.export_state(),
            "trades": self.count,
            "numbers": [[*key, number] for key, (number, _) in self._known.items()],
            "stories": {s: [n, *told.export_state()] for s, (n, told) in self._stories.items()},
        }

    def restore(self, state: dict[str, Any], portfolio: Portfolio) -> None:
        """Take over ``export_state``'s values and the restored portfolio's trips."""
        self.tally.restore(state["tally"])
        self.count = state["trades"]
        for symbol, trip_number, number in state["numbers"]:
            trip = portfolio.accounts[symbol].trips.get(trip_number)
            self._known[symbol, trip_number] = (number, trip)
        for symbol, (number, *told) in state.get("stories", {}).items():
            self._stories[symbol] = (number, Story.restored(told))


def _closed(number: int, at: int, trip: Trip, story: Story) -> TradeClosed:
    return TradeClosed(
        id=number,
        at=at,
        symbol=trip.symbol,
        side=trip.side,
        qty=trip.qty,
        entry_time=trip.entry_time,
        entry_price=trip.entry_price,
        exit_time=trip.exit_time,
        exit_price=trip.exit_price,
        fees=trip.fees,
        funding=trip.funding,
        pnl=trip.pnl,
        exit_reason=trip.exit_reason,
        signal=trip.signal,
        mae=story.mae,
        mfe=story.mfe,
        decision_price=story.decision,
        slippage=story.slippage,
        stop=story.stop,
        target=story.target,
        risk=story.risk(trip.qty),
    )
