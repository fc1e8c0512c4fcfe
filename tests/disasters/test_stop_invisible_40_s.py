"""A stop is there, but for 40 s no look-up and no list shows it.

Holds: what nobody can see protects nothing: the position is closed within 5 s, and the stop goes when it can be found.
End: flat, no stop outlives its position, exit 0.
"""

from __future__ import annotations

from pathlib import Path

import pytest
from kits.disaster_live import FIRST, live_scene

pytestmark = pytest.mark.full


def test_stop_invisible_40_s(tmp_path: Path) -> None:
    with live_scene(tmp_path) as it:
        engine = it.engine(FIRST)
        it.faults({"do": "algo_blind", "seconds": 40, "side": "SELL"})
        it.entered()
        it.bot.until(it.is_over)
        entry, leave = it.fills()
        assert leave["at"] - entry["at"] <= 6_000
        assert it.purposes() == "ex"
        it.ended(engine)
        it.agree()
