"""The drill as a user meets it: the installed command, its table, its row, its gate, and what it leaves behind."""

from __future__ import annotations

import json
import signal
from dataclasses import replace
from pathlib import Path

import pytest
from kits.paper_kit import Bot

from tradebot import __version__
from tradebot.app.drill.asked import FRESH_MS, sealed, unsealed
from tradebot.app.drill.table import NAMES, SCENARIOS
from tradebot.core.model.errors import RefusedError
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


def played(bot: Bot) -> list[DrillPlayed]:
    """The rows of drills in the chain."""
    key = AuditKey.find(bot.data_dir, bot.env)
    assert key is not None
    rows = read_testimony(bot.data_dir / "tradebot.db", key).rows
    return [one.fact for one in rows if isinstance(one.fact, DrillPlayed)]


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
    (fact,) = played(bot)
    assert fact.scenarios == (("stop_refused", "ok"),)
    assert "planted-secret" not in done.out + done.err + fact.table
    gates = {one["gate"]: one for one in bot.json("gates", code=4).data["gates"]}
    (lacking,) = gates["drill"]["reasons"]
    assert lacking.startswith("not played: ")
    assert lacking.removeprefix("not played: ").split(", ") == [
        n for n in NAMES if n != "stop_refused"
    ]


@pytest.mark.slow
def test_an_engine_that_holds_the_journal_signs_the_row(bot: Bot) -> None:
    engine = bot.engine("--market", "sim")
    done = bot.json("drill", "--scenario", "order_over_cap_refused")
    assert done.data["drill"][0]["ok"], done.data
    assert engine.poll() is None
    assert played(bot)[0].scenarios == (("order_over_cap_refused", "ok"),)
    assert done.data["record"].partition(":")[0].isdigit()
    assert bot.end(engine).code == 0
    assert bot.json("db", "verify").document["ok"]
    assert bot.json("replay").document["ok"]


NOW = 1_795_000_000_000
KEY = AuditKey(b"k" * 32, "environment")
ROW = DrillPlayed(
    *("e", "s", __version__, "c", "{}", (("stop_refused", "ok"),), ()),
    *(NOW - 9000, NOW, "[]"),
)


def test_an_engine_signs_what_was_sealed_with_its_key_and_nothing_else() -> None:
    text = sealed(ROW, KEY)
    assert unsealed(text, KEY, NOW) == ROW
    assert unsealed(text, replace(KEY, source="file"), NOW).weak_key
    forged = text.replace("stop_refused", "stop_vanishes")
    for bad in (
        forged,
        "",
        "[]",
        '{"body": "{}"}',
        sealed(ROW, AuditKey(b"x" * 32, "environment")),
    ):
        with pytest.raises(RefusedError):
            unsealed(bad, KEY, NOW)


@pytest.mark.parametrize(
    ("row", "after", "words"),
    [
        (ROW, -2001, "did not end just now"),
        (ROW, -2000, ""),
        (ROW, FRESH_MS, ""),
        (ROW, FRESH_MS + 1, "did not end just now"),
        (replace(ROW, version="0"), 0, "the drill is of version 0"),
        (replace(ROW, scenarios=(("made_up", "ok"),)), 0, "nobody knows: made_up"),
        (replace(ROW, scenarios=()), 0, "nobody knows: none"),
    ],
)
def test_an_engine_looks_at_a_drill_anew(row: DrillPlayed, after: int, words: str) -> None:
    if not words:
        assert unsealed(sealed(row, KEY), KEY, NOW + after) == row
        return
    with pytest.raises(RefusedError, match=words):
        unsealed(sealed(row, KEY), KEY, NOW + after)


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
        assert one.done[0].islower()
        assert not one.done.endswith(".")
