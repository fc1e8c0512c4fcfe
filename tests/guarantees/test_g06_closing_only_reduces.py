"""Guarantee 6: no sequence of stop, exit and flatten flips a side."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from kits.engine_kit import Bare, a_config, long, short

from tradebot.core.model.effects import Place
from tradebot.core.model.events import Command
from tradebot.core.model.values import Order, OrderStatus, Purpose
from tradebot.core.simulated.resting import closable
from tradebot.core.strategy.protocol import Signal

ACTIONS = st.lists(
    st.tuples(
        st.sampled_from(["fill", "part", "refuse", "lose", "ack", "bar", "out", "close-all"]),
        st.integers(0, 5),
    ),
    min_size=5,
    max_size=40,
)


@given(signal=st.sampled_from([long(1.9, 2.2), short(2.1, 1.8)]), actions=ACTIONS)
def test_whatever_is_sent_and_filled_the_side_never_flips(
    signal: Signal, actions: list[tuple[str, int]]
) -> None:
    """The exchange answers closing orders in any order, late, in part, or not; only the venue's own

    reduce-only rule is kept: it fills no more than there is to close.
    """
    story = Bare(a_config())
    story.opened(signal)
    sign = 1 if story.held > 0 else -1
    closing = [order for order in story.placed() if order.purpose is not Purpose.ENTRY]
    for what, which in actions:
        before = len(story.effects)
        step(story, closing, what, which)
        new = [e.approved.order for e in story.effects[before:] if isinstance(e, Place)]
        for order in new:
            assert order.reduce_only
            assert order.qty <= abs(story.held)
            assert order.side.sign == -sign
        closing += new
        assert story.held * sign >= 0


def step(story: Bare, closing: list[Order], what: str, which: int) -> None:
    order = closing[which % len(closing)]
    room = closable(order.side, story.held)
    if what in ("fill", "part"):
        qty = min(order.qty, room)
        if what == "part" and qty > 1:
            qty = qty // 2
        if qty:
            story.fill(order, str(qty))
    elif what == "refuse":
        story.update(order, OrderStatus.REJECTED)
    elif what == "lose":
        story.update(order, OrderStatus.UNKNOWN)
    elif what == "ack":
        story.works(order)
    elif what == "bar":
        story.bar()
    elif what == "out":
        story.say(Signal("exit", 1.0))
        story.bar()
    else:
        story.tell(Command(story.now, 1, "close-all", "person", "x"))
