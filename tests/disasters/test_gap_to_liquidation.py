"""A short is open and the price more than doubles from one tick to the next: the exchange liquidates before any stop.

Holds: nothing of ours trades against it, and nothing is entered afterwards. End: flat, what was lost is booked to the cent,
halted for the liquidation and the day, exit 0.
"""

from __future__ import annotations

from pathlib import Path

import pytest
from kits.disaster_live import SHORT, live_scene

pytestmark = pytest.mark.full

INCOME, WALLET = "/fapi/v1/income", "/fapi/v3/account"


def test_gap_to_liquidation(tmp_path: Path) -> None:
    with live_scene(tmp_path) as it:
        engine = it.engine(SHORT)
        it.opened()
        it.act("move_price", symbol="ETHUSDT", percent="150")
        assert "ETH/USDT" in it.wait_halt("liquidated")
        it.wait_halt("day_loss")
        it.bot.until(it.is_over)
        assert it.purposes() == "e!"
        lost = it.fills()[-1]["at"]
        it.bot.until(lambda: it.venue.asked("GET", INCOME)[-1]["at"] > lost + 5_000)
        it.bot.until(lambda: it.venue.asked("GET", WALLET)[-1]["at"] > lost + 10_000)
        assert set(it.halted()) == {"day_loss", "liquidated"}
        it.ended(engine)
        it.agree()
