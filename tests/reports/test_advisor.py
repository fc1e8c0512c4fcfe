"""What a report says should be changed: chosen before the last third, played again over it, kept once made."""

from __future__ import annotations

import json
import shutil
import sqlite3
from contextlib import closing
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from kits.paper_kit import Bot

from tradebot.__main__ import main
from tradebot.app import advisor, backtest_report, whatif
from tradebot.app.advising import PlayedAgain
from tradebot.core.model.values import HOUR_MS

JANUARY = 1_735_689_600_000
HOURS = ("--param", "fast=2", "--param", "slow=4", "--timeframe", "1h")
FREE = ("--set", "risk.paper.blackout_hours=off", "--set", "risk.paper.day_loss=off")


def a_month(path: Path) -> Path:
    """Every hour of January 2025, going up and down every few hours; mornings go on, nights turn back at once."""
    lines, price = [], 98_000.0
    for i in range(31 * 24):
        turn = 3 if 6 <= i % 24 < 18 else 2
        step = 0.004 if (i // turn) % 2 else -0.004
        close = price * (1 + step * (1 + (i * 37 % 11) / 20))
        high, low = max(price, close) * 1.0006, min(price, close) * 0.9994
        lines.append(f"{JANUARY + i * HOUR_MS},{price:.2f},{high:.2f},{low:.2f},{close:.2f},500")
        price = close
    path.write_text("\n".join(lines) + "\n")
    return path


@pytest.fixture(scope="module")
def bot(tmp_path_factory: pytest.TempPathFactory) -> Bot:
    folder = tmp_path_factory.mktemp("advisor")
    a_month(folder / "BTCUSDT-1h.csv")
    bot = Bot(folder, folder / "data")
    bot.paper("BTCUSDT-1h.csv", *HOURS, *FREE)
    return bot


def reported(bot: Bot, *words: str) -> dict[str, Any]:
    data = bot.json("report", "--month", "2025-01", *words).data
    assert isinstance(data["report"], dict)
    return data["report"]


def test_a_month_that_is_over_is_advised_once(bot: Bot) -> None:
    report = reported(bot)
    advice = report["advice"]
    assert advice["trades"] >= 100 * 2 // 3
    assert advice["tests"] > 0
    assert advice["lines"]
    kept = bot.data_dir / "reports" / "2025-01-paper.advice.json"
    written = kept.read_bytes()
    assert reported(bot) == report
    assert kept.read_bytes() == written
    body = json.loads(written)
    assert body["report"] == report["hash"]
    kept.write_text(json.dumps(body | {"lines": ["kept"]}))
    assert reported(bot)["advice"]["lines"] == ["kept"]  # read, not made
    kept.write_text(json.dumps(body | {"report": "of other rows"}))
    assert reported(bot) == report
    kept.write_text("{")
    assert reported(bot) == report


def test_the_hash_does_not_depend_on_the_advice(bot: Bot) -> None:
    silent = reported(bot, "--no-advice")
    assert silent["advice"] == {"lines": []}
    assert silent["hash"] == reported(bot)["hash"]


def test_a_supported_change_was_played_again(bot: Bot) -> None:
    supported = reported(bot)["advice"]["supported"]
    assert supported, "the month is made so that something can be found"
    played = [one for one in supported if "why_not" not in one["replay"]]
    for one in played:
        again = bot.json("whatif", "--set-signal", one["signal"]).data
        third = again["changed"]["last_third"]
        assert abs(third["trades"] - one["replay"]["trades"]) <= 1  # whatif's third is of the bars
    text = bot("report", "--month", "2025-01").out
    assert "What to change" in text
    assert "Consider " in text
    assert "after Holm" in text


def test_fills_of_an_exchange_are_held_to_the_model(bot: Bot, tmp_path: Path) -> None:
    """The same rows, as of an account at an exchange, and a simulation that would have charged nothing."""
    assert "slippage" not in rules(reported(bot))
    there = Bot(tmp_path, tmp_path / "data")
    there.data_dir.mkdir()
    shutil.copy(bot.data_dir / "tradebot.db", there.data_dir)
    with closing(sqlite3.connect(there.data_dir / "tradebot.db")) as db, db:
        (text,) = db.execute("SELECT config FROM runs").fetchone()
        config = json.loads(text)
        config["sim"] |= {"spread_bps": "0", "impact": "0"}
        db.execute("UPDATE runs SET venue = 'demo', config = ?", (json.dumps(config),))
    report = reported(there)
    (slippage,) = [one for one in report["advice"]["supported"] if one["rule"] == "slippage"]
    assert "0.00 are modelled" in slippage["shows"]
    assert slippage["replay"] == {"why_not": "a change that signals cannot show"}
    assert slippage["config"].endswith(" in [sim]")


def rules(report: dict[str, Any]) -> set[str]:
    advice = report["advice"]
    closest = [advice["closest"]] if advice["closest"] else []
    return {one["rule"] for one in (*advice["supported"], *closest)}


def test_the_unchanged_bars_are_played_once(
    bot: Bot, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """However many changes are supported; a backtest is its own unchanged play."""
    played: list[bool] = []

    def counted(*words: Any) -> Any:
        played.append(words[3] is not None)
        return whatif.play_again(*words)

    monkeypatch.setattr(advisor, "play_again", counted)
    monkeypatch.setattr(backtest_report, "play_again", counted)
    monkeypatch.chdir(bot.folder)
    monkeypatch.setenv("TRADEBOT_DATA_DIR", str(bot.data_dir))
    kept = bot.data_dir / "reports" / "2025-01-paper.advice.json"
    kept.unlink(missing_ok=True)
    assert main(["report", "--month", "2025-01", "--json"]) == 0
    supported = json.loads(capsys.readouterr().out)["data"]["report"]["advice"]["supported"]
    changes = sum("why_not" not in one["replay"] for one in supported)
    assert changes
    assert (played.count(True), played.count(False)) == (changes, 1)
    played.clear()
    assert main(["backtest", "BTCUSDT-1h.csv", *HOURS, *FREE, "--html", "b.html", "--json"]) == 0
    assert played == [True] * len(played)
    assert played


def test_a_part_of_a_month_is_not_kept(bot: Bot) -> None:
    before = sorted((bot.data_dir / "reports").iterdir())
    words = ("report", "--from", "2025-01-01", "--to", "2025-01-05")
    advice = bot.json(*words).data["report"]["advice"]
    assert "are needed" in advice["lines"][0]
    assert sorted((bot.data_dir / "reports").iterdir()) == before


def test_a_replay_says_when_it_speaks_against_a_change() -> None:
    against = PlayedAgain(Decimal(-10), Decimal(-12), 5)
    assert against.words == (
        "Played again over the last third of the time, which chose nothing: -2.00 USDT (from -10.00 to -12.00, 5 trades)."
        " That speaks against it."
    )
    assert PlayedAgain(why="no bars").words == "Not replayed: no bars."
    assert "against" not in PlayedAgain(Decimal(-10), Decimal(3), 5).words
