"""A live run on the venue with faults and two kill -9, played again: every effect byte for byte."""

from __future__ import annotations

import os
from functools import partial
from pathlib import Path

import pytest
from kits.demo_kit import demo_venue, misbehave
from kits.live_run_kit import EARLY, live_bot, start_live
from kits.paper_kit import Bot
from kits.strategy_kit import LONG

FULL = os.environ.get("TRADEBOT_FULL") == "1"

FAULTS = (
    {"do": "duplicate"},
    {"do": "reorder", "window_ms": 400},
    {"do": "late", "ms": 50, "to_ms": 900},
    {"do": "slow_answer", "ms": 100, "to_ms": 700},
)


def read_since(bot: Bot, before: int) -> bool:
    return bot.log("AccountRead") > before + 1


@pytest.mark.skipif(not FULL, reason="a minute on a venue: TRADEBOT_FULL=1")
def test_a_live_run_with_faults_and_two_kills_is_byte_equal(tmp_path: Path) -> None:
    with demo_venue(tmp_path, EARLY) as venue:
        bot = live_bot(tmp_path, venue)
        own = bot.strategy(LONG)
        words = ("live", "--strategy", own, "--headless", "--json")
        process = start_live(bot, own)
        bot.until(lambda: venue.held() and venue.stops())
        misbehave(venue.url, *FAULTS)
        for _ in range(2):
            process.kill()
            process.communicate()
            before = bot.log("AccountRead")
            process = bot.start(*words)
            bot.until(partial(read_since, bot, before))
        bot.end(process)
        for run in ("live-0001", "ghost-0001"):
            found = bot.json("replay", run).data["replay"]
            assert (found["equal"], found["starts"]) == (True, 3)
            assert found["effects"] > (50 if run == "live-0001" else 5)
        bot.clean_up()
