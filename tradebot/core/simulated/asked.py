"""What can be asked of the exchange's account and orders, and set on them, without any market."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal

from tradebot.core.model.money import ZERO
from tradebot.core.model.values import Instrument, Order, OrderStatus
from tradebot.core.simulated import acceptance
from tradebot.core.simulated.account import Position
from tradebot.core.simulated.history import History, OrderRecord
from tradebot.core.simulated.matcher import Matcher
from tradebot.core.simulated.resting import Resting


class AskedExchange:
    """The part of the exchange that answers at any time and that no price moves."""

    _desk: Matcher
    _instruments: Mapping[str, Instrument]

    # Orders

    def open_orders(self) -> list[tuple[Order, Decimal]]:
        """Working orders with what is left of each, by submission."""
        resting = [r for orders in self._desk.book.orders.values() for r in orders]
        return [(r.order, r.left) for r in sorted(resting, key=lambda r: r.seq)]

    def set_leverage(self, symbol: str, leverage: int) -> acceptance.Rejection | None:
        """Set a symbol's leverage, or say why not; the margin of an open position follows it."""
        instrument = self._instruments.get(symbol)
        if instrument is None:
            return acceptance.unknown_symbol(symbol)
        account = self._desk.account
        refusal = acceptance.check_leverage(instrument, leverage, account)
        if refusal is None:
            account.set_leverage(symbol, leverage)
        return refusal

    def leverage(self, symbol: str) -> int:
        """The leverage new positions of a symbol are opened at."""
        return self._desk.account.leverage(symbol)

    @property
    def history(self) -> History:
        """Every order and fill so far.

        Raises:
            RuntimeError: ``rules.history`` is off, nothing was remembered.
        """
        history = self._desk.history
        if history is None:
            raise RuntimeError("this exchange keeps no history: rules.history is off")
        return history

    def look_up(self, symbol: str, order_id: str) -> OrderRecord | None:
        """The newest order of that client id, working or finished; None if there never was one.

        Without ``rules.history`` only working orders are known, and not what their fills cost.
        """
        if self._desk.history is not None:
            return self._desk.history.find(symbol, order_id)
        resting = self._desk.book.find(symbol, order_id)
        return None if resting is None else record_of(resting, resting.eligible_at)

    # The account

    @property
    def cash(self) -> Decimal:
        """Exact cash flow, USDT: start - sum(signed quantity x price) - fees + funding."""
        return self._desk.account.cash

    @property
    def fees(self) -> Decimal:
        """Fees paid so far, USDT."""
        return self._desk.account.fees

    @property
    def funding(self) -> Decimal:
        """Funding so far, USDT, negative when paid."""
        return self._desk.account.funding

    @property
    def wallet(self) -> Decimal:
        """Wallet balance, USDT: cash plus the cost of what is held."""
        return self._desk.account.wallet

    @property
    def positions(self) -> Mapping[str, Position]:
        """Open positions by symbol; a flat symbol has no key."""
        return self._desk.account.positions

    def margin(self, symbol: str) -> Decimal:
        """Isolated margin of a symbol's position, USDT; 0 when flat."""
        position = self._desk.account.positions.get(symbol)
        return ZERO if position is None else position.margin

    def free(self) -> Decimal:
        """Free cash, USDT: wallet less isolated margins."""
        return self._desk.account.free


def record_of(resting: Resting, at: int) -> OrderRecord:
    """What is known of a working order from itself alone."""
    status = OrderStatus.PARTIAL if resting.filled else OrderStatus.WORKING
    return OrderRecord(
        resting.order, resting.seq, at, at, resting.left, status, filled=resting.filled
    )
