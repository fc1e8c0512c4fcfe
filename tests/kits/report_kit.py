"""Histories of runs to report on, made of trades that follow one another: what their equity did is exact."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from decimal import Decimal

from tradebot.core.model.times import of_iso
from tradebot.core.model.values import DAY_MS, HOUR_MS
from tradebot.journal.view import TradeRow
from tradebot.reports.monthly.record import Flow, Judgement, Point, RunHistory, Stay

D = Decimal
MAY = of_iso("2025-05-01")
JUNE = of_iso("2025-06-01")
JULY = of_iso("2025-07-01")
START = D(10_000)


def a_trade(number: int, at: int, pnl: str = "1", **changes: object) -> TradeRow:
    """A trade that closed at a moment (UTC ms) after a quarter of an hour; fees 0.10, slippage -0.05."""
    row = TradeRow(
        run="paper-0001",
        id=number,
        symbol="BTC/USDT",
        side="long",
        qty=D("0.01"),
        entry_time=at - 900_000,
        entry_price=D(100_000),
        exit_time=at,
        exit_price=D(100_100),
        fees=D("0.10"),
        funding=D("-0.01"),
        pnl=D(pnl),
        pnl_pct=None,
        duration_s=900,
        exit_reason="target",
        signal=number,
        ts=at,
        wall=0,
        mae=D("-0.40"),
        mfe=D("1.40"),
        decision_price=D(100_000),
        slippage=D("-0.05"),
        stop=D(99_000),
        target=D(101_000),
        risk=D(2),
    )
    return replace(row, **changes)  # type: ignore[arg-type]


def a_history(
    trades: Sequence[TradeRow],
    first: int = MAY,
    last: int = JUNE - 1,
    *,
    flows: Sequence[Flow] = (),
    opened: dict[int, str] | None = None,
    **changes: object,
) -> RunHistory:
    """A run from a moment to another: its curve has a start, hours, days, trades, transfers and an end.

    ``opened`` is what is open at a moment, by the hour from which on it is (USDT).
    """
    moments: list[tuple[int, int, str]] = [(first, 0, "start"), (last, 9, "end")]
    hours = range(first - first % HOUR_MS + HOUR_MS, last + 1, HOUR_MS)
    moments += [(at, 1, "day" if at % DAY_MS == 0 else "hour") for at in hours]
    moments += [(flow.at, 2, "transfer") for flow in flows]
    moments += [(trade.exit_time, 3, "trade") for trade in trades]
    points = []
    for at, _, why in sorted(moments):
        early = why in ("start", "hour", "day")
        closed = sum((t.pnl for t in trades if _passed(t.exit_time, at, early)), D(0))
        moved = sum((f.amount for f in flows if _passed(f.at, at, early)), D(0))
        held = D(max(((t, v) for t, v in (opened or {}).items() if t <= at), default=(0, "0"))[1])
        points.append(Point(at, START + closed + moved + held, why))
    history = RunHistory(
        run="paper-0001",
        mode="paper",
        venue="local",
        market="files (BTC/USDT)",
        strategy="ema_cross",
        strategy_hash="abcdef0123456789",
        start_equity=START,
        points=points,
        trades=sorted(trades, key=lambda t: t.exit_time),
        stays=[
            Stay(t.symbol, t.entry_time, t.exit_time, t.qty * t.entry_price)
            for t in sorted(trades, key=lambda t: t.entry_time)
        ],
        flows=flows,
        signals=[Judgement(t.entry_time, t.signal, "high", "approved", (), t.pnl) for t in trades],
        prices={"BTC/USDT": [(t.entry_time, float(t.entry_price)) for t in trades]},
        taker_fee=D("0.0005"),
    )
    return replace(history, **changes)  # type: ignore[arg-type]


def _passed(at: int, now: int, early: bool) -> bool:
    return at < now if early else at <= now


__all__ = ["JULY", "JUNE", "MAY", "START", "a_history", "a_trade"]
