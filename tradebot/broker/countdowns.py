"""Countdowns as they were asked for and answered: one after the other by symbol, and no resting entry without one."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any

from tradebot.core.model.values import Order, OrderType, TimeInForce
from tradebot.wire import endpoints
from tradebot.wire.budget import Need
from tradebot.wire.client import Wire
from tradebot.wire.public import venue_symbol

UNANSWERED = (
    "the exchange has not acknowledged the countdown that cancels it should this process die"
)


class AskedCountdowns:
    """What was asked for each symbol, and whether the exchange has acknowledged it.

    Where they are ``wanted`` none may rest of which nothing was asked.
    """

    def __init__(self, wire: Wire) -> None:
        self.wanted = False
        self._wire = wire
        self._count = 0
        self._last: dict[str, asyncio.Future[bool]] = {}

    def ask(self, symbol: str, ms: int) -> tuple[str, Coroutine[Any, Any, None]]:
        """Return what asks for a countdown, with a name for it; it waits for what was asked before."""
        self._count += 1
        before = self._last.get(symbol)
        told = self._last[symbol] = asyncio.get_running_loop().create_future()
        return f"countdown {symbol} {self._count}", self._tell(symbol, ms, before, told)

    async def _tell(
        self, symbol: str, ms: int, before: asyncio.Future[bool] | None, told: asyncio.Future[bool]
    ) -> None:
        acknowledged = False
        try:
            if before is not None:
                await asyncio.wait({before})
            params = {"symbol": venue_symbol(symbol), "countdownTime": str(ms)}
            reply = await self._wire.repeat(endpoints.COUNTDOWN, params, Need.PROTECTIVE)
            acknowledged = reply.ok and ms > 0
        finally:
            if not told.done():
                told.set_result(acknowledged)

    def drop(self) -> None:
        """Nobody tells any more what was asked for: it is not acknowledged, and nothing waits for it."""
        for told in self._last.values():
            if not told.done():
                told.set_result(False)

    async def obstacle(self, order: Order) -> str:
        """Return why an order may not leave, once that is known; "" for one that does not rest, or needs no countdown."""
        last = self._last.get(order.symbol)
        rests = order.type is OrderType.LIMIT and order.tif is not TimeInForce.IOC
        if order.reduce_only or not rests:
            return ""
        if last is None:
            return UNANSWERED if self.wanted else ""
        await asyncio.wait({last})
        return "" if last.result() else UNANSWERED
