"""What an exchange refuses or says wrong, as a user meets it: one line, the way out, the contract's exit code."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from kits.demo_kit import DemoVenue, demo_bot, demo_venue, misbehave
from kits.paper_kit import Bot

MORNING = "2026-11-26T09:30:00Z"
HALTED = """
[[symbols]]
symbol = "ADA/USDT"
status = "TRADING_HALT"
[[symbols]]
symbol = "SOL/USDT"
status = "SETTLING"
"""
KEY = "TRADEBOT_BINANCE_DEMO_KEY"
SECRET = "TRADEBOT_BINANCE_DEMO_SECRET"
PAGE = "<html><title>Sign in to the network</title></html>"
BAR = [0, "1", "1", "1", "NaN", "1", 59_999, "1", 1, "1", "1", "0"]


@pytest.fixture(scope="module")
def venue(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DemoVenue]:
    with demo_venue(tmp_path_factory.mktemp("venue"), MORNING, account=HALTED) as started:
        yield started


@pytest.fixture
def bot(venue: DemoVenue, tmp_path: Path) -> Iterator[Bot]:
    made = demo_bot(tmp_path, venue)
    made.env["TRADEBOT_EXCHANGE__URL"] = venue.url
    yield made
    misbehave(venue.url)
    made.clean_up()


def complaint(bot: Bot, *words: str, code: int) -> str:
    """Return the one line that says what is wrong, and its way out: there has to be one."""
    done = bot(*words, code=code)
    (line,) = [line for line in done.err.splitlines() if line.startswith("error:")]
    hints = [line for line in done.err.splitlines() if line.strip().startswith("hint:")]
    assert hints, done.err
    return "\n".join([line, *hints])


ACCOUNT = ("account", "--account", "demo")
GHOST = ("ghost", "--market", "binance", "--headless")


def refused(code: int, path: str = "/fapi/*") -> dict[str, Any]:
    return {"do": "error", "code": code, "path": path}


def said(body: Any, path: str) -> dict[str, Any]:
    return {"do": "answer", "status": 200, "body": body, "path": path}


@pytest.mark.parametrize(
    ("env", "code", "words"),
    [
        ({KEY: None, SECRET: None}, 2, "no key to the demo account"),
        ({SECRET: None}, 2, "half a key"),
        ({KEY: "a" * 64}, 3, "those of Demo Trading and of the exchange itself"),
        ({KEY: "a" * 12}, 3, "copy the key once more, whole"),
        ({SECRET: "a" * 64}, 3, "the secret does not belong to the key"),
        ({"TRADEBOT_EXCHANGE__URL": "http://10.0.0.1:80"}, 2, "must be a loopback address"),
        ({"TRADEBOT_EXCHANGE__URL": "http://127.0.0.1:9"}, 3, "cannot reach 127.0.0.1:9"),
    ],
    ids=["no key", "half a key", "another's key", "cut key", "wrong secret", "abroad", "away"],
)
def test_keys_and_addresses(bot: Bot, env: dict[str, str | None], code: int, words: str) -> None:
    for name, value in env.items():
        bot.env.pop(name) if value is None else bot.env.update({name: value})
    assert words in complaint(bot, *ACCOUNT, code=code)


def test_a_demo_key_on_production(bot: Bot, venue: DemoVenue) -> None:
    """The exchange knows no such key: the same words as for the reverse."""
    env = {"TRADEBOT_BINANCE_KEY": "b" * 64, "TRADEBOT_BINANCE_SECRET": "c" * 64}
    bot.env.update(env)
    line = complaint(bot, "account", "--account", "live", code=3)
    assert "(-2015)" in line
    assert "interchangeable" in line


@pytest.mark.parametrize(
    ("rule", "words"),
    [
        (refused(-2015, "/fapi/v[13]/[!t]*"), ("may it trade futures", "is this address")),
        (said(PAGE, "/fapi/v3/*"), ("something that is not its own", "a login page")),
        ({**said(PAGE, "/fapi/v3/*"), "status": 403}, ("HTTP 403", "firewall")),
        (said({}, "/fapi/v3/account"), ("cannot be read",)),
        (refused(-1021, "/fapi/v3/*"), ("(-1021)", "NTP")),
        (refused(-1003, "/fapi/v3/*"), ("(-1003)", "wait")),
        ({"do": "rate_limited", "path": "/fapi/v3/*"}, ("(-1003)", "wait")),
        ({**said("", "/fapi/v3/*"), "status": 418}, ("HTTP 418", "banned for a time: wait")),
        ({**said("", "/fapi/v3/*"), "status": 451}, ("HTTP 451", "place")),
    ],
    ids=[
        *("spot-only key, or address", "page", "firewall", "no account", "late", "too much"),
        *("too many", "banned", "not served"),
    ],
)
def test_what_the_exchange_says_to_an_account(
    bot: Bot, venue: DemoVenue, rule: dict[str, Any], words: tuple[str, ...]
) -> None:
    misbehave(venue.url, rule)
    line = complaint(bot, *ACCOUNT, code=3)
    for word in words:
        assert word in line


@pytest.mark.parametrize(
    ("symbol", "rule", "words"),
    [
        ("ADA/USDT", None, "ADA/USDT does not trade: it is TRADING_HALT"),
        ("SOL/USDT", None, "SOL/USDT does not trade: it is SETTLING"),
        ("XRP/USDT", said({"symbols": []}, "*/exchangeInfo"), "XRP/USDT is not listed"),
        (
            "BTC/USDT",
            {"do": "fields_left_out", "fields": ["stepSize"], "path": "*/exchangeInfo"},
            "exchangeInfo lacks LOT_SIZE (stepSize) of BTC/USDT",
        ),
        ("BTC/USDT", said(PAGE, "*/exchangeInfo"), "something that is not its own"),
        ("BTC/USDT", said([BAR], "*/klines"), "NaN"),
    ],
    ids=["halted", "settling", "delisted", "no filter", "page", "NaN"],
)
def test_symbols_and_prices(
    bot: Bot, venue: DemoVenue, symbol: str, rule: dict[str, Any] | None, words: str
) -> None:
    if rule:
        misbehave(venue.url, rule)
    assert words in complaint(bot, *GHOST, "--symbols", symbol, code=3)
