"""A second host has the same key: its own directory, its own state, another instance.

Holds: it does not start on an account on which another instance's orders stand, and sends nothing; an order of another instance
halts the first one within a reconcile. End: the position stays with its stop, exit 0; a person reads whose order it is.
"""

from __future__ import annotations

from pathlib import Path

import pytest
from kits.disaster_blocked import end, held_scene, verdict
from kits.live_run_kit import check, failed, live_bot

pytestmark = pytest.mark.full


def test_second_host(tmp_path: Path) -> None:
    with held_scene(tmp_path) as it:
        it.rules.interval_s = 0  # the other's order looks like one of ours
        away = {
            "XDG_STATE_HOME": str(tmp_path / "elsewhere"),
            "TRADEBOT_MARKET__SYMBOLS": "ETH/USDT",
        }
        other = live_bot(tmp_path, it.venue, "other", **away)
        before = len(it.changes())
        done = check(other, code=4)
        assert {"reconcile", "foreign orders"} <= failed(done)
        (row,) = [row for row in done.data["checks"] if row["check"] == "foreign orders"]
        assert row["detail"].endswith("of another tradebot")
        assert row["hint"].startswith("end the other tradebot first")
        assert it.changes()[before:] == []
        it.act(
            *("foreign_order",),
            symbol="XRPUSDT",
            side="BUY",
            qty="5",
            price="1.9",
            client_id="tbzzzzzz-0a0b0c0d-1e",
        )
        assert "tbzzzzzz-0a0b0c0d-1e" in it.wait_halt("instance")
        assert "instance" in verdict(it)
        assert it.venue.state()["orders"]  # it is not ours to touch
        assert "still holds ETH/USDT" in end(it)
