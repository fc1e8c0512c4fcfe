"""Somebody switches the account to hedge mode: the exchange refuses it under a position, and takes it once that is closed.

Holds: nothing is entered from the next look at the account on, however it is signalled. End: a resume is refused until the mode is
switched back, then entries are taken again; exit 0; a person reads which mode is needed.
"""

from __future__ import annotations

from pathlib import Path
from urllib.error import HTTPError

import pytest
from kits.disaster_blocked import end, held_scene, trades_again, verdict

pytestmark = pytest.mark.full

SWITCH = ("POST", "/fapi/v1/positionSide/dual")


def test_hedge_mode_switched(tmp_path: Path) -> None:
    with held_scene(tmp_path) as it:
        with pytest.raises(HTTPError):
            it.signed(*SWITCH, dualSidePosition="true")  # -4068: a position is open
        it.act("move_price", symbol="ETHUSDT", percent="-4")
        it.bot.until(it.is_over)
        it.signed(*SWITCH, dualSidePosition="true")
        said = it.wait_halt("config")
        assert said == "the account is in hedge mode; one-way is needed"
        assert "config" in verdict(it)
        refused = it.bot.json("resume", "--reason", "let it", code=4).error
        assert "hedge mode" in refused["message"]
        it.signed(*SWITCH, dualSidePosition="false")
        it.bot.until(lambda: it.bot("resume", "--reason", "set back", code=None).code == 0)
        assert trades_again(it)
        end(it)
        it.agree()
