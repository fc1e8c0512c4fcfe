"""What a run amounts to and what readers see of it: JSON values, money as text."""

from __future__ import annotations

import json

from kits.engine_kit import HOUR, NOON, OUT, XRP, D, Played, a_config, long, short

from tradebot.core.model.effects import TradeClosed
from tradebot.core.model.money import exact
from tradebot.core.model.times import iso
from tradebot.core.model.values import OrderStatus
from tradebot.core.trading.snapshot import (
    Heading,
    percentile,
    position_rows,
    risk_view,
    run_warnings,
    snapshot,
    summarise,
    trade_row,
)

HEADING = Heading("1", "paper", "a market", "scripted", NOON, NOON + HOUR)


def a_trade() -> tuple[Played, TradeClosed]:
    story = Played(a_config())
    story.say(long(1.9))
    story.bars(2)
    story.say(OUT)
    story.bar("2 2.1 2 2.1")
    story.bar()
    (trade,) = story.found(TradeClosed)
    return story, trade


def test_a_summary_adds_up_and_is_json() -> None:
    story, trade = a_trade()
    with exact():
        said = summarise(HEADING, story.engine, [3.0, 1.0, 2.0])
    assert json.loads(json.dumps(said)) == said
    assert (said["from"], said["to"]) == (iso(NOON), iso(NOON + HOUR))
    assert D(said["equity"]) == D(said["start_equity"]) + D(said["net"])
    assert D(said["net"]) == trade.pnl == D(said["gross"]) - D(said["fees"]) + D(said["funding"])
    assert (said["completed_trades"], said["win_rate_pct"]) == (1, "100")
    assert (said["order_latency_p50_ms"], said["order_latency_p99_ms"]) == ("2.000", "3.000")


def test_a_run_that_never_began_has_no_times() -> None:
    said = summarise(Heading(None, "paper", "m", "s", None, None), Played(a_config()).engine)
    assert (said["from"], said["to"], said["order_latency_p50_ms"]) == (None, None, None)


def test_percentiles_are_of_the_nearest_rank() -> None:
    assert percentile([], 50) is None
    assert percentile([7.0], 1) == percentile([7.0], 99) == "7.000"
    ordered = [float(n) for n in range(1, 101)]
    assert [percentile(ordered, p) for p in (0, 50, 99, 100)] == [
        "1.000",
        "50.000",
        "99.000",
        "100.000",
    ]


def test_a_trade_as_a_row() -> None:
    _, trade = a_trade()
    with exact():
        row = trade_row("7", trade)
        assert D(row["pnl"]) == (trade.exit_price - trade.entry_price) * trade.qty - trade.fees
        off = D(row["pnl_pct"]) * trade.entry_price * trade.qty - trade.pnl * 100
        assert abs(off) <= trade.entry_price * trade.qty * D("5e-9")  # rounded to 8 decimals
    assert (row["run"], row["side"], row["exit_reason"]) == ("7", "long", "signal")
    assert row["duration_s"] == (trade.exit_time - trade.entry_time) // 1000 > 0


def test_positions_with_what_protects_them() -> None:
    story = Played(a_config())
    with exact():
        assert position_rows(story.engine) == []
    story.say(short(2.1))
    story.bars(2)
    with exact():
        (row,) = position_rows(story.engine)
        assert D(row["pnl"]) == (D(row["entry_price"]) - D(row["price"])) * D(row["qty"])
    assert (row["symbol"], row["side"]) == (XRP, "short")
    assert (row["stop"], row["target"]) == ("2.1", None)
    stop = story.engine.shared.table.live[story.engine.books[XRP].stop]
    assert row["stop_seen"] == iso(stop.heard_at)
    stop.status = OrderStatus.UNKNOWN  # nobody knows whether the exchange has it
    with exact():
        assert position_rows(story.engine)[0]["stop_seen"] is None
        story.engine.books[XRP].stop = ""
        assert position_rows(story.engine)[0]["stop_seen"] is None
    story.engine.books[XRP].stop, stop.status = stop.order.id, OrderStatus.WORKING
    story.bar("2 2.2 2 2.15")  # stopped out
    with exact():
        assert position_rows(story.engine) == []


def test_what_readers_see() -> None:
    story = Played(a_config())
    story.say(long(1.9))
    story.bars(2)
    story.command("halt")
    with exact():
        seen = snapshot(story.engine, "a market", 60.0)
        risk = risk_view(story.engine)
        endless = snapshot(story.engine, "a market", None)
    assert json.loads(json.dumps(seen)) == seen
    assert (seen["speed"], endless["speed"]) == (60.0, "max")
    assert seen["prices"] == {XRP: "2"}
    assert seen["risk"] == risk
    assert list(seen["halts"]) == [halt["reason"] for halt in risk["halts"]] == ["user"]
    (position,) = risk["positions"]
    assert position["liquidation_price"] is None or D(position["liquidation_price"]) < 2
    assert {limit["rule"] for limit in risk["limits"]} >= {"position_value", "day_loss"}


def test_warnings_name_what_was_missing() -> None:
    story = Played(a_config())
    assert run_warnings(story.engine) == []
    book = story.engine.books[XRP]
    book.strategy.warmup = 50
    book.cold = 20
    (said,) = run_warnings(story.engine)
    assert said == f"{XRP}: the data has 30 bars, the strategy needs 50 before its first signal"
