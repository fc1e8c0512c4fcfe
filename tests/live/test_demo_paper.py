"""``paper --venue demo`` as a user has it: the installed command trades an account on the loopback venue."""

from __future__ import annotations

from pathlib import Path

import pytest
from kits.demo_kit import demo_bot, demo_venue, demo_words
from kits.strategy_kit import LONG

pytestmark = pytest.mark.slow

MORNING = "2026-11-26T09:30:40Z"
"""Twenty seconds before a bar closes, hours away from the blackout and from funding."""
READ = "/fapi/v3/positionRisk"


def test_an_account_is_traded_once_and_closed_without_its_engine(tmp_path: Path) -> None:
    """Killed and started again it goes on; another directory with the same key sees it; a close-all needs no engine."""
    with demo_venue(tmp_path, MORNING) as venue:
        bot, other = demo_bot(tmp_path, venue), demo_bot(tmp_path, venue, "other")
        words = demo_words(venue, bot.strategy(LONG))
        try:
            first = bot.start(*words)
            bot.until(lambda: venue.held() and venue.stops())
            status = bot.status()
            assert status["market"].startswith(f"DEMO LOOPBACK {venue.url.removeprefix('http://')}")
            assert status["start_equity"] == "10000"

            taken = other(*words, code=5).error
            assert "demo account of this key" in taken["message"]
            other.json("halt", TRADEBOT_EXCHANGE__ENVIRONMENT="demo")
            bot.until(lambda: "user" in str(bot.status()["halts"]))

            first.kill()
            first.communicate()
            reads = len(venue.asked("GET", READ))
            again = bot.start(*words)
            bot.until(lambda: len(venue.asked("GET", READ)) > reads + 1)
            again.kill()
            _, said = again.communicate()
            assert "paper-0001 was interrupted and goes on" in said
            assert len(venue.asked("POST", "/fapi/v1/order")) == 1
            assert venue.held()
            assert venue.stops()

            closed = bot.json("close-all").data
            assert closed["closed"] is True
            assert "the demo account was read" in closed["how"]
            assert not venue.held()
            assert not venue.stops()
            assert bot.json("close-all").data["closed"] is True
        finally:
            bot.clean_up()
            other.clean_up()


@pytest.mark.full
def test_without_its_key_nobody_says_that_an_account_is_flat(tmp_path: Path) -> None:
    """Not with none, nor with another account's, whether its engine runs, is gone, or has ended its run."""
    with demo_venue(tmp_path, MORNING) as venue:
        bot = demo_bot(tmp_path, venue)
        own = dict(bot.env)
        other = {"TRADEBOT_BINANCE_DEMO_KEY": "x" * 64, "TRADEBOT_BINANCE_DEMO_SECRET": "y" * 64}
        words = demo_words(venue, bot.strategy(LONG))
        try:
            run = bot.start(*words)
            bot.until(lambda: venue.held() and venue.stops())
            run.kill()
            run.communicate()
            bot.env.update(other)
            assert "has the fingerprint" in bot.json("close-all", code=6).error["message"]
            for name in other:
                bot.env.pop(name)
            refused = bot.json("close-all", code=6).error
            assert "no key to the demo account" in refused["message"]
            assert bot.json("close-all", "--paper").data["closed"] is True
            assert venue.held()

            bot.env.update(own)
            bot.env["TRADEBOT_BINANCE_DEMO_SECRET"] = "y" * 64
            assert "cannot be read" in bot.json("close-all", code=6).error["message"]
            bot.env.update(own)
            bot.json("resume", "--reason", "it is to end by itself")
            done = bot(*words, "--for", "1s")
            assert done.data["state"] == "ended"
            assert "still holds ETH/USDT long" in str(done.document["warnings"])
            assert venue.held()
            assert bot.json("close-all").data["closed"] is True  # of a run that is over
            assert not venue.held()
        finally:
            bot.clean_up()


def test_a_living_engine_closes_its_account_and_what_it_does_not_know_is_closed_too(
    tmp_path: Path,
) -> None:
    foreign = '[[positions]]\nsymbol = "XRPUSDT"\nside = "BOTH"\nqty = "-40"\nentry = "2.2"\n'
    with demo_venue(tmp_path, MORNING, account=foreign) as venue:
        bot = demo_bot(tmp_path, venue)
        try:
            bot.start(*demo_words(venue, bot.strategy(LONG)))
            bot.until(lambda: "ETHUSDT" in venue.held() and venue.stops())
            closed = bot.json("close-all").data
            assert closed["closed"] is True
            assert closed["how"].startswith("closed by the engine")
            assert not venue.held()
            assert not venue.stops()
            assert bot.status()["open_positions"] == 0
        finally:
            bot.clean_up()


def test_a_demo_run_that_cannot_be_is_told_in_one_line(tmp_path: Path) -> None:
    with demo_venue(tmp_path, MORNING, wallet="0") as venue:
        bot = demo_bot(tmp_path, venue)
        words = demo_words(venue, "ema_cross")
        assert "holds no USDT" in bot(*words, code=3).error["message"]
        assert bot(*words, "--market", "sim", code=2).error["key"] == "--venue"
        assert bot(*words, "x.csv", code=2).error["key"] == "--venue"
        assert "no venue" in bot.json("paper", "--venue", "moon", code=2).error["message"]
        bot.env.pop("TRADEBOT_BINANCE_DEMO_SECRET")
        assert "half a key" in bot(*words, code=2).error["message"]
        bot.env.pop("TRADEBOT_BINANCE_DEMO_KEY")
        assert "no key to the demo account" in bot(*words, code=2).error["message"]
