"""An incident as a user of the installed command meets it: told while live runs, and no start until it is closed."""

from __future__ import annotations

from pathlib import Path

import pytest
from kits.demo_kit import demo_venue, misbehave
from kits.live_run_kit import EARLY, check, failed, live_bot, rows_of, start_live

WORDS = "another program of mine had used up the requests; it is off for good now"


@pytest.mark.full
@pytest.mark.slow
def test_no_start_until_a_person_has_closed_it(tmp_path: Path) -> None:
    with demo_venue(tmp_path, EARLY) as venue:
        bot = live_bot(tmp_path, venue)
        own = bot.strategy("return None")
        engine = start_live(bot, own)
        bot.until(lambda: venue.asked("POST", "/fapi/v1/listenKey"))
        ban = {"do": "ban", "seconds": 3, "times": 1, "method": "*", "path": "/fapi/*"}
        misbehave(venue.url, ban)
        bot.until(lambda: (bot.json("incidents", code=None).data or {}).get("incidents"))
        (row,) = bot.json("incidents").data["incidents"]
        assert (row["id"], row["what"], row["state"]) == (1, "ban", "open")
        bot.until(lambda: bot.json("status").data["barred"])
        (said,) = bot.json("status").data["barred"]
        assert said.startswith("incidents: incident 1, ban: the exchange has banned this address")
        bot.end(engine)
        misbehave(venue.url)
        refused = check(bot, "--strategy", own, code=4)
        assert "walls" in failed(refused)
        (wall,) = rows_of(refused)["walls"]
        assert wall["detail"].startswith("incident 1, ban: ")
        assert wall["hint"] == "tradebot incidents close ID --text TEXT"
        bot.json("incidents", "close", "1", "--text", WORDS, "--name", "Ada")
        assert "walls" not in failed(check(bot, "--strategy", own, code=None))
        replayed = bot.json("replay", "live-0001").data["replay"]
        assert replayed["equal"] is True
        assert bot.log("EntriesBarred") == 1
