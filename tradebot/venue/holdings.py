"""Positions as fills make them, and those a script puts on the account."""

from __future__ import annotations

from dataclasses import dataclass, replace
from decimal import ROUND_HALF_EVEN, Decimal

from tradebot.core.model.money import ONE, ZERO, quotient_at_8, ratio, to_eight
from tradebot.venue.listings import Listing


@dataclass(slots=True)
class VenueHolding:
    """One position row. ``qty`` signed (base units), ``entry`` average price (USDT, 8 decimals).

    ``margin_type`` is ``isolated`` or ``cross``, ``wallet`` the isolated wallet, ``realised`` the sum of
    its realised PnL, ``paid`` the fees paid since it was flat (for the break-even price). ``bids`` and ``asks``: what
    working orders that may open are worth (USDT), as the last statement saw them.
    """

    listing: Listing
    position_side: str = "BOTH"
    qty: Decimal = ZERO
    entry: Decimal = ZERO
    margin_type: str = "isolated"
    leverage: int = 20
    wallet: Decimal = ZERO
    realised: Decimal = ZERO
    paid: Decimal = ZERO
    mark: Decimal = ZERO
    updated: int = 0
    liquidation: Decimal = ZERO
    maintenance: Decimal = ZERO
    bids: Decimal = ZERO
    asks: Decimal = ZERO

    @property
    def margin(self) -> Decimal:
        """Initial margin of the position, USDT: notional / leverage."""
        return ratio(abs(self.notional), Decimal(self.leverage))

    @property
    def order_margin(self) -> Decimal:
        """What working orders lock on top, USDT: the side that would make the larger position counts."""
        held = self.notional
        most = max(abs(held + self.bids), abs(held - self.asks), abs(held))
        return ratio(most - abs(held), Decimal(self.leverage))

    @property
    def unrealised(self) -> Decimal:
        """Unrealised PnL at the mark, USDT."""
        return self.qty * (self.mark - self.entry) if self.qty else ZERO

    @property
    def notional(self) -> Decimal:
        """Signed notional at the mark, USDT."""
        return self.qty * self.mark

    @property
    def break_even(self) -> Decimal:
        """The price at which closing earns back the fees paid so far (8 decimals)."""
        if not self.qty:
            return ZERO
        return quotient_at_8(self.qty * self.entry + self.paid, self.qty, ROUND_HALF_EVEN)

    def trade(self, signed: Decimal, price: Decimal, fee: Decimal) -> Decimal:
        """Fold a fill in and return its realised PnL (8 decimals), as the simulated exchange books it."""
        before, after = self.qty, self.qty + signed
        realised = ZERO
        if before and (before > 0) != (signed > 0):
            closed = min(abs(before), abs(signed)).copy_sign(before)
            realised = to_eight(closed * (price - self.entry))
        if not after:
            self.entry = self.paid = ZERO
        elif before and (before > 0) == (signed > 0):
            cost = before * self.entry + signed * price
            self.entry = quotient_at_8(cost, after, ROUND_HALF_EVEN)
            self.paid += fee
        elif not before or (before > 0) != (after > 0):
            self.entry = quotient_at_8(price, ONE, ROUND_HALF_EVEN)
            self.paid = fee
        self.qty = after
        self.realised += realised
        return realised

    def snapshot(self) -> VenueHolding:
        """Return the row as it is now."""
        return replace(self)
