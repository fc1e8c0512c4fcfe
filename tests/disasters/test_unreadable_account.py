"""The account cannot be read: whole, in part, or by this key.

Holds: "nothing remains" is never said. End: 6, "cannot be told" or "cannot be read"; what could be closed is closed.
"""

from __future__ import annotations

from pathlib import Path

import pytest
from kits.disaster_kit import XRP, scene

pytestmark = pytest.mark.full

GARBAGE = {"do": "accept_then_garbage", "form": "html", "method": "GET"}


def test_what_cannot_be_read_is_never_nothing(tmp_path: Path) -> None:
    with scene(tmp_path, XRP) as it:
        unread = {
            "TRADEBOT_BINANCE_DEMO_KEY": "x" * 64,
            "TRADEBOT_BINANCE_DEMO_SECRET": "y" * 64,
        }
        document = it.close_all(code=6, **unread)
        assert "cannot be read whole" in document["error"]["message"]
        assert "y" * 64 not in str(document)
        planned = it.close_all("--dry-run", code=3, **unread)
        assert planned["error"]["kind"] == "exchange"
        assert it.venue.held() == ["XRPUSDT"]
        assert it.changes() == []

        it.faults({**GARBAGE, "path": "/fapi/v1/openAlgoOrders"})
        document = it.close_all("--wait", "1", code=6)
        assert "openAlgoOrders" in document["error"]["message"]
        assert it.venue.held() == []  # it was closed all the same
        it.faults({**GARBAGE, "path": "/fapi/v3/positionRisk"})
        assert "positionRisk" in it.close_all("--wait", "1", code=6)["error"]["message"]
        it.faults()
        assert it.close_all()["data"]["closed"] is True
