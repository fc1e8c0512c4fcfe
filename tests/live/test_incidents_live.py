"""An incident as a user of the installed command meets it: told while live runs, and no start until it is closed."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from kits.demo_kit import demo_venue, misbehave
from kits.live_run_kit import EARLY, check, failed, live_bot, rows_of, start_live
from kits.paper_kit import Bot

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


@contextmanager
def tidy(bot: Bot) -> Iterator[Bot]:
    try:
        yield bot
    finally:
        bot.clean_up()


def only(bot: Bot) -> dict[str, Any]:
    (row,) = bot.json("incidents").data["incidents"]
    return dict(row)


@pytest.mark.full
@pytest.mark.slow
def test_a_hung_engine_that_was_ended_is_one_at_the_next_start(tmp_path: Path) -> None:
    with demo_venue(tmp_path, EARLY) as venue, tidy(live_bot(tmp_path, venue)) as bot:
        # not in the past, which is fed before it starts: two bars of history and the next one
        own = bot.strategy("while bar.open_time >= 1795685400000: pass")
        engine = start_live(bot, own)
        engine.communicate(timeout=200)
        assert engine.returncode == 7
        waits = {one["gate"]: one for one in bot.json("gates", code=4).data["gates"]}
        assert waits["walls"]["reasons"][0].startswith("incident 1, watchdog: ")
        refused = check(bot, "--strategy", own, code=4)
        (wall,) = rows_of(refused)["walls"]
        assert wall["detail"].startswith("incident 1, watchdog: the engine made no progress for")
        row = only(bot)
        assert (row["id"], row["what"], row["state"]) == (1, "watchdog", "open")
        again = bot.start("live", "--strategy", own, "--headless", "--json")
        again.communicate(timeout=200)
        assert again.returncode == 4  # nothing is open, so there is nothing to protect
        assert only(bot)["id"] == 1  # and it is one, however often it is looked at
        bot.json("incidents", "close", "1", "--text", WORDS, "--name", "Ada")
        assert "walls" not in failed(check(bot, "--strategy", own, code=None))


@pytest.mark.full
@pytest.mark.slow
@pytest.mark.parametrize("alive", [True, False])
def test_a_close_all_that_left_something_is_one(tmp_path: Path, alive: bool) -> None:
    """The engine that runs puts it on record; without one the command does."""
    held = (
        '[leverages]\nXRPUSDT = 1\n[[positions]]\nsymbol = "XRPUSDT"\nqty = "-40"\nentry = "2.2"\n'
    )
    with demo_venue(tmp_path, EARLY, account=held) as venue, tidy(live_bot(tmp_path, venue)) as bot:
        own = bot.strategy("return None")
        engine = start_live(bot, own)
        bot.until(lambda: venue.asked("POST", "/fapi/v1/listenKey"))
        bot.until(lambda: bot.json("status", code=None).data)
        if not alive:
            engine.kill()
            engine.communicate()
        busy = {"do": "error", "code": -1008, "method": "POST", "path": "/fapi/v1/order"}
        misbehave(venue.url, busy)
        left = bot.json("close-all", "--wait", "2", code=6)
        assert "still open: XRP/USDT position 40" in left.error["message"]
        bot.until(lambda: bot.json("incidents").data["incidents"])
        row = only(bot)
        assert (row["what"], row["state"]) == ("close_all", "open")
        assert row["text"] == "a close-all left something: XRP/USDT position"
        misbehave(venue.url)
        assert bot.json("close-all").data["closed"] is True
        if alive:
            assert bot.end(engine).code == 0
        bot.json("resume", "--reason", "it is closed by now")
        refused = check(bot, "--strategy", own, code=4)
        assert rows_of(refused)["walls"][0]["detail"].startswith("incident 1, close_all: ")
        bot.json("incidents", "close", "1", "--text", WORDS, "--name", "Ada")
        assert "walls" not in failed(check(bot, "--strategy", own, code=None))
