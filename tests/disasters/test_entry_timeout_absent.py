"""An entry is read by the exchange only when it is too late, and nothing is answered until then.

Holds: it counts as open until its absence is believed, and is never sent again. End: no position of it; exit 0.
"""

from __future__ import annotations

from pathlib import Path

import pytest
from kits.disaster_live import FIRST, ORDER, live_scene

pytestmark = pytest.mark.slow


def test_entry_timeout_absent(tmp_path: Path) -> None:
    with live_scene(tmp_path) as it:
        engine = it.engine(FIRST)
        it.faults({"do": "read_later", "seconds": 15, "method": "POST", "path": ORDER, "times": 1})
        it.bot.until(lambda: it.venue.state()["faults"][0]["applied"])
        it.hush()
        it.bot.until(lambda: it.order_states()[-1] == "rejected")
        it.bot.until(lambda: it.venue.asked("POST", ORDER))
        (late,) = it.venue.asked("POST", ORDER)
        assert late["faults"] == ["read_later"]
        looks = [r for r in it.venue.asked("GET", ORDER) if r["answer"].get("code") == -2013]
        assert (
            looks[-1]["at"] - looks[0]["at"] >= 990
        )  # a second of our clock, told in whole ms by another
        assert not it.fills()
        it.ended(engine)
