"""An entry fills in parts, and every word of the stream comes twice, in any order within a second and a half.

Holds: each fill counts once, and what is held is behind a stop. End: the books agree to the last digit, exit 0.
"""

from __future__ import annotations

from pathlib import Path

import pytest
from kits.disaster_live import FIRST, live_scene

pytestmark = pytest.mark.full


def test_fills_duplicated_and_reordered(tmp_path: Path) -> None:
    with live_scene(tmp_path) as it:
        engine = it.engine(FIRST)
        parts = ["0.001", "0.002", "0.003", "0.004", "0.001"]
        at_s = [0, 0.2, 0.4, 0.6, 0.8]
        words = {"stream": "private", "event": "*"}
        it.faults(
            {"do": "fill_in_parts", "parts": parts, "at_s": at_s, "side": "BUY"},
            {"do": "duplicate", **words},
            {"do": "reorder", "window_ms": 1_500, **words},
        )
        it.entered()
        it.bot.until(lambda: len(it.fills()) == 5)
        it.bot.until(lambda: [row["quantity"] for row in it.stops()] == ["0.011"])
        it.act("move_price", symbol="ETHUSDT", percent="-4")
        it.bot.until(it.is_over)
        assert it.purposes() == "eeeees"
        it.counts(0)
        it.ended(engine)
        it.agree()
