"""Round trips as trades with stable numbers, kept right when a late fill changes the past."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from tradebot.core.model.effects import Effect, TradeClosed, TradeReopened
from tradebot.core.state.metrics import Tally
from tradebot.core.state.portfolio import WINDOW, Booked, Portfolio, Trip


class Trades:
    """Numbers the round trips of a run and adds them up in ``tally``.

    A late fill can only change the newest trips of a symbol; these are remembered.
    """

    __slots__ = ("_known", "_most", "count", "tally")

    def __init__(self, symbols: int) -> None:
        self.tally = Tally()
        self.count = 0
        self._known: dict[tuple[str, int], tuple[int, Trip | None]] = {}
        self._most = WINDOW * symbols

    def take(self, at: int, symbol: str, booked: Booked) -> Iterable[Effect]:
        """Yield what a fill did to the trades: those it reopened, then those it closed or changed."""
        for trip_number in booked.undone:
            number, trip = self._known[symbol, trip_number]
            self._forget(trip)
            self._known[symbol, trip_number] = (number, None)
            yield TradeReopened(number, at, symbol)
        for trip in booked.trips:
            yield _closed(self._number(trip), at, trip)

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
        }

    def restore(self, state: dict[str, Any], portfolio: Portfolio) -> None:
        """Take over ``export_state``'s values and the restored portfolio's trips."""
        self.tally.restore(state["tally"])
        self.count = state["trades"]
        for symbol, trip_number, number in state["numbers"]:
            trip = portfolio.accounts[symbol].trips.get(trip_number)
            self._known[symbol, trip_number] = (number, trip)


def _closed(number: int, at: int, trip: Trip) -> TradeClosed:
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
    )
