"""Somebody trades by hand on the account, before and while everything is closed.

Holds: what others opened is closed too, also what appears on the way; nothing is opened. End: flat, exit 0.
"""

from __future__ import annotations

from pathlib import Path

import pytest
from kits.disaster_kit import QUIET, scene

pytestmark = pytest.mark.slow


def test_what_others_opened_is_closed_too(tmp_path: Path) -> None:
    with scene(tmp_path) as it:
        it.engine(QUIET)
        it.act("foreign_order", symbol="XRPUSDT", side="BUY", qty="40")
        it.act(
            "foreign_order", symbol="ADAUSDT", side="BUY", qty="50", price="0.1", client_id="rest"
        )
        it.bot.until(lambda: it.venue.held())
        it.faults({"do": "delay", "ms": 300, "method": "POST", "path": "/fapi/v1/order"})
        closing = it.closing("--account", "demo")
        it.bot.until(lambda: any(step.step == "close" for step in it.steps()))
        it.act("foreign_order", symbol="SOLUSDT", side="SELL", qty="1", client_id="late")
        out, err = closing.communicate(timeout=90)
        assert closing.returncode == 0, out + err
        assert it.flat()
