"""Promise 32: a ghost sends no signed request: the venue sees none, and the command has no way to make one.

By its types and its open connections: ``tests/test_ghost_runs.py``.
"""

from __future__ import annotations

from pathlib import Path

from kits.demo_kit import demo_bot, demo_venue
from kits.strategy_kit import LONG

from tradebot.broker import ghost

MORNING = "2026-11-26T09:30:40Z"
"""Twenty seconds before a bar closes, hours away from the blackout and from funding."""
TRADES = ("/fapi/v1/order", "/fapi/v1/algoOrder", "/fapi/v1/listenKey")


def test_its_broker_has_no_method_of_its_own() -> None:
    own = [name for name in vars(ghost.GhostBroker) if not name.startswith("__")]
    assert own == []


def test_a_ghost_signs_nothing(tmp_path: Path) -> None:
    with demo_venue(tmp_path, MORNING) as venue:
        bot = demo_bot(tmp_path, venue)
        try:
            at = ("--market", "binance", "--set", f"exchange.url={venue.url}")
            demo = ("--set", "exchange.environment=demo", "--strategy", bot.strategy(LONG))
            bot.json("ghost", *at, *demo, "--headless", "--for", "8s")
            asked = venue.rows("request")
            assert len(asked) > 5
            assert not [
                row for row in asked if "timestamp" in row["params"] or row["path"] in TRADES
            ]
            assert {row["method"] for row in asked} == {"GET"}
        finally:
            bot.clean_up()
