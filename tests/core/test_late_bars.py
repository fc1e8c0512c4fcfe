"""Bars that come late: told after newer prices, filled in hours later, or waited upon."""

from __future__ import annotations

import json
from decimal import Decimal

from kits.engine_kit import HOUR, NOON, XRP, Bare, a_config, long, short

from tradebot.core.model.money import exact
from tradebot.core.model.values import MINUTE_MS, Bar, OrderStatus, Purpose, Quote
from tradebot.core.state.instrument import Wish


class Live(Bare):
    """Quotes are the price; time is told by hand."""

    def __init__(self) -> None:
        super().__init__(a_config(quotes=True))
        self.time = NOON

    def quote(self, after: int = 0) -> None:
        self.time += after
        text = ("2", "2.001", "1000000", "1000000", "2")
        self.tell(Quote(XRP, self.time, self.time, text, 2.0))

    def late(self, by: int) -> Bar:
        """Tell a bar that closed so many milliseconds ago."""
        opened = self.time - by - MINUTE_MS + 1
        bar = Bar.of(XRP, opened, MINUTE_MS, ("2", "2", "2", "2", "9"), self.time)
        self.tell(bar)
        return bar

    @property
    def seen(self) -> list[Bar]:
        return list(self.engine.books[XRP].strategy.seen)  # type: ignore[attr-defined]


def test_a_closed_bar_that_comes_after_a_quote_is_told_at_its_own_time() -> None:
    story = Live()
    story.quote()
    story.say(long())
    bar = story.late(350)
    assert story.verdicts() == ["approved"]
    assert story.engine.now == bar.at == bar.exchange_time + 350
    # a strategy sees the bar of every other mode
    assert [(seen.at, seen.text) for seen in story.seen] == [(bar.exchange_time, bar.text)]


def test_a_bar_that_closed_hours_ago_feeds_the_strategy_and_makes_no_entry() -> None:
    story = Live()
    story.quote()
    story.say(long())
    story.late(4 * HOUR)
    assert story.verdicts() == ["refused"]
    assert "closed 14400 s ago; entries need one under 5 s" in story.refusals()
    assert story.placed() == []
    assert len(story.seen) == 1


def test_a_late_bar_warms_a_strategy_as_any_other() -> None:
    story = Live()
    story.quote()
    bar = Bar.of(XRP, NOON, MINUTE_MS, ("2", "2", "2", "2", "9"), NOON + HOUR)
    with exact():
        story.engine.warm(bar)
    assert [seen.at for seen in story.seen] == [bar.exchange_time]


def test_a_reversal_that_waited_too_long_makes_no_entry() -> None:
    """The way out took 6 s: the other side would be taken on a wish as old as that."""
    story = Live()
    story.quote()
    story.say(long(), short())
    story.late(100)
    (entry,) = story.placed()
    story.works(entry)
    story.fill(entry)
    (stop,) = story.placed(Purpose.STOP)
    story.works(stop)
    story.quote(HOUR)
    story.late(100)
    (leave,) = story.placed(Purpose.EXIT)
    story.works(leave)
    story.quote(6_000)
    wish = story.engine.books[XRP].reverse
    assert wish is not None
    assert Wish.restored(json.loads(json.dumps(wish.export_state()))) == wish
    story.fill(leave)
    story.update(stop, OrderStatus.CANCELLED)
    assert story.held == Decimal(0)
    assert story.verdicts()[-1] == "refused"
    assert "the signal's bar closed 6.1 s ago" in story.refusals()
