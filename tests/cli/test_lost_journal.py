"""A journal that is gone, cut, replaced, forged or without its log: seen while it runs, and never "nothing"."""

from __future__ import annotations

import os
import shutil
import signal
import sqlite3
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from kits.paper_kit import Bot
from kits.strategy_kit import LONG


@pytest.fixture
def bot(tmp_path: Path) -> Iterator[Bot]:
    made = Bot(tmp_path, tmp_path / "data")
    yield made
    made.clean_up()


def db(bot: Bot, end: str = "") -> Path:
    return bot.data_dir / f"tradebot.db{end}"


def holding(bot: Bot, *words: object) -> subprocess.Popen[str]:
    engine = bot.engine("--strategy", bot.strategy(LONG), *words, speed=300)
    bot.until(lambda: len(bot.json("positions").data["positions"]) == 2)
    return engine


def removed(bot: Bot) -> None:
    db(bot).unlink()


def renamed(bot: Bot) -> None:
    db(bot).rename(db(bot, ".old"))


def cut(bot: Bot) -> None:
    os.truncate(db(bot), 0)


def replaced(bot: Bot) -> None:
    copy = db(bot, ".copy")
    shutil.copy(db(bot), copy)
    copy.replace(db(bot))


def without_log(bot: Bot) -> None:
    db(bot, "-wal").unlink()


@pytest.mark.parametrize("harm", [removed, renamed, cut, replaced, without_log])
def test_an_engine_sees_what_becomes_of_its_journal(bot: Bot, harm: Callable[[Bot], None]) -> None:
    engine = holding(bot)
    harm(bot)
    out, err = engine.communicate(timeout=90)
    assert engine.returncode == 1
    assert "Traceback" not in err
    assert "while the engine ran" in out
    assert "while the engine ran" in err
    assert (bot.data_dir / "HALT").exists()
    done = bot("close-all", "--json", code=None)
    if done.code == 0:  # the engine had it open, and its log put all of it back when it closed
        assert harm in (without_log, cut, replaced)
        assert done.data["closed"] is True
        assert bot.json("db", "verify").data["verified"] is True
        return
    assert done.code == 6
    assert "cannot be told" in done.error["message"]
    assert bot.json("close-all", "--paper", code=6).error["hint"]


@pytest.mark.parametrize("harm", [removed, cut, without_log])
def test_close_all_after_a_kill_and_a_loss(bot: Bot, harm: Callable[[Bot], None]) -> None:
    bot.end(holding(bot), signal.SIGKILL)
    harm(bot)
    bot("status", code=None)  # whoever looks must not make it look whole
    error = bot.json("close-all", code=6).error
    assert "cannot be told" in error["message"]
    assert "Traceback" not in bot("status", code=None).err


def test_a_database_without_its_log_says_so(bot: Bot) -> None:
    bot.end(bot.engine(), signal.SIGKILL)
    db(bot, "-wal").unlink()
    said = bot("status", code=1).err
    assert "lost its write-ahead log" in said or "does not hold the head" in said
    assert "no journal yet" not in said
    db(bot).unlink()
    assert "the journal is gone" in bot("status", code=1).err


def test_an_older_copy_is_told_and_db_restore_takes_it(bot: Bot) -> None:
    bot.end(holding(bot))
    bot("db", "backup", bot.folder / "copy.db")
    bot("close-all")
    bot("resume", "--reason", "go")
    newer = bot.json("db", "verify").data["head"]
    shutil.copy(bot.folder / "copy.db", db(bot))
    for end in ("-wal", "-shm"):
        db(bot, end).unlink(missing_ok=True)
    assert "head last noted" in bot.json("close-all", code=6).error["message"]
    assert "head last noted" in bot.json("paper", "--headless", code=1).error["message"]
    assert bot.json("db", "verify", code=1).data["findings"][0]["kind"] == "head"

    done = bot.json("db", "restore", bot.folder / "copy.db")
    assert Path(done.data["kept"]).exists()
    assert bot.json("db", "verify").data["verified"] is True
    error = bot.json("db", "verify", "--head", newer, code=1)
    assert "noted elsewhere" in error.data["findings"][0]["text"]
    bot.json("db", "verify", "--head", "nonsense", code=2)
    assert len(bot.json("positions").data["positions"]) == 2
    assert bot.json("close-all").data["closed"] is True
    assert {path.stat().st_mode & 0o777 for path in bot.data_dir.iterdir()} == {0o600}
    assert bot.data_dir.stat().st_mode & 0o777 == 0o700
    assert (bot.folder / "copy.db").stat().st_mode & 0o777 == 0o600


def test_restore_is_refused_where_it_would_harm(bot: Bot) -> None:
    engine = bot.engine()
    copy = bot.folder / "copy.db"
    bot("db", "backup", copy)
    bot.json("db", "restore", copy, code=5)
    bot.end(engine)
    bot.json("db", "restore", bot.folder / "other.db", code=1)
    bot.json("db", "restore", db(bot), code=1)
    before = db(bot).read_bytes()
    with sqlite3.connect(copy) as forged:
        forged.execute("UPDATE state SET body = '{}'")
    forged.close()
    assert "does not verify" in bot.json("db", "restore", copy, code=1).error["message"]
    copy.write_bytes(b"nothing of the kind" * 1000)
    bot.json("db", "restore", copy, code=1)
    assert db(bot).read_bytes() == before


def test_a_forged_state_is_not_gone_on_from(bot: Bot) -> None:
    bot.end(holding(bot))
    with sqlite3.connect(db(bot)) as forger:
        forger.execute('UPDATE state SET body = replace(body, \'"cash":"\', \'"cash":"1\')')
    forger.close()
    words = ("paper", "--headless", "--strategy", f"{bot.folder}/own.py:Own")
    error = bot.json(*words, code=1).error
    assert "was changed, or written without the key" in error["message"]
    assert "was changed" in bot.json("close-all", code=6).error["message"]
    findings = bot.json("db", "verify", code=1).data["findings"]
    assert [finding["kind"] for finding in findings] == ["state"]  # and nobody signed it meanwhile


def test_money_that_does_not_follow_from_the_audit_makes_no_entry(bot: Bot) -> None:
    """Somebody with the key wrote the state: the audit trail still says what happened."""
    from tradebot.journal.audit import AuditKey
    from tradebot.journal.seal import link_at, sign_state

    bot.end(holding(bot))
    key = AuditKey.find(bot.data_dir)
    assert key is not None
    with sqlite3.connect(db(bot)) as forger:
        row = forger.execute("SELECT run, log_seq, audit_seq, wall, body FROM state").fetchone()
        body = row[4].replace('"cash":"', '"cash":"1', 1)
        assert body != row[4]
        mac = sign_state(key, (*row[:4], body), link_at(forger, row[2]) or "")
        forger.execute("UPDATE state SET body = ?, mac = ?", (body, mac))
    forger.close()
    error = bot.json("paper", "--headless", "--strategy", f"{bot.folder}/own.py:Own", code=1).error
    assert "does not follow from its audit trail: cash 1" in error["message"]
