"""Somebody moves BNB into the wallet and lets fees be paid with it.

Holds: fees would not come out of USDT: nothing is entered; the stop stays. End: a close-all closes it and its fee is told in
BNB, not as 0 USDT; exit 0; a person reads what fees are paid in.
"""

from __future__ import annotations

from pathlib import Path

import pytest
from kits.disaster_blocked import end, held_scene, verdict

pytestmark = pytest.mark.full


def test_bnb_fees(tmp_path: Path) -> None:
    with held_scene(tmp_path) as it:
        it.act("set_wallet", asset="BNB", amount="1")
        it.act("set_fee_burn", on=True)
        assert it.wait_halt("config") == "fees are paid in BNB; they must come out of USDT"
        assert "BNB" in it.wait_halt("unexplained")
        assert "config" in verdict(it)
        assert it.bot.json("close-all", "--yes").data["closed"] is True
        assert it.flat()
        assert "BNB" in it.notices()
        end(it)
