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

KINDS = ("lost", "repeated", "unanswered", "executed", "restarts", "halt", "orders")


def test_whatever_comes_in_whatever_order_the_walls_hold_and_all_comes_to_rest() -> None:
    """With ``TRADEBOT_FULL=1`` 216,000 steps, in about two minutes of one core; ``-s`` shows the counts."""
    counts: Counter[str] = Counter()

    @settings(
        max_examples=EXAMPLES,
        deadline=None,
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
    )
    @given(NUMBERS, st.booleans())
    def live_through(numbers: list[int], resting: bool) -> None:
        world = World(resting=resting)
        world.play(numbers)
        world.settle()
        counts.update(world.done)
        counts["steps"] += len(numbers)
        counts["worlds"] += 1

    live_through()
    print(dict(counts))  # noqa: T201
    assert not FULL or counts["steps"] >= 200_000
    for what in KINDS:  # else the worlds were not worth it
        assert counts[what] > 0, what
