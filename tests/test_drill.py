"""The drill as a user meets it: the installed command, its table, its row, its gate, and what it leaves behind."""

from __future__ import annotations

import json
import shutil
import signal
import tempfile
from dataclasses import replace
from pathlib import Path
from threading import Event
from types import SimpleNamespace

import pytest
from kits.paper_kit import Bot

from tradebot import __version__
from tradebot.app.drill.asked import FRESH_MS, sealed, unsealed
from tradebot.app.drill.drill import _hash_of_voice, _played, directory
from tradebot.app.drill.ground import Lead, ground_of, most_warmup, write_config
from tradebot.app.drill.table import NAMES, SCENARIOS, chosen
from tradebot.app.drill.voice import NAME, SCRIPTED, WORD, write_voice
from tradebot.app.venue import HISTORY_MINUTES
from tradebot.config import load_config
from tradebot.core.model.errors import RefusedError, TradebotError
from tradebot.core.model.values import HOUR_MS, MINUTE_MS, Bar
from tradebot.core.strategy.resample import timeframe_ms
from tradebot.journal.audit import AuditKey
from tradebot.journal.facts import DrillPlayed
from tradebot.journal.testimony import read_testimony
from tradebot.plugins.strategies import load_strategy

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


@pytest.mark.full
@pytest.mark.slow
def test_an_entry_that_rests_is_drilled_too(bot: Bot) -> None:
    sets = ("--set", "execution.entry=limit", "--set", "execution.countdown=true")
    (row,) = bot.json("drill", "--scenario", "entry_200_garbage", *sets).data["drill"]
    assert row["ok"], row
    assert row["naked_s"] < 5


@pytest.mark.full
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


def test_an_interruption_while_it_is_removed_leaves_no_directory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    real, calls = shutil.rmtree, []

    def interrupted(path: Path, *, ignore_errors: bool = False) -> None:
        calls.append(path)
        if len(calls) == 1:
            raise KeyboardInterrupt
        real(path, ignore_errors=ignore_errors)

    monkeypatch.setattr(shutil, "rmtree", interrupted)
    with pytest.raises(KeyboardInterrupt), directory(keep=False) as folder:
        (folder / "file").touch()
    assert list(tmp_path.iterdir()) == []


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
    weak = replace(ROW, weak_key=True)  # its key lay beside the journal where it was sealed
    assert unsealed(sealed(weak, KEY), KEY, NOW).weak_key
    forged = text.replace("stop_refused", "stop_vanishes")
    for bad in (
        forged,
        "",
        "[]",
        '{"body": "{}"}',
        '{"body": "{}", "at": Infinity, "seal": ""}',
        '{"body": "\\ud800", "at": 1, "seal": "\\ud800"}',
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


@pytest.mark.full
@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_drill_leaves_nothing(bot: Bot, number: int) -> None:
    process = bot.start("drill", "--json")
    bot.until(lambda: any((bot.folder / "room").glob("*/*/00-venue.out")))
    process.send_signal(number)
    out, err = process.communicate(timeout=180)
    assert process.returncode == 130, err
    assert json.loads(out)["error"]["message"] == "interrupted"
    assert left(bot) == []
    assert not (bot.data_dir / "tradebot.db").exists()


@pytest.mark.full
@pytest.mark.slow
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


def test_a_disk_without_room_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("shutil.disk_usage", lambda _: SimpleNamespace(free=1 << 20))
    with pytest.raises(TradebotError, match="1 MiB are free") as raised, directory(keep=True):
        pass
    assert "2 GiB" in str(raised.value.hint)


def test_a_larger_bar_has_one_chance_and_a_minute_has_another(tmp_path: Path) -> None:
    hours = {}
    for timeframe, hour in (("1m", 12), ("4h", 12), ("8h", 16), ("12h", 12), ("1d", 12)):
        flags = {"strategy.timeframe": timeframe, "data.dir": str(tmp_path)}
        ground = ground_of(load_config(None, {}, (), flags), "h")
        assert ground.bar % timeframe_ms(ground.timeframe) == 0
        assert ground.bar // HOUR_MS % 24 == hour, timeframe
        hours[timeframe] = ground.timeframe
    assert hours["1d"] == "1h"  # a day's bar closes in the blackout
    assert hours["12h"] == "1h"  # the venue has no history of half a day
    lead = Lead()
    first = lead.seconds
    lead.took(30)
    assert lead.seconds == pytest.approx(43)
    lead.took(1)
    assert first < lead.seconds < 43
    lead.took(500)
    assert lead.seconds == 55


@pytest.mark.full
@pytest.mark.slow
def test_money_that_leaves_is_seen_before_the_bar_however_soon_that_comes(tmp_path: Path) -> None:
    """Starts were quick, so the next bar was taken to be due right behind one: it passed, and a whole minute with it."""
    config = load_config(None, {}, (), {"data.dir": str(tmp_path / "data")})
    ground = replace(ground_of(config, _hash_of_voice(config, tmp_path)), lead=Lead(5.0))
    (scenario,) = chosen("margin_over_half_refused")
    found = _played(scenario, ground, tmp_path / "scene", Event())
    assert found.ok, found.why
    assert found.seconds < 60


OWN = """
from pydantic import BaseModel

from tradebot import Signal


class Own:
    class Params(BaseModel):
        away: float = 0.02

    warmup = 7

    def __init__(self, params, symbol):
        self.away = params.away

    def on_bar(self, bar):
        return Signal("long", 0.9, stop=bar.close * (1 - self.away), reason="own")
"""


@pytest.mark.parametrize(
    ("word", "away", "reason"),
    [
        ("", "0.02", None),
        ("long BTC/USDT", "0.02", None),
        ("long ETH/USDT", "0.02", "own"),
        ("long ETH/USDT", "0.2", SCRIPTED),
        ("short ETH/USDT", "0.02", SCRIPTED),
    ],
)
def test_the_users_strategy_is_heard_where_it_suits(
    tmp_path: Path, word: str, away: str, reason: str | None
) -> None:
    (tmp_path / "own.py").write_text(OWN)
    write_voice(tmp_path, "own.py:Own", tmp_path, {"away": away})
    strategy = load_strategy(NAME, tmp_path).build("ETH/USDT")
    assert strategy.warmup == 7
    if word:
        (tmp_path / WORD).write_text(word)
    bar = Bar.of("ETH/USDT", NOW, MINUTE_MS, ("100", "100", "100", "100", "5"))
    said = strategy.on_bar(bar)
    assert (None if said is None else said.reason) == reason
    if said is not None:
        assert said.stop == pytest.approx(
            103 if word.startswith("short") else 98 if reason == "own" else 97
        )


def test_a_strategy_that_needs_more_history_than_the_venue_has_is_lent_a_word(
    tmp_path: Path,
) -> None:
    """It ended at its start: not enough bars to warm up; on an hour's bars no drill could be passed."""
    (tmp_path / "own.py").write_text(OWN)
    write_voice(tmp_path, "own.py:Own", tmp_path, {"away": 0.02}, 6)
    strategy = load_strategy(NAME, tmp_path).build("ETH/USDT")
    assert strategy.warmup == 6
    (tmp_path / WORD).write_text("long ETH/USDT")
    bar = Bar.of("ETH/USDT", NOW, MINUTE_MS, ("100", "100", "100", "100", "5"))
    said = [strategy.on_bar(bar) for _ in range(8)]
    assert [one.reason for one in said if one] == [SCRIPTED] * 7 + ["own"]


@pytest.mark.parametrize(
    ("timeframe", "bars"),
    [("1m", 498), ("5m", 98), ("15m", 31), ("1h", 6), ("2h", 2), ("4h", 0), ("8h", 0)],
)
def test_what_is_asked_of_the_venue_s_history_it_has(timeframe: str, bars: int) -> None:
    step = timeframe_ms(timeframe)
    assert most_warmup(timeframe) == bars
    assert (bars + 2) * step <= HISTORY_MINUTES * MINUTE_MS or not bars


@pytest.mark.full
@pytest.mark.slow
@pytest.mark.parametrize("timeframe", ["15m", "1h", "4h", "8h", "12h"])
def test_a_disaster_is_played_on_longer_bars_too(bot: Bot, timeframe: str) -> None:
    done = bot.json("drill", "--scenario", "stop_refused", "--timeframe", timeframe)
    assert done.data["drill"][0]["ok"], done.data


def test_the_scenario_is_the_users_but_for_account_and_directory(tmp_path: Path) -> None:
    flags = {
        "risk.live.day_loss": "7",
        "market.symbols": ("ETH/USDT", "XRP/USDT"),
        "risk.live.symbols": ("ETH/USDT", "XRP/USDT"),
        "execution.slippage_bps": "5",
        "alerts.channels": ("telegram",),
        "alerts.telegram.chat_id": "12345",
    }
    config = load_config(None, {}, (), flags)
    ground = ground_of(config, "h")
    made = write_config(ground, tmp_path, "http://127.0.0.1:9", NAME, {"risk.live.trade_loss": "3"})
    assert (made.exchange.environment, made.exchange.url) == ("live", "http://127.0.0.1:9")
    assert (made.risk.profile, made.live.enabled) == ("live", True)
    assert made.risk.live.day_loss == 7
    assert made.risk.live.trade_loss == 3
    assert made.execution == config.execution
    assert made.market.symbols == config.market.symbols
    assert not made.alerts.all_channels
    assert made.data_dir() == tmp_path / "data"


def test_the_scenarios_have_words_and_names_of_their_own() -> None:
    assert len(set(NAMES)) == len(NAMES)
    assert len(NAMES) >= 20
    for one in SCENARIOS:
        assert not one.done[0].isupper()
        assert not one.done.endswith(".")
