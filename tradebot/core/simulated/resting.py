"""Our resting orders on the simulated exchange, and the limits on reduce-only ones (rule 8)."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal

from tradebot.core.model.money import ZERO
from tradebot.core.model.values import Order, OrderType, Side

CONDITIONAL = frozenset({OrderType.STOP_MARKET, OrderType.TAKE_PROFIT_MARKET})
"""Order types that wait for a trigger; each may be as large as the position by itself."""

_NEVER = -1


@dataclass(slots=True)
class Resting:
    """An accepted order: ``left`` is what remains of it (base units).

    ``eligible_at``: first moment (UTC ms) it may be judged; ``arrived``: it has been, once;
    ``triggered``: its trigger was met; ``waits``: in a bar without volume, and nothing filled since; ``cancel_at``: when a requested cancel takes effect;
    ``live_bar``/``live_level``: bar (open time) inside which a stop went live, and the price there;
    ``queue``: size still ahead of a limit on quotes; ``filled``: what was executed of it.
    """

    order: Order
    left: Decimal
    seq: int
    eligible_at: int
    level: Decimal
    rises: bool
    near: float
    arrived: bool = False
    triggered: bool = False
    cancel_at: int | None = None
    live_bar: int = _NEVER
    live_level: Decimal = ZERO
    queue: Decimal = ZERO
    filled: Decimal = ZERO
    waits: bool = False

    @classmethod
    def of(cls, order: Order, left: Decimal, seq: int, eligible_at: int) -> Resting:
        """Wrap an accepted order.

        ``level`` is its limit or trigger (0 for a market order); ``rises`` says whether a rising
        price meets it; ``near`` is the level as a float, for comparisons that only rule out: a
        market order has none, and no comparison with NaN rules anything out.
        """
        level = order.price or order.trigger
        rises = (order.side is Side.BUY) == (order.type is OrderType.STOP_MARKET)
        near = math.nan if level is None else float(level)
        return cls(order, left, seq, eligible_at, level or ZERO, rises, near)

    def reached(self, price: Decimal) -> bool:
        """Whether a price is at or past the level."""
        return price >= self.level if self.rises else price <= self.level

    def passed(self, price: Decimal, tick: Decimal) -> bool:
        """Whether a price is past the level by a tick or more."""
        return price >= self.level + tick if self.rises else price <= self.level - tick

    def out_of_reach(self, low: float, high: float) -> bool:
        """Whether prices from ``low`` to ``high`` certainly stay short of the level."""
        return high < self.near if self.rises else low > self.near


class UsedIds:
    """Order ids ever accepted, kept by stem (up to the last dash) so that they store small."""

    __slots__ = ("_tails",)

    def __init__(self) -> None:
        self._tails: dict[str, dict[str, None]] = {}

    def add(self, order_id: str) -> None:
        """Remember an id."""
        stem, _, tail = order_id.rpartition("-")
        self._tails.setdefault(stem, {})[tail] = None

    def __contains__(self, order_id: str) -> bool:
        stem, _, tail = order_id.rpartition("-")
        return tail in self._tails.get(stem, ())

    def export(self) -> dict[str, list[str]]:
        """Return the tails by stem."""
        return {stem: list(tails) for stem, tails in self._tails.items()}

    def restore(self, stored: dict[str, list[str]]) -> None:
        """Take over what ``export`` gave."""
        self._tails = {stem: dict.fromkeys(tails) for stem, tails in stored.items()}


class RestingOrders:
    """Working orders by symbol, in order of submission. A symbol without any has no key."""

    __slots__ = ("orders", "seq", "used")

    def __init__(self) -> None:
        self.orders: dict[str, list[Resting]] = {}
        self.used = UsedIds()
        self.seq = 0

    def add(self, order: Order, left: Decimal, eligible_at: int) -> Resting:
        """Put an accepted order behind all others."""
        self.seq += 1
        resting = Resting.of(order, left, self.seq, eligible_at)
        self.orders.setdefault(order.symbol, []).append(resting)
        self.used.add(order.id)
        return resting

    def of(self, symbol: str) -> Sequence[Resting]:
        """Working orders of a symbol by submission."""
        return self.orders.get(symbol, ())

    def after(self, symbol: str, seq: int) -> Iterator[Resting]:
        """Orders submitted after number ``seq``; a fresh look at the book on each call."""
        return (resting for resting in tuple(self.of(symbol)) if resting.seq > seq)

    def find(self, symbol: str, order_id: str) -> Resting | None:
        """Return a working order by id."""
        for resting in self.of(symbol):
            if resting.order.id == order_id:
                return resting
        return None

    def remove(self, resting: Resting) -> None:
        """Take an order out of the book; one that is no longer in it is left alone."""
        symbol = resting.order.symbol
        kept = [other for other in self.of(symbol) if other is not resting]
        if kept:
            self.orders[symbol] = kept
        else:
            self.orders.pop(symbol, None)

    def room(self, symbol: str, held: Decimal) -> Decimal:
        """How much another reduce-only limit or market order may close."""
        room = abs(held)
        for resting in self.of(symbol):
            if _shares_room(resting):
                room -= resting.left
        return room

    def cut(self, symbol: str, held: Decimal) -> list[tuple[Resting, Decimal]]:
        """Cut reduce-only orders to what is held, newest first.

        Returns each order that was cut with what is left of it; one with nothing left is gone.
        """
        if symbol not in self.orders:
            return []
        excess = -self.room(symbol, held)
        cut: list[tuple[Resting, Decimal]] = []
        for resting in reversed(tuple(self.of(symbol))):
            if not resting.order.reduce_only:
                continue
            left = _allowed(resting, held, excess)
            if left == resting.left:
                continue
            if _shares_room(resting):
                excess -= resting.left - left
            resting.left = left
            cut.append((resting, left))
            if not left:
                self.remove(resting)
        return cut


def closable(side: Side, held: Decimal) -> Decimal:
    """How much of a signed holding an order of this side can close."""
    return max(ZERO, -held if side is Side.BUY else held)


def _shares_room(resting: Resting) -> bool:
    """Whether an order counts towards the joint limit of reduce-only limits and markets."""
    return resting.order.reduce_only and resting.order.type not in CONDITIONAL


def _allowed(resting: Resting, held: Decimal, excess: Decimal) -> Decimal:
    """What may remain of a reduce-only order, ``excess`` being the joint limit's overrun."""
    most = min(resting.left, closable(resting.order.side, held))
    if _shares_room(resting):
        return min(most, max(ZERO, resting.left - max(ZERO, excess)))
    return most
