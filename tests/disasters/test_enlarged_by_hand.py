"""Somebody adds to the position by hand, on the exchange's page.

Holds: the stop covers the whole of it within 5 s; nothing is entered on any symbol from then on. End: the position stays with
its stop, exit 0; a person reads which order is not this run's.
"""

from __future__ import annotations

from pathlib import Path

import pytest
from kits.disaster_blocked import end, held_scene, verdict

pytestmark = pytest.mark.full


def test_enlarged_by_hand(tmp_path: Path) -> None:
    with held_scene(tmp_path) as it:
        before = it.position()["positionAmt"]
        it.act("foreign_order", symbol="ETHUSDT", side="BUY", qty="0.01")
        assert it.wait_halt("foreign") == "order web_foreign on ETH/USDT is none of this run's"
        it.bot.until(
            lambda: [row["quantity"] for row in it.stops()] == [it.position()["positionAmt"]]
        )
        assert float(it.position()["positionAmt"]) == pytest.approx(float(before) + 0.01)
        assert "halted: foreign" in verdict(it)
        assert "still holds ETH/USDT long" in end(it)
