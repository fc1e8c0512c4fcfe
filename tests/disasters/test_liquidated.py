"""The exchange liquidates the position.

Holds: nothing is entered from then on, and the stop that is left goes. End: flat, the loss is booked as the exchange's own
record has it, halted for `liquidated` and for the day's loss, exit 0; a person reads what was closed, and at which price.
"""

from __future__ import annotations

from pathlib import Path

import pytest
from kits.disaster_blocked import end, held_scene, verdict

pytestmark = pytest.mark.full


def test_liquidated(tmp_path: Path) -> None:
    with held_scene(tmp_path) as it:
        it.act("liquidate", symbol="ETHUSDT")
        said = it.wait_halt("liquidated")
        assert said.startswith("ETH/USDT: sell 0.013 at 0 by the exchange (autoclose-")
        assert "day loss: $47" in it.wait_halt("day_loss")
        it.bot.until(it.flat)
        assert "liquidated" in verdict(it)
        assert "liquidation" in end(it)
        it.agree()
