"""Which orders a position came from, by the account's own fills: whose it is where no journal tells.

Bounded: by the fills that the exchange shows of the last seven days, the newest 500 of a symbol, and the newest orders of those.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from decimal import Decimal

from tradebot.broker import rows
from tradebot.broker.figures import MALFORMED
from tradebot.broker.order_look_up import OrderLookUp
from tradebot.broker.rows import Row
from tradebot.core.model.account import PositionRead
from tradebot.core.model.errors import ExchangeError
from tradebot.core.model.money import ZERO
from tradebot.core.model.values import Fill, Side
from tradebot.wire import endpoints
from tradebot.wire.budget import Need
from tradebot.wire.client import Wire
from tradebot.wire.public import venue_symbol

MOST_ORDERS = 10
"""Orders that are asked for by their number: a position of a bot comes from one or two."""


async def opening_orders(wire: Wire, position: PositionRead) -> list[str]:
    """Return the client ids of the orders that a position came from, the newest first; ExchangeError where it cannot be read."""
    params = {"symbol": venue_symbol(position.symbol), "limit": "500"}
    found = await wire.read(endpoints.TRADES, params, Need.LOOK_UP)
    try:
        numbers = opening_numbers(_fills(found), position.qty)
    except MALFORMED as error:
        text = f"the fills of {position.symbol} cannot be read ({error})"
        raise ExchangeError(text) from None
    look_up = OrderLookUp(wire)
    return [await look_up.name(position.symbol, number) for number in numbers[:MOST_ORDERS]]


async def opened_by(wire: Wire, position: PositionRead, ours: Callable[[str], bool]) -> str:
    """Return the first of the orders that a position came from which is ``ours``, "" if none is.

    ExchangeError where that cannot be told: an order of which nothing is said may be ours.
    """
    names = await opening_orders(wire, position)
    found = next(filter(ours, names), "")
    if not found and "" in names:
        raise ExchangeError(f"nobody could say who opened the position on {position.symbol}")
    return found


def _fills(found: Sequence[Row]) -> list[Fill]:
    fills = []
    for row in found:
        fills += [event.fill for event in rows.filled(row, "", 0) if hasattr(event, "fill")]
    return sorted(fills, key=lambda fill: (fill.time, fill.trade_id))


def opening_numbers(fills: Sequence[Fill], held: Decimal) -> list[str]:
    """Return the exchange's numbers of the orders that opened or enlarged a position, the newest first.

    ``fills`` are in the order of the exchange, ``held`` what is held after them (signed base units). What came before the
    position was last flat, or on the other side, is not of it.
    """
    numbers: dict[str, None] = {}
    long = held > ZERO
    for fill in reversed(fills):
        if held == ZERO or (held > ZERO) != long:
            break
        bought = fill.side is Side.BUY
        if bought == long:
            numbers[fill.venue_id] = None
        held -= fill.qty if bought else -fill.qty
    return list(numbers)
