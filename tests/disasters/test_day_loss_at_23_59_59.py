"""The day's loss is reached in the last second of the day.

Holds: it is the old day's, the position is closed and no entry leaves, midnight or not. End: flat and still halted in the
new day, in which a person may resume and could not before; exit 0.
"""

from __future__ import annotations

from pathlib import Path

import pytest
from kits.disaster_live import FIRST, live_scene

from tradebot.core.model.times import of_iso

pytestmark = pytest.mark.full

LAST = of_iso("2026-11-26T23:59:59Z")


def test_day_loss_at_23_59_59(tmp_path: Path) -> None:
    before = "2026-11-26T21:56:30Z"  # entries are made until the blackout at 22:00
    one = ("--symbols", "ETH/USDT")
    with live_scene(tmp_path, *one, clock=before, TRADEBOT_RISK__LIVE__DAY_LOSS="3") as it:
        engine = it.engine(FIRST)
        it.opened()
        it.kill(engine)
        it.let_pass_until("2026-11-26T23:58:20Z")
        engine = it.again()
        cost = float(it.position()["notional"])
        it.act("fund", symbol="ETHUSDT", rate=f"{2.6 / cost:.6f}")  # an entry may fill in part
        # marks are told once a second: the one of 23:59:59 is the first of this
        due = {"at_s": (LAST - 800 - of_iso(before)) / 1000}
        down = {"symbol": "ETHUSDT", "percent": f"{-70 / cost:.2f}"}
        it.faults({"do": "act", "act": "move_price"} | down | due)
        assert it.now < LAST - 1_000, "the machine was too slow for this"
        it.bot.until(lambda: it.now > LAST)
        assert "of $3" in it.wait_halt("day_loss")
        it.bot.until(it.is_over)
        first = next(row for row in it.blocked() if row[2] == "day_loss")
        assert LAST - 1_000 <= first[0] < LAST + 1_000
        assert it.purposes() == "ex"
        it.bot.until(lambda: it.now > LAST + 3_000)
        assert "day_loss" in it.halted()
        it.bot.json("resume", "--reason", "a new day, looked into")
        it.bot.until(lambda: it.halted() == {})
        it.ended(engine)
        it.agree()
