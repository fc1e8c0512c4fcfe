"""A live engine that keeps breaking off: it is started again and protects, and the third time takes no entry until resumed."""

from __future__ import annotations

import subprocess
from functools import partial
from pathlib import Path

import pytest
from kits.demo_kit import demo_venue
from kits.live_run_kit import live_bot, start_live
from kits.paper_kit import Bot
from kits.strategy_kit import LONG

from tradebot.journal.reader import Reader

pytestmark = pytest.mark.full


def halts(bot: Bot) -> list[tuple[str, str]]:
    with Reader(bot.data_dir / "tradebot.db") as reader:
        return [(row.event, row.reason) for row in reader.halts("live-0001")]


def may_trade(bot: Bot, times: int) -> bool:
    """Whether so many starts that protected at first were through with their checklist."""
    return halts(bot).count(("resumed", "checklist")) == times


def killed(process: subprocess.Popen[str]) -> None:
    process.kill()
    process.communicate()


def test_restarted_too_often(tmp_path: Path) -> None:
    with demo_venue(tmp_path, "2026-11-26T09:30:30Z") as venue:
        bot = live_bot(tmp_path, venue)
        words = ("live", "--strategy", bot.strategy(LONG), "--headless", "--json")
        try:
            process = start_live(bot, words[2])
            bot.until(lambda: venue.held() and venue.stops())
            for count in (1, 2):
                killed(process)
                process = bot.start(*words)
                bot.until(partial(may_trade, bot, count))
                assert ("halted", "restarts") not in halts(bot)
            killed(process)
            process = bot.start(*words)
            bot.until(lambda: ("halted", "restarts") in halts(bot))
            bot.until(partial(may_trade, bot, 3))
            assert "started 3 times within the last hour" in str(bot.status()["halts"])
            assert len(venue.asked("POST", "/fapi/v1/order")) == 1
            assert venue.stops() == 1
            bot.json("resume", "--reason", "the cause is found")
            bot.until(lambda: bot.status()["halts"] == [])
        finally:
            bot.clean_up()
