"""Guarantee 16: missing, NaN or stale input stops entries and leaves protective exits open."""

from __future__ import annotations

from typing import Any

import pytest
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
