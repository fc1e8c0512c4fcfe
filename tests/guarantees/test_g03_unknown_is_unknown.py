"""Guarantee 3: an unknown outcome stays unknown, counts as exposure and blocks entries on its symbol."""

from __future__ import annotations

from dataclasses import replace

from kits.engine_kit import ADA, HOUR, PAPER, XRP, Bare, a_config, long

from tradebot.core.model.effects import OrderChanged
from tradebot.core.model.money import exact
from tradebot.core.model.values import OrderStatus, Purpose

UNKNOWN = OrderStatus.UNKNOWN
EAGER = replace(PAPER, entry_interval_s=0, max_positions=1)


def test_neither_age_nor_tries_make_it_refused_or_cancelled() -> None:
    story = Bare(a_config(limits=EAGER))
    story.say(long())
    story.bar()
    (entry,) = story.placed()
    story.later(5_000)  # no answer
    for _ in range(30):
        story.update(entry, UNKNOWN)
        story.later(HOUR // 30)
    tracked = story.engine.table.live[entry.id]
    assert tracked.status is UNKNOWN
    assert {change.status for change in story.found(OrderChanged)} == {UNKNOWN}


def test_it_counts_as_exposure_and_as_a_position_and_blocks_its_symbol() -> None:
    story = Bare(a_config((ADA, XRP), limits=EAGER))
    story.say(long())
    story.bar()
    (entry,) = story.placed()
    book = story.engine.books[XRP]
    with exact():
        before = story.engine.shared.exposure.working_value(book, book.touch()[0])
    story.update(entry, UNKNOWN)
    with exact():
        assert story.engine.shared.exposure.working_value(book, book.touch()[0]) == before > 0
    story.say(long())
    story.bar()
    story.say(long(0.65), symbol=ADA)
    story.bar("0.7 0.7 0.7 0.7", ADA)
    assert story.verdicts() == ["approved", "held", "refused"]
    assert "1 positions or entries are open; the limit is 1" in story.refusals()
    assert story.placed(Purpose.ENTRY) == [entry]


def test_when_it_turns_out_to_have_filled_it_is_protected_at_once() -> None:
    story = Bare(a_config(limits=EAGER))
    story.say(long())
    story.bar()
    (entry,) = story.placed()
    story.later(20_000)
    story.found_out(entry, OrderStatus.FILLED, str(entry.qty))
    assert [order.qty for order in story.placed(Purpose.STOP)] == [entry.qty]
