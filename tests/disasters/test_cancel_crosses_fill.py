"""A person halts while an entry works: it is told to be cancelled, and fills after that all the same.

Holds: what filled late is protected like any fill. End: one position, the whole of it behind a stop, halted, exit 0.
"""

from __future__ import annotations

from pathlib import Path

import pytest
from kits.disaster_live import FIRST, ORDER, live_scene

pytestmark = pytest.mark.full


def test_cancel_crosses_fill(tmp_path: Path) -> None:
    with live_scene(tmp_path) as it:
        engine = it.engine(FIRST)
        it.faults(
            {"do": "late_fill", "seconds": 0.5, "side": "BUY"},
            {"do": "fill_in_parts", "parts": ["0.003", "0.003"], "at_s": [0, 60], "side": "BUY"},
        )
        it.opened()
        it.bot.json("halt", "--reason", "a look around")
        it.bot.until(lambda: len(it.fills()) == 2)
        (order, *_) = it.venue.asked("POST", ORDER)
        qty = order["params"]["quantity"]
        assert it.position()["positionAmt"] == qty
        it.bot.until(lambda: [row["quantity"] for row in it.stops()] == [qty])
        assert "user" in it.halted()
        it.ended(engine)
        it.agree()
