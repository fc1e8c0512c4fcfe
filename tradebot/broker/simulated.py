"""The broker of backtest and local paper: the simulated exchange, in this process and at once."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from decimal import Decimal
from typing import Any

from tradebot.core.model.account import OrderRead, PositionRead, SymbolConfig
from tradebot.core.model.approved import Approved
from tradebot.core.model.effects import LookUp
from tradebot.core.model.events import (
    AccountConfigRead,
    AccountRead,
    AccountSnapshot,
    Event,
    MarketEvent,
    OrderSeen,
)
from tradebot.core.model.values import Order, OrderStatus
from tradebot.core.simulated import SimExchange
from tradebot.core.simulated.resting import CONDITIONAL


class SimulatedBroker:
    """The simulated exchange behind the seam: every answer is there when the call returns.

    ``exchange`` is the account and what rests on it. Its leverage is the same for all symbols and its
    margin isolated: both are what it was made with.
    """

    outside = False
    on_market: Callable[[Sequence[MarketEvent]], Iterable[Event]]

    def __init__(self, exchange: SimExchange, leverage: int = 1) -> None:
        self.exchange = exchange
        self.on_market = exchange.step  # the hot path: no call in between
        self._leverage = leverage
        self._checked: Decimal | None = None

    # Orders

    def send(self, approved: Approved, at: int) -> Sequence[Event]:
        """Submit an order; it is taken or refused at once."""
        return self.exchange.submit(approved.order, at)

    def cancel(self, order: Order, at: int) -> Sequence[Event]:
        """Ask for a cancel; CANCELLED follows when it takes effect."""
        return self.exchange.cancel(order.symbol, order.id, at)

    def countdown(self, symbol: str, ms: int, at: int) -> Sequence[Event]:
        """Do nothing: orders rest in this process, and die with it."""
        del symbol, ms, at
        return ()

    def close_all_now(self, at: int) -> Sequence[Event]:
        """Cancel every order and close every position at the last known price."""
        return self.exchange.close_all_now(at)

    # Questions

    def look_up(self, asked: LookUp, at: int) -> Sequence[Event]:
        """Tell what rests of an order; one that does not rest has ended, and its end has been told."""
        for order, _ in self.exchange.open_orders():
            if order.id == asked.order_id:
                status = OrderStatus.WORKING
                return (OrderSeen(at, order.symbol, order.id, status, at, at),)
        return (OrderSeen(at, asked.symbol, asked.order_id, None, at, at),)

    def read_back(self, symbol: str, at: int, trade_id: int = 0) -> Sequence[Event]:
        """Read a symbol from the account."""
        del trade_id  # no fill is ever missing
        return (self._read(symbol, at),)

    def read_account(self, at: int) -> Sequence[Event]:
        """Read the whole account."""
        return (self._read("", at),)

    def hourly(self, at: int) -> Sequence[Event]:
        """Tell wallet and equity if anything was traded or paid since the last time."""
        cash = self.exchange.cash
        if cash == self._checked:
            return ()
        self._checked = cash
        return (AccountSnapshot(at, self.exchange.wallet, self.exchange.equity()),)

    def _read(self, symbol: str, at: int) -> AccountRead:
        positions = tuple(
            PositionRead(name, held.qty, held.entry, margin=self.exchange.margin(name))
            for name, held in sorted(self.exchange.positions.items())
            if symbol in ("", name)
        )
        resting = [(o, left) for o, left in self.exchange.open_orders() if symbol in ("", o.symbol)]
        return AccountRead(
            at,
            symbol,
            at,
            at,
            positions,
            tuple(_order_read(o, left) for o, left in resting if o.type not in CONDITIONAL),
            tuple(_order_read(o, left) for o, left in resting if o.type in CONDITIONAL),
            None if symbol else self.exchange.wallet,
            {} if symbol else {"USDT": self.exchange.wallet},
        )

    # How the account is set

    def set_leverage(self, symbol: str, leverage: int, at: int) -> Sequence[Event]:
        """Tell the leverage the account was made with: it cannot be changed."""
        del leverage
        return (self._config(symbol, at),)

    def set_margin(self, symbol: str, isolated: bool, at: int) -> Sequence[Event]:
        """Tell that margin is isolated: it knows no other."""
        del isolated
        return (self._config(symbol, at),)

    def _config(self, symbol: str, at: int) -> AccountConfigRead:
        symbols = (SymbolConfig(symbol, self._leverage, isolated=True),)
        return AccountConfigRead(at, at, hedged=False, multi_assets=False, symbols=symbols)

    # State

    def export_state(self) -> dict[str, Any]:
        """Return the exchange, and the cash at its last word, as JSON values; only between steps."""
        return {
            "exchange": self.exchange.export_state(),
            "checked": None if self._checked is None else str(self._checked),
        }

    def restore(self, state: dict[str, Any]) -> None:
        """Take over ``export_state``'s values."""
        self.exchange.restore(state["exchange"])
        self._checked = None if state["checked"] is None else Decimal(state["checked"])


def _order_read(order: Order, left: Decimal) -> OrderRead:
    return OrderRead(
        symbol=order.symbol,
        order_id=order.id,
        venue_id="",
        side=order.side,
        kind=order.type.value,
        status=OrderStatus.WORKING,
        qty=order.qty,
        filled=order.qty - left,
        price=order.price,
        trigger=order.trigger,
        reduce_only=order.reduce_only,
    )
