"""Guarantee 9: a stop is replaced create-then-cancel; there is never a moment without a valid one."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from kits.engine_kit import XRP, Bare, a_config, long

from tradebot.core.model.effects import Cancel, Place
from tradebot.core.model.values import Order, OrderStatus, Purpose
from tradebot.core.trading.shared import Execution

STEPS = st.lists(
    st.tuples(st.sampled_from(["trail", "ack", "lose", "fill"]), st.integers(0, 9)), max_size=30
)


@given(STEPS)
def test_whatever_the_order_of_answers_a_confirmed_stop_stands(
    steps: list[tuple[str, int]],
) -> None:
    story = Bare(a_config(execution=Execution("limit", 20, 10**6)))  # type: ignore[arg-type]
    story.say(long(1.5))
    story.bar()
    entry = story.placed()[0]
    story.works(entry)
    story.fill(entry, "10")
    first = story.placed(Purpose.STOP)[0]
    story.works(first)
    standing: dict[str, Order] = {first.id: first}
    waiting: list[Order] = []
    trigger, seen = 1.5, len(story.effects)
    for what, which in steps:
        if what == "trail":
            trigger += 0.001 * (1 + which)
            story.say(long(trigger))
            story.bar()
        elif what == "fill" and story.held < 20:
            story.fill(entry, "1")
        elif waiting:
            order = waiting.pop(which % len(waiting))
            if what == "lose":
                story.update(order, OrderStatus.UNKNOWN)
            else:
                standing[order.id] = order
                story.works(order)
        for effect in story.effects[seen:]:
            if isinstance(effect, Place) and effect.approved.order.purpose is Purpose.STOP:
                waiting.append(effect.approved.order)
            if isinstance(effect, Cancel):
                standing.pop(effect.order_id, None)  # as if the cancel took effect at once
        seen = len(story.effects)
        assert standing, "no confirmed stop stands"
    assert story.engine.books[XRP].closing == ""
