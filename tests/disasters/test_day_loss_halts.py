"""Funding and a falling price use up the day's loss before the stop is reached.

Holds: the very price that reaches it closes the position; no entry leaves afterwards. End: flat, halted, and no resume is
taken on the same day; exit 0.
"""

from __future__ import annotations

from pathlib import Path

import pytest
from kits.disaster_live import live_scene

pytestmark = pytest.mark.slow


def test_day_loss_halts(tmp_path: Path) -> None:
    with live_scene(tmp_path, TRADEBOT_RISK__LIVE__DAY_LOSS="3") as it:
        engine = it.engine()
        it.opened()
        it.act("fund", symbol="ETHUSDT", rate="0.05")
        it.act("move_price", symbol="ETHUSDT", percent="-1.8")
        assert "of $3" in it.wait_halt("day_loss")
        it.bot.until(it.is_over)
        assert it.purposes() == "ex"
        refused = it.bot.json("resume", "--reason", "go on", code=4).error
        assert "not before the next UTC day" in str(refused)
        it.ended(engine)
        it.agree()
