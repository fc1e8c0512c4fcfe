"""Somebody adds margin to the position by hand.

Holds: the position can lose more than was agreed to: nothing is entered; the stop stays. End: exit 0; a person reads how much
was added to what.
"""

from __future__ import annotations

from pathlib import Path

import pytest
from kits.disaster_blocked import end, held_scene, verdict

pytestmark = pytest.mark.full


def test_margin_added(tmp_path: Path) -> None:
    with held_scene(tmp_path) as it:
        it.act("add_margin", symbol="ETHUSDT", amount="20")
        said = it.wait_halt("account")
        assert said == "ETH/USDT: 20 USDT of margin were added to the position"
        assert "halted: account" in verdict(it)
        assert it.venue.stops() == 1
        end(it)
