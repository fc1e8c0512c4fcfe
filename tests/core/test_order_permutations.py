"""Whatever words come, in whatever order and number: no cap is passed, no position stays naked, all comes to rest."""

from __future__ import annotations

import os
from collections import Counter

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from kits.wire_world import World

FULL = os.environ.get("TRADEBOT_FULL") == "1"
EXAMPLES, LENGTH = (1_800, 120) if FULL else (25, 60)
NUMBERS = st.lists(st.integers(0, 2**24 - 1), min_size=LENGTH, max_size=LENGTH)

counts: Counter[str] = Counter()


@settings(
    max_examples=EXAMPLES,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
@given(NUMBERS, st.booleans())
def test_whatever_comes_in_whatever_order_the_walls_hold_and_all_comes_to_rest(
    numbers: list[int], resting: bool
) -> None:
    world = World(resting=resting)
    world.play(numbers)
    world.settle()
    counts.update(world.done)
    counts["steps"] += len(numbers)
    counts["worlds"] += 1


def test_the_worlds_were_worth_it() -> None:
    """Run after the other: what happened in its worlds, and that all kinds of it did."""
    print(dict(counts))  # noqa: T201
    for what in ("lost", "repeated", "unanswered", "executed", "restarts", "halt", "orders"):
        assert counts[what] > 0, what
