"""A journal that a start brings up to date, or makes, is no damaged one; for ten minutes, and while the start is seen to go on."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from kits.outbox_kit import Onlooker
from kits.paper_kit import Bot

from tradebot.clock import SYSTEM
from tradebot.guard.lock import InstanceLock, show_start
from tradebot.journal.paths import journal_path


@pytest.fixture
def bot(tmp_path: Path) -> Iterator[Bot]:
    made = Bot(tmp_path, tmp_path / "data")
    yield made
    made.clean_up()


def watched_for(bot: Bot, seconds: int, *, goes_on: bool = True) -> list[str]:
    """Look once a second at a start; return what was told."""
    with InstanceLock(bot.data_dir):
        watch = Onlooker(bot.data_dir, bot.folder / "watch", SYSTEM.wall_ms())
        told = list[str]()
        for _ in range(seconds):
            if goes_on:
                show_start(bot.data_dir, watch.clock.now)
            told = watch.look()
            watch.clock.sleep(1)
    return told


def make_older(bot: Bot) -> None:
    bot.paper("--for", "5m")
    with closing(sqlite3.connect(journal_path(bot.data_dir), isolation_level=None)) as db:
        (newest,) = db.execute("SELECT MAX(version) FROM migrations").fetchone()
        db.execute("DELETE FROM migrations WHERE version = ?", (newest,))


@pytest.mark.parametrize("there", [True, False], ids=["older", "not there yet"])
def test_it_is_told_of_only_where_the_start_does_not_go_on(bot: Bot, there: bool) -> None:
    bot.data_dir.mkdir(exist_ok=True)
    if there:
        make_older(bot)
    assert "journal" not in watched_for(bot, 60)
    assert "journal" in watched_for(bot, 40, goes_on=False)


def test_for_ten_minutes_at_most(bot: Bot) -> None:
    bot.data_dir.mkdir(exist_ok=True)
    assert "journal" in watched_for(bot, 630)


def test_a_damaged_one_is_told_of(bot: Bot) -> None:
    bot.data_dir.mkdir(exist_ok=True)
    journal_path(bot.data_dir).write_bytes(b"no journal")
    assert "journal" in watched_for(bot, 20)
