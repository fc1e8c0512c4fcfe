"""Out of everything on an account: cancel, close, and read until nothing is left. No engine, no journal needed.

It covers what is on the account's USD-M side, whoever opened it. The proof is two complete reads that show nothing,
the last one begun when no request on its way can still arrive.
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Callable, Iterator, Sequence
from decimal import Decimal
from typing import Any

from tradebot.app.account import Access
from tradebot.broker import account_view
from tradebot.broker.account_view import AccountHoldings
from tradebot.clock import SYSTEM, Clock
from tradebot.core.model.account import OrderRead, PositionRead
from tradebot.core.model.errors import ExchangeError, LeftoverError
from tradebot.core.model.facts import INSTRUMENTS
from tradebot.core.model.money import plain
from tradebot.core.model.values import Side
from tradebot.wire import endpoints
from tradebot.wire.budget import Need
from tradebot.wire.client import RECV_WINDOW_MS, Wire
from tradebot.wire.public import venue_symbol
from tradebot.wire.reply import Reply

ARRIVED_S = RECV_WINDOW_MS / 1000 + 1
"""Seconds after which a request that was sent can no longer arrive: the exchange refuses it."""
AGAIN_S, LONGEST_S = 0.5, 3.0
"""Seconds between two rounds, growing: a complete read is dear."""
BLOCKED = -4118
"""Resting reduce-only orders leave no room for a close."""
TOO_LARGE = (-4005, -2027, -1111)
"""A close was more than one market order may be."""
HOPELESS = ("(-1022)", "(-2014)", "(-2015)")
"""Ends of refusals that the next try meets as well: a key, its secret or its address is not right."""
TARGET = "TAKE_PROFIT_MARKET"

Told = Callable[[str], None]
Rows = list[dict[str, Any]]


async def flatten(access: Access, wait_s: float, told: Told, clock: Clock = SYSTEM) -> Rows:
    """Close everything; return what is left after ``wait_s`` seconds at most, empty when it is proved that nothing is.

    Raises LeftoverError where the account cannot be read.
    """
    async with access.wire(clock) as wire:
        return await Flattening(wire, told).run(wait_s)


class Flattening:
    """One close-all of one account."""

    def __init__(self, wire: Wire, told: Told) -> None:
        self._wire = wire
        self._told = told
        self._stem = f"close-{secrets.token_hex(4)}"
        self._count = 0
        self._sent_at = wire.clock.monotonic()
        self._largest: dict[str, Decimal] = {}
        self._blocked: set[str] = set()

    async def run(self, wait_s: float) -> Rows:
        """Work in rounds until two complete reads show nothing; what is open when the time is up is returned.

        The second read may come after the time is up: without it nothing is proved.
        """
        until, clean, pause = self._now + wait_s, False, AGAIN_S
        while True:
            begun, found = await self._look(until)
            if found.is_empty:
                if clean and begun >= self._sent_at + ARRIVED_S:
                    return []
                clean = True
                await asyncio.sleep(max(0.0, self._sent_at + ARRIVED_S - self._now))
                continue
            clean = False
            await self._act(found)
            if self._now >= until or any(text.endswith(HOPELESS) for text in found.strange):
                return _remaining(found)
            await asyncio.sleep(pause)
            pause = min(pause * 1.5, LONGEST_S)

    async def _look(self, until: float) -> tuple[float, AccountHoldings]:
        """Return a read and when it was begun; what could not be read of it is said in it."""
        try:
            await self._wait_for_ban(until)
            begun = self._now
            return begun, await self._read()
        except ExchangeError as error:
            return self._now, AccountHoldings(strange=(error.message,), positions_known=False)

    @property
    def _now(self) -> float:
        return self._wire.clock.monotonic()

    async def _wait_for_ban(self, deadline: float) -> None:
        left = self._wire.banned_s
        if not left:
            return
        text = f"the exchange has banned this address for {left:.0f} s more: nothing can be sent"
        self._told(text)
        if self._now + left > deadline:
            raise ExchangeError(text)
        await self._wire.sit_out()

    async def _read(self) -> AccountHoldings:
        if self._wire.time.is_unknown:
            await self._wire.measure()
        return await account_view.read_holdings(self._wire, Need.PROTECTIVE, lenient=True)

    # -- one round -------------------------------------------------------------------------------------

    async def _act(self, found: AccountHoldings) -> None:
        """Do what a read asks for, all symbols at once."""
        names = found.symbols
        self._told(f"closing {', '.join(names)}")
        await asyncio.gather(*(self._act_on(name, found) for name in names))

    async def _act_on(self, symbol: str, found: AccountHoldings) -> None:
        """Cancel a symbol's orders and close its positions; stops go only when it reads flat."""
        held = [position for position in found.positions if position.symbol == symbol]
        algos = [order for order in found.algos if order.symbol == symbol]
        resting = any(order.symbol == symbol for order in found.orders)
        if resting:
            await self._ask(endpoints.CANCEL_OPEN, {"symbol": venue_symbol(symbol)})
        if symbol in self._blocked:  # its targets may be what blocks the close; never a stop
            algos = [order for order in algos if order.kind == TARGET]
        elif held or resting or not found.positions_known:
            algos = []  # an order that was resting may have filled since the positions were read
        for order in algos:
            await self._cancel_algo(order)
        for position in held:
            await self._close(position)

    async def _cancel_algo(self, order: OrderRead) -> None:
        await self._ask(endpoints.CANCEL_ALGO, {"algoId": order.venue_id.partition(":")[2]})

    async def _close(self, position: PositionRead) -> None:
        """Close a position at market: it only reduces, so a close whose fate nobody knows may be sent again."""
        for qty in self._pieces(position):
            reply = await self._ask(endpoints.ORDER, self._order(position, qty))
            if reply.code == BLOCKED:
                self._blocked.add(position.symbol)
            elif reply.code in TOO_LARGE:
                self._largest[position.symbol] = qty / 2
            if not reply.ok:
                self._told(f"{position.symbol}: {reply.message}")
                return

    def _pieces(self, position: PositionRead) -> Iterator[Decimal]:
        known, left = INSTRUMENTS.get(position.symbol), abs(position.qty)
        step = known.step if known else Decimal(1).scaleb(int(position.qty.as_tuple().exponent))
        most = self._largest.get(position.symbol) or (known.market_max_qty if known else left)
        most = max(step, most - most % step)
        while left > 0:
            piece = min(left, most)
            yield piece
            left -= piece

    def _order(self, position: PositionRead, qty: Decimal) -> dict[str, str]:
        self._count += 1
        side = Side.SELL if position.qty > 0 else Side.BUY
        params = {
            "symbol": venue_symbol(position.symbol),
            "side": side.value.upper(),
            "type": "MARKET",
            "quantity": plain(qty),
            "newClientOrderId": f"{self._stem}-{self._count}",
        }
        if position.hedge:  # there the side of the position says that it closes
            return params | {"positionSide": position.hedge.upper()}
        return params | {"reduceOnly": "true"}

    async def _ask(self, endpoint: endpoints.Endpoint, params: dict[str, str]) -> Reply:
        reply = await self._wire.ask(endpoint, params, Need.PROTECTIVE)
        self._sent_at = self._now
        return reply


def _remaining(found: AccountHoldings) -> Rows:
    """Return what is left; LeftoverError where some of it could not be read, which is never nothing."""
    rows = rows_of(found)
    if not found.strange:
        return rows
    names = (
        ", ".join(f"{row['symbol']} {row['what']} {row['qty']}" for row in rows) or "nothing else"
    )
    raise LeftoverError(
        f"trading is halted, but the account cannot be read whole: {'; '.join(found.strange)}; open: {names}",
        hint="run close-all again; the exchange's own page shows what is open",
    )


def rows_of(found: AccountHoldings) -> Rows:
    """Return what is open as the rows of an answer."""
    held = [
        {
            "symbol": item.symbol,
            "side": item.hedge or ("long" if item.qty > 0 else "short"),
            "qty": plain(abs(item.qty)),
            "what": "position",
        }
        for item in found.positions
    ]
    return [*held, *_order_rows(found.orders, "order"), *_order_rows(found.algos, "stop or target")]


def _order_rows(orders: Sequence[OrderRead], what: str) -> Rows:
    return [
        {"symbol": item.symbol, "side": item.side.value, "qty": plain(item.qty), "what": what}
        for item in orders
    ]
