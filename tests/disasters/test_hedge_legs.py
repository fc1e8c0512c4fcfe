"""The account is in hedge mode and holds both legs of a symbol, with a stop behind one.

Holds: every close names the leg's side and no leg is opened or flipped. End: flat, exit 0.
"""

from __future__ import annotations

from pathlib import Path

import pytest
from kits.disaster_kit import POSITION, scene

pytestmark = pytest.mark.full

LONG_LEG = POSITION.format(symbol="ETHUSDT", side="LONG", qty="0.02", entry="2500")
SHORT_LEG = POSITION.format(symbol="ETHUSDT", side="SHORT", qty="-0.05", entry="2600")


def test_both_legs_are_closed(tmp_path: Path) -> None:
    with scene(tmp_path, LONG_LEG, SHORT_LEG, account="hedge = true\n") as it:
        data = it.close_all()["data"]
        assert data["closed"] is True
        assert it.flat()
        orders = [r["params"] for r in it.changes() if r["path"] == "/fapi/v1/order"]
        assert {(p["positionSide"], p["side"], p["quantity"]) for p in orders} == {
            ("LONG", "SELL", "0.02"),
            ("SHORT", "BUY", "0.05"),
        }
        assert not any("reduceOnly" in params for params in orders)
        assert {(row["side"], row["qty"]) for row in data["closes"]} == {
            ("long", "0.02"),
            ("short", "0.05"),
        }
