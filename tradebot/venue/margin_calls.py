"""Margin calls: told once each time a position's maintenance margin comes near its margin."""

from __future__ import annotations

from decimal import Decimal

from tradebot.core.model.money import exact
from tradebot.venue.account import VenueAccount
from tradebot.venue.bus import Bus, MarginCalled
from tradebot.venue.clock import VenueClock
from tradebot.venue.holdings import VenueHolding
from tradebot.venue.matching import Desk

CALL_AT = Decimal("0.8")
"""Share of margin + unrealised PnL that the maintenance margin may reach without a call (guessed)."""


class MarginCalls:
    """Looks at a symbol's isolated position after each of its quotes."""

    def __init__(self, account: VenueAccount, desk: Desk, bus: Bus, clock: VenueClock) -> None:
        self._account = account
        self._desk = desk
        self._bus = bus
        self._clock = clock
        self._called: set[str] = set()

    def look(self, symbol: str) -> None:
        """Call when the ratio is reached; call again only after it was left."""
        if symbol not in self._desk.exchange.positions:
            self._called.discard(symbol)
            return
        self._desk.refresh(symbol)
        row = self._desk.holding(symbol)
        if not _is_near(row):
            self._called.discard(symbol)
        elif symbol not in self._called:
            self._called.add(symbol)
            cross = self._account.wallet - self._account.isolated()
            self._bus.publish(MarginCalled(self._clock.now(), cross, (row.snapshot(),)))


def _is_near(row: VenueHolding) -> bool:
    with exact():
        return row.maintenance >= (row.wallet + row.unrealised) * CALL_AT
