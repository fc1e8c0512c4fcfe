"""The exchange's clock and ours drift apart by two seconds, in one step, while a position is held.

Holds: signed requests go by the exchange's time; one that is refused for it (-1021) has the clocks compared, and an entry is never
sent a second time. End: entries are taken again, exit 0; the stop stayed.
"""

from __future__ import annotations

from pathlib import Path

import pytest
from kits.disaster_blocked import end, held_scene

pytestmark = pytest.mark.full


@pytest.mark.parametrize("ms", [2000, -2000])
def test_skew_2_s(tmp_path: Path, ms: int) -> None:
    with held_scene(tmp_path) as it:
        before = len(it.requests())
        it.faults({"do": "skew", "ms": ms, "at_s": 0})
        (
            it.folder / "more"
        ).touch()  # an entry that is refused for its time (-1021) is not sent again
        it.bot.until(lambda: set(it.venue.held()) == {"ETHUSDT", "XRPUSDT"}, 300)
        it.bot.until(lambda: it.venue.stops() == 2)
        refused = [row for row in it.requests()[before:] if row["status"] != 200]
        assert len(refused) <= 6, refused
        assert not it.halted()
        end(it)
        it.agree()
