"""``db verify`` and ``db backup`` from outside."""

from __future__ import annotations

import asyncio
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from kits.journal_samples import WALL, new_run, story
from kits.paper_kit import Bot

from tradebot.journal import store
from tradebot.journal.audit import AuditKey
from tradebot.journal.rows import Batch, RunBegun
from tradebot.journal.seal import sign_state
from tradebot.journal.writer import Journal


@pytest.fixture
def bot(tmp_path: Path) -> Bot:
    made = Bot(tmp_path, tmp_path / "data")
    made.paper("--for", "90m")
    return made


def test_verify_and_its_findings(bot: Bot) -> None:
    done = bot.json("db", "verify")
    assert done.document["command"] == "db verify"
    assert done.data["verified"] is True
    assert done.data["findings"] == []
    assert done.data["head"].partition(":")[0].isdigit()
    db = sqlite3.connect(bot.data_dir / "tradebot.db")
    with db:
        db.execute("UPDATE fills SET price = '1' WHERE rowid = (SELECT min(rowid) FROM fills)")
    db.close()
    done = bot.json("db", "verify", code=1)
    assert done.data["verified"] is False
    assert done.data["findings"]
    assert done.error["kind"] == "journal"
    assert "fills" in bot("db", "verify", code=1).out


def test_a_state_of_an_older_version_is_noted_and_no_finding(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bot = Bot(tmp_path, tmp_path / "data")
    key = AuditKey.load(bot.data_dir, bot.env)
    monkeypatch.setattr(store, "RunBegun", lambda **values: RunBegun(**values | {"placed": False}))

    async def older() -> None:
        async with await Journal.open(bot.data_dir / "tradebot.db", key=key) as journal:
            run = await journal.begin_run(new_run())
            await journal.commit(Batch(run, WALL, effects=story(), state={"n": 1}))
            await journal.end_run(run, "interrupted", None, None, WALL)

    asyncio.run(older())
    assert "note" not in bot("db", "verify").out
    with closing(sqlite3.connect(bot.data_dir / "tradebot.db")) as db, db:
        row = db.execute("SELECT run, log_seq, audit_seq, wall, body FROM state").fetchone()
        db.execute("UPDATE state SET mac = ?", (sign_state(key, row),))
    done = bot.json("db", "verify")
    assert (done.data["verified"], done.data["loose_states"]) == (True, ["paper-0001"])
    words = "an older version signed the state of paper-0001 for any journal of this key"
    assert words in bot("db", "verify").out


def test_verify_without_the_key(bot: Bot) -> None:
    (bot.data_dir / "audit.key").unlink()
    error = bot.json("db", "verify", code=1).error
    assert "audit key" in error["message"]
    assert "TRADEBOT_AUDIT_KEY" in error["hint"]


def test_backup(bot: Bot) -> None:
    target = bot.folder / "copy.db"
    done = bot.json("db", "backup", target)
    assert done.data["bytes"] == target.stat().st_size
    assert bot.json("db", "backup", target, code=1).error["file"] == str(target)
    assert bot.json("db", "backup", target, "--force").data["backup"] == str(target)
    other = Bot(bot.folder, bot.folder / "restored")
    other.data_dir.mkdir()
    target.rename(other.data_dir / "tradebot.db")
    (bot.data_dir / "audit.key").rename(other.data_dir / "audit.key")
    assert other.json("db", "verify").data["verified"] is True
    assert other.json("runs").data["runs"][0]["state"] == "ended"


def test_backup_while_an_engine_runs(tmp_path: Path) -> None:
    bot = Bot(tmp_path, tmp_path / "data")
    engine = bot.engine(speed=600)
    try:
        assert bot.json("db", "backup", tmp_path / "copy.db").data["bytes"] > 0
        assert bot.json("db", "verify").data["verified"] is True
    finally:
        assert bot.end(engine).code == 0


@pytest.mark.parametrize("words", [("verify",), ("backup", "x.db")], ids=["verify", "backup"])
def test_without_a_journal(tmp_path: Path, words: tuple[str, ...]) -> None:
    error = Bot(tmp_path, tmp_path / "none").json("db", *words, code=1).error
    assert "no journal yet" in error["message"]
    assert not (tmp_path / "x.db").exists()
