"""Market data by REST, as the exchange gives it: no key, no account."""

from __future__ import annotations

from typing import Any, Literal

from tradebot.core.model.errors import ExchangeError
from tradebot.wire import endpoints
from tradebot.wire.budget import Need
from tradebot.wire.client import Wire
from tradebot.wire.endpoints import Endpoint
from tradebot.wire.reply import NOT_ITS_OWN

MOST_KLINES = 1500
"""What one call gives at most."""

Rows = list[list[Any]]


def venue_symbol(symbol: str) -> str:
    """Return Binance's name of a symbol: ``BTC/USDT`` is ``BTCUSDT``."""
    return symbol.replace("/", "")


class PublicData:
    """Reads market data. Every method raises ExchangeError where it cannot be had, after repeats."""

    def __init__(self, wire: Wire) -> None:
        self._wire = wire

    async def exchange_info(self) -> dict[str, Any]:
        """Return the rules of every symbol: without them nothing begins, however much of the budget is used."""
        value = await self._wire.read(endpoints.EXCHANGE_INFO, {}, Need.LOOK_UP)
        return value if isinstance(value, dict) else self._complain(endpoints.EXCHANGE_INFO)

    async def klines(
        self,
        symbol: str,
        interval: str,
        start: int | None = None,
        end: int | None = None,
        limit: int = MOST_KLINES,
        *,
        price: Literal["trade", "mark"] = "trade",
    ) -> Rows:
        """Return rows of 12 columns, oldest first; the last may still be open. Times are open times, UTC ms."""
        endpoint = endpoints.KLINES if price == "trade" else endpoints.MARK_KLINES
        return await self._list(
            endpoint,
            *(("symbol", venue_symbol(symbol)), ("interval", interval), ("startTime", start)),
            *(("endTime", end), ("limit", limit)),
        )

    async def funding_rates(
        self, symbol: str, start: int | None = None, end: int | None = None, limit: int = 1000
    ) -> list[dict[str, Any]]:
        """Return fundings that have been due, oldest first: symbol, fundingTime, fundingRate, markPrice."""
        return await self._list(
            endpoints.FUNDING_RATE,
            *(("symbol", venue_symbol(symbol)), ("startTime", start), ("endTime", end)),
            ("limit", limit),
        )

    async def premium_index(self, symbol: str) -> dict[str, Any]:
        """Return mark price, funding rate and the next funding's time of a symbol."""
        return await self._dict(endpoints.PREMIUM_INDEX, ("symbol", venue_symbol(symbol)))

    async def book_ticker(self, symbol: str) -> dict[str, Any]:
        """Return the best bid and ask of a symbol."""
        return await self._dict(endpoints.BOOK_TICKER, ("symbol", venue_symbol(symbol)))

    async def _dict(self, endpoint: Endpoint, *params: tuple[str, Any]) -> dict[str, Any]:
        value = await self._read(endpoint, params)
        return value if isinstance(value, dict) else self._complain(endpoint)

    async def _list(self, endpoint: Endpoint, *params: tuple[str, Any]) -> list[Any]:
        value = await self._read(endpoint, params)
        return value if isinstance(value, list) else self._complain(endpoint)

    async def _read(self, endpoint: Endpoint, params: tuple[tuple[str, Any], ...]) -> Any:
        return await self._wire.read(endpoint, {k: v for k, v in params if v is not None})

    def _complain(self, endpoint: Endpoint) -> Any:
        host = self._wire.hosts.host
        text = f"{host} answered {endpoint.path} with something that is not its own"
        raise ExchangeError(text, hint=NOT_ITS_OWN)
