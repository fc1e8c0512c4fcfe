"""``tradebot account``: everything that is on an account, ours or not, and nothing is changed by looking."""

from __future__ import annotations

from pathlib import Path

import pytest
from kits.demo_kit import DemoVenue, demo_bot, demo_venue
from kits.paper_kit import Bot

LEGS = """
hedge = true
fee_burn = true
[assets]
BNB = "1.5"
[[positions]]
symbol = "XRPUSDT"
side = "LONG"
qty = "40"
entry = "2.2"
[[positions]]
symbol = "XRPUSDT"
side = "SHORT"
qty = "-30"
entry = "2.3"
"""
FOREIGN = """
[[orders]]
symbol = "ETHUSDT"
side = "BUY"
qty = "0.1"
price = "1500"
client_id = "web_abc"
"""


pytestmark = pytest.mark.slow

MORNING = "2026-11-26T09:30:00Z"


def bot_at(folder: Path, venue: DemoVenue) -> Bot:
    """Return the command with the venue's account configured."""
    bot = demo_bot(folder, venue)
    bot.env["TRADEBOT_EXCHANGE__URL"] = venue.url
    bot.env["TRADEBOT_EXCHANGE__ENVIRONMENT"] = "demo"
    return bot


def test_an_account_is_shown_with_what_others_have_on_it(tmp_path: Path) -> None:
    with demo_venue(tmp_path, MORNING, account=LEGS) as venue:
        bot = bot_at(tmp_path, venue)
        done = bot.json("account")
        seen = done.data
        assert seen["place"] == f"DEMO LOOPBACK {venue.url.removeprefix('http://')}"
        assert seen["position_mode"] == "hedge"
        assert seen["fee_burn"] is True
        assert {row["asset"]: row["wallet"] for row in seen["balances"]} == {
            "USDT": "10000",
            "BNB": "1.5",
        }
        held = {(row["symbol"], row["side"]): row["qty"] for row in seen["positions"]}
        assert held == {("XRP/USDT", "long"): "40", ("XRP/USDT", "short"): "30"}
        symbols = {row["symbol"]: row for row in seen["symbols"]}
        assert symbols["BTC/USDT"]["leverage"] == 20
        assert symbols["XRP/USDT"]["taker_fee"] == "0.0005"
        assert 0 < seen["weight_used"] < seen["weight_limit"]
        assert len(done.document["warnings"]) == 2
        assert venue.key not in done.out
        assert {row["method"] for row in venue.rows("request")} == {"GET"}
        assert not bot.data_dir.exists()
        assert bot.json("account", "--account", "moon", code=2).error["key"] == "--account"
        bot.env["TRADEBOT_BINANCE_DEMO_SECRET"] = venue.secret[::-1]
        assert "-1022" in bot.json("account", code=3).error["message"]


def test_orders_of_others_are_shown_to_people_as_well(tmp_path: Path) -> None:
    with demo_venue(tmp_path, MORNING, account=FOREIGN) as venue:
        bot = bot_at(tmp_path, venue)
        seen = bot.json("account", "--account", "demo").data
        assert [(row["id"], row["price"]) for row in seen["orders"]] == [("web_abc", "1500")]
        shown = bot("account").out
        for word in ("one-way", "Balances", "10000", "web_abc", "No positions."):
            assert word in shown
        narrow = bot("account", COLUMNS="80").out.splitlines()
        assert all(len(line) <= 80 for line in narrow)
        (row,) = [line for line in narrow if "web_abc" in line]
        assert row.split() == ["ETH/USDT", "web_abc", "buy", "LIMIT", "0.1", "0", "1500", "-", "no"]


UNKNOWN_PATH = """
[[fault]]
do = "answer"
status = 404
body = ""
path = "/fapi/v1/feeBurn"
"""


def test_an_exchange_that_does_not_tell_of_fees_in_bnb(tmp_path: Path) -> None:
    rules = tmp_path / "faults.toml"
    rules.write_text(UNKNOWN_PATH)
    with demo_venue(tmp_path, MORNING, "--faults", str(rules)) as venue:
        bot = bot_at(tmp_path, venue)
        done = bot.json("account")
        assert done.data["fee_burn"] is None
        assert "fees in BNB: not known" in str(done.document["warnings"])
        checks = {row["check"]: row for row in bot.json("doctor").data["doctor"]}
        assert checks["fee burn"]["status"] == "warn"


def test_a_ban_that_one_command_met_is_heeded_by_the_next(tmp_path: Path) -> None:
    rules = tmp_path / "faults.toml"
    rules.write_text('[[fault]]\ndo = "ban"\nseconds = 600\npath = "/fapi/v3/*"\ntimes = 1\n')
    with demo_venue(tmp_path, MORNING, "--faults", str(rules)) as venue:
        bot = bot_at(tmp_path, venue)
        assert "banned" in bot.json("account", code=3).error["message"]
        asked = len(venue.rows("request"))
        for command in ("account", "paper --venue demo --headless", "close-all --wait 1s"):
            said = bot.json(*command.split(), code=6 if command.startswith("close") else 3).error
            assert "banned this address for" in said["message"], command
        assert bot.json("paper", "--market", "binance", "--headless", code=3).error
        assert len(venue.rows("request")) == asked
