"""Two data directories with one key, and paper in a live run's directory: the second one refuses, in words, and sends nothing."""

from __future__ import annotations

from pathlib import Path

import pytest
from kits.demo_kit import demo_venue
from kits.live_run_kit import live_bot, start_live
from kits.strategy_kit import LONG

pytestmark = pytest.mark.slow


def test_second_instance_same_key(tmp_path: Path) -> None:
    with demo_venue(tmp_path, "2026-11-26T09:30:30Z") as venue:
        bot, other = live_bot(tmp_path, venue), live_bot(tmp_path, venue, "other")
        own = bot.strategy(LONG)
        try:
            process = start_live(bot, own)
            bot.until(lambda: venue.held() and venue.stops())
            refused = other.json("live", "--strategy", own, code=5).error
            assert "the live account of this key is traded by process" in refused["message"]
            assert refused["hint"]
            found = other.json("live", "--check", "--strategy", own, code=4).data["checks"]
            assert {"key lock"} <= {row["check"] for row in found if row["status"] == "fail"}
            paper = bot.json("paper", "--market", "sim", "--for", "1m", "--headless", code=5)
            assert "an engine already runs" in paper.error["message"]
            assert not (other.data_dir / "tradebot.db").exists()
            assert process.poll() is None
            assert len(venue.asked("POST", "/fapi/v1/order")) == 1
            assert venue.stops() == 1
        finally:
            bot.clean_up()
            other.clean_up()
