"""The doctor: each check's ok, warn and fail, and the way out."""

from __future__ import annotations

import io
import os
import shutil
import sqlite3
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import pytest

from tradebot.app import doctor
from tradebot.app.doctor import examine
from tradebot.app.finding import Row, judge_symbol
from tradebot.config import Config, load_config
from tradebot.core.model.errors import ConfigError
from tradebot.core.model.facts import INSTRUMENTS
from tradebot.guard.latch import write_halt
from tradebot.guard.lock import InstanceLock
from tradebot.journal.audit import AuditKey
from tradebot.journal.writer import Journal

KEY = "a key that is long enough"


@pytest.fixture
def data_dir(tmp_path: Path) -> Path:
    path = tmp_path / "data"
    path.mkdir()
    return path


def rows_of(data_dir: Path, *sets: str) -> dict[str, list[Row]]:
    """Return the rows by check."""

    def load() -> Config:
        return load_config(None, {}, sets, {"data.dir": str(data_dir)})

    found: dict[str, list[Row]] = {}
    for row in examine(load, {"TERM": "xterm"}):
        found.setdefault(row.check, []).append(row)
    return found


def only(data_dir: Path, check: str, *sets: str) -> Row:
    (row,) = rows_of(data_dir, *sets)[check]
    return row


def test_a_fresh_machine_is_fit(data_dir: Path) -> None:
    found = rows_of(data_dir / "new")
    assert set(found) == {
        "python", "terminal", "config", "data dir", "database", "lock", "disk", "clock",
        "audit key", "strategy", "symbol", "exchange", "alerts",
    }  # fmt: skip
    assert all(row.status != "fail" for rows in found.values() for row in rows)
    assert all(row.hint for rows in found.values() for row in rows if row.status != "ok")
    assert not (data_dir / "new").exists(), "the doctor changes nothing"
    assert "will be made" in found["data dir"][0].detail


def test_a_configuration_that_does_not_load(data_dir: Path) -> None:
    def load() -> Config:
        raise ConfigError("unknown key", file="bot.toml", line=3, hint="did you mean speed?")

    found = {row.check: row for row in examine(load, {})}
    assert set(found) == {"python", "terminal", "config", "clock"}
    assert found["config"].status == "fail"
    assert found["config"].detail.startswith("bot.toml:3: unknown key")
    assert found["config"].hint == "did you mean speed?"


def test_the_config_row_says_where_keys_come_from(tmp_path: Path, data_dir: Path) -> None:
    file = tmp_path / "bot.toml"
    file.write_text('[market]\nseed = 7\nsymbols = ["ETH/USDT"]\n')
    rows = examine(
        lambda: load_config(file, {"TRADEBOT_SIM__LATENCY_MS": "3"}, ["log.level=debug"]), {}
    )
    (row,) = [row for row in rows if row.check == "config"]
    assert row.detail == f"{file}; keys set: 2 by the file, 1 by the environment, 1 by --set"
    assert only(data_dir, "config").detail.startswith("no file: the built-in defaults")


def test_an_old_python(monkeypatch: pytest.MonkeyPatch, data_dir: Path) -> None:
    monkeypatch.setattr(sys, "version_info", (3, 10, 4, "final", 0))
    assert only(data_dir, "python").status == "fail"


class Screen(io.StringIO):
    """A stdout that says it is a terminal."""

    encoding = "utf-8"

    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize(
    ("size", "encoding", "term", "status", "words"),
    [
        ("120,40", "utf-8", "xterm", "ok", "120x40"),
        ("79,40", "utf-8", "xterm", "warn", "80x24"),
        ("120,23", "utf-8", "xterm", "warn", "80x24"),
        ("120,40", "latin-1", "xterm", "warn", "UTF-8"),
        ("120,40", "utf-8", "dumb", "warn", "TERM"),
    ],
)
def test_terminals(
    monkeypatch: pytest.MonkeyPatch, size: str, encoding: str, term: str, status: str, words: str
) -> None:
    columns, lines = size.split(",")
    monkeypatch.setenv("COLUMNS", columns)
    monkeypatch.setenv("LINES", lines)
    screen = Screen()
    screen.encoding = encoding
    monkeypatch.setattr(sys, "stdout", screen)
    row = next(row for row in examine(Config, {"TERM": term}) if row.check == "terminal")
    assert row.status == status
    assert words in f"{row.detail} {row.hint}"


def test_a_place_that_cannot_be_used(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.touch()
    row = only(file, "data dir")
    assert row.status == "fail"
    assert "is not a directory" in row.detail
    no_place = Path("/proc/1/task")
    if no_place.is_dir():
        row = only(no_place, "data dir")
        assert row.status == "fail"
        assert "nothing can be written" in row.detail


@pytest.mark.parametrize(
    ("free", "status"), [(1 << 40, "ok"), (500 << 20, "warn"), (50 << 20, "fail")]
)
def test_the_disk(monkeypatch: pytest.MonkeyPatch, data_dir: Path, free: int, status: str) -> None:
    usage = shutil.disk_usage(data_dir)._replace(free=free)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage)
    assert only(data_dir, "disk").status == status


async def journal(data_dir: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Make an empty journal with a key from the environment."""
    monkeypatch.setenv("TRADEBOT_AUDIT_KEY", KEY)
    path = data_dir / "tradebot.db"
    async with await Journal.open(path, key=AuditKey.load(data_dir)):
        pass
    return path


async def test_a_sound_journal(data_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = await journal(data_dir, monkeypatch)
    row = only(data_dir, "database")
    assert row.status == "ok"
    assert str(path) in row.detail
    assert "0 runs" in row.detail
    assert only(data_dir, "audit key").status == "ok"
    monkeypatch.delenv("TRADEBOT_AUDIT_KEY")
    row = only(data_dir, "audit key")
    assert row.status == "fail"
    assert "not the key" in row.detail


def somebody_elses(path: Path) -> None:
    with sqlite3.connect(path) as db:
        db.execute("CREATE TABLE theirs (x)")
    db.close()


def newer(path: Path) -> None:
    with sqlite3.connect(path) as db:
        db.execute("UPDATE migrations SET version = 999 WHERE version = 1")
    db.close()


def torn(path: Path) -> None:
    raw = bytearray(path.read_bytes())
    raw[4096 * 3 : 4096 * 6] = os.urandom(4096 * 3)
    path.write_bytes(raw)


@pytest.mark.parametrize(
    ("harm", "words"),
    [
        (newer, "schema 999"),
        (torn, "corrupt"),
        (lambda path: path.write_bytes(b"no database, and long enough to see it" * 90), "database"),
    ],
    ids=["newer", "torn", "nonsense"],
)
async def test_a_journal_that_cannot_be_used(
    data_dir: Path, monkeypatch: pytest.MonkeyPatch, harm: Callable[[Path], object], words: str
) -> None:
    harm(await journal(data_dir, monkeypatch))
    row = only(data_dir, "database")
    assert row.status == "fail"
    assert words in row.detail
    assert row.hint


def test_another_programs_database(data_dir: Path) -> None:
    somebody_elses(data_dir / "tradebot.db")
    row = only(data_dir, "database")
    assert row.status == "fail"
    assert "belongs to another program" in row.detail


def test_the_lock_and_the_halt_file(data_dir: Path) -> None:
    assert only(data_dir, "lock").detail == "free: no engine runs here"
    with InstanceLock(data_dir):
        assert f"process {os.getpid()}" in only(data_dir, "lock").detail
    assert "halt" not in rows_of(data_dir)
    write_halt(data_dir, "looking after it", "ann")
    row = only(data_dir, "halt")
    assert row.status == "warn"
    assert "looking after it (ann)" in row.detail
    assert "resume" in str(row.hint)


def test_a_clock_that_cannot_be_right(monkeypatch: pytest.MonkeyPatch) -> None:
    late = 4_000_000_000_000
    row = doctor._clock(late)
    assert row.status == "fail"
    assert "the clock went back" in row.detail
    monkeypatch.setattr(doctor, "_synchronised", lambda: False)
    assert doctor._clock(None).status == "warn"
    monkeypatch.setattr(doctor, "_synchronised", lambda: True)
    assert doctor._clock(None).status == "ok"
    monkeypatch.setattr(doctor, "BORN", datetime(2999, 1, 1, tzinfo=UTC))
    assert doctor._clock(None).status == "fail"


def test_without_a_keyring_the_key_lies_beside_the_journal(data_dir: Path) -> None:
    row = only(data_dir, "audit key")
    assert row.status == "warn"
    assert "in a file beside the journal" in row.detail
    AuditKey.load(data_dir)
    row = only(data_dir, "audit key")
    assert row.status == "warn"
    assert row.detail.startswith("weak")


def test_the_strategy(data_dir: Path, tmp_path: Path) -> None:
    row = only(data_dir, "strategy", "strategy.name=breakout", "strategy.params.entry=30")
    assert (row.status, row.detail) == ("ok", "breakout on 1m bars, entry = 30")
    row = only(data_dir, "strategy", "strategy.name=ema_crss")
    assert row.status == "fail"
    assert "unknown strategy" in row.detail
    assert row.hint == "did you mean ema_cross?"


def test_symbols_against_the_limits_in_words_with_numbers(data_dir: Path) -> None:
    rows = rows_of(data_dir, "risk.profile=live")["symbol"]
    bitcoin, ether = rows
    assert bitcoin.status == "fail"
    assert bitcoin.detail.startswith(
        "BTC/USDT: smallest order 0.001 BTC = $98.30 exceeds the position cap of $50 (profile live"
    )
    assert ether.status == "warn"
    assert ether.detail.startswith("ETH/USDT: smallest order 0.006 ETH = $21.84")
    assert "confidence below 0.5" in str(ether.hint)
    assert all(row.status == "ok" for row in rows_of(data_dir)["symbol"])
    row, _ = rows_of(data_dir, "risk.paper.position_value=60")["symbol"]
    assert row.status == "fail"
    assert "raise risk.paper.position_value" in str(row.hint)
    row, _ = rows_of(data_dir, "risk.paper.position_value=off")["symbol"]
    assert row.status == "ok"


def test_live_limits_are_looked_at_where_live_is_switched_on(data_dir: Path) -> None:
    rows = rows_of(data_dir, "live.enabled=true")["symbol"]
    assert [row.status for row in rows] == ["ok", "fail", "ok", "warn"]


def test_a_symbol_off_the_allow_list(data_dir: Path) -> None:
    row = only(data_dir, "symbol", 'market.symbols=["SOL/USDT"]', "risk.profile=live")
    assert row.status == "fail"
    assert "not on the allow-list of profile live" in row.detail


def test_only_the_surest_signals_are_big_enough(data_dir: Path) -> None:
    limits = load_config(None, {}, ["risk.profile=live"]).limits()
    row = judge_symbol(INSTRUMENTS["ETH/USDT"], "live", limits, Decimal(36_000), "last seen")
    assert row.status == "warn"
    assert "0.001 ETH = $36.00 of the position cap of $50" in row.detail
    assert "at $36000, last seen" in row.detail
    assert "below 0.75" in str(row.hint)
