"""An entry that fills in many parts over longer than a stop may take: each part has its own time for a stop."""

from __future__ import annotations

import pytest
from kits.engine_kit import XRP, Bare, a_config, long

from tradebot.core.model.values import Order, Purpose
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
