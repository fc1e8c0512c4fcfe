"""``tradebot doctor`` where an exchange is configured: the installed command before a venue of its own."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from kits.demo_kit import DemoVenue, demo_bot, demo_venue
from kits.paper_kit import Bot

MORNING = "2026-11-26T09:30:00Z"

SPOILT = """
hedge = true
multi_assets = true
fee_burn = true
[assets]
BNFCR = "10"
[permissions]
enableWithdrawals = true
enableFutures = false
ipRestrict = false
enablePortfolioMarginTrading = true
[[symbols]]
symbol = "ETH/USDT"
status = "SETTLING"
"""
HELD = """
[[positions]]
symbol = "BTCUSDT"
side = "BOTH"
qty = "0.01"
entry = "98000"
"""


def bot_at(folder: Path, venue: DemoVenue, environment: str) -> Bot:
    bot = demo_bot(folder, venue)
    bot.env["TRADEBOT_EXCHANGE__URL"] = venue.url
    bot.env["TRADEBOT_EXCHANGE__ENVIRONMENT"] = environment
    if environment == "live":
        bot.env["TRADEBOT_BINANCE_KEY"] = venue.key
        bot.env["TRADEBOT_BINANCE_SECRET"] = venue.secret
    return bot


def rows_of(bot: Bot, *words: str, code: int = 0, **env: str) -> dict[str, list[Any]]:
    found: dict[str, list[Any]] = {}
    for row in bot.json("doctor", *words, code=code, **env).data["doctor"]:
        found.setdefault(row["check"], []).append(row)
    return found


def test_an_account_that_is_fit(tmp_path: Path) -> None:
    """Everything is asked and nothing changed; on Demo Trading what cannot be asked is said; offline nothing is asked."""
    with demo_venue(tmp_path, MORNING, account=HELD) as venue:
        bot = bot_at(tmp_path, venue, "demo")
        found = rows_of(bot, "--offline")
        assert found["exchange"][0]["detail"] == "not asked: --offline"
        assert "embedded" in found["symbol"][0]["detail"]
        assert not venue.rows("request")

        found = rows_of(bot, code=1)
        assert (
            f"DEMO LOOPBACK {venue.url.removeprefix('http://')}" in found["exchange"][0]["detail"]
        )
        (clock,) = found["exchange clock"]
        assert (clock["status"], "±" in clock["detail"]) == ("warn", True)
        assert all("the mark price" in row["detail"] for row in found["symbol"])
        (rights,) = found["key rights"]
        assert rights["status"] == "warn"
        assert "cannot be asked" in rights["detail"]
        assert "portfolio margin" not in found
        assert "COIN-M" in found["position mode"][0]["detail"]
        for name in ("position mode", "assets mode", "credits", "fee burn", "auto margin"):
            assert found[name][0]["status"] == "ok"
        held, free = found["leverage"]
        assert held["status"] == "fail"
        assert "BTC/USDT: 20x isolated; a run needs 1x" in held["detail"]
        assert (free["status"], "ETH/USDT: 20x isolated" in free["detail"]) == ("ok", True)
        assert "1 positions" in found["account"][0]["detail"]
        assert {row["method"] for row in venue.rows("request")} == {"GET"}
        assert not bot.data_dir.exists()
        small = rows_of(bot, "--set", "risk.profile=live", code=1)["symbol"][0]
        assert small["detail"].startswith("BTC/USDT: smallest order 0.001 BTC = $")
        assert "exceeds the position cap of $50" in small["detail"]
        assert venue.key not in str(found)


def test_what_is_open_where_no_run_trades_makes_nothing_unfit(tmp_path: Path) -> None:
    """A run leaves it alone, however it is set: the doctor says that it is there, and how."""
    with demo_venue(tmp_path, MORNING, account=HELD) as venue:
        found = rows_of(bot_at(tmp_path, venue, "demo"), "--set", 'market.symbols=["ETH/USDT"]')
        held = found["leverage"][0]
        assert held["status"] == "ok"
        assert held["detail"] == "BTC/USDT: 20x isolated; open beside, and left as it is"
        assert "on BTC/USDT" in found["account"][0]["detail"]


@pytest.fixture(scope="module")
def spoilt(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, list[Any]]]:
    folder = tmp_path_factory.mktemp("spoilt")
    faults = folder / "faults.toml"
    faults.write_text('[[fault]]\ndo = "act"\nact = "set_auto_add_margin"\n')
    with demo_venue(folder, MORNING, "--faults", str(faults), account=SPOILT) as venue:
        bot = bot_at(folder, venue, "live")
        yield rows_of(bot, code=1)


@pytest.mark.parametrize(
    ("check", "status", "words"),
    [
        ("key rights", "fail", "may not trade futures"),
        ("key rights", "fail", "may withdraw"),
        ("key rights", "warn", "works from any address"),
        ("portfolio margin", "fail", "not an account of its own"),
        ("position mode", "fail", "USD-M and COIN-M share it"),
        ("assets mode", "fail", "needs single-asset mode"),
        ("credits", "fail", "an account of the EU, cross margin"),
        ("auto margin", "fail", "BTC/USDT, ETH/USDT can lose more"),
        ("fee burn", "warn", "paid in BNB"),
        ("symbol", "fail", "ETH/USDT does not trade: it is SETTLING"),
    ],
)
def test_what_is_wrong_with_an_account(
    spoilt: dict[str, list[Any]], check: str, status: str, words: str
) -> None:
    (row,) = [row for row in spoilt[check] if words in row["detail"]]
    assert row["status"] == status
    assert row["hint"]


def test_what_keeps_an_exchange_from_being_asked(tmp_path: Path) -> None:
    """No exchange, no key, another's key: each is a row with its way out, and the others are there."""
    with demo_venue(tmp_path, MORNING) as venue:
        bot = bot_at(tmp_path, venue, "live")
        away = rows_of(bot, code=1, TRADEBOT_EXCHANGE__URL="http://127.0.0.1:9")
        assert "cannot reach 127.0.0.1:9" in away["exchange"][0]["detail"]
        assert away["exchange"][0]["hint"]
        assert "embedded" in away["symbol"][0]["detail"]
        other = rows_of(bot, code=1, TRADEBOT_BINANCE_KEY="x" * 64)
        assert "(-2015)" in other["key rights"][0]["detail"]
        assert "interchangeable" in other["account"][0]["hint"]
        del bot.env["TRADEBOT_BINANCE_SECRET"]
        half = rows_of(bot, code=1)
        assert "half a key" in half["key"][0]["detail"]
        assert half["exchange"][0]["status"] == "ok"
