"""The broker alone before a venue: what it is asked, and what it says."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, TypeVar

from kits.wire_kit import Line, connected
from tradebot.broker.binance import BinanceBroker
from tradebot.core.model.approved import SEAL, Approved
from tradebot.core.model.events import Event, OrderSeen, OrderUpdate
from tradebot.core.model.values import Order, OrderType, Purpose, Side

BTC = "BTC/USDT"
D = Decimal
_Told = TypeVar("_Told")


@dataclass
class BrokerDesk:
    """A broker at work, with everything it has said."""

    line: Line
    broker: BinanceBroker
    said: list[Event] = field(default_factory=list)
    obstacle: Callable[[Approved], str] = lambda _: ""
    number: int = 0

    def of(self, kind: type[_Told]) -> list[_Told]:
        return [event for event in self.said if isinstance(event, kind)]

    async def until(self, true: Callable[[], Any]) -> Any:
        """Wait for a condition, with patience."""
        async with asyncio.timeout(60):
            while not (found := true()):
                await asyncio.sleep(0.005)
        return found

    def order(self, letter: str = "e", **changes: Any) -> Order:
        """Return an order: e a market entry, x its close, s a stop far below, t a target far above."""
        self.number += 1
        kinds = {"s": OrderType.STOP_MARKET, "t": OrderType.TAKE_PROFIT_MARKET}
        words: dict[str, Any] = {
            "side": Side.BUY if letter == "e" else Side.SELL,
            "type": kinds.get(letter, OrderType.MARKET),
            "qty": D("0.002"),
            "reduce_only": letter != "e",
            "purpose": Purpose(letter),
            "trigger": {"s": D(70_000), "t": D(90_000)}.get(letter),
        }
        return Order(f"tbabcdef-0a0b0c0d-{self.number}{letter}", BTC, **{**words, **changes})

    def send(self, order: Order) -> Order:
        self.broker.send(Approved(order, 0, SEAL), 0)
        return order

    async def word(self, order: Order, number: int = 1) -> OrderUpdate:
        """Wait for the broker's n-th word on an order."""
        found = await self.until(lambda: self.words(order)[number - 1 : number])
        word: OrderUpdate = found[0]
        return word

    def words(self, order: Order) -> list[OrderUpdate]:
        return [word for word in self.of(OrderUpdate) if word.order_id == order.id]

    async def seen(self, number: int = 1) -> OrderSeen:
        found = await self.until(lambda: self.of(OrderSeen)[number - 1 : number])
        seen: OrderSeen = found[0]
        return seen


@asynccontextmanager
async def serving(
    *args: Any, faults: Sequence[dict[str, Any]] = (), listening: bool = True, **named: Any
) -> AsyncIterator[BrokerDesk]:
    """Serve a broker on a venue; with ``listening`` it has its stream and knows the account's settings first."""
    async with connected(*args, **named) as line:
        counter = BrokerDesk(line, BinanceBroker(line.wire, [BTC]))
        task = asyncio.create_task(
            counter.broker.serve(counter.said.append, lambda approved: counter.obstacle(approved))
        )
        try:
            if listening:
                await counter.until(
                    lambda: counter.broker._stream.connected and counter.broker._is_set
                )
                await counter.until(lambda: counter.broker._rules.known)
                counter.broker._baselines.known = True  # an engine would have had the account read
                await counter.until(lambda: not counter.broker._errands.busy)
            line.venue.faults.set(list(faults))
            yield counter
        finally:
            line.venue.faults.set([])
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task
