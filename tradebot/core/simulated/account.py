"""The simulated account: cash, isolated positions, margins and the liquidation condition.

Cash is the sum of exact cash flows, so it holds the cost of open positions too:
``cash = start - sum(signed quantity x price) - fees + funding``. An account that rounds money books
realised PnL at 8 decimals, and the wallet is ``start + realised - fees + funding`` to the last digit.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import ROUND_CEILING, ROUND_HALF_EVEN, Decimal

from tradebot.core.model.money import EIGHT, ONE, ZERO, quotient_at_8, to_eight
from tradebot.core.model.values import Instrument, Side
from tradebot.core.state.margin import bankruptcy_price, maintenance, tier_of

_MARGIN_OF_FLOATS = 1e-9
"""Relative allowance that makes a float bound safe against its own rounding."""


@dataclass(slots=True)
class Position:
    """One symbol's holding: signed ``qty`` (base units) and average ``entry`` (USDT, 8 decimals).

    ``bankruptcy`` is the price at which the isolated margin is gone. ``safe`` is a float bound for
    a cheap first look: a long whose mark stays above it, or a short whose mark stays below it,
    cannot be liquidated. ``unit`` is the margin of one base unit at entry and ``added`` what was put
    to the margin, or taken from it, since (USDT): funding, or by hand.
    """

    qty: Decimal
    entry: Decimal
    bankruptcy: Decimal
    safe: float
    unit: Decimal
    added: Decimal = ZERO

    @property
    def margin(self) -> Decimal:
        """Isolated margin, USDT: |quantity| x |entry - bankruptcy price at entry| + what was added."""
        return abs(self.qty) * self.unit + self.added

    def share_of_added(self, closing: Decimal) -> Decimal:
        """The part of ``added`` that goes with a part of the position: in proportion, 8 decimals."""
        if not self.added or closing == abs(self.qty):
            return self.added
        return quotient_at_8(self.added * closing, abs(self.qty), ROUND_HALF_EVEN)

    def within_safety(self, low: float, high: float) -> bool:
        """Whether mark prices between ``low`` and ``high`` certainly liquidate nothing."""
        return low > self.safe if self.qty > 0 else high < self.safe


class Account:
    """Cash and positions of one account in one-way mode, isolated, each symbol at its leverage."""

    __slots__ = (
        "_instruments",
        "_leverage",
        "_leverages",
        "_rounded",
        "cash",
        "fees",
        "funding",
        "positions",
    )

    def __init__(
        self,
        start: Decimal,
        leverage: int,
        instruments: Mapping[str, Instrument],
        *,
        rounded: bool = False,
    ) -> None:
        self.cash = start
        self.fees = ZERO
        self.funding = ZERO
        self.positions: dict[str, Position] = {}
        self._leverage = leverage
        self._leverages: dict[str, int] = {}
        self._instruments = instruments
        self._rounded = rounded

    @property
    def leverages(self) -> Mapping[str, int]:
        """The leverage of each symbol that was given one of its own."""
        return self._leverages

    def leverage(self, symbol: str) -> int:
        """The leverage of a symbol: its own, else the account's."""
        return self._leverages.get(symbol, self._leverage)

    def set_leverage(self, symbol: str, leverage: int) -> None:
        """Give a symbol a leverage of its own; the margin of a position it has follows at once."""
        self._leverages[symbol] = leverage
        position = self.positions.get(symbol)
        if position is not None:
            self.place(symbol, position.qty, position.entry, position.added)

    def held(self, symbol: str) -> Decimal:
        """Signed quantity held, 0 when flat."""
        position = self.positions.get(symbol)
        return ZERO if position is None else position.qty

    def trade(self, symbol: str, signed: Decimal, price: Decimal, fee: Decimal) -> None:
        """Book a fill of a signed quantity at a price, with its fee in USDT."""
        if self._rounded:
            self.cash += self._lost_to_rounding(symbol, signed, price)
        self.cash -= signed * price + fee
        self.fees += fee
        before = self.held(symbol)
        after = before + signed
        if not after:
            del self.positions[symbol]
        elif before and (before > 0) != (signed > 0) and (before > 0) == (after > 0):
            self._reduce(self.positions[symbol], symbol, after)
        else:
            self._enter(symbol, before, signed, price)

    def _reduce(self, position: Position, symbol: str, after: Decimal) -> None:
        if position.added:
            position.added -= position.share_of_added(abs(position.qty - after))
            self.place(symbol, after, position.entry, position.added)
        else:
            position.qty = after

    def _lost_to_rounding(self, symbol: str, signed: Decimal, price: Decimal) -> Decimal:
        """What the wallet gains by rounding realised PnL and average entry (USDT), before a fill.

        Cash holds the cost of positions at their real prices, a rounded wallet at their average entry.
        """
        position = self.positions.get(symbol)
        if position is None:
            return ZERO
        held, entry = position.qty, position.entry
        if (held > 0) == (signed > 0):
            average = self._average(position, signed, price)
            return held * entry + signed * price - (held + signed) * average
        closed = min(abs(held), abs(signed)).copy_sign(held)
        realised = closed * (price - entry)
        return to_eight(realised) - realised

    def place(self, symbol: str, qty: Decimal, entry: Decimal, added: Decimal = ZERO) -> None:
        """Set a position as it is, without any cash flow."""
        fresh = bankruptcy_price(qty, entry, self.leverage(symbol))
        bankruptcy = fresh if not added else _moved(fresh, qty, added)
        safe = _safe_bound(self._instruments[symbol], qty, entry, bankruptcy)
        self.positions[symbol] = Position(qty, entry, bankruptcy, safe, abs(entry - fresh), added)

    def fund(self, amount: Decimal) -> None:
        """Book funding, negative when paid; it goes to cash, not to a margin."""
        self.cash += amount
        self.funding += amount

    def add_margin(self, symbol: str, amount: Decimal) -> None:
        """Put free cash to a position's margin, or take from it (negative); no cash flow."""
        position = self.positions[symbol]
        self.place(symbol, position.qty, position.entry, position.added + amount)

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

    def covers(self, symbol: str, notional: Decimal, fee_rate: Decimal) -> bool:
        """Whether free cash covers an opening notional's margin and fee."""
        leverage = self.leverage(symbol)
        return notional * (ONE + fee_rate * leverage) <= self.free * leverage

    def affordable(
        self, symbol: str, closing: Decimal, opening: Decimal, price: Decimal, fee_rate: Decimal
    ) -> Decimal:
        """Return how much of ``opening`` fits into the free cash left once ``closing`` is done."""
        if not opening:
            return ZERO
        free = self.free
        leverage = self.leverage(symbol)
        position = self.positions.get(symbol)
        if position is not None and closing:
            gain = price - position.entry if position.qty > 0 else position.entry - price
            free += closing * (gain + position.unit - price * fee_rate)
            free += position.share_of_added(closing)
        step = self._instruments[symbol].step
        cost = price * step * (ONE + fee_rate * leverage)
        return max(ZERO, min(opening, free * leverage // cost * step))

    def liquidates(self, symbol: str, mark: Decimal) -> bool:
        """Whether margin + unrealised <= maintenance margin at a mark price (USDT)."""
        position = self.positions[symbol]
        unrealised = position.qty * (mark - position.entry)
        required = maintenance(self._instruments[symbol], abs(position.qty) * mark)
        return position.margin + unrealised <= required

    def _enter(self, symbol: str, before: Decimal, signed: Decimal, price: Decimal) -> None:
        """Open, enlarge or turn round a position."""
        if before and (before > 0) == (signed > 0):
            position = self.positions[symbol]
            average = self._average(position, signed, price)
            self.place(symbol, before + signed, average, position.added)
        else:
            entry = quotient_at_8(price, ONE, ROUND_HALF_EVEN)
            self.place(symbol, before + signed, entry)

    @staticmethod
    def _average(position: Position, signed: Decimal, price: Decimal) -> Decimal:
        """The average entry of an enlarged position: half-even at 8 decimals."""
        cost = position.qty * position.entry + signed * price
        return quotient_at_8(cost, position.qty + signed, ROUND_HALF_EVEN)


def _moved(bankruptcy: Decimal, qty: Decimal, added: Decimal) -> Decimal:
    """A bankruptcy price after margin was added (USDT): 8 decimals, against us, never below 0."""
    shift = quotient_at_8(added, abs(qty), ROUND_CEILING)
    return max(ZERO, bankruptcy - shift) if qty > 0 else bankruptcy + shift


def _safe_bound(instrument: Instrument, qty: Decimal, entry: Decimal, bankruptcy: Decimal) -> float:
    """A mark that is certainly not past liquidation.

    The condition solved for the mark with cum = 0 (it only helps us) and the rate of the tier at
    twice the entry, or at the bankruptcy price if that is higher, which no mark that matters exceeds:
    a long is liquidated at or below bankruptcy / (1 - rate), a short at or above bankruptcy / (1 +
    rate). The bankruptcy price may be a rounding (1e-8) off, in our favour here.
    """
    rate = float(tier_of(instrument, abs(qty) * max(2 * entry, bankruptcy)).rate)
    if qty < 0:
        return float(bankruptcy - EIGHT) / (1 + rate) * (1 - _MARGIN_OF_FLOATS)
    if rate > 0.5:
        return math.inf
    return float(bankruptcy + EIGHT) / (1 - rate) * (1 + _MARGIN_OF_FLOATS)


def signed(side: Side, qty: Decimal) -> Decimal:
    """Return a quantity with the sign of its side."""
    return qty if side is Side.BUY else -qty
