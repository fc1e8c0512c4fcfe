"""Finding out what became of an order: the service it was sent to, the open list, the fills, the history.

One missing read proves nothing. Only when every source answered and none of them knows the order is it said that
the exchange has none; how often that must be said, and when, before it is believed is the engine's to decide.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from typing import Any

from tradebot.broker import parameters, rows
from tradebot.broker.figures import ALGO_PREFIX, MALFORMED
from tradebot.broker.parameters import is_algo, query_regular
from tradebot.core.model.effects import LookUp
from tradebot.core.model.events import Event, OrderSeen
from tradebot.core.model.values import MINUTE_MS
from tradebot.wire import endpoints
from tradebot.wire.budget import Need
from tradebot.wire.client import Wire
from tradebot.wire.endpoints import Endpoint
from tradebot.wire.public import venue_symbol

NO_ORDER = (-2013, -2011)
"""The exchange's words for an order it does not have."""
SINCE_MS = 10 * MINUTE_MS
"""How far back fills are looked through for an order whose number is not known."""
MOST_NUMBERS = 10
"""Numbers of unknown orders that are asked about in one look-up: the newest."""

Row = Mapping[str, Any]


class Unanswered(Exception):
    """A source gave no answer that can be believed: nothing is known."""


class OrderLookUp:
    """Asks the exchange after orders. ``names`` are the client ids of the order numbers known so far."""

    def __init__(self, wire: Wire) -> None:
        self.names: dict[tuple[str, str], str] = {}
        self._wire = wire

    async def find(self, asked: LookUp) -> list[Event]:
        """Return what the exchange knows of an order, its fills first; nothing where nobody can say."""
        now = self._wire.time.now()
        try:
            if asked.order_id.startswith("tb") and is_algo(asked.order_id):
                seen = await self._find_algo(asked, now)
            else:
                seen = await self._find_regular(asked, now)
            if seen is None:
                return [
                    OrderSeen(
                        now, asked.symbol, asked.order_id, None, now, now, venue_id=asked.venue_id
                    )
                ]
            return [*await self._fills(seen), seen]
        except Unanswered:
            return []
        except MALFORMED as error:  # a state or a symbol that nobody here knows
            return [rows.not_understood(error, now)]

    def learn(self, symbol: str, venue_id: str, order_id: str) -> None:
        """Remember whose order a number is."""
        if venue_id and order_id:
            self.names[symbol, venue_id] = order_id

    async def name(self, symbol: str, venue_id: str) -> str:
        """Return the client's id of an order's number, "" where it cannot be had."""
        known = self.names.get((symbol, venue_id))
        if known is None:
            try:
                row = await self._row(*query_regular(symbol, venue_id=venue_id))
            except Unanswered:
                return ""
            known = "" if row is None else str(row.get("clientOrderId", ""))
            self.learn(symbol, venue_id, known)
        return known

    # -- regular orders --------------------------------------------------------------------------------

    async def _find_regular(self, asked: LookUp, now: int) -> OrderSeen | None:
        row = await self._row(*query_regular(asked.symbol, asked.order_id, asked.venue_id))
        if row is None:
            row = await self._among_open(asked)
        if row is None and asked.order_id:
            row = await self._behind_fills(asked, now)
        if row is not None:
            return await self._regular(row, now)
        return await self._as_child(asked, now) if asked.venue_id else None

    async def _regular(self, row: Row, now: int) -> OrderSeen:
        """Return a regular order; one that a stop has become under another id is told as the stop."""
        seen = rows.seen_order(row, now)
        if not seen.order_id.startswith("tb"):
            parent = await self._as_child(LookUp(seen.symbol, "", seen.venue_id), now)
            return seen if parent is None else parent
        if is_algo(seen.order_id):
            return replace(seen, venue_id="", child_id=seen.venue_id)
        return seen

    async def _among_open(self, asked: LookUp) -> Row | None:
        found = await self._rows(endpoints.OPEN_ORDERS, asked.symbol)
        return _pick(found, clientOrderId=asked.order_id, orderId=asked.venue_id)

    async def _behind_fills(self, asked: LookUp, now: int) -> Row | None:
        """Look through the newest fills: rows have no client id, so each unknown number is asked about."""
        fills = await self._rows(endpoints.TRADES, asked.symbol, startTime=str(now - SINCE_MS))
        numbers = dict.fromkeys(str(row["orderId"]) for row in reversed(fills))
        for number in list(numbers)[:MOST_NUMBERS]:
            if await self.name(asked.symbol, number) == asked.order_id:
                return await self._row(*query_regular(asked.symbol, venue_id=number))
        return None

    # -- stops and targets --------------------------------------------------------------------------------

    async def _find_algo(self, asked: LookUp, now: int) -> OrderSeen | None:
        row = await self._row(*parameters.query(asked.symbol, asked.order_id))
        for endpoint in (endpoints.OPEN_ALGOS, endpoints.ALL_ALGOS):
            if row is None:
                found = await self._rows(endpoint, asked.symbol)
                row = _pick(found, clientAlgoId=asked.order_id)
        if row is not None:
            seen = rows.seen_algo(row, now)
            self.learn(seen.symbol, seen.child_id, seen.order_id)
            return seen
        child = await self._row(*query_regular(asked.symbol, asked.order_id))
        return None if child is None else await self._regular(child, now)

    async def _as_child(self, asked: LookUp, now: int) -> OrderSeen | None:
        """Return the stop or target that has become the regular order of a number."""
        found = await self._rows(endpoints.ALL_ALGOS, asked.symbol)
        row = _pick(found, actualOrderId=asked.venue_id)
        return None if row is None else rows.seen_algo(row, now)

    # -- fills ----------------------------------------------------------------------------------------------

    async def _fills(self, seen: OrderSeen) -> list[Event]:
        """Return an order's fills as far as they can be had: without them it is seen all the same."""
        number = seen.child_id or seen.venue_id
        if not seen.filled or number.startswith(ALGO_PREFIX):
            return []
        try:
            found = await self._rows(endpoints.TRADES, seen.symbol, orderId=number)
        except Unanswered:
            return []
        told: list[Event] = []
        make = partial(rows.filled, order_id=seen.order_id, at=seen.asked)
        for row in found:
            told += rows.understood(make, row, seen.asked)
        return told

    # -- reading ----------------------------------------------------------------------------------------------

    async def _row(self, endpoint: Endpoint, params: Mapping[str, str]) -> Row | None:
        """Return an order, None if the exchange says that it has none; Unanswered if it says anything else."""
        reply = await self._wire.repeat(endpoint, params, Need.LOOK_UP)
        if reply.ok and isinstance(reply.body, dict) and "symbol" in reply.body:
            return reply.body
        if reply.status is not None and 400 <= reply.status < 500 and reply.code in NO_ORDER:
            return None
        raise Unanswered(reply.message)

    async def _rows(self, endpoint: Endpoint, symbol: str, **params: str) -> list[Row]:
        wanted = {"symbol": venue_symbol(symbol), **params}
        reply = await self._wire.repeat(endpoint, wanted, Need.LOOK_UP)
        if reply.ok and isinstance(reply.body, list):
            return reply.body
        raise Unanswered(reply.message)


def _pick(found: list[Row], **ids: str) -> Row | None:
    """Return the row that has one of the ids given."""
    wanted = {name: value for name, value in ids.items() if value}
    for row in found:
        if any(str(row.get(name)) == value for name, value in wanted.items()):
            return row
    return None
