"""Closed trades come back as they went in, however many were packed away."""

from __future__ import annotations

from decimal import Decimal

from tradebot.app.packed_trades import OPEN, PACKED, ClosedTrades
from tradebot.core.model.effects import TradeClosed


def trade(number: int, pnl: str = "-0.10") -> TradeClosed:
    price = Decimal(100 + number)
    return TradeClosed(
        id=number,
        at=60_000 * number,
        symbol="BTC/USDT",
        side="long",
        qty=Decimal("0.0010"),
        entry_time=60_000 * number - 120_000,
        entry_price=price,
        exit_time=60_000 * number - 1,
        exit_price=price + Decimal("0.5"),
        fees=Decimal("1E-7"),
        funding=Decimal(0),
        pnl=Decimal(pnl),
        exit_reason='stop | "lost"',
        signal=number,
    )


def filled(count: int) -> ClosedTrades:
    trades = ClosedTrades()
    for number in range(1, count + 1):
        trades.add(trade(number))
    return trades


def test_few_trades_are_kept_as_they_are() -> None:
    trades = filled(3)
    assert len(trades) == 3
    assert list(trades) == [trade(1), trade(2), trade(3)]


def test_packed_trades_come_back_equal_in_order_and_more_than_once() -> None:
    count = OPEN + 2 * PACKED + 7
    trades = filled(count)
    assert len(trades) == count
    for _ in range(2):
        assert list(trades) == [trade(number) for number in range(1, count + 1)]
    assert next(str(t.qty) for t in trades) == "0.0010"  # digits too


def test_a_trade_recorded_again_replaces_the_first_and_keeps_its_place() -> None:
    trades = filled(3)
    trades.add(trade(2, "5"))
    assert [(t.id, t.pnl) for t in trades] == [
        (1, Decimal("-0.10")),
        (2, Decimal(5)),
        (3, Decimal("-0.10")),
    ]


def test_a_reopened_trade_is_forgotten() -> None:
    trades = filled(3)
    trades.drop(3)
    trades.drop(99)
    assert [t.id for t in trades] == [1, 2]
