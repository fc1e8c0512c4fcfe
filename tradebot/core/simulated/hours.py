"""What was held when the newest hour began: funding is due on the hour, and its rate is told later."""

from __future__ import annotations

from decimal import Decimal

from tradebot.core.model.events import FundingRate
from tradebot.core.model.values import HOUR_MS, Quote


class HeldAtHour:
    """Signed quantities by symbol, each with the hour (UTC ms) at whose first quote it was held."""

    __slots__ = ("_noted",)

    def __init__(self) -> None:
        self._noted: dict[str, tuple[int, Decimal]] = {}

    def note(self, quote: Quote, held: Decimal) -> None:
        """Take a quote, before anything is filled on it."""
        hour = quote.exchange_time - quote.exchange_time % HOUR_MS
        noted = self._noted.get(quote.symbol)
        if noted is None or noted[0] < hour:
            self._noted[quote.symbol] = hour, held

    def at(self, due: FundingRate, held: Decimal) -> Decimal:
        """Return what was held when a funding was due; ``held``, what is held now, where that is not known."""
        noted = self._noted.get(due.symbol)
        return noted[1] if noted is not None and noted[0] == due.minute else held

    def export(self) -> dict[str, list[int | str]]:
        """Return it as JSON values."""
        return {symbol: [hour, str(qty)] for symbol, (hour, qty) in self._noted.items()}

    def restore(self, stored: dict[str, list[int | str]]) -> None:
        """Take over what ``export`` gave."""
        self._noted = {symbol: (int(hour), Decimal(qty)) for symbol, (hour, qty) in stored.items()}
