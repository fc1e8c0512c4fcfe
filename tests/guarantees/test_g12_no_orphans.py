"""Guarantee 12 (simulated exchange): no stop outlives its position, and none waits for the next one."""

from __future__ import annotations

from kits.engine_kit import OUT, XRP, Bare, Played, a_config, long, short

from tradebot.core.model.values import OrderStatus, Purpose


def test_after_a_position_nothing_of_it_rests() -> None:
    for script, rows in (
        ([long(1.9, 2.2), OUT], ["2 2 2 2"] * 4),
        ([long(1.9, 2.2)], ["2 2 2 2", "2 2 2 2", "2 2 1.8 1.8", "1.8 1.8 1.8 1.8"]),
        ([long(1.9, 2.2)], ["2 2 2 2", "2 2 2 2", "2 2.3 2 2.3", "2.3 2.3 2.3 2.3"]),
        ([long(1.9, 2.2), long(1.95), OUT], ["2 2 2 2"] * 5),
    ):
        story = Played(a_config())
        story.say(*script)
        for row in rows:
            story.bar(row)
        assert story.held == 0
        assert story.resting() == []


def test_turning_round_leaves_no_stop_of_the_old_side() -> None:
    story = Played(a_config())
    story.say(long(1.9, 2.2), short(2.1))
    for _ in range(5):
        story.bar()
    assert story.held < 0
    (stop,) = [order for order, _ in story.exchange.open_orders()]
    assert stop.side.value == "buy"


def test_while_an_orphan_rests_the_gate_refuses_its_symbol() -> None:
    story = Bare(a_config())
    story.opened()
    story.say(OUT)
    story.bar()
    story.fill(story.placed(Purpose.EXIT)[0])
    story.say(long())
    story.bar()
    assert story.engine.entries.refused["orphan"] == 1
    story.update(story.placed(Purpose.STOP)[0], OrderStatus.CANCELLED)
    assert story.engine.shared.exposure.orphans(story.engine.books[XRP]) == 0
