"""The broker of an account's run that stands still: it sends nothing, asks nothing, and keeps what it was told.

What the engine would have asked for is asked anew by the next start.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from tradebot.core.model.approved import Approved
from tradebot.core.model.effects import LookUp
from tradebot.core.model.events import Event, MarketEvent
from tradebot.core.model.values import Order

KEPT = ("read", "account")
"""What of a session's state is the broker's."""


class MuteBroker:
    """Stands for an account that nobody is connected to."""

    outside = True

    def __init__(self) -> None:
        self._state: dict[str, Any] = {}

    def on_market(self, step: Sequence[MarketEvent]) -> Iterable[Event]:
        """Return nothing: no market passes where a run stands still."""
        del step
        return ()

    def send(self, approved: Approved, at: int) -> Sequence[Event]:
        """Send nothing."""
        del approved, at
        return ()

    def cancel(self, order: Order, at: int) -> Sequence[Event]:
        """Cancel nothing."""
        del order, at
        return ()

    def look_up(self, asked: LookUp, at: int) -> Sequence[Event]:
        """Ask nobody."""
        del asked, at
        return ()

    def read_back(self, symbol: str, at: int, trade_id: int = 0) -> Sequence[Event]:
        """Read nothing."""
        del symbol, at, trade_id
        return ()

    def read_account(self, at: int) -> Sequence[Event]:
        """Read nothing."""
        del at
        return ()

    def set_leverage(self, symbol: str, leverage: int, at: int) -> Sequence[Event]:
        """Set nothing."""
        del symbol, leverage, at
        return ()

    def set_margin(self, symbol: str, isolated: bool, at: int) -> Sequence[Event]:
        """Set nothing."""
        del symbol, isolated, at
        return ()

    def countdown(self, symbol: str, ms: int, at: int) -> Sequence[Event]:
        """Tell nobody."""
        del symbol, ms, at
        return ()

    def hourly(self, at: int) -> Sequence[Event]:
        """Tell nothing."""
        del at
        return ()

    def export_state(self) -> dict[str, Any]:
        """Return what was taken over, as it was."""
        return dict(self._state)

    def restore(self, state: dict[str, Any]) -> None:
        """Take over what is the broker's of a session's state."""
        self._state = {name: state[name] for name in KEPT if name in state}
