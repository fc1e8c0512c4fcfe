"""Configured for this machine or Demo Trading, connected to somewhere else: 4, before anything that changes an account."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from kits.demo_kit import DemoVenue, demo_venue
from kits.live_run_kit import EARLY, check, failed, held_run, live_bot
from kits.paper_kit import Bot
from kits.strategy_kit import LONG

ELSEWHERE = """
import runpy, sys
from tradebot.wire import peers

peers.peer_of = lambda transport: peers.Peer("", "52.84.1.1")
sys.argv[0] = "tradebot"
runpy.run_module("tradebot", run_name="__main__")
"""
CHANGES = ("POST", "DELETE", "PUT")


class Strayed(Bot):
    """The command whose connections say that they are with an address far away: no option can claim that."""

    def _command(self, words: tuple[object, ...]) -> list[str]:
        script = self.folder / "strayed.py"
        script.write_text(ELSEWHERE)
        return [sys.executable, str(script), *super()._command(words)[3:]]


@pytest.fixture
def venue(tmp_path: Path) -> Iterator[DemoVenue]:
    with demo_venue(tmp_path, EARLY) as found:
        yield found


def strayed(bot: Bot) -> Strayed:
    return Strayed(bot.folder, bot.data_dir, env={**bot.env, "STRAYED": "yes"})


def changed(venue: DemoVenue) -> list[str]:
    return [row["path"] for row in venue.rows("request") if row["method"] in CHANGES]


def test_a_start_ends_with_4_before_anything_is_changed(tmp_path: Path, venue: DemoVenue) -> None:
    bot = live_bot(tmp_path, venue)
    own = bot.strategy(LONG)
    token = check(bot, "--strategy", own).data["token"]
    words = ("live", "--strategy", own, "--headless", "--confirm-live", token)
    away = strayed(bot).json(*words, code=4)
    assert "connection" in away.error["message"]
    assert {row["check"] for row in away.data["checks"] if row["status"] == "fail"} == {
        "connection"
    }
    (line,) = (row for row in away.data["checks"] if row["check"] == "connection")
    assert f"{venue.url} leads to 52.84.1.1" in line["detail"]
    assert changed(venue) == []
    assert failed(check(bot, "--strategy", own)) == set()  # as it is, it may be traded


def test_one_that_only_protects_ends_with_4_too_and_sends_nothing(tmp_path: Path) -> None:
    with held_run(tmp_path) as held:
        before = changed(held.venue)
        done = strayed(held.bot).json(*held.words[:-1], code=4)
        assert "leads to 52.84.1.1" in done.error["message"]
        assert changed(held.venue) == before
        assert held.venue.held()
        assert held.venue.stops() == 1
