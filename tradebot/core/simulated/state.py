"""The exchange's state as JSON-able values: decimals as text, nothing derived that can be rebuilt."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any, TypeVar

from tradebot.core.model.values import (
    Bar,
    Instrument,
    Order,
    OrderType,
    Purpose,
    Quote,
    Side,
    TimeInForce,
)
from tradebot.core.simulated.matcher import Matcher
from tradebot.core.simulated.resting import Resting
from tradebot.core.simulated.rules import SimRules

AnyBar = TypeVar("AnyBar", bound=Bar)


def export_desk(desk: Matcher) -> dict[str, Any]:
    """Return account, orders, used ids and counters."""
    account, book = desk.account, desk.book
    resting = [r for orders in book.orders.values() for r in orders]
    return {
        "cash": str(account.cash),
        "fees": str(account.fees),
        "funding": str(account.funding),
        "positions": {
            symbol: [str(p.qty), str(p.entry)] for symbol, p in account.positions.items()
        },
        "orders": [_export_resting(r) for r in sorted(resting, key=lambda r: r.seq)],
        "seq": book.seq,
        "used": book.used.export(),
        "trades": dict(desk.trades),
        "own": desk.own,
    }


def restore_desk(
    rules: SimRules, instruments: Mapping[str, Instrument], state: dict[str, Any]
) -> Matcher:
    """Rebuild what ``export_desk`` gave."""
    desk = Matcher(rules, instruments)
    account, book = desk.account, desk.book
    account.cash = Decimal(state["cash"])
    account.fees = Decimal(state["fees"])
    account.funding = Decimal(state["funding"])
    for symbol, (qty, entry) in state["positions"].items():
        account.place(symbol, Decimal(qty), Decimal(entry))
    for stored in state["orders"]:
        resting = _restore_resting(stored)
        book.orders.setdefault(resting.order.symbol, []).append(resting)
    book.seq = state["seq"]
    book.used.restore(state["used"])
    desk.trades = dict(state["trades"])
    desk.own = state["own"]
    return desk


def _export_resting(resting: Resting) -> dict[str, Any]:
    order = resting.order
    return {
        "id": order.id,
        "symbol": order.symbol,
        "side": order.side.value,
        "type": order.type.value,
        "qty": str(order.qty),
        "price": _text(order.price),
        "trigger": _text(order.trigger),
        "tif": order.tif.value,
        "reduce_only": order.reduce_only,
        "purpose": order.purpose.value,
        "left": str(resting.left),
        "seq": resting.seq,
        "eligible_at": resting.eligible_at,
        "arrived": resting.arrived,
        "triggered": resting.triggered,
        "cancel_at": resting.cancel_at,
        "queue": str(resting.queue),
    }


def _restore_resting(stored: dict[str, Any]) -> Resting:
    order = Order(
        stored["id"],
        stored["symbol"],
        Side(stored["side"]),
        OrderType(stored["type"]),
        Decimal(stored["qty"]),
        _number(stored["price"]),
        _number(stored["trigger"]),
        TimeInForce(stored["tif"]),
        stored["reduce_only"],
        Purpose(stored["purpose"]),
    )
    resting = Resting.of(order, Decimal(stored["left"]), stored["seq"], stored["eligible_at"])
    resting.arrived = stored["arrived"]
    resting.triggered = stored["triggered"]
    resting.cancel_at = stored["cancel_at"]
    resting.queue = Decimal(stored["queue"])
    return resting


def _text(number: Decimal | None) -> str | None:
    return None if number is None else str(number)


def _number(text: str | None) -> Decimal | None:
    return None if text is None else Decimal(text)


def export_bars(bars: Mapping[str, Bar]) -> dict[str, list[Any]]:
    """Return the last bar of each symbol as open time, interval and its five numbers."""
    return {symbol: [bar.open_time, bar.interval, list(bar.text)] for symbol, bar in bars.items()}


def restore_bars(kind: type[AnyBar], stored: dict[str, list[Any]]) -> dict[str, AnyBar]:
    """Rebuild bars of a kind from what ``export_bars`` gave."""
    return {
        symbol: kind.of(symbol, open_time, interval, text)
        for symbol, (open_time, interval, text) in stored.items()
    }


def export_quotes(quotes: Mapping[str, Quote]) -> dict[str, list[Any]]:
    """Return the last quote of each symbol as exchange time, receive time and its five numbers."""
    return {symbol: [q.exchange_time, q.at, list(q.text)] for symbol, q in quotes.items()}


def restore_quotes(stored: dict[str, list[Any]]) -> dict[str, Quote]:
    """Rebuild quotes from what ``export_quotes`` gave."""
    return {
        symbol: Quote(symbol, exchange_time, at, text, float(text[4]))
        for symbol, (exchange_time, at, text) in stored.items()
    }
