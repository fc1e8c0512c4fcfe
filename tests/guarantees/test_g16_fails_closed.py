"""Guarantee 16: missing, NaN or stale input stops entries and leaves protective exits open."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from kits import disaster_kit
from kits.engine_kit import XRP, Bare, Played, a_config, long

from tradebot.core.model.events import Command, FeedStatus
from tradebot.core.model.money import exact
from tradebot.core.model.values import Purpose, Quote


def shown(story: Played, *text: str) -> Quote:
    return Quote(XRP, story.time, story.time, text, float(text[4]))


TROUBLE: dict[str, Any] = {
    "no price at all": lambda s: None,
    "a stale price": lambda s: setattr(s, "time", s.time + 5_001),
    "a mark that is NaN": lambda s: s.engine.process(shown(s, "2", "2.1", "9", "9", "nan")),
    "an infinite ask": lambda s: s.engine.process(shown(s, "2", "inf", "9", "9", "2")),
    "a crossed book": lambda s: s.engine.process(shown(s, "2.1", "2", "9", "9", "2")),
    "a price of zero": lambda s: s.engine.process(shown(s, "0", "0", "9", "9", "0")),
    "a silent feed": lambda s: s.session.deliver(FeedStatus(s.engine.now, XRP, False)),
}


@pytest.mark.parametrize("trouble", sorted(TROUBLE))
def test_entries_fail_closed(trouble: str) -> None:
    story = Played(a_config(quotes=True))
    if trouble != "no price at all":
        story.quote("1.9999", "2.0001", "2")
    with exact():
        TROUBLE[trouble](story)
    story.say(long(1.9))
    story.closed()
    assert story.verdicts() == ["refused"]
    assert story.placed() == []


@pytest.mark.parametrize("trouble", sorted(set(TROUBLE) - {"no price at all"}))
def test_exits_stay_open(trouble: str) -> None:
    story = Played(a_config(quotes=True))
    story.quote("1.9999", "2.0001", "2")
    story.say(long(1.9))
    story.closed()
    story.quote("1.9999", "2.0001", "2")
    assert story.held
    with exact():
        TROUBLE[trouble](story)
        story.session.deliver(Command(story.engine.now, 1, "close-all", "person", "now"))
    (exit_,) = story.placed(Purpose.EXIT)
    assert exit_.qty == story.held


def test_a_bar_of_nonsense_reaches_neither_strategy_nor_money() -> None:
    story = Bare(a_config())
    story.opened()
    before = story.engine.equity()
    story.bar("nan nan nan nan")
    assert story.engine.equity() == before
    assert "no price to trust" in story.told()


# -- the real client on the venue ---------------------------------------------------------------------

SPOILT: list[dict[str, Any]] = [
    *({"do": "garble", "form": "nan", "event": e} for e in ("kline", "markPriceUpdate", "bookTicker")),
    *(
        {"do": "answer", "status": 200, "body": body, "path": f"*/{path}"}
        for path, body in (
            ("premiumIndex", {"markPrice": "NaN", "time": 1, "nextFundingTime": 2}),
            ("bookTicker", {"bidPrice": "NaN", "askPrice": "NaN", "bidQty": "1", "askQty": "1"}),
            ("klines", [[0, "NaN", "NaN", "NaN", "NaN", "1", 59_999, "1", 1, "1", "1", "0"]]),
        )
    ),
]  # fmt: skip
"""Every price there is has become NaN, on streams and by REST."""


@pytest.mark.full
@pytest.mark.slow
def test_killed_and_back_without_one_true_price_it_enters_nothing_and_still_closes(
    tmp_path: Path,
) -> None:
    """The installed command, kill -9: a stop that is taken from it meanwhile costs the position at once."""
    with disaster_kit.scene(tmp_path) as found:
        venue, bot = found.venue, found.bot
        first = found.engine()
        bot.until(lambda: venue.held() and venue.stops())
        first.kill()
        first.communicate()
        found.faults(*SPOILT)
        again = found.engine()
        bot.until(lambda: "silent" in str(bot.status()) or bot.log("FeedStatus"))
        (stop,) = venue.state()["algo_orders"]
        taken = {"symbol": "ETHUSDT", "clientAlgoId": stop["clientAlgoId"]}
        found.signed("DELETE", "/fapi/v1/algoOrder", **taken)
        bot.until(lambda: not venue.held())
        entry, *closing = (row["params"] for row in venue.asked("POST", "/fapi/v1/order"))
        assert "reduceOnly" not in entry
        assert {row["reduceOnly"] for row in closing} == {"true"}
        done = bot.end(again)
        assert done.code == 0
        assert "NaN" in done.err
