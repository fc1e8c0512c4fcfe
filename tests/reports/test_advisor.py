"""What a report says should be changed: chosen before the last third, played again over it, kept once made."""

from __future__ import annotations

import csv
import json
import os
import shutil
import sqlite3
import subprocess
import sys
from contextlib import closing, suppress
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from kits.paper_kit import Bot

from tradebot.__main__ import main
from tradebot.app import advisor, backtest_report, whatif
from tradebot.app.advising import PlayedAgain
from tradebot.core.model.times import of_iso
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


def a_benchmark(path: Path) -> Path:
    rows = (f"2025-01-{day:02d},{5_900 + day}" for day in (2, 3, 6, 7, 8))
    path.write_text("date,close\n" + "\n".join(rows) + "\n")
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
    beside = reported(bot, "--benchmark", str(a_benchmark(bot.folder / "b.csv")))
    assert beside["hash"] != report["hash"]
    assert (
        beside["advice"] == report["advice"]
    )  # what a month says of itself is the same beside anything
    assert kept.read_bytes() == written
    ((rows, entry),) = body.items()
    kept.write_text(json.dumps({rows: entry | {"lines": ["kept"]}}))
    assert reported(bot)["advice"]["lines"] == ["kept"]  # read, not made
    kept.write_text(json.dumps({"of other rows": entry}))
    assert reported(bot) == report
    assert list(json.loads(kept.read_text())) == [
        "of other rows",
        rows,
    ]  # neither throws the other away
    for broken in ("{", "[]", '{"a": 3}', json.dumps({rows: {"lines": 3}}), json.dumps(entry)):
        kept.write_text(broken)
        assert reported(bot) == report
    many = {str(number): entry for number in range(30)}
    kept.write_text(json.dumps(many))
    assert reported(bot) == report
    assert list(json.loads(kept.read_text())) == [*map(str, range(11, 30)), rows]
    kept.write_bytes(written)


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


@pytest.fixture(scope="module")
def there(bot: Bot, tmp_path_factory: pytest.TempPathFactory) -> Bot:
    """The same rows, as of an account at an exchange, and a simulation that would have charged nothing."""
    folder = tmp_path_factory.mktemp("exchange")
    there = Bot(folder, folder / "data")
    there.data_dir.mkdir()
    shutil.copy(bot.data_dir / "tradebot.db", there.data_dir)
    with closing(sqlite3.connect(there.data_dir / "tradebot.db")) as db, db:
        (text,) = db.execute("SELECT config FROM runs").fetchone()
        config = json.loads(text)
        config["sim"] |= {"spread_bps": "0", "impact": "0"}
        db.execute("UPDATE runs SET venue = 'demo', config = ?", (json.dumps(config),))
    return there


def test_fills_of_an_exchange_are_held_to_the_model(bot: Bot, there: Bot) -> None:
    assert "slippage" not in rules(reported(bot))
    report = reported(there)
    (slippage,) = [one for one in report["advice"]["supported"] if one["rule"] == "slippage"]
    assert "0.00 are modelled" in slippage["shows"]
    assert slippage["replay"] == {"why_not": "a change that signals cannot show"}
    assert slippage["config"].endswith(" in [sim]")


NAMED = "Fills above the model (bps)"


def test_what_fills_cost_more_than_modelled_stands_on_every_face(
    bot: Bot, there: Bot, tmp_path: Path
) -> None:
    """Reckoned anew from the exported trades and the bars' file: a model without spread and impact charges for stops alone."""
    assert reported(bot)["beside_model"] is None  # the simulation made these fills itself
    report = reported(there, "--csv", str(tmp_path / "csv"), "--html", str(tmp_path / "r.html"))
    told = report["beside_model"]
    more = sorted(beyond_the_model(tmp_path / "csv" / "trades.csv", bot.folder))
    assert (told["n"], told["trades"], told["why"]) == (len(more), len(more), "")
    middle, ninth = more[(len(more) - 1) // 2], more[-(-len(more) * 9 // 10) - 1]
    found = [float(told[f"{name}_bps"]) for name in ("median", "p90", "worst")]
    assert found == pytest.approx([middle, ninth, more[-1]], abs=1e-6)
    words = f"median {found[0]:+,.2f}, p90 {found[1]:+,.2f}, worst {found[2]:+,.2f}, n {told['n']}"
    assert words in (tmp_path / "r.html").read_text()
    out = " ".join(there("report", "--month", "2025-01").out.split())
    assert f"{NAMED} {words}" in out


def beyond_the_model(table: Path, folder: Path) -> list[float]:
    """Return what each trade cost beyond a stop's quarter of the way to its bar's worst, in bps of what it traded."""
    lines = [line.split(",") for line in (folder / "BTCUSDT-1h.csv").read_text().split()]
    bars = {int(line[0]): (float(line[3]), float(line[2])) for line in lines}
    found = []
    with table.open() as file:
        for row in csv.DictReader(file):
            exit_price, qty = float(row["exit_price"]), float(row["qty"])
            paid = -float(row["slippage"])
            if row["exit_reason"] == "stop":
                at = of_iso(row["exit_time"])
                low, high = bars[at - at % HOUR_MS]
                worst = low if row["side"] == "long" else high
                paid -= abs(float(row["stop"]) - worst) / 4 * qty
            found.append(paid / qty / (exit_price + float(row["entry_price"])) * 1e4)
    return found


def test_bars_that_are_gone_are_said_and_what_was_made_before_is_kept(
    there: Bot, tmp_path: Path
) -> None:
    report = reported(there)
    silent = reported(there, "--no-advice")
    assert silent["beside_model"] is None
    assert silent["hash"] == report["hash"]
    bare = Bot(tmp_path, tmp_path / "data")
    shutil.copytree(there.data_dir, bare.data_dir)
    with closing(sqlite3.connect(bare.data_dir / "tradebot.db")) as db, db:
        db.execute("DELETE FROM log")
        db.execute("DELETE FROM blocks")
    assert reported(bare) == report
    (bare.data_dir / "reports" / "2025-01-paper.advice.json").unlink()
    gone = reported(bare)
    assert gone["hash"] == report["hash"]
    assert (gone["beside_model"]["n"], gone["beside_model"]["median_bps"]) == (0, None)
    out = " ".join(bare("report", "--month", "2025-01").out.split())
    assert f"{NAMED} - (the bars of these trades are no longer in the event log)" in out


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


def test_a_bar_shows_on_a_terminal_how_far_the_replays_are(bot: Bot) -> None:
    """Each change that was played is a part of it; nothing of it where nobody looks, or where JSON is wanted."""
    kept = bot.data_dir / "reports" / "2025-01-paper.advice.json"
    for words, shown in ((("report",), True), (("report", "--json"), False)):
        kept.unlink(missing_ok=True)
        master, slave = os.openpty()
        command = [sys.executable, "-m", "tradebot", *words, "--month", "2025-01"]
        child = subprocess.Popen(
            command,
            cwd=bot.folder,
            env={**os.environ, "TRADEBOT_DATA_DIR": str(bot.data_dir), "TERM": "xterm"},
            stdout=subprocess.DEVNULL,
            stderr=slave,
        )
        os.close(slave)
        with os.fdopen(master, "rb") as terminal:
            said = b""
            with suppress(OSError):  # a terminal whose other side is closed
                while part := terminal.read1(4096):
                    said += part
        assert child.wait(60) == 0
        assert (b"what to change" in said) is shown
        assert ("━" in said.decode()) is shown


def test_a_backtest_is_advised_as_the_journalled_run(bot: Bot) -> None:
    """To the last digit: what is drawn by chance is drawn from the figures, whoever came to them."""
    words = ("backtest", "BTCUSDT-1h.csv", *HOURS, *FREE)
    assert bot.json(*words, "--html", "c.html").data["report"]["advice"] == reported(bot)["advice"]


def test_a_part_of_a_month_is_not_kept(bot: Bot) -> None:
    before = sorted(bot.data_dir.glob("reports/*"))
    words = ("report", "--from", "2025-01-01", "--to", "2025-01-05")
    advice = bot.json(*words).data["report"]["advice"]
    assert "are needed" in advice["lines"][0]
    assert sorted(bot.data_dir.glob("reports/*")) == before


def test_a_replay_says_when_it_speaks_against_a_change() -> None:
    against = PlayedAgain(Decimal(-10), Decimal(-12), 5)
    assert against.words == (
        "Played again over the last third of the time, which chose nothing: -2.00 USDT (from -10.00 to -12.00, 5 trades)."
        " That speaks against it."
    )
    assert PlayedAgain(why="no bars").words == "Not replayed: no bars."
    assert "against" not in PlayedAgain(Decimal(-10), Decimal(3), 5).words
