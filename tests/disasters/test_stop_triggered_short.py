"""A stop triggers, and its order fills only half of the position.

Holds: the rest is closed at once. End: flat, exit 0.
"""

from __future__ import annotations

from pathlib import Path

import pytest
from kits.disaster_live import FIRST, live_scene

pytestmark = pytest.mark.full


def test_stop_triggered_short(tmp_path: Path) -> None:
    with live_scene(tmp_path) as it:
        engine = it.engine(FIRST)
        it.faults({"do": "stop_filled_short", "share": 0.5, "side": "SELL"})
        it.opened()
        it.act("move_price", symbol="ETHUSDT", percent="-4")
        it.bot.until(it.is_over)
        assert it.purposes() == "esx"
        assert "stop" in it.notices()
        it.ended(engine)
        it.agree()
