"""The exchange's state as JSON-able values: decimals as text, nothing derived that can be rebuilt."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any, TypeVar

from tradebot.core.model.values import (
    Bar,
    Fill,
    Instrument,
    Order,
    OrderStatus,
    OrderType,
    Purpose,
    Quote,
    Side,
    TimeInForce,
)
from tradebot.core.simulated.history import History, OrderRecord
from tradebot.core.simulated.matcher import Matcher
from tradebot.core.simulated.quotes import VisibleBook
from tradebot.core.simulated.resting import Resting
from tradebot.core.simulated.rules import SimRules

AnyBar = TypeVar("AnyBar", bound=Bar)


def export_desk(desk: Matcher) -> dict[str, Any]:
    """Return account, orders, used ids and counters."""
    account, book = desk.account, desk.book
    resting = [r for orders in book.orders.values() for r in orders]
    state = {
        "cash": str(account.cash),
        "fees": str(account.fees),
        "funding": str(account.funding),
        "positions": {
            symbol: [str(p.qty), str(p.entry), str(p.added)]
            for symbol, p in account.positions.items()
        },
        "leverages": dict(account.leverages),
        "delisted": sorted(desk.delisted),
        "orders": [_export_resting(r) for r in sorted(resting, key=lambda r: r.seq)],
        "seq": book.seq,
        "used": book.used.export(),
        "trades": dict(desk.trades),
        "own": desk.own,
    }
    if desk.history is not None:
        state["history"] = _export_history(desk.history)
    return state


def restore_desk(
    rules: SimRules, instruments: Mapping[str, Instrument], state: dict[str, Any]
) -> Matcher:
    """Rebuild what ``export_desk`` gave."""
    desk = Matcher(rules, instruments)
    account, book = desk.account, desk.book
    account.cash = Decimal(state["cash"])
    account.fees = Decimal(state["fees"])
    account.funding = Decimal(state["funding"])
    for symbol, leverage in state.get("leverages", {}).items():
        account.set_leverage(symbol, leverage)
    for symbol, numbers in state["positions"].items():
        account.place(symbol, *(Decimal(number) for number in numbers))
    desk.delisted.update(state.get("delisted", ()))
    if desk.history is not None:
        _restore_history(desk.history, state.get("history", {}))
    for stored in state["orders"]:
        resting = _restore_resting(stored)
        book.orders.setdefault(resting.order.symbol, []).append(resting)
    book.seq = state["seq"]
    book.used.restore(state["used"])
    desk.trades = dict(state["trades"])
    desk.own = state["own"]
    return desk


def _export_history(history: History) -> dict[str, Any]:
    return {
        "orders": [_export_record(r) for records in history.orders.values() for r in records],
        "fills": [_export_fill(fill) for fill in history.fills],
    }


def _restore_history(history: History, stored: dict[str, Any]) -> None:
    for record in stored.get("orders", ()):
        history.add(_restore_record(record))
    history.fills.extend(_restore_fill(fill) for fill in stored.get("fills", ()))


def _export_record(record: OrderRecord) -> dict[str, Any]:
    return {
        **_export_order(record.order),
        "number": record.number,
        "at": record.at,
        "updated": record.updated,
        "left": str(record.left),
        "status": record.status.value,
        "filled": str(record.filled),
        "cost": str(record.cost),
        "fees": str(record.fees),
        "reason": record.reason,
    }


def _restore_record(stored: dict[str, Any]) -> OrderRecord:
    return OrderRecord(
        _restore_order(stored),
        stored["number"],
        stored["at"],
        stored["updated"],
        Decimal(stored["left"]),
        OrderStatus(stored["status"]),
        Decimal(stored["filled"]),
        Decimal(stored["cost"]),
        Decimal(stored["fees"]),
        stored["reason"],
    )


def _export_fill(fill: Fill) -> list[Any]:
    return [
        fill.symbol,
        fill.trade_id,
        fill.order_id,
        fill.side.value,
        str(fill.qty),
        str(fill.price),
        str(fill.fee),
        fill.maker,
        fill.time,
        fill.liquidation,
    ]


def _restore_fill(stored: list[Any]) -> Fill:
    symbol, trade_id, order_id, side, qty, price, fee, *rest = stored
    return Fill(
        symbol, trade_id, order_id, Side(side), Decimal(qty), Decimal(price), Decimal(fee), *rest
    )


def _export_order(order: Order) -> dict[str, Any]:
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
    }


def _export_resting(resting: Resting) -> dict[str, Any]:
    return {
        **_export_order(resting.order),
        "left": str(resting.left),
        "seq": resting.seq,
        "eligible_at": resting.eligible_at,
        "arrived": resting.arrived,
        "triggered": resting.triggered,
        "cancel_at": resting.cancel_at,
        "queue": str(resting.queue),
        "filled": str(resting.filled),
        "waits": resting.waits,
    }


def _restore_order(stored: dict[str, Any]) -> Order:
    return Order(
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


def _restore_resting(stored: dict[str, Any]) -> Resting:
    order = _restore_order(stored)
    resting = Resting.of(order, Decimal(stored["left"]), stored["seq"], stored["eligible_at"])
    resting.arrived = stored["arrived"]
    resting.triggered = stored["triggered"]
    resting.cancel_at = stored["cancel_at"]
    resting.queue = Decimal(stored["queue"])
    resting.filled = Decimal(stored.get("filled", 0))
    resting.waits = stored.get("waits", False)
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


def export_taken(
    quotes: Mapping[str, Quote], books: Mapping[str, VisibleBook]
) -> dict[str, list[str]]:
    """Return what is left of bid and ask of each last quote that something was taken from."""
    return {
        symbol: [str(book.bid.left), str(book.ask.left)]
        for symbol, book in books.items()
        if book.quote is quotes[symbol]
    }


def restore_taken(
    quotes: Mapping[str, Quote],
    instruments: Mapping[str, Instrument],
    stored: dict[str, list[str]],
) -> dict[str, VisibleBook]:
    """Rebuild what ``export_taken`` gave."""
    books: dict[str, VisibleBook] = {}
    for symbol, (bid, ask) in stored.items():
        book = books[symbol] = VisibleBook(quotes[symbol], instruments[symbol].step)
        book.bid.left, book.ask.left = Decimal(bid), Decimal(ask)
    return books
