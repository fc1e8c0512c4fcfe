"""Guarantee 18: 0 only with the proof; no symbol loses its stop before it reads flat; running it again is harmless.

That each kill of the close-all leaves every open position its stop is in ``tests/disasters/test_close_all_killed.py``; the
proof's own rules are in ``tests/live/test_flatten.py``.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from kits.disaster_kit import ETH, XRP, Scene, scene

pytestmark = pytest.mark.slow

READS = ["openAlgoOrders", "openOrders", "positionRisk"]


def last(row: dict[str, Any]) -> str:
    return str(row["path"].rpartition("/")[2])


def test_two_complete_reads_the_last_when_nothing_can_arrive(tmp_path: Path) -> None:
    with scene(tmp_path, XRP, ETH) as it:
        proof = it.close_all()["data"]["proof"]
        rows = it.requests()
        changes = it.changes()
        after = [row for row in rows if row["at"] >= changes[-1]["at"] and row["method"] == "GET"]
        reads = [last(row) for row in after if last(row) in READS]
        assert reads[-6:] == READS * 2
        final = [row for row in after if last(row) == READS[0]][-1]
        assert final["at"] - changes[-1]["at"] >= 4000
        assert proof["quiet_s"] >= 4
        again = it.close_all()["data"]
        assert again["closed"] is True
        assert len(it.changes()) == len(changes)


def test_an_order_of_unknown_fate_keeps_it_from_being_proved(tmp_path: Path) -> None:
    """The entry's answer never came and nobody can say what became of it; the engine is gone."""
    with scene(tmp_path) as it:
        lost = {"do": "accept_then_close", "method": "POST", "path": "/fapi/v1/order", "times": 1}
        mute = {"do": "error", "code": -1000, "method": "GET", "path": "/fapi/v1/order"}
        deaf = {"do": "drop", "event": "ORDER_TRADE_UPDATE"}
        it.faults(lost, mute, deaf)
        engine = it.engine()
        it.bot.until(lambda: it.venue.asked("POST", "/fapi/v1/order"))
        it.bot.until(lambda: unknown(it))
        engine.kill()
        engine.wait(60)
        document = it.close_all("--wait", "2", code=6)
        assert "order of unknown fate" in document["error"]["message"]
        it.faults()
        data = it.close_all()["data"]
        assert data["closed"] is True
        assert data["proof"]["looked_up"] == 1
        assert it.flat()


def unknown(it: Scene) -> bool:
    rows = it.bot("orders", "--json", code=None).document["data"]
    return rows is not None and any(row["status"] == "unknown" for row in rows["orders"])
