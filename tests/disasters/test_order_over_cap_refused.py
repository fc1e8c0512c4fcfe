"""Real money, and a symbol whose smallest order is larger than the cap: refused in words with the numbers, and nothing leaves."""

from __future__ import annotations

from pathlib import Path

import pytest
from kits.demo_kit import demo_venue
from kits.live_run_kit import live_bot, start_live
from kits.strategy_kit import LONG

pytestmark = pytest.mark.full


def test_order_over_cap_refused(tmp_path: Path) -> None:
    with demo_venue(tmp_path, "2026-11-26T09:30:30Z") as venue:
        bot = live_bot(tmp_path, venue, TRADEBOT_MARKET__SYMBOLS="BTC/USDT,ETH/USDT")
        try:
            process = start_live(bot, bot.strategy(LONG))
            bot.until(lambda: venue.held() == ["ETHUSDT"] and venue.stops(), 240)
            done = bot.end(process)
            assert done.code == 0
            signals = bot.json("signals", "--run", "live-0001").data["signals"]
            refused = [row for row in signals if row["symbol"] == "BTC/USDT"]
            assert {row["verdict"] for row in refused} == {"refused"}
            assert "smallest order 0.001 BTC = $" in str(refused)
            assert "exceeds the position cap of $50" in str(refused)
            orders = venue.asked("POST", "/fapi/v1/order")
            assert {row["params"]["symbol"] for row in orders} == {"ETHUSDT"}
            cost = [float(r["params"]["price"]) * float(r["params"]["quantity"]) for r in orders]
            assert max(cost) <= 50
            assert "still holds ETH/USDT long" in str(done.document["warnings"])
            assert venue.stops() == 1
        finally:
            bot.clean_up()
