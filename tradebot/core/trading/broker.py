"""The one seam of all modes: what a session asks of whoever carries out its orders.

Only values pass here. A broker in this process (the simulated exchange) answers at once, with what it
returns; one outside returns nothing, and its answers come as events through the runner's queue. ``at`` is the
engine's time (UTC milliseconds).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Protocol

from tradebot.core.model.approved import Approved
from tradebot.core.model.effects import LookUp
from tradebot.core.model.events import Event, MarketEvent
from tradebot.core.model.values import Order


class Broker(Protocol):
    """Where approved orders go. ``outside`` says that it is another process: its answers come later."""

    @property
    def outside(self) -> bool:
        """Whether answers come through the queue, and orders must be on record before they leave."""
        ...

    def on_market(self, step: Sequence[MarketEvent]) -> Iterable[Event]:
        """Take the market events of one moment; give what the engine is to hear, in order.

        Lazy: the engine may be told, and may send, between two of them; consume it to the end. It is the step
        itself only where all of that is for the engine: no mark bar, no funding rate.
        """
        ...

    def send(self, approved: Approved, at: int) -> Sequence[Event]:
        """Send an order that the gate has let through."""
        ...

    def cancel(self, order: Order, at: int) -> Sequence[Event]:
        """Ask for an order's cancel; one that has ended is no error."""
        ...

    def look_up(self, asked: LookUp, at: int) -> Sequence[Event]:
        """Ask what has become of an order; ``OrderSeen`` answers."""
        ...

    def read_back(self, symbol: str, at: int, trade_id: int = 0) -> Sequence[Event]:
        """Read a symbol's position, open orders and missed fills; ``AccountRead`` answers.

        ``trade_id`` names a fill that is missing however old it is (0: none).
        """
        ...

    def read_account(self, at: int) -> Sequence[Event]:
        """Read the whole account; ``AccountRead`` answers."""
        ...

    def set_leverage(self, symbol: str, leverage: int, at: int) -> Sequence[Event]:
        """Set a symbol's leverage; ``AccountConfigRead`` answers with what it is then."""
        ...

    def set_margin(self, symbol: str, isolated: bool, at: int) -> Sequence[Event]:
        """Set a symbol's margin mode; ``AccountConfigRead`` answers with what it is then."""
        ...

    def countdown(self, symbol: str, ms: int, at: int) -> Sequence[Event]:
        """Have the symbol's orders cancelled unless told again within ``ms``; 0 calls it off."""
        ...

    def hourly(self, at: int) -> Sequence[Event]:
        """Tell once an hour, unasked, what the account holds; nothing where that is read otherwise."""
        ...

    def export_state(self) -> dict[str, Any]:
        """Return what a restart needs of it as JSON values; only between steps."""
        ...

    def restore(self, state: dict[str, Any]) -> None:
        """Take over ``export_state``'s values."""
        ...
