"""Any journal beside any account: what is done about it converges, flips no side, and sends no entry."""

from __future__ import annotations

import os
from collections import Counter

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from kits.reconcile_world import FILLERS, OTHERS, OURS, Case, CutOff

FULL = os.environ.get("TRADEBOT_FULL") == "1"
EXAMPLES = 20_000 if FULL else 150

FOUND = st.lists(st.integers(0, len(OURS) + len(OTHERS) - 1), max_size=2, unique=True).map(tuple)
CASES = st.builds(
    Case,
    side=st.sampled_from([1, 2, 1, 2, 0]),
    filled=st.sampled_from([0, 0, 1, 2]),
    stop=st.sampled_from([0, 0, 1, 2, 3]),
    target=st.booleans(),
    leaving=st.sampled_from([False, False, True]),
    moved=st.integers(0, 4),
    told=st.sampled_from([0, 0, *range(1, len(FILLERS) + 1)]),
    found=st.just(()) | st.just(()) | FOUND,
    vanished=st.lists(st.booleans(), max_size=4).map(tuple),
    cut=st.booleans(),
    wallet=st.sampled_from([0, 0, 1, 2]),
    restarted=st.booleans(),
)


def test_whatever_differs_the_actions_converge_without_an_entry_or_a_flip() -> None:
    """With ``TRADEBOT_FULL=1`` 20,000 pairs; ``-s`` shows what was left of them."""
    counts: Counter[str] = Counter()

    @settings(
        max_examples=EXAMPLES,
        deadline=None,
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
    )
    @given(CASES)
    def reconcile(case: Case) -> None:
        world = CutOff(case)
        world.live_on()
        world.check()
        counts.update(world.done)
        counts["pairs"] += 1

    reconcile()
    print(dict(counts))  # noqa: T201
    assert not FULL or counts["pairs"] >= 20_000
    for what in ("agreed", "halted", "orders", "cancels"):  # else the pairs were not worth it
        assert counts[what] > 0, what
