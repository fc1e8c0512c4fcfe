"""A stop that was in place is gone without a word, as Demo Trading was seen to do.

Holds: the next reconcile misses it twice, and the position is closed; until then nobody could know. End: flat, exit 0.
"""

from __future__ import annotations

from pathlib import Path

import pytest
from kits.disaster_live import FIRST, RECONCILE_S, Rules, live_scene

pytestmark = pytest.mark.full


def test_stop_vanishes(tmp_path: Path) -> None:
    with live_scene(tmp_path, rules=Rules(naked_s=RECONCILE_S)) as it:
        engine = it.engine(FIRST)
        it.faults({"do": "stop_vanishes", "seconds": 8, "side": "SELL"})
        it.entered()
        it.bot.until(it.is_over)
        assert it.purposes() == "ex"
        assert "two reads did not show the stop; closing" in it.notices()
        it.ended(engine)
        it.agree()
