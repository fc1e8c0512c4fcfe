"""A script takes the position's margin away until liquidation is near, and then nearer.

Holds: at 80 % a person is told, at 90 % the position is closed, before the exchange does it. End: flat by our own exit, exit 0;
the alert and the close name the symbol and the risk.
"""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import pytest
from kits.disaster_live import FIRST, LiveScene, live_scene

pytestmark = pytest.mark.full


def take(it: LiveScene, risk: str) -> None:
    """Leave so much margin that maintenance is ``risk`` percent of it."""
    row = it.position()
    left = Decimal(row["isolatedWallet"]) + Decimal(row["unRealizedProfit"])
    wanted = Decimal(row["maintMargin"]) * 100 / Decimal(risk)
    it.act("take_margin", symbol="ETHUSDT", amount=f"{left - wanted:.8f}")


def risk(it: LiveScene) -> float:
    """What ``tradebot risk`` says of the position, in percent."""
    rows = it.bot.json("risk").data["positions"]
    return max((float(row["liquidation_risk_pct"]) for row in rows), default=0.0)


def test_liquidation_alert_80_close_90(tmp_path: Path) -> None:
    with live_scene(tmp_path) as it:
        engine = it.engine(FIRST)
        it.opened()
        it.act("move_price", symbol="ETHUSDT", percent="0.2")  # the margin is what it stands on
        take(it, "60")
        it.bot.until(lambda: risk(it) > 50)
        assert "liquidation risk" not in it.notices()
        take(it, "97")
        it.bot.until(it.is_over)
        assert it.purposes() == "ex"
        assert "ETH/USDT liquidation risk" in it.notices()
        it.ended(engine)
