"""The exchange takes no stop for a position, twice within an hour.

Holds: each time the position is closed at once. End: flat, halted until a person looks (stop_path), exit 0.
"""

from __future__ import annotations

from pathlib import Path

import pytest
from kits.disaster_live import ALGO, live_scene

pytestmark = pytest.mark.full


def test_stop_refused(tmp_path: Path) -> None:
    with live_scene(tmp_path) as it:
        engine = it.engine()
        it.faults({"do": "error", "code": -4045, "method": "POST", "path": ALGO})
        assert "closed without a stop" in it.wait_halt("stop_path")
        it.bot.until(it.is_over)
        assert it.purposes() == "exex"
        assert "stop rejected" in it.notices()
        it.ended(engine)
        it.agree()
