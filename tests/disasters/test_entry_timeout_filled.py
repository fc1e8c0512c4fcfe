"""An entry is carried out and never answered, with and without a stream that tells of its fill.

Holds: it is looked up by its id and never sent again; its stop is there within 5 s of what could be known. End: one
position with its stop, exit 0.
"""

from __future__ import annotations

from pathlib import Path

import pytest
from kits.disaster_live import ORDER, live_scene

pytestmark = pytest.mark.full


@pytest.mark.parametrize("told", [True, False])
def test_entry_timeout_filled(tmp_path: Path, told: bool) -> None:
    with live_scene(tmp_path) as it:
        engine = it.engine()
        deaf = {"do": "drop", "stream": "private", "event": "*"}
        it.faults(
            {
                "do": "accept_then_timeout",
                "seconds": 15,
                "method": "POST",
                "path": ORDER,
                "times": 1,
            },
            *([] if told else [deaf]),
        )
        it.opened()
        it.counts(1)
        assert it.purposes() == "e"
        it.bot.until(lambda: len(it.venue.asked("POST", ORDER)) == 1)
        sent = [row["client"] for row in it.venue.rows("order") if row["event"] == "NEW"]
        assert len(sent) == 1
        it.ended(engine)
