"""An account as it was read from a venue: positions, open orders and how each symbol is set."""

from __future__ import annotations

from decimal import Decimal

from tradebot.core.model.frozen import frozen
from tradebot.core.model.values import OrderStatus, Side


@frozen
class PositionRead:
    """A symbol's position: ``qty`` signed base units, prices and margin in USDT, None where not told.

    ``hedge`` is the side of a position in hedge mode (long or short), empty in one-way mode.
    """

    symbol: str
    qty: Decimal
    entry: Decimal
    mark: Decimal | None = None
    margin: Decimal | None = None
    liquidation_price: Decimal | None = None
    hedge: str = ""


@frozen
class OrderRead:
    """An open order. ``qty`` is the whole of it, ``filled`` what was executed of it (base units).

    ``order_id`` is the client's id, ``venue_id`` the venue's own number; ``kind`` the venue's word for its
    type. Prices in USDT.
    """

    symbol: str
    order_id: str
    venue_id: str
    side: Side
    kind: str
    status: OrderStatus
    qty: Decimal
    filled: Decimal
    price: Decimal | None = None
    trigger: Decimal | None = None
    reduce_only: bool = False


@frozen
class SymbolConfig:
    """How a symbol is set: leverage in times, isolated or cross margin, margin added by itself or not."""

    symbol: str
    leverage: int
    isolated: bool
    auto_margin: bool = False
