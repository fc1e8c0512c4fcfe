"""Entries that rest on a live account: the exchange cancels them when the process is gone."""

from __future__ import annotations

from pathlib import Path

import pytest
from kits.demo_kit import demo_venue
from kits.live_run_kit import live_bot, start_live

EARLY = "2026-11-26T09:30:30Z"
FAR = 'return Signal("short", 0.9, stop=bar.close * 1.03, reason="always")'


@pytest.mark.full
@pytest.mark.slow
def test_a_killed_process_leaves_no_entry_behind(tmp_path: Path) -> None:
    """The countdown is acknowledged before each entry leaves, renewed while it rests, and runs out after the kill."""
    resting = {"TRADEBOT_EXECUTION__ENTRY": "limit", "TRADEBOT_EXECUTION__COUNTDOWN": "true"}
    with demo_venue(tmp_path, EARLY) as venue:
        bot = live_bot(tmp_path, venue, **resting)
        try:
            run = start_live(bot, bot.strategy(FAR))
            bot.until(lambda: venue.asked("POST", "/fapi/v1/order"))
            (entry,) = venue.asked("POST", "/fapi/v1/order")
            assert (entry["params"]["type"], entry["params"]["timeInForce"]) == ("LIMIT", "GTC")
            (first, *_) = venue.asked("POST", "/fapi/v1/countdownCancelAll")
            assert first["params"]["countdownTime"] == "30000"
            assert first["status"] == 200
            assert first["at"] <= entry["arrived"]
            run.kill()
            run.communicate()
            bot.until(lambda: not venue.state()["orders"])
        finally:
            bot.clean_up()
