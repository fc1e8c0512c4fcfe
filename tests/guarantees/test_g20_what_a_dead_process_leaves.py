"""Guarantee 20: a frozen or dead process leaves stops in place and no entry order resting.

Entries are immediate-or-cancel at a protected price.
"""

from __future__ import annotations

import signal
import subprocess
from pathlib import Path

import pytest
from kits.disaster_kit import scene

pytestmark = pytest.mark.slow


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGSTOP], ids=["dead", "frozen"])
def test_a_stop_stays_and_no_entry_rests(tmp_path: Path, number: int) -> None:
    with scene(tmp_path) as it:
        engine: subprocess.Popen[str] = it.engine()
        it.bot.until(lambda: it.venue.held() and it.venue.stops())
        engine.send_signal(number)
        found = it.venue.state()
        assert found["orders"] == []
        (position,) = found["positions"]
        kinds = {row["orderType"]: row for row in found["algo_orders"]}
        stop = kinds["STOP_MARKET"]
        assert stop["symbol"] == position["symbol"]
        assert float(stop["quantity"]) == float(position["positionAmt"])
        entries = [
            row["params"]
            for row in it.venue.asked("POST", "/fapi/v1/order")
            if row["params"].get("reduceOnly") != "true"
        ]
        assert entries
        assert {(row["type"], row["timeInForce"]) for row in entries} == {("LIMIT", "IOC")}
