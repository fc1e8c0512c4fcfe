"""``paper`` and ``backtest`` from outside: how runs end, stop, go on, and what they print."""

from __future__ import annotations

import re
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from kits.paper_kit import Bot
from kits.strategy_kit import LONG

SUMMARY = [
    "run", "mode", "market", "strategy", "from", "to", "start_equity", "equity", "pnl", "pnl_pct",
    "completed_trades", "win_rate_pct", "average_win", "average_loss", "profit_factor", "expectancy",
    "fees", "funding", "max_drawdown", "max_drawdown_pct", "order_latency_p50_ms",
    "order_latency_p99_ms", "halts", "refusals",
]  # fmt: skip
MONEY = ["start_equity", "equity", "pnl", "pnl_pct", "fees", "funding", "max_drawdown"]
PLAIN = re.compile(r"-?\d+(\.\d+)?")
ISO = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z")
FAST = ("--param", "fast=3", "--param", "slow=9")


@pytest.fixture
def bot(tmp_path: Path) -> Iterator[Bot]:
    made = Bot(tmp_path, tmp_path / "data")
    yield made
    made.clean_up()


def check_summary(summary: dict[str, Any]) -> None:
    assert set(SUMMARY) <= set(summary)
    for name in MONEY:
        assert PLAIN.fullmatch(summary[name]), name
    for name in ("from", "to"):
        assert ISO.fullmatch(summary[name]), name


def runs(bot: Bot) -> list[tuple[str, str]]:
    return [(row["id"], row["state"]) for row in bot.json("runs").data["runs"]]


def test_paper_to_the_end(bot: Bot) -> None:
    done = bot.paper("--for", "90m", *FAST)
    check_summary(done.data["summary"])
    assert done.document["command"] == "paper"
    assert done.data["state"] == "ended"
    assert done.data["summary"]["mode"] == "paper"
    assert "SIMULATED MARKET" in done.data["summary"]["market"]
    assert done.data["summary"]["completed_trades"] >= 3
    assert "fill" in done.err  # talk is on stderr, also with --json
    assert runs(bot) == [("paper-0001", "ended")]


def test_a_backtest_and_a_paper_run_decide_the_same(bot: Bot) -> None:
    files = [bot.klines(), bot.klines(name="ETHUSDT-1m.csv", seed=2)]
    backtest = bot.json("backtest", *files, *FAST)
    paper = bot.paper(*files, *FAST)
    check_summary(backtest.data["summary"])
    assert backtest.data["hashes"] == paper.data["hashes"]
    assert all(backtest.data["hashes"].values())
    same = set(SUMMARY) - {"run", "mode", "market", "order_latency_p50_ms", "order_latency_p99_ms"}
    for name in same:
        assert backtest.data["summary"][name] == paper.data["summary"][name], name
    trades = bot.json("trades").data["trades"]
    assert [t["pnl"] for t in trades] == [t["pnl"] for t in backtest.data["trades"]]
    assert "no funding file" in " ".join(backtest.document["warnings"])


def test_stopping_in_order_and_going_on(bot: Bot) -> None:
    engine = bot.engine(speed=600)
    done = bot.end(engine, signal.SIGTERM)
    assert done.code == 0
    assert done.data["state"] == "interrupted"
    assert "SIGTERM" in done.data["why"]
    engine = bot.engine(speed=600)
    done = bot.end(engine, signal.SIGHUP)
    assert done.code == 0
    assert "paper-0001 was interrupted and goes on" in done.err
    engine = bot.engine(speed=600)
    assert bot.end(engine, signal.SIGINT).code == 130
    assert runs(bot) == [("paper-0001", "interrupted")]
    done = bot.paper("--for", "2h")
    assert done.data["summary"]["run"] == "paper-0001"
    assert done.data["summary"]["to"] == "2025-01-06T07:59:59.999Z"
    assert runs(bot) == [("paper-0001", "ended")]
    assert bot.json("db", "verify").data["verified"] is True


def test_stopped_between_bars_loses_none(bot: Bot) -> None:
    file = bot.klines()
    straight = Bot(bot.folder, bot.folder / "straight").paper(file, *FAST)
    for _ in range(3):
        engine = bot.engine(file, *FAST, speed=600)
        bot.end(engine)
    done = bot.paper(file, *FAST)
    assert done.data["summary"]["run"] == "paper-0001"
    assert done.data["hashes"]["signals"] == straight.data["hashes"]["signals"]
    orders = bot.json("orders", "--limit", 100_000).data["orders"]
    entries = [order["status"] for order in orders if order["purpose"] == "e"]
    if "cancelled" not in entries:  # an entry that is under way is cancelled when a run is stopped
        assert done.data["hashes"]["fills"] == straight.data["hashes"]["fills"]


def test_killed_and_gone_on(bot: Bot) -> None:
    engine = bot.engine(speed=600)
    bot.end(engine, signal.SIGKILL)
    assert bot.status()["state"] == "interrupted"
    assert bot.status()["engine"] == "dead"
    done = bot.paper("--for", "2h")
    assert done.data["summary"]["run"] == "paper-0001"
    other = Bot(bot.folder, bot.folder / "straight").paper("--for", "2h")
    assert done.data["hashes"] == other.data["hashes"]


@pytest.mark.parametrize(
    "other",
    [("--new",), ("--seed", "7"), ("--param", "fast=5"), ("--symbols", "SOL/USDT"), ("FILE",)],
    ids=str,
)
def test_another_market_or_strategy_is_another_run(bot: Bot, other: tuple[str, ...]) -> None:
    bot.end(bot.engine())
    words = [bot.klines(60) if word == "FILE" else word for word in other]
    done = bot.paper(*words, "--for", "30m")
    assert done.data["summary"]["run"] == "paper-0002"
    assert runs(bot)[1] == ("paper-0001", "interrupted")


def test_an_ended_run_is_never_continued(bot: Bot) -> None:
    assert bot.paper("--for", "10m").data["summary"]["run"] == "paper-0001"
    assert bot.paper("--for", "20m").data["summary"]["run"] == "paper-0002"


def test_another_timeframe_is_refused_with_a_way_out(bot: Bot) -> None:
    bot.end(bot.engine())
    error = bot.paper("--timeframe", "5m", "--for", "1h", code=2).error
    assert "paper-0001" in error["message"]
    assert "--new" in error["hint"]
    assert runs(bot) == [("paper-0001", "interrupted")]


def test_a_second_engine_is_refused(bot: Bot) -> None:
    engine = bot.engine()
    error = bot.paper("--for", "1h", code=5).error
    assert error["kind"] == "already_running"
    assert str(engine.pid) in error["message"]
    assert bot.end(engine).code == 0


def test_what_people_see(bot: Bot) -> None:
    file = bot.klines()
    for command in (("backtest",), ("paper", "--headless", "--speed", "max")):
        done = bot(*command, file, *FAST)
        assert max(map(len, done.out.splitlines())) <= 80, done.out
        for word in (
            "Starting capital",
            "$10,000.00",
            "Win rate",
            "Trade history",
            "entry",
            "held",
        ):
            assert word in done.out
        assert not re.search(r"\d\.\d{7}", done.out)
        assert not any(line != line.rstrip() for line in done.out.splitlines())
    lines = [line for line in done.err.splitlines() if line.startswith("2025-")]
    assert len(lines) > 10
    form = r"2025-01-06 \d\d:\d\d:\d\d  BTC/USDT  (signal |fill   |closed )  (long |short|exit |buy  |sell )  "
    assert all(re.match(form, line) for line in lines), lines[:5]
    assert "00000 " not in done.err


def test_open_positions_are_in_the_summary(bot: Bot) -> None:
    done = bot("paper", "--strategy", bot.strategy(LONG), "--for", "10m", "--speed", "max")
    assert "Open positions" in done.out
    row = next(line for line in done.out.splitlines() if line.startswith("BTC/USDT"))
    assert "long" in row


def test_limited_durations_of_backtests(bot: Bot) -> None:
    done = bot.json("backtest", bot.klines(), "--for", "1h")
    assert done.data["summary"]["to"] == "2025-01-06T06:59:59.999Z"
