"""The machine's clock is set back by an hour while a position is held (a clock of the command's own stands in for it).

Holds: no request is refused for its time for long, the stop stays, and nothing is closed or entered for the clock's sake. End: the
exchange's time is measured anew and entries are taken again; exit 0; what is shown is the exchange's time.
"""

from __future__ import annotations

from pathlib import Path

import pytest
from kits.disaster_blocked import end, held_scene, trades_again
from kits.set_clock import set_clock

pytestmark = pytest.mark.full


def test_clock_jump_back(tmp_path: Path) -> None:
    with held_scene(tmp_path, prepare=set_clock) as it:
        before = len(it.changes())
        set_clock(it, -3_600_000)
        assert trades_again(it)
        assert it.purposes() in ("ee", "e")
        late = [row for row in it.changes()[before:] if row["status"] != 200]
        assert late == []
        assert not it.halted()
        assert it.bot.status()["engine"] == "running"
        end(it)
        it.agree()
