"""The exchange takes a stop as new and rejects it a moment later, in a second check of its own.

Holds: the position is closed as soon as that is told. End: flat, not halted by one such, exit 0.
"""

from __future__ import annotations

from pathlib import Path

import pytest
from kits.disaster_live import FIRST, live_scene

pytestmark = pytest.mark.full


@pytest.mark.parametrize("told", [True, False])
def test_stop_accepted_then_rejected(tmp_path: Path, told: bool) -> None:
    with live_scene(tmp_path) as it:
        engine = it.engine(FIRST)
        it.faults({"do": "stop_rejected_later", "seconds": 1.5, "told": told, "side": "SELL"})
        it.entered()
        it.bot.until(it.is_over)
        assert it.purposes() == "ex"
        assert "stop" in it.notices()
        it.ended(engine)
        it.agree()
