"""Statistics of a run, kept incrementally: no list of trades is needed for the summary."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from tradebot.core.model.money import ZERO, quotient_at_8, ratio
from tradebot.core.state.portfolio import Trip

HUNDRED = Decimal(100)


class Drawdown:
    """Equity's peak and the deepest fall from it (USDT and percent of the peak at that time)."""

    __slots__ = ("deepest", "deepest_pct", "now", "peak")

    def __init__(self, start: Decimal) -> None:
        self.peak = start
        self.now = ZERO
        self.deepest = ZERO
        self.deepest_pct = ZERO

    def see(self, equity: Decimal) -> bool:
        """Take the next equity value; return whether this fall is deeper than all before, in USDT or in percent."""
        peak = self.peak
        if equity >= peak:
            self.peak = equity
            self.now = ZERO
            return False
        self.now = now = peak - equity
        deeper = now > self.deepest
        if deeper:
            self.deepest = now
        # a deeper fall in percent can be a shallower one in USDT, from a lower peak
        if peak > 0 and now * HUNDRED > self.deepest_pct * peak:
            self.deepest_pct = quotient_at_8(now * HUNDRED, peak, "ROUND_HALF_EVEN")
            deeper = True
        return deeper

    def shift(self, amount: Decimal) -> None:
        """Move the peak with money that came in or went out and is no result (USDT)."""
        self.peak += amount

    def export_state(self) -> list[str]:
        """Return the values as text."""
        return [str(self.peak), str(self.now), str(self.deepest), str(self.deepest_pct)]

    def restore(self, state: list[str]) -> None:
        """Take over ``export_state``'s values."""
        self.peak, self.now, self.deepest, self.deepest_pct = map(Decimal, state)


class Tally:
    """Closed trades, added up. Wins are trades with a net PnL above zero; money in USDT."""

    __slots__ = ("gross_loss", "gross_win", "losses", "trades", "wins")

    def __init__(self) -> None:
        self.trades = 0
        self.wins = 0
        self.losses = 0
        self.gross_win = ZERO
        self.gross_loss = ZERO

    def add(self, trip: Trip) -> None:
        """Count a finished round trip."""
        self.trades += 1
        if trip.pnl > 0:
            self.wins += 1
            self.gross_win += trip.pnl
        elif trip.pnl < 0:
            self.losses += 1
            self.gross_loss -= trip.pnl

    def drop(self, trip: Trip) -> None:
        """Take back a round trip that a late fill has changed."""
        self.trades -= 1
        if trip.pnl > 0:
            self.wins -= 1
            self.gross_win -= trip.pnl
        elif trip.pnl < 0:
            self.losses -= 1
            self.gross_loss += trip.pnl

    def win_rate_pct(self) -> Decimal | None:
        """Winning trades in percent of all; None without trades."""
        return ratio(self.wins * HUNDRED, Decimal(self.trades)) if self.trades else None

    def average_win(self) -> Decimal | None:
        """Mean PnL of the winning trades, USDT."""
        return ratio(self.gross_win, Decimal(self.wins)) if self.wins else None

    def average_loss(self) -> Decimal | None:
        """Mean PnL of the losing trades, USDT, negative."""
        return ratio(-self.gross_loss, Decimal(self.losses)) if self.losses else None

    def profit_factor(self) -> Decimal | None:
        """Gross win / gross loss; None while nothing was lost."""
        return ratio(self.gross_win, self.gross_loss) if self.gross_loss else None

    def expectancy(self) -> Decimal | None:
        """Mean PnL of a trade, USDT."""
        if not self.trades:
            return None
        return ratio(self.gross_win - self.gross_loss, Decimal(self.trades))

    def export_state(self) -> list[Any]:
        """Return the sums as JSON values."""
        return [self.trades, self.wins, self.losses, str(self.gross_win), str(self.gross_loss)]

    def restore(self, state: list[Any]) -> None:
        """Take over ``export_state``'s values."""
        self.trades, self.wins, self.losses = state[:3]
        self.gross_win, self.gross_loss = Decimal(state[3]), Decimal(state[4])
