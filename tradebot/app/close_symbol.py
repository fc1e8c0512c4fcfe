"""Out of one symbol: its orders cancelled, its positions closed at market, and only then its stops.

Every request only cancels or reduces, so one whose fate nobody knows may be sent again.
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Callable
from decimal import Decimal

from tradebot.broker.account_view import AccountHoldings
from tradebot.broker.outcomes import Fate, judge_order
from tradebot.core.model.account import OrderRead, PositionRead
from tradebot.core.model.errors import ExchangeError
from tradebot.core.model.facts import INSTRUMENTS
from tradebot.core.model.money import plain
from tradebot.core.model.values import Side
from tradebot.guard.diary import Diary
from tradebot.wire import endpoints
from tradebot.wire.budget import Need
from tradebot.wire.client import LATE, Wire
from tradebot.wire.public import venue_symbol
from tradebot.wire.reply import Reply

BLOCKED = -4118
"""Resting reduce-only orders leave no room for a close."""
TOO_LARGE = (-4005, -2027, -1111)
"""A close was more than one market order may be."""
TARGETS = ("TAKE_PROFIT_MARKET", "TAKE_PROFIT")
"""What may go before a position is closed, where it blocks the close: never a stop."""
TRIES = 12
"""How often one piece is tried in a round: halved, with the clocks compared, with what blocks it gone."""

PREFIX = "closeall-"
"""How the names of the orders begin: engines know by it whose they are."""

Told = Callable[[str], None]


class SymbolCloser:
    """Sends what closes; each request is in the ``diary`` before it leaves. ``sent_at`` is when the last one did.

    ``sent_at`` is in seconds of the wire's monotonic clock.
    """

    def __init__(self, wire: Wire, diary: Diary, told: Told) -> None:
        self.sent_at = wire.clock.monotonic()
        self._wire = wire
        self._diary = diary
        self._told = told
        self._stem = f"{PREFIX}{secrets.token_hex(4)}"
        self._count = 0
        self._largest: dict[str, Decimal] = {}

    async def close(self, symbol: str, found: AccountHoldings) -> None:
        """Do for a symbol what a read asks for.

        Its stops go only where a read that saw orders before positions shows nothing held and nothing resting: an
        order that was resting, or one that could not be read, may have filled since the positions were read.
        """
        held = [position for position in found.positions if position.symbol == symbol]
        algos = [order for order in found.algos if order.symbol == symbol]
        resting = any(order.symbol == symbol for order in found.orders)
        if resting:
            await self._cancel_orders(symbol)
        if held:
            await asyncio.gather(*(self._leave(position, algos) for position in held))
        elif not resting and found.exposure_known and found.in_order:
            await self._cancel_algos(algos)

    # -- cancels -----------------------------------------------------------------------------------------

    async def _cancel_orders(self, symbol: str) -> None:
        await self._ask("cancel", endpoints.CANCEL_OPEN, {"symbol": venue_symbol(symbol)}, symbol)

    async def _cancel_algos(self, orders: list[OrderRead]) -> None:
        await asyncio.gather(*(self._cancel_algo(order) for order in orders))

    async def _cancel_algo(self, order: OrderRead) -> None:
        params = {"algoId": order.venue_id.partition(":")[2]}
        await self._ask("cancel", endpoints.CANCEL_ALGO, params, order.symbol)

    # -- closes ------------------------------------------------------------------------------------------

    async def _leave(self, position: PositionRead, algos: list[OrderRead]) -> None:
        """Close a position at market, in as many pieces as the exchange wants; what fails is read again first."""
        left = abs(position.qty)
        blocked = 0
        for _ in range(TRIES):
            piece = self._piece(position, left)
            reply = await self._send(position, piece)
            if reply.ok:
                left -= piece
            elif reply.code == BLOCKED and blocked < 2:
                blocked += 1
                await self._make_room(position.symbol, algos, blocked)
            elif reply.code in TOO_LARGE and piece > self._step(position):
                self._largest[position.symbol] = piece / 2
            elif reply.code == LATE:
                await self._compare_clocks()
            else:
                self._told(f"{position.symbol}: {reply.message}")
                return
            if left <= 0:
                return

    async def _make_room(self, symbol: str, algos: list[OrderRead], time: int) -> None:
        """Cancel what blocks a close: regular orders first; if that was not it, targets. Never a stop."""
        if time == 1:
            await self._cancel_orders(symbol)
        else:
            await self._cancel_algos([order for order in algos if order.kind in TARGETS])

    def _piece(self, position: PositionRead, left: Decimal) -> Decimal:
        known, step = INSTRUMENTS.get(position.symbol), self._step(position)
        most = self._largest.get(position.symbol) or (known.market_max_qty if known else left)
        return min(left, max(step, most - most % step))

    def _step(self, position: PositionRead) -> Decimal:
        known = INSTRUMENTS.get(position.symbol)
        return known.step if known else Decimal(1).scaleb(int(position.qty.as_tuple().exponent))

    async def _send(self, position: PositionRead, qty: Decimal) -> Reply:
        self._count += 1
        name = f"{self._stem}-{self._count}"
        side = Side.SELL if position.qty > 0 else Side.BUY
        params = {
            "symbol": venue_symbol(position.symbol),
            "side": side.value.upper(),
            "type": "MARKET",
            "quantity": plain(qty),
            "newClientOrderId": name,
            "newOrderRespType": "RESULT",
        }
        # in hedge mode the side of the position says that it closes
        hedge = position.hedge
        params |= {"positionSide": hedge.upper()} if hedge else {"reduceOnly": "true"}
        self._told(f"{position.symbol}: closing {plain(qty)}")
        reply = await self._ask(
            *("close", endpoints.ORDER, params, position.symbol),
            side=hedge or ("long" if position.qty > 0 else "short"),
            entry=plain(position.entry),
            mark=None if position.mark is None else plain(position.mark),
        )
        number = reply.body.get("orderId") if reply.ok and isinstance(reply.body, dict) else None
        await self._diary.note(
            "answer", symbol=position.symbol, id=name, order=number, **_word(reply, name)
        )
        return reply

    async def _ask(
        self,
        step: str,
        endpoint: endpoints.Endpoint,
        params: dict[str, str],
        symbol: str,
        **more: str | None,
    ) -> Reply:
        """Put a request on record, then send it."""
        await self._diary.note(step, symbol=symbol, path=endpoint.path, params=params, **more)
        reply = await self._wire.ask(endpoint, params, Need.PROTECTIVE)
        self.sent_at = self._wire.clock.monotonic()
        return reply

    async def _compare_clocks(self) -> None:
        try:
            await self._wire.measure()
        except ExchangeError as error:
            self._told(error.message)


def _word(reply: Reply, name: str) -> dict[str, object]:
    """Return what became of a close; ``void`` says that it was certainly not taken."""
    if reply.ok:
        return {"ok": True}
    void = judge_order(reply, name, algo=False).fate in (Fate.NOT_SENT, Fate.REJECTED)
    return {"ok": False, "code": reply.code, "said": reply.message, "void": void}
