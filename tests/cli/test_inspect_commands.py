"""Looking at runs: JSON exact and complete, tables that people can read at 80 columns."""

from __future__ import annotations

import json
import re
import shutil
import sqlite3
from contextlib import closing
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from kits.paper_kit import Bot

from tradebot.__main__ import main
from tradebot.cli import tables
from tradebot.core.model import spoken

PLAIN = re.compile(r"-?\d+(\.\d+)?")
ISO = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z")
TRADE = [
    "id", "run", "symbol", "side", "qty", "entry_time", "entry_price", "exit_time", "exit_price",
    "fees", "funding", "pnl", "pnl_pct", "duration_s", "exit_reason",
]  # fmt: skip
SIGNAL = [
    "id", "run", "time", "symbol", "side", "confidence", "price", "stop", "target", "reason",
    "verdict", "refusals", "outcome_pnl",
]  # fmt: skip


@pytest.fixture(scope="module")
def bot(tmp_path_factory: pytest.TempPathFactory) -> Bot:
    """A data directory with two runs: one short, then one with trades on two symbols."""
    folder = tmp_path_factory.mktemp("inspect")
    made = Bot(folder, folder / "data")
    made.paper("--for", "30m", "--symbols", "SOL/USDT")
    made.paper("--for", "8h", "--param", "fast=5", "--param", "slow=15")
    return made


def rows(bot: Bot, view: str, *words: str) -> list[dict[str, Any]]:
    done = bot.json(view, *words)
    assert done.document["command"] == view
    assert list(done.data) == [view]
    found = done.data[view]
    assert isinstance(found, list)
    return found


def test_trades(bot: Bot) -> None:
    trades = rows(bot, "trades")
    assert len(trades) > 5
    for trade in trades:
        assert set(TRADE) <= set(trade)
        assert trade["run"] == "paper-0002"
        for name in ("qty", "entry_price", "exit_price", "fees", "funding", "pnl", "pnl_pct"):
            assert PLAIN.fullmatch(trade[name]), (name, trade[name])
        assert ISO.fullmatch(trade["entry_time"])
        assert ISO.fullmatch(trade["exit_time"])
    status = bot.json("status").data
    total = sum(Decimal(trade["pnl"]) for trade in trades)
    if not status["open_positions"]:
        assert total == Decimal(status["pnl"])
    assert status["completed_trades"] == len(trades)


def test_signals(bot: Bot) -> None:
    signals = rows(bot, "signals")
    for signal in signals:
        assert set(SIGNAL) <= set(signal)
        assert ISO.fullmatch(signal["time"])
        assert PLAIN.fullmatch(signal["price"])
        assert isinstance(signal["refusals"], list)
    approved = rows(bot, "signals", "--verdict", "approved")
    assert [row for row in signals if row["verdict"] == "approved"] == approved
    outcomes = [Decimal(row["outcome_pnl"]) for row in approved if row["outcome_pnl"]]
    assert sum(outcomes) == sum(Decimal(trade["pnl"]) for trade in rows(bot, "trades"))


def test_filters(bot: Bot) -> None:
    trades = rows(bot, "trades")
    assert rows(bot, "trades", "--limit", "3") == trades[-3:]
    btc = [row for row in trades if row["symbol"] == "BTC/USDT"]
    assert 0 < len(btc) < len(trades)
    for name in ("BTC/USDT", "btc/usdt", "BTCUSDT", "btc"):
        assert rows(bot, "trades", "--symbol", name) == btc
    since = trades[3]["exit_time"]
    assert rows(bot, "trades", "--since", since) == [t for t in trades if t["exit_time"] >= since]
    orders = rows(bot, "orders", "--symbol", "ETH/USDT")
    assert {row["symbol"] for row in orders} == {"ETH/USDT"}
    assert rows(bot, "orders", "--limit", "1") == rows(bot, "orders")[-1:]
    assert rows(bot, "signals", "--since", "2025-01-06T09:00Z", "--limit", "2")


def test_another_run(bot: Bot) -> None:
    assert {row["symbol"] for row in rows(bot, "signals", "--run", "paper-0001")} <= {"SOL/USDT"}
    assert bot.json("status", "--run", "paper-0001").data["run"] == "paper-0001"
    error = bot.json("status", "--run", "paper-1", code=2).error
    assert error["hint"] == "did you mean paper-0001?"
    assert [row["id"] for row in rows(bot, "runs")] == ["paper-0002", "paper-0001"]
    assert len(rows(bot, "runs", "--limit", "1")) == 1


@pytest.mark.parametrize(
    ("summary", "said"),
    [
        ("{}", ["-", "-"]),
        ("[1, 2]", ["-", "-"]),
        ('"done"', ["-", "-"]),
        ("not JSON", ["-", "-"]),
        ("\x00\xff", ["-", "-"]),
        ('{"completed_trades": "many", "pnl": "NaN"}', ["-", "-"]),
        ('{"completed_trades": true, "pnl": []}', ["-", "-"]),
        ('{"completed_trades": 7}', ["7", "-"]),
        ('{"pnl": "-1.5", "hashes": 3}', ["-", "-1.50"]),
    ],
)
def test_a_summary_that_no_version_here_wrote_is_dashes(
    bot: Bot,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    summary: str,
    said: list[str],
) -> None:
    shutil.copy(bot.data_dir / "tradebot.db", tmp_path)
    with closing(sqlite3.connect(tmp_path / "tradebot.db")) as db, db:
        db.execute("UPDATE runs SET summary = ? WHERE id = 'paper-0002'", (summary,))
        db.execute("DELETE FROM snapshot")
    monkeypatch.setenv("TRADEBOT_DATA_DIR", str(tmp_path))
    monkeypatch.setenv("COLUMNS", "200")
    assert main(["runs"]) == 0
    (line,) = [text for text in capsys.readouterr().out.splitlines() if "paper-0002" in text]
    strategy = line.split().index("ema_cross")
    assert line.split()[strategy + 1 : strategy + 3] == said
    for words in (["runs", "--json"], ["compare", "paper-0002", "paper-0002"], ["report"]):
        assert main(words) in (0, 2)
        assert "Traceback" not in capsys.readouterr().err


def test_wrong_filters_are_told(bot: Bot) -> None:
    assert "approved" in bot.json("signals", "--verdict", "aproved", code=2).error["hint"]
    assert "BTC/USDT" in bot.json("trades", "--symbol", "DOGE", code=2).error["hint"]
    assert bot.json("trades", "--since", "yesterday", code=2).error["kind"] == "usage"


def test_status_of_an_ended_run(bot: Bot) -> None:
    status = bot.json("status").data
    assert status["state"] == "ended"
    assert status["engine"] == "stopped"
    assert status["heartbeat_age_s"] is None
    assert status["halted"] is False
    summary = rows(bot, "runs")[0]["summary"]
    assert status["equity"] == summary["equity"]
    assert status["pnl"] == summary["pnl"]


@pytest.mark.parametrize(
    "view", ["status", "positions", "orders", "trades", "signals", "runs", "config path"]
)
def test_people_read_80_columns(bot: Bot, view: str) -> None:
    out = bot(*view.split()).out
    lines = out.splitlines()
    assert lines
    assert max(map(len, lines)) <= 80 or view == "config path", out
    assert not any(line != line.rstrip() for line in lines) or view == "config path"
    assert not re.search(r"\d\.\d{7}", out)
    assert not re.search(r"\d\dT\d\d:", out)
    assert "None" not in out


def test_wide_tables_say_more(bot: Bot) -> None:
    narrow = bot("trades").out
    wide = bot("trades", COLUMNS="140").out
    assert "2025-01-06 0" not in narrow
    assert "2025" in narrow.splitlines()[0]
    assert "2025-01-06 0" in wide
    assert "PnL %" in wide


def test_running_and_then_stopped(tmp_path: Path) -> None:
    bot = Bot(tmp_path, tmp_path / "data")
    engine = bot.engine(speed=60)
    try:
        status = bot.status()
        assert status["engine"] == "running"
        assert status["state"] == "running"
        assert 0 <= status["heartbeat_age_s"] < 10
        assert "last heard of" in bot("status").out
    finally:
        bot.end(engine)
    assert bot.status()["engine"] == "stopped"


@pytest.mark.parametrize("view", ["status", "positions", "orders", "trades", "signals", "runs"])
def test_nothing_yet_says_what_to_do(tmp_path: Path, view: str) -> None:
    error = Bot(tmp_path, tmp_path / "data").json(view, code=1).error
    assert "no journal yet" in error["message"]
    assert "tradebot paper" in error["hint"]
    assert not (tmp_path / "data").exists()


@pytest.mark.parametrize(
    ("value", "symbol", "text"),
    [
        ("98655.60000000", "BTC/USDT", "98655.6"),
        ("101413", "BTC/USDT", "101413.0"),
        ("3657.9531212307243", "ETH/USDT", "3657.95"),
        ("0.74123456789", "ADA/USDT", "0.7412"),
        ("0.74123456789", None, "0.74123457"),
        (None, "BTC/USDT", "-"),
    ],
)
def test_prices(value: str | None, symbol: str | None, text: str) -> None:
    assert spoken.price(value, symbol) == text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0, "0s"), (45, "45s"), (240, "4m00s"), (7500, "2h05m"), (273_600, "3d04h")],
)
def test_durations(seconds: int, text: str) -> None:
    assert spoken.duration(seconds) == text


def test_a_table_drops_what_matters_least() -> None:
    row = {"id": 1, "exit_time": "2025-05-31T20:31:00Z", "symbol": "BTC/USDT", "side": "long",
           "qty": "0.01", "entry_price": "98000", "exit_price": "98100", "duration_s": 240,
           "pnl": "1.005", "pnl_pct": "0.1", "exit_reason": "target"}  # fmt: skip
    for width, kept in ((200, 11), (75, 9), (40, 8)):
        table = tables.listing("", tables.TRADES, [row], width)
        assert len(table.columns) == kept, width


def test_what_the_exchange_s_income_says_otherwise_is_shown_beside_the_trades(bot: Bot) -> None:
    assert bot.json("status").data["income_rests"] == {}
    trades = bot.json("trades")
    assert trades.document["warnings"] == []
    trade = trades.data["trades"][0]
    symbol = trade["symbol"]
    first, *_, last = [
        row["trade_id"]
        for row in bot.json("fills").data["fills"]
        if row["symbol"] == symbol and trade["entry_time"] <= row["time"] <= trade["exit_time"]
    ]
    with closing(sqlite3.connect(bot.data_dir / "tradebot.db")) as db, db:
        (body,) = db.execute("SELECT body FROM snapshot WHERE run = 'paper-0002'").fetchone()
        told = {
            **json.loads(body),
            "income_rests": {"2026-11-26": "-0.02"},
            "fill_rests": {f"{symbol}:{first}": "-0.015", f"{symbol}:{last}": "0.004"},
        }
        db.execute("UPDATE snapshot SET body = ? WHERE run = 'paper-0002'", (json.dumps(told),))
    assert bot.json("status").data["income_rests"] == {"2026-11-26": "-0.02"}
    said = [
        "2026-11-26: the exchange's income for the trades is 0.02 USDT less than the ledger's",
        f"trade {trade['id']}: the exchange's income is 0.011 USDT less than its PnL",
    ]
    shown = bot.json("trades")
    assert shown.document["warnings"] == said
    rests = {row["id"]: row["income_rest"] for row in shown.data["trades"]}
    assert rests.pop(trade["id"]) == "-0.011"
    assert set(rests.values()) <= {None}
