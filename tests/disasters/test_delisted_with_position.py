"""A symbol is to be delisted, and is settled, while a position in it is held.

Holds: nothing is entered in it once it is announced, nor anything once it was settled; the stop goes. End: flat at the
exchange's settlement price, booked to the last digit, exit 0; a person reads that the exchange settled it.
"""

from __future__ import annotations

from pathlib import Path

import pytest
from kits.disaster_blocked import end, held_scene, verdict

pytestmark = pytest.mark.full


def test_delisted_with_position(tmp_path: Path) -> None:
    with held_scene(tmp_path) as it:
        it.act("announce_delisting", symbol="ETHUSDT")
        it.act("delist", symbol="ETHUSDT")
        said = it.wait_halt("settled")
        assert said.startswith("ETH/USDT: sell 0.013 at 36")
        assert "by the exchange (settlement_autoclose-" in said
        it.bot.until(it.flat)
        assert "halted: settled" in verdict(it)
        assert set(it.halted()) == {"settled"}  # wallet and ledger agree
        assert "settlement" in end(it)
        it.agree()
