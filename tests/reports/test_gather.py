"""From rows of the journal to evidence, and what bars say of stopped trades."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

import pytest

from tradebot.core.model.values import MINUTE_MS, Bar
from tradebot.journal.view import SignalRow, TradeRow
from tradebot.reports.advice.gather import held_on, past_trades, refused_entries
from tradebot.reports.advice.modelled import FillModel, beside_model

NOON = 1_736_164_800_000


def a_trade(**changes: object) -> TradeRow:
    row = TradeRow(
        run="paper-0001",
        id=7,
        symbol="BTC/USDT",
        side="long",
        qty=Decimal("0.5"),
        entry_time=NOON,
        entry_price=Decimal(100),
        exit_time=NOON + 5 * MINUTE_MS - 1,
        exit_price=Decimal("97.9"),
        fees=Decimal("0.1"),
        funding=Decimal("-0.02"),
        pnl=Decimal("-1.17"),
        pnl_pct=None,
        duration_s=300,
        exit_reason="stop",
        signal=3,
        ts=NOON,
        wall=NOON,
        mae=Decimal("-1.05"),
        mfe=Decimal("0.4"),
        stop=Decimal(98),
        target=Decimal(103),
        risk=Decimal("1.1"),
    )
    return replace(row, **changes)  # type: ignore[arg-type]


def a_bar(minute: int, low: float, high: float, close: float, symbol: str = "BTC/USDT") -> Bar:
    text = [str(close), str(high), str(low), str(close), "1"]
    opened = NOON + minute * MINUTE_MS
    return Bar(symbol, opened, MINUTE_MS, text, close, high, low, close, 1.0)


def a_signal(**changes: object) -> SignalRow:
    row = SignalRow(
        *("paper-0001", 3, NOON, NOON, "BTC/USDT", "long", 0.8, Decimal(100), None, None),
        *("up", "approved", [], {}, None),
    )
    return replace(row, **changes)  # type: ignore[arg-type]


def test_a_row_becomes_a_trade() -> None:
    (found,) = past_trades([a_trade()], {("paper-0001", 3): 0.8})
    assert found.gross == pytest.approx(-1.05)
    assert found.gross - found.costs == pytest.approx(found.pnl)
    assert (found.stop_loss, found.reward) == (1.0, 1.5)
    assert (found.mae, found.mfe) == (1.05, 0.4)
    assert found.tier == "high"
    assert found.r == pytest.approx(-1.17 / 1.1)
    (bare,) = past_trades([a_trade(mae=None, mfe=None, stop=None, target=None, risk=None)], {})
    assert (bare.mae, bare.mfe, bare.stop_loss, bare.reward, bare.r, bare.tier) == (None,) * 6


WINNER = a_trade(
    id=8, signal=4, pnl=Decimal(1), exit_reason="target", exit_time=NOON + 10 * MINUTE_MS
)


@pytest.mark.parametrize(
    ("bars", "gain"),
    [
        ([(4, 97.5, 99, 98), (5, 97.2, 98, 98), (6, 98, 103.1, 103)], 0.5 * 5.1),  # target in time
        ([(4, 97.5, 99, 98), (5, 96.9, 103.5, 98)], 0.5 * -0.9),  # the worse first
        ([(4, 96.5, 103.5, 98)], 0.5 * -0.9),  # in the very bar it was stopped in
        (
            [(4, 97.5, 103.5, 98), (5, 97.2, 98, 98)],
            None,
        ),  # that bar's high was before its stop, perhaps
        ([(m, 97.2, 99, 99) for m in range(4, 20)], 0.5 * 1.1),  # time is up
    ],
)
def test_a_stopped_trade_is_held_on_to(
    bars: list[tuple[int, float, float, float]], gain: float | None
) -> None:
    told = held_on([a_trade(), WINNER], [a_bar(*bar) for bar in bars])
    assert {number: one.gain for number, one in told.items()} == (
        {} if gain is None else {0: pytest.approx(gain)}
    )
    assert [one.met_target for one in told.values()] == ([] if gain is None else [gain > 2])
    others = [a_bar(*bar, symbol="ETH/USDT") for bar in bars]
    assert held_on([a_trade(), WINNER], others) == {}


def test_shorts_are_held_on_to_as_well() -> None:
    short = a_trade(
        side="short", stop=Decimal(102), target=Decimal(97), exit_price=Decimal("102.1")
    )
    bars = [a_bar(5, 99, 102.9, 100), a_bar(6, 96.9, 100, 97)]
    (found,) = held_on([short, WINNER], bars).values()
    assert found.gain == pytest.approx(0.5 * 5.1)
    assert found.met_target
    assert held_on([short], bars) == {}  # without a winner nobody knows for how long


def test_refusals_are_known_by_their_rule() -> None:
    """By the names the report counts them under, whatever symbol, hour and price their sentences have."""
    texts = [
        "no entries in the hour 00:00 UTC (blackout)",
        "no entries in the hour 01:00 UTC (blackout)",
        "BTC/USDT: position value $51.20 exceeds the cap of $50.00",
        "ETH/USDT: position value $61.20 exceeds the cap of $50.00",
    ]
    signals = [
        a_signal(refusals=texts, outcome_pnl=Decimal("1.5")),
        a_signal(refusals=texts),
        a_signal(outcome_pnl=Decimal(2)),
    ]
    found = [(one.rule, one.pnl) for one in refused_entries(signals)]
    assert found == [("blackout", 1.5), ("position value", 1.5)]


def test_fills_stand_beside_what_the_simulation_would_have_charged() -> None:
    """Half of 2 bps at both ends, and a stop's quarter of the way from 98 to the bar's low of 97: 0.134895 USDT of 98.95 traded."""
    bars = [a_bar(0, 99, 101, 100), a_bar(4, 97, 99, 98)]
    worse, unpriced = a_trade(slippage=Decimal("-0.2")), a_trade(slippage=None)
    found = beside_model([worse, unpriced], FillModel(2.0, 0.0), bars)
    assert (found.n, found.trades, found.why) == (1, 2, "")
    assert found.more == pytest.approx(0.2 - 0.134895)
    assert found.median_bps == found.worst_bps == pytest.approx((0.2 - 0.134895) / 98.95 * 1e4)
    better = [a_trade(slippage=Decimal(-cost) / 100) for cost in range(10)]
    found = beside_model(better, FillModel(2.0, 0.0), bars)
    of = [(cost / 100 - 0.134895) / 98.95 * 1e4 for cost in range(10)]
    assert (found.median_bps, found.p90_bps, found.worst_bps) == pytest.approx(
        (of[4], of[8], of[9])
    )


@pytest.mark.parametrize(
    ("trades", "bars", "why"),
    [
        ([], [(4, 97, 99, 98)], "no trade was closed"),
        ([a_trade(slippage=Decimal(0))], [], "no longer in the event log"),
        (
            [a_trade(slippage=Decimal(0))],
            [(4, 97, 99, 98)],
            "no longer in the event log",
        ),  # entry's is gone
        ([a_trade()], [(0, 99, 101, 100), (4, 97, 99, 98)], "decided is not known"),
    ],
)
def test_fills_that_cannot_be_compared_say_why(
    trades: list[TradeRow], bars: list[tuple[int, float, float, float]], why: str
) -> None:
    found = beside_model(trades, FillModel(2.0, 0.1), [a_bar(*bar) for bar in bars])
    assert (found.n, found.median_bps, found.more) == (0, None, None)
    assert found.why.endswith(why)
