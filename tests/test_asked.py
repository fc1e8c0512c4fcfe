"""A backtest put on record by the engine that holds the journal: what it signs, and what it does not."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest
from kits.paper_kit import Bot

from tradebot import __version__
from tradebot.app import asked
from tradebot.app.asked import put_backtest_on_record, sealed, unsealed
from tradebot.app.recording import put_on_record
from tradebot.app.sealed import DRILL, FRESH_MS, MOST
from tradebot.core.model.errors import RefusedError
from tradebot.guard.lock import InstanceLock
from tradebot.journal.audit import AuditKey
from tradebot.journal.commands import RECORD_BACKTEST, post_command, wait_command
from tradebot.journal.facts import BacktestRecorded
from tradebot.journal.testimony import read_testimony

SECRET = "a key that does not lie beside the journal"
NOW = 1_795_000_000_000
KEY = AuditKey(b"k" * 32, "environment")
ROW = BacktestRecorded(
    *("e", "s", (("a.csv", "0" * 64),), (("BTC/USDT", "31"),), (), 5, "{}", __version__)
)


@pytest.fixture
def bot(tmp_path: Path) -> Iterator[Bot]:
    one = Bot(tmp_path, tmp_path / "data", env={"TRADEBOT_AUDIT_KEY": SECRET})
    yield one
    one.clean_up()


def recorded(bot: Bot) -> list[BacktestRecorded]:
    key = AuditKey.find(bot.data_dir, bot.env)
    assert key is not None
    told = read_testimony(bot.data_dir / "tradebot.db", key)
    assert told.broken == ""
    return [one.fact for one in told.rows if isinstance(one.fact, BacktestRecorded)]


def test_an_engine_that_holds_the_journal_signs_the_row(bot: Bot) -> None:
    engine = bot.engine("--market", "sim")
    words = (bot.klines(1440), "--record", "--symbols", "BTC/USDT")
    record = bot.json("backtest", *words).data["record"]
    assert engine.poll() is None
    (row,) = recorded(bot)
    assert (dict(row.spans), row.evidence) == ({"BTC/USDT": "1"}, record["evidence"])
    assert record["head"].partition(":")[0].isdigit()
    gates = bot.json("gates", "--symbols", "BTC/USDT", code=4).data["gates"]
    assert gates[0]["reasons"] == ["BTC/USDT: 1 days"]
    assert bot.end(engine).code == 0
    assert bot.json("db", "verify").document["ok"]
    assert bot.json("replay").document["ok"]


def test_where_it_cannot_be_recorded_the_result_is_told_all_the_same(bot: Bot) -> None:
    (bot.data_dir / "tradebot.lock").mkdir(parents=True)
    words = ("backtest", bot.klines(60), "--record", "--symbols", "BTC/USDT")
    done = bot.json(*words, code=None)
    assert done.code != 0
    assert done.error["message"]
    assert done.data["record"] is None
    assert done.data["summary"]["mode"] == "backtest"


@pytest.mark.parametrize(
    "words", [("drill",), ("backtest", "BARS", "--record", "--symbols", "BTC/USDT")]
)
def test_with_another_key_nothing_is_played_first(bot: Bot, words: tuple[str, ...]) -> None:
    bot("paper", "--headless", "--speed", "max", "--for", "5m")
    bot.env["TRADEBOT_AUDIT_KEY"] = "another key that signs no journal of this place"
    found = bot(*(bot.klines(60) if one == "BARS" else one for one in words), code=1)
    assert found.out == ""
    assert "is not the one this journal was written with" in found.err
    assert "disasters" not in found.err


def test_an_empty_file_is_no_journal_of_another_key(bot: Bot) -> None:
    """A first start that was cut off leaves one, and the next one goes on with it."""
    bot.data_dir.mkdir()
    (bot.data_dir / "tradebot.db").touch()
    bot("backtest", bot.klines(60), "--record", "--symbols", "BTC/USDT")
    assert len(recorded(bot)) == 1


def test_it_signs_what_was_sealed_with_its_key_for_this_and_nothing_else() -> None:
    text = sealed(ROW, KEY, NOW)
    assert unsealed(text, KEY, NOW) == ROW
    assert unsealed(text, replace(KEY, source="file"), NOW).weak_key
    weak = replace(ROW, weak_key=True)  # its key lay beside the journal where it was sealed
    assert unsealed(sealed(weak, KEY, NOW), KEY, NOW).weak_key
    for bad in (
        text.replace("BTC/USDT", "ETH/USDT"),
        "",
        "[]",
        '{"body": "{}", "at": Infinity, "seal": ""}',
        sealed(ROW, AuditKey(b"x" * 32, "environment"), NOW),
        DRILL.seal("{}", KEY, NOW).text(),
        sealed(replace(ROW, summary="x" * MOST), KEY, NOW),  # the engine's loop would be held up
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
        (replace(ROW, version="0"), 0, "the backtest is of version 0"),
        (replace(ROW, spans=(("BTC/USDT", "long"),)), 0, "it is no backtest"),
        (replace(ROW, spans=(("BTC/USDT", "Infinity"),)), 0, "for how many days"),
        (replace(ROW, spans=(("BTC/USDT", "-1"),)), 0, "for how many days"),
    ],
)
def test_it_is_looked_at_anew(row: BacktestRecorded, after: int, words: str) -> None:
    text = sealed(row, KEY, NOW)
    if not words:
        assert unsealed(text, KEY, NOW + after) == row
        return
    with pytest.raises(RefusedError, match=words):
        unsealed(text, KEY, NOW + after)


def test_an_engine_signs_each_only_once_and_none_that_asked_another(
    bot: Bot, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The newest on record counts, and what was posted lies in the file: posted again it would take a newer one's place."""
    path, words = bot.data_dir / "tradebot.db", ("--record", "--symbols", "BTC/USDT")

    def again(number: int) -> str | None:
        post_command(path, RECORD_BACKTEST, "x", "y", review=review)
        row = wait_command(path, number, 60)
        assert row is not None
        return row.result

    engine = bot.engine("--market", "sim")
    bot.json("backtest", bot.klines(60), *words)
    with closing(sqlite3.connect(path)) as db:
        (review,) = db.execute("SELECT review FROM commands").fetchone()
    assert again(2) == "it is on record already"
    monkeypatch.setenv("TRADEBOT_AUDIT_KEY", SECRET)
    with pytest.raises(RefusedError, match="is of version 0") as refused:
        put_backtest_on_record(bot.data_dir, replace(ROW, version="0"))
    assert "so says the engine: run it again" in str(refused.value.hint)
    bot.end(engine)
    bot.engine("--market", "sim")
    assert again(4) == "it was asked of an engine that ended before it could answer"
    assert len(recorded(bot)) == 1


def test_a_silent_engine_may_still_take_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Once it works it signs what was posted: nobody must be told that it is not on record for good."""
    monkeypatch.setenv("TRADEBOT_AUDIT_KEY", SECRET)
    monkeypatch.setattr(asked, "ANSWER_S", 0.3)
    put_on_record(tmp_path, lambda _: [ROW], "a test")
    with InstanceLock(tmp_path), pytest.raises(RefusedError, match="not on record yet") as silent:
        put_backtest_on_record(tmp_path, ROW)
    assert "within 10 minutes it takes it" in str(silent.value.hint)
