"""The simulated account: cash, isolated positions, margins and the liquidation condition.

Cash is the sum of exact cash flows, so it holds the cost of open positions too:
``cash = start - sum(signed quantity x price) - fees + funding``.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import ROUND_CEILING, ROUND_FLOOR, ROUND_HALF_EVEN, Decimal

from tradebot.core.model.money import EIGHT, ONE, ZERO, quotient_at_8
from tradebot.core.model.values import Instrument, Side, Tier

_MARGIN_OF_FLOATS = 1e-9
"""Relative allowance that makes a float bound safe against its own rounding."""


@dataclass(slots=True)
class Position:
    """One symbol's holding: signed ``qty`` (base units) and average ``entry`` (USDT, 8 decimals).

    ``bankruptcy`` is the price at which the isolated margin is gone. ``safe`` is a float bound for
    a cheap first look: a long whose mark stays above it, or a short whose mark stays below it,
    cannot be liquidated.
    """

    qty: Decimal
    entry: Decimal
    bankruptcy: Decimal
    safe: float

    @property
    def margin(self) -> Decimal:
        """Isolated margin, USDT: |quantity| x |entry - bankruptcy price|."""
        return abs(self.qty) * abs(self.entry - self.bankruptcy)

    def within_safety(self, low: float, high: float) -> bool:
        """Whether mark prices between ``low`` and ``high`` certainly liquidate nothing."""
        return low > self.safe if self.qty > 0 else high < self.safe


def tier_of(instrument: Instrument, notional: Decimal) -> Tier:
    """Return the margin tier of a notional (USDT); beyond the last cap the last one holds."""
    for tier in instrument.tiers:
        if notional <= tier.cap:
            return tier
    return instrument.tiers[-1]


def maintenance(instrument: Instrument, notional: Decimal) -> Decimal:
    """Return the maintenance margin, USDT: notional x rate - cum (Binance's bracket formula)."""
    tier = tier_of(instrument, notional)
    return notional * tier.rate - tier.cum


class Account:
    """Cash and positions of one account in one-way mode, isolated, at one leverage."""

    __slots__ = ("_instruments", "_leverage", "cash", "fees", "funding", "positions")

    def __init__(
        self, start: Decimal, leverage: int, instruments: Mapping[str, Instrument]
    ) -> None:
        self.cash = start
        self.fees = ZERO
        self.funding = ZERO
        self.positions: dict[str, Position] = {}
        self._leverage = Decimal(leverage)
        self._instruments = instruments

    def held(self, symbol: str) -> Decimal:
        """Signed quantity held, 0 when flat."""
        position = self.positions.get(symbol)
        return ZERO if position is None else position.qty

    def trade(self, symbol: str, signed: Decimal, price: Decimal, fee: Decimal) -> None:
        """Book a fill of a signed quantity at a price, with its fee in USDT."""
        self.cash -= signed * price + fee
        self.fees += fee
        before = self.held(symbol)
        after = before + signed
        if not after:
            del self.positions[symbol]
        elif before and (before > 0) != (signed > 0) and (before > 0) == (after > 0):
            self.positions[symbol].qty = after
        else:
            self._enter(symbol, before, signed, price)

    def place(self, symbol: str, qty: Decimal, entry: Decimal) -> None:
        """Set a position as it is, without any cash flow."""
        bankruptcy = self._bankruptcy(qty, entry)
        safe = self._safe_bound(self._instruments[symbol], qty, entry, bankruptcy)
        self.positions[symbol] = Position(qty, entry, bankruptcy, safe)

    def fund(self, amount: Decimal) -> None:
        """Book funding, negative when paid; it goes to cash, not to a margin."""
        self.cash += amount
        self.funding += amount

    @property
    def wallet(self) -> Decimal:
        """Wallet balance, USDT: cash plus the cost of what is held."""
        wallet = self.cash
        for position in self.positions.values():
            wallet += position.qty * position.entry
        return wallet

    @property
    def free(self) -> Decimal:
        """Free cash, USDT: wallet less isolated margins; open orders lock none."""
        free = self.cash
        for position in self.positions.values():
            free += position.qty * position.entry - position.margin
        return free

    def covers(self, notional: Decimal, fee_rate: Decimal) -> bool:
        """Whether free cash covers an opening notional's margin and fee."""
        return notional * (ONE + fee_rate * self._leverage) <= self.free * self._leverage

    def affordable(
        self, symbol: str, closing: Decimal, opening: Decimal, price: Decimal, fee_rate: Decimal
    ) -> Decimal:
        """Return how much of ``opening`` fits into the free cash left once ``closing`` is done."""
        if not opening:
            return ZERO
        free = self.free
        position = self.positions.get(symbol)
        if position is not None and closing:
            gain = price - position.entry if position.qty > 0 else position.entry - price
            unit = abs(position.entry - position.bankruptcy)
            free += closing * (gain + unit - price * fee_rate)
        step = self._instruments[symbol].step
        cost = price * step * (ONE + fee_rate * self._leverage)
        return max(ZERO, min(opening, free * self._leverage // cost * step))

    def liquidates(self, symbol: str, mark: Decimal) -> bool:
        """Whether margin + unrealised <= maintenance margin at a mark price (USDT)."""
        position = self.positions[symbol]
        unrealised = position.qty * (mark - position.entry)
        required = maintenance(self._instruments[symbol], abs(position.qty) * mark)
        return position.margin + unrealised <= required

    def _enter(self, symbol: str, before: Decimal, signed: Decimal, price: Decimal) -> None:
        """Open, enlarge or turn round a position: the average entry is half-even at 8 decimals."""
        after = before + signed
        if before and (before > 0) == (signed > 0):
            cost = before * self.positions[symbol].entry + signed * price
            entry = quotient_at_8(cost, after, ROUND_HALF_EVEN)
        else:
            entry = quotient_at_8(price, ONE, ROUND_HALF_EVEN)
        self.place(symbol, after, entry)

    def _bankruptcy(self, qty: Decimal, entry: Decimal) -> Decimal:
        """Entry x (1 -+ 1 / leverage) at 8 decimals, rounded against us."""
        if qty > 0:
            price = quotient_at_8(entry * (self._leverage - 1), self._leverage, ROUND_FLOOR)
        else:
            price = quotient_at_8(entry * (self._leverage + 1), self._leverage, ROUND_CEILING)
        return price.quantize(EIGHT)

    @staticmethod
    def _safe_bound(
        instrument: Instrument, qty: Decimal, entry: Decimal, bankruptcy: Decimal
    ) -> float:
        """A mark that is certainly not past liquidation.

        The condition solved for the mark with cum = 0 (it only helps us) and the rate of the tier
        at twice the entry, which no mark that matters exceeds: a long is liquidated at or below
        bankruptcy / (1 - rate), a short at or above bankruptcy / (1 + rate).
        """
        rate = float(tier_of(instrument, 2 * abs(qty) * entry).rate)
        if qty < 0:
            return float(bankruptcy) / (1 + rate) * (1 - _MARGIN_OF_FLOATS)
        if rate > 0.5:
            return math.inf
        return float(bankruptcy) / (1 - rate) * (1 + _MARGIN_OF_FLOATS)


def signed(side: Side, qty: Decimal) -> Decimal:
    """Return a quantity with the sign of its side."""
    return qty if side is Side.BUY else -qty
