"""Streams that say what nobody understands, as a user meets them: said once, no traceback, and protection goes on."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from kits.demo_kit import demo_venue, misbehave
from kits.disaster_kit import MORNING, scene
from kits.paper_kit import Bot

from tradebot.venue.kinds import NONSENSE

CANCELLED = "ALGO_UPDATE/CANCELED"


def garble(event: str, *forms: str, **words: Any) -> list[dict[str, Any]]:
    """Rules that spoil a message in each of the forms."""
    return [{"do": "garble", "event": event, "form": form, **words} for form in forms]


def test_prices_that_are_none_are_said_and_left_out(tmp_path: Path) -> None:
    """One line a kind of nonsense, once a minute, whatever it looks like; what is only too long is read; the run ends in order."""
    with demo_venue(tmp_path, MORNING) as venue:
        bot = Bot(tmp_path, tmp_path / "data")
        try:
            events = ("kline", "markPriceUpdate", "bookTicker")
            spoilt = [
                rule
                for event in events
                for rule in garble(event, *NONSENSE, instead=False, times=2)
            ]
            misbehave(venue.url, *spoilt)
            at = ("--market", "binance", "--set", f"exchange.url={venue.url}", "--headless")
            run = bot.start("ghost", *at)
            bot.until(lambda: len(venue.rows("fault")) >= 2 * len(spoilt))
            heard = bot.log()
            bot.until(lambda: bot.log() > heard + 4)
            done = bot.end(run)
        finally:
            bot.clean_up()
    assert done.code == 0
    assert done.err.count("a stream's message is no JSON: ") == 1
    assert done.err.count("a stream's message makes no sense (") == 1
    assert done.err.count("none that was asked for") == 1
    assert "pad" not in done.err
    assert max(map(len, done.err.splitlines())) < 500


@pytest.mark.full
@pytest.mark.slow
def test_an_account_whose_stream_talks_nonsense_stays_protected(tmp_path: Path) -> None:
    """Entries halt; a stop that was cancelled meanwhile, of which no word can be read, costs the position."""
    with scene(tmp_path) as found:
        venue, bot = found.venue, found.bot
        run = found.engine()
        bot.until(lambda: venue.held() and venue.stops())
        (stop,) = venue.state()["algo_orders"]
        found.faults(
            *garble("ACCOUNT_UPDATE", *NONSENSE, instead=False), *garble(CANCELLED, "text")
        )
        found.act("transfer", amount="5")
        taken = {"symbol": stop["symbol"], "clientAlgoId": stop["clientAlgoId"]}
        found.signed("DELETE", "/fapi/v1/algoOrder", **taken)
        bot.until(lambda: "unexplained" in str(bot.status()["halts"]))
        bot.until(lambda: not venue.held())
        _, closing = venue.asked("POST", "/fapi/v1/order")
        assert closing["params"]["reduceOnly"] == "true"
        assert bot.end(run).code == 0
        assert bot("db", "verify").code == 0
