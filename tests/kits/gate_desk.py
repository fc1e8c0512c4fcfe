"""A desk at noon on which everything is in order, and an entry that passes."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

from tradebot.core.model.facts import INSTRUMENTS
from tradebot.core.model.values import Order, OrderType, Side, TimeInForce
from tradebot.core.risk.desk import GateContext
from tradebot.core.risk.limits import Limits

D = Decimal
BTC = INSTRUMENTS["BTC/USDT"]
NOON = 1_746_446_400_000  # 2025-05-05T12:00Z


def a_desk(**changes: object) -> GateContext:
    desk = GateContext(
        now=NOON,
        epoch=4,
        halts=(),
        instrument=BTC,
        limits=Limits.paper(),
        taker_fee=D("0.0005"),
        price=D(100_000),
        low=D(100_000),
        spread=D(0),
        age_ms=0,
        position=D(0),
        working_value=D(0),
        others=0,
        margin=D(0),
        equity=D(10_000),
        last_entry=None,
    )
    if "price" in changes:
        changes.setdefault("low", changes["price"])
    return replace(desk, **changes)  # type: ignore[arg-type]


def an_entry(
    qty: str = "0.009",
    price: str | None = "100100",
    side: Side = Side.BUY,
    symbol: str = "BTC/USDT",
) -> Order:
    return Order(
        id="tb-1e",
        symbol=symbol,
        side=side,
        type=OrderType.MARKET if price is None else OrderType.LIMIT,
        qty=D(qty),
        price=None if price is None else D(price),
        tif=TimeInForce.IOC,
    )
