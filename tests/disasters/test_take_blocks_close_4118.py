"""A resting target blocks the close (-4118).

Holds: regular orders go first, then the target, never the stop while the position is open. End: flat, exit 0.
"""

from __future__ import annotations

from pathlib import Path

import pytest
from kits.disaster_kit import ETH, scene

pytestmark = pytest.mark.slow


def test_the_target_goes_and_the_stop_stays_until_it_is_flat(tmp_path: Path) -> None:
    with scene(tmp_path, ETH) as it:
        price = float(it.venue.state()["positions"][0]["markPrice"])
        it.protect("ETHUSDT", "SELL", "0.02", f"{price * 0.9:.2f}", f"{price * 1.1:.2f}")
        it.faults({"do": "algo_take_blocks", "at_s": 0})
        before = len(it.requests())
        data = it.close_all()["data"]
        assert data["closed"] is True
        assert it.flat()
        changes = it.changes(before)
        words = [(row["method"], row["path"].rpartition("/")[2]) for row in changes]
        assert words == [
            ("POST", "order"),  # refused
            ("DELETE", "allOpenOrders"),
            ("POST", "order"),  # refused again
            ("DELETE", "algoOrder"),  # the target
            ("POST", "order"),
            ("DELETE", "algoOrder"),  # the stop, after it read flat
        ]
        gone = [row["type"] for row in it.venue.rows("algo") if row["status"] == "CANCELED"]
        assert gone == ["TAKE_PROFIT_MARKET", "STOP_MARKET"]
        (row,) = data["closes"]
        assert (row["symbol"], row["side"], row["qty"]) == ("ETH/USDT", "long", "0.02")
        assert float(row["close_price"]) == pytest.approx(price, rel=0.02)
        assert float(row["fees"]) > 0
        assert row["mark"] is not None
        assert [step["step"] for step in data["steps"]][-1] == "proved"
