"""The account is switched to hedge mode while a position is held.

Holds: nothing is entered from the next look at the account on; the stop stays until the position is closed. End: a close-all
closes it whatever the mode, exit 0; a person reads which mode is needed.
"""

from __future__ import annotations

from pathlib import Path

import pytest
from kits.disaster_blocked import end, held_scene, verdict

pytestmark = pytest.mark.full


def test_hedge_mode_switched(tmp_path: Path) -> None:
    with held_scene(tmp_path) as it:
        it.act("set_hedge", on=True)
        said = it.wait_halt("config")
        assert said == "the account is in hedge mode; one-way is needed"
        assert "halted: config" in verdict(it)
        refused = it.bot.json("resume", "--reason", "let it", code=4).error
        assert "hedge mode" in refused["message"]
        assert it.bot.json("close-all", "--yes").data["closed"] is True
        assert it.flat()
        end(it)
