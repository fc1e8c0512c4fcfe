"""A stop's order has filled before anything says that the stop has triggered, under the stop's id or one of its own.

Holds: the fill is taken for the stop's; nothing else is sold. End: flat, the trade ends by its stop, exit 0.
"""

from __future__ import annotations

from pathlib import Path

import pytest
from kits.disaster_live import FIRST, live_scene

pytestmark = pytest.mark.full


@pytest.mark.parametrize("own_id", ["false", "true"])
def test_child_fill_before_trigger(tmp_path: Path, own_id: str) -> None:
    account = f"[options]\nchild_own_id = {own_id}\n"
    with live_scene(tmp_path, account=account) as it:
        engine = it.engine(FIRST)
        it.faults({"do": "late", "ms": 3_000, "event": "ALGO_UPDATE/*"})
        it.opened()
        it.act("move_price", symbol="ETHUSDT", percent="-4")
        it.bot.until(it.is_over)
        assert len(it.fills()) == 2
        it.counts(0)
        assert "x" not in it.purposes()
        it.ended(engine)
        it.agree()
