"""The price falls by a fifth from one tick to the next, past the stop, and comes back a moment later.

Holds: the stop is the exchange's and fills once; nothing of ours sells more than is held; no entry leaves once the day's
loss is reached. End: flat, halted for the day, exit 0; a person reads what the day has lost and by what.
"""

from __future__ import annotations

from pathlib import Path

import pytest
from kits.disaster_live import live_scene

pytestmark = pytest.mark.full


@pytest.mark.parametrize("demo", [False, True])
def test_flash_crash_through_stop(tmp_path: Path, demo: bool) -> None:
    with live_scene(tmp_path, demo=demo, TRADEBOT_RISK__LIVE__DAY_LOSS="5") as it:
        engine = it.engine()
        it.opened()
        it.act("move_price", symbol="ETHUSDT", percent="-20")
        said = it.wait_halt("day_loss")
        it.act("move_price", symbol="ETHUSDT", percent="25")
        it.bot.until(it.is_over)
        assert it.purposes() in ("es", "ex", "esx", "exs")
        assert said.startswith("day loss: $")
        assert "of $5" in said
        it.ended(engine)
