"""The drill as a user meets it: the installed command, its table, its row, its gate, and what it leaves behind."""

from __future__ import annotations

import json
import signal
from pathlib import Path

import pytest
from kits.paper_kit import Bot

from tradebot.app.drill.table import NAMES, SCENARIOS
from tradebot.journal.audit import AuditKey
from tradebot.journal.facts import DrillPlayed
from tradebot.journal.testimony import read_testimony

SECRET = "a key that does not lie beside the journal"

GUARD = """
import os
import sys

ASKED = ("socket.getaddrinfo", "socket.gethostbyname")


def hook(event, args):
    if event in ("socket.connect", "socket.sendto", *ASKED):
        where = args[0] if event in ASKED else args[1]
        host = where[0] if isinstance(where, tuple) else where
        with open({noted!r}, "a") as file:
            file.write(f"{{host}} {{sys.argv[1] if len(sys.argv) > 1 else '-'}}\\n")


sys.addaudithook(hook)
"""
"""A sitecustomize: every process of Python writes down whom it connects to, or asks the address of."""


@pytest.fixture
def bot(tmp_path: Path) -> Bot:
    """A directory whose temporary files are its own, with a key that would open a real account."""
    (tmp_path / "room").mkdir()
    env = {
        "TRADEBOT_AUDIT_KEY": SECRET,
        "TRADEBOT_BINANCE_KEY": "k" * 64,
        "TRADEBOT_BINANCE_SECRET": "planted-secret" * 4,
        "TMPDIR": str(tmp_path / "room"),
    }
    return Bot(tmp_path, tmp_path / "data", env=env)


def left(bot: Bot) -> list[str]:
    """What a drill has left in its room, and which of its processes still run."""
    room = bot.folder / "room"
    running = [
        str(line)
        for line in Path("/proc").glob("[0-9]*/environ")
        if line.exists() and str(room).encode() in _read(line)
    ]
    return [*map(str, room.iterdir()), *running]


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError:
        return b""


@pytest.mark.slow
def test_one_disaster_is_played_and_put_on_record(tmp_path: Path, bot: Bot) -> None:
    guard, noted = tmp_path / "guard", tmp_path / "connected"
    guard.mkdir()
    (guard / "sitecustomize.py").write_text(GUARD.format(noted=str(noted)))
    bot.env["PYTHONPATH"] = f"{guard}:{bot._env({})['PYTHONPATH']}"
    done = bot.json("drill", "--scenario", "stop_refused")
    (row,) = done.data["drill"]
    assert row["ok"], row
    assert (row["scenario"], row["scripted"]) == ("stop_refused", True)
    assert row["naked_s"] < 6
    assert row["overshoot"] == "0"
    assert row["sentence"]
    hosts, commands = zip(*(line.split() for line in noted.read_text().splitlines()), strict=True)
    assert set(hosts) == {"127.0.0.1"}
    assert "live" in commands
    assert left(bot) == []
    key = AuditKey.find(bot.data_dir, bot.env)
    assert key is not None
    told = read_testimony(bot.data_dir / "tradebot.db", key)
    (fact,) = [one.fact for one in told.rows]
    assert isinstance(fact, DrillPlayed)
    assert fact.scenarios == (("stop_refused", "ok"),)
    assert "planted-secret" not in done.out + done.err + fact.table
    gates = {one["gate"]: one for one in bot.json("gates", code=4).data["gates"]}
    (lacking,) = gates["drill"]["reasons"]
    assert lacking.startswith("not played: ")
    assert lacking.removeprefix("not played: ").split(", ") == [
        n for n in NAMES if n != "stop_refused"
    ]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_drill_leaves_nothing(bot: Bot, number: int) -> None:
    process = bot.start("drill", "--json")
    bot.until(lambda: any((bot.folder / "room").glob("*/*/00-venue.out")))
    process.send_signal(number)
    out, err = process.communicate(timeout=60)
    assert process.returncode == 130, err
    assert json.loads(out)["error"]["message"] == "interrupted"
    assert left(bot) == []
    assert not (bot.data_dir / "tradebot.db").exists()


def test_bad_input_is_one_line(tmp_path: Path, bot: Bot) -> None:
    unknown = bot.json("drill", "--scenario", "stop_refusd", code=2).error
    assert unknown["key"] == "--scenario"
    assert all(name in unknown["message"] for name in NAMES)
    assert "stop_refused" in unknown["hint"]
    broken = tmp_path / "broken.py"
    broken.write_text("class Own:\n    def on_bar(self, bar)\n")
    said = bot.json("drill", "--strategy", f"{broken}:Own", code=1).error
    assert (said["file"], said["line"]) == (str(broken), 2)
    missing = bot.json("drill", "--config", tmp_path / "none.toml", code=2).error
    assert "does not exist" in missing["message"]
    hours = ",".join(map(str, range(24)))
    none = bot.json("drill", "--set", f"risk.live.blackout_hours={hours}", code=2).error
    assert none["key"] == "risk.live.blackout_hours"
    assert left(bot) == []


def test_the_scenarios_have_words_and_names_of_their_own() -> None:
    assert len(set(NAMES)) == len(NAMES)
    assert len(NAMES) >= 20
    for one in SCENARIOS:
        assert not one.done[0].isupper()
        assert not one.done.endswith(".")
