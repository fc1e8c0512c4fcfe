"""The exchange takes a part of the position away (auto-deleveraging).

Holds: what is left has a stop that covers it all the time; nothing is entered. End: the rest stays with its stop, exit 0; a
person reads how much was closed, at which price.
"""

from __future__ import annotations

from pathlib import Path

import pytest
from kits.disaster_blocked import end, held_scene, verdict

pytestmark = pytest.mark.full


def test_adl(tmp_path: Path) -> None:
    with held_scene(tmp_path) as it:
        it.act("deleverage", symbol="ETHUSDT", qty="0.005")
        said = it.wait_halt("adl")
        assert said.startswith("ETH/USDT: sell 0.005 at 36")
        assert said.endswith("by the exchange (adl_autoclose)")
        assert it.position()["positionAmt"] == "0.008"
        assert "halted: adl" in verdict(it)
        assert "still holds ETH/USDT long 0.008" in end(it)
        it.agree()
