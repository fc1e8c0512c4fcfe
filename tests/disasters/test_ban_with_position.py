"""The exchange bans the address (418) while a position is held.

Holds: not one request leaves while the ban lasts; the position rests on its stop, which triggers meanwhile. End: the fill is
booked right after the ban, flat; entries wait for a person's resume; exit 0; a person reads for how long.
"""

from __future__ import annotations

from pathlib import Path

import pytest
from conftest import FULL
from kits.disaster_blocked import end, held_scene, trades_again, verdict

pytestmark = pytest.mark.full


SECONDS = 120 if FULL else 25
BAN = {"do": "ban", "seconds": SECONDS, "times": 1, "method": "*", "path": "/fapi/*"}


def test_ban_with_position(tmp_path: Path) -> None:
    with held_scene(tmp_path) as it:
        it.faults(BAN)
        assert it.wait_halt("ban") == f"banned: for {SECONDS} s"
        it.act("move_price", symbol="ETHUSDT", percent="-4")
        it.bot.until(it.is_over)
        it.counts(0, SECONDS + 120)
        until = it.venue.state()["banned_until"]
        (banned,) = [row for row in it.requests() if row["status"] == 418]
        quiet = [r for r in it.requests() if banned["at"] + 1000 < r["at"] < until]
        assert quiet == []
        assert "halted: ban" in verdict(it)
        it.bot.until(lambda: it.now > until + 3000, SECONDS + 120)
        assert "resumed: ban" in it.bot.json("resume", "--reason", "it is over").data["result"]
        assert trades_again(it)
        end(it)
        it.agree()
        assert f"HALTED ban: banned: for {SECONDS} s" in it.told("halt")
        (warned,) = it.told("banned")
        assert "the exchange has banned us until " in warned
        assert any("the ban is over" in text for text in it.told("recovered"))
