"""Guarantee 2: one intent, at most one live order; what became of it is asked by its id, never tried again."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from kits.engine_kit import OUT, Bare, a_config, long

from tradebot.core.model.effects import LookUp, Place
from tradebot.core.model.values import OrderStatus, Purpose

UNKNOWN = OrderStatus.UNKNOWN
STEPS = st.lists(
    st.tuples(
        st.sampled_from(["unknown", "absent", "wait", "restart", "signal"]), st.integers(0, 9)
    ),
    max_size=25,
)


@given(STEPS)
def test_an_entry_of_unknown_fate_is_asked_for_and_never_sent_again(
    steps: list[tuple[str, int]],
) -> None:
    story = Bare(a_config())
    story.say(long())
    story.bar()
    (entry,) = story.placed()
    for what, size in steps:
        known = story.engine.table.live.get(entry.id)
        if known is None:
            break  # two look-ups in a row have missed it when it could no longer arrive
        if what == "unknown":
            story.update(entry, UNKNOWN)
        elif what == "absent":
            story.found_out(entry, None)
        elif what == "wait":
            story.later(200 * (1 + size))
        elif what == "restart":
            story.restart()
        else:
            story.say(long())
            story.bar()
        assert story.placed(Purpose.ENTRY) == [entry]
    assert {asked.order_id for asked in story.found(LookUp)} <= {entry.id}


def test_absence_is_believed_only_of_an_order_that_can_no_longer_arrive() -> None:
    story = Bare(a_config())
    story.say(long())
    story.bar()
    (entry,) = story.placed()
    story.update(entry, UNKNOWN)
    for _ in range(4):
        story.found_out(entry, None)  # however often: it may be on its way
        story.later(999)
    assert story.engine.table.live[entry.id].status is UNKNOWN
    story.later(4)  # recvWindow and a second: now it cannot arrive any more
    story.found_out(entry, None)
    assert story.engine.table.finished[entry.id].status is OrderStatus.REJECTED


def test_absence_that_was_told_once_proves_nothing() -> None:
    story = Bare(a_config())
    story.say(long())
    story.bar()
    (entry,) = story.placed()
    story.update(entry, UNKNOWN)
    story.later(10_000)
    story.found_out(entry, None)
    assert story.engine.table.live[entry.id].status is UNKNOWN
    story.later(1_000)
    story.found_out(entry, None)
    assert story.engine.table.finished[entry.id].status is OrderStatus.REJECTED


def test_a_closing_order_of_unknown_fate_does_not_hold_up_the_next_one() -> None:
    story = Bare(a_config())
    story.opened()
    story.say(OUT)
    story.bar()
    (first,) = story.placed(Purpose.EXIT)
    story.update(first, UNKNOWN)
    effects = story.later(1_000)
    (again,) = [e.approved.order for e in effects if isinstance(e, Place)]
    assert (again.purpose, again.id != first.id, again.reduce_only) == (Purpose.EXIT, True, True)
