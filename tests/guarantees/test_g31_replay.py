"""Guarantee 31: same bars, same signals; backtest and paper agree; a journalled run replays to the byte."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

from kits.paper_kit import Bot

from tradebot.core.model.values import MINUTE_MS

PARAMS = {"fast": 3, "slow": 9}


def klines(path: Path, price: float, step: float) -> Path:
    """Minutes that swing; two symbols with different swings."""
    lines = []
    for i in range(400):
        close = price * (1 + (step if (i // 25) % 2 else -step))
        high, low = max(price, close) * 1.0003, min(price, close) * 0.9997
        at = 1_736_143_200_000 + i * MINUTE_MS
        lines.append(f"{at},{price:.2f},{high:.2f},{low:.2f},{close:.2f},500")
        price = close
    path.write_text("\n".join(lines) + "\n")
    return path


def test_backtest_and_paper_decide_the_same_and_the_journal_replays(tmp_path: Path) -> None:
    files = (
        klines(tmp_path / "BTCUSDT-1m.csv", 98_000.0, 0.0011),
        klines(tmp_path / "ETHUSDT-1m.csv", 3_600.0, 0.0017),
    )
    bot = Bot(tmp_path, tmp_path / "data")
    fast = [word for key, value in PARAMS.items() for word in ("--param", f"{key}={value}")]
    tested = bot.json("backtest", *files, *fast).data
    papered = bot.paper(*files, *fast).data
    assert tested["hashes"] == papered["hashes"]
    assert papered["summary"]["completed_trades"] > 5
    found = bot.json("replay", papered["summary"]["run"]).data["replay"]
    assert found["equal"] is True
    assert found["effects"] > 100


def test_what_is_no_run_or_was_changed_is_one_line_and_an_exit_code(tmp_path: Path) -> None:
    bot = Bot(tmp_path, tmp_path / "data")
    assert "there is no journal yet" in bot("replay", code=1).err
    bot.paper(klines(tmp_path / "BTCUSDT-1m.csv", 98_000.0, 0.0011), "--param", "fast=3")
    assert "there is no run paper-0007" in bot("replay", "paper-0007", code=2).err
    assert bot("replay", "--until", "2025-01-06T08:00Z").out.startswith("paper-0001: all ")
    with closing(sqlite3.connect(tmp_path / "data" / "tradebot.db")) as db, db:
        place = "(SELECT seq FROM audit WHERE kind = 'Place' LIMIT 1)"
        changed = "replace(body, '\"reduce_only\":false', '\"reduce_only\":true')"
        db.execute(f"UPDATE audit SET body = {changed} WHERE seq = {place}")
    done = bot("replay", code=1)
    assert "paper-0001 played again differs at event" in done.err
    assert '"reduce_only":true' in done.out.split("was ")[1].split("now ")[0]
    assert '"reduce_only":false' in done.out.split("now ")[1]
    said = bot.json("replay", code=1).document
    assert said["ok"] is False
    assert said["data"]["replay"]["difference"]["was"].startswith("Place {")
