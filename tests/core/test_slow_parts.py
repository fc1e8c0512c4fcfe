"""An entry that fills in many parts over longer than a stop may take: each part has its own time for a stop."""

from __future__ import annotations

from decimal import Decimal

import pytest
from kits.engine_kit import XRP, Bare, a_config, long

from tradebot.core.model.account import OrderRead, PositionRead
from tradebot.core.model.events import AccountRead
from tradebot.core.model.values import Order, OrderStatus, Purpose, Side
from tradebot.core.trading.protection import STOP_MS

PARTS = 16


def filling(gap_ms: int, lag_ms: int, answers: int = PARTS) -> Bare:
    """A long that fills in parts ``gap_ms`` apart; the first stops are each taken ``lag_ms`` after they were sent."""
    story = Bare(a_config())
    story.say(long())
    story.bar()
    entry = story.placed(Purpose.ENTRY)[-1]
    story.works(entry)
    taken: list[Order] = []
    due: list[tuple[int, Order]] = []
    last = story.now + gap_ms * PARTS + 2 * STOP_MS
    fills = [story.now + gap_ms * (number + 1) for number in range(PARTS)]
    while story.now < last:
        story.later(100)
        if fills and story.now >= fills[0]:
            fills.pop(0)
            story.fill(entry, "1")
        for order in story.placed(Purpose.STOP):
            if order not in taken and len(taken) < answers:
                taken.append(order)
                due.append((story.now + lag_ms, order))
        for when, order in [row for row in due if row[0] <= story.now]:
            due.remove((when, order))
            story.works(order)
    return story


@pytest.mark.parametrize("gap_ms", [200, 500, 900])
@pytest.mark.parametrize("lag_ms", [50, 700, 2_000])
def test_parts_that_are_covered_in_time_keep_the_position(gap_ms: int, lag_ms: int) -> None:
    story = filling(gap_ms, lag_ms)
    assert not story.placed(Purpose.EXIT)
    assert story.held == PARTS
    book = story.engine.books[XRP]
    assert book.bare_since == 0
    assert story.engine.table.live[book.stop].order.qty == PARTS


@pytest.mark.parametrize("gap_ms", [200, 500, 900])
@pytest.mark.parametrize("answers", [1, 5])
def test_a_part_that_gets_no_stop_in_its_time_closes_it(gap_ms: int, answers: int) -> None:
    story = filling(gap_ms, 100, answers)
    (leave, *_) = story.placed(Purpose.EXIT)
    assert leave.qty <= PARTS
    assert "no stop in place after 5 s" in story.told()


def never_covered() -> tuple[Bare, int]:
    """A long whose stop has no answer; and since when it is held (UTC ms)."""
    story = Bare(a_config())
    story.say(long())
    story.bar()
    entry = story.placed(Purpose.ENTRY)[-1]
    story.works(entry)
    story.fill(entry)
    return story, story.now


@pytest.mark.parametrize("restarts", [False, True])
def test_a_stop_that_was_found_at_the_venue_gives_no_more_time(restarts: bool) -> None:
    story, since = never_covered()
    story.later(1_500)
    name = story.engine.table.prefix + "-999s"
    part = Decimal(5)
    found = OrderRead(
        *(XRP, name, "a9", Side.SELL, "STOP_MARKET", OrderStatus.WORKING, part, Decimal(0)),
        trigger=Decimal("1.9"),
        reduce_only=True,
    )
    positions = (PositionRead(XRP, story.held, Decimal(2)),)
    story.tell(AccountRead(story.now, XRP, story.now, story.now, positions, (), (found,)))
    assert name in story.engine.table.live
    assert story.engine.books[XRP].bare_since == since
    if restarts:
        story.restart()  # which gives it new time, once
        assert story.engine.table.live[name].adopted
        since = story.now
    while not story.placed(Purpose.EXIT):
        story.later(100)
        assert story.now <= since + STOP_MS


def test_stops_that_are_taken_for_less_than_they_were_sent_for_give_no_more_time() -> None:
    story, since = never_covered()
    heard: set[str] = set()
    while not story.placed(Purpose.EXIT):
        story.later(100)
        assert story.now <= since + STOP_MS
        for order in story.placed(Purpose.STOP):
            if order.id not in heard:
                heard.add(order.id)
                story.update(order, OrderStatus.WORKING, left=str(order.qty / 2))
    assert story.now == since + STOP_MS
