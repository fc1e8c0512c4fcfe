"""Guarantee 31: same bars, same signals; backtest and paper agree; a journalled run replays to the byte."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from kits.paper_kit import Bot
from kits.strategy_kit import LONG

from tradebot.__main__ import main
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


def call(capsys: pytest.CaptureFixture[str], bot: Bot, *words: object) -> tuple[int, str, str]:
    """Run a command in this process: it only reads."""
    code = main([*map(str, words), "--data-dir", str(bot.data_dir)])
    out, err = capsys.readouterr()
    return code, out, err


def test_what_was_changed_or_is_none_is_one_line_and_an_exported_run_is_played_elsewhere(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "user"))
    monkeypatch.chdir(tmp_path)
    bot = Bot(tmp_path, tmp_path / "data")
    assert call(capsys, bot, "replay")[0] == 1
    own = bot.strategy(LONG)
    bot.paper(klines(tmp_path / "BTCUSDT-1m.csv", 98_000.0, 0.0011), "--strategy", own)

    code, _, err = call(capsys, bot, "replay", "paper-0007")
    assert (code, err.splitlines()[0]) == (2, "error: there is no run paper-0007")
    code, out, _ = call(capsys, bot, "replay", "--until", "2025-01-06T08:00Z")
    assert (code, out[:16]) == (0, "paper-0001: all ")

    file = tmp_path / "run.flight"
    assert call(capsys, bot, "db", "export", "paper-0001", file)[0] == 0
    (tmp_path / "own.py").unlink()
    assert "own.py" not in {path.name for path in tmp_path.iterdir()}
    code, out, err = call(capsys, bot, "replay", file)
    assert (code, out[:16]) == (0, "paper-0001: all ")
    assert "own.py is code of whoever made that file" in err
    assert "signal " in call(capsys, bot, "replay", file, "--explain", "1")[1]

    with closing(sqlite3.connect(file)) as db, db:
        place = "(SELECT seq FROM audit WHERE kind = 'Place' LIMIT 1)"
        changed = "replace(body, '\"reduce_only\":false', '\"reduce_only\":true')"
        db.execute(f"UPDATE audit SET body = {changed} WHERE seq = {place}")
    code, out, err = call(capsys, bot, "replay", file)
    assert (code, "paper-0001 played again differs at event" in err) == (1, True)
    was, _, now = out.partition("was ")[2].partition("now ")
    assert '"reduce_only":true' in was
    assert '"reduce_only":false' in now
    said = json.loads(call(capsys, bot, "replay", file, "--json")[1])
    assert said["ok"] is False
    assert said["data"]["replay"]["difference"]["was"].startswith("Place {")

    file.write_bytes(file.read_bytes()[:5000])
    code, _, err = call(capsys, bot, "replay", file)
    assert (code, err.count("error: ")) == (1, 1)
    assert "there is no file" in call(capsys, bot, "replay", tmp_path / "no.flight")[2]
