"""Where requests go: nothing but a loopback address may take the exchange's place."""

from __future__ import annotations

import pytest

from tradebot.core.model.errors import ConfigError
from tradebot.wire.hosts import DEMO, LIVE, find_hosts


def test_each_environment_has_its_own_addresses() -> None:
    assert find_hosts("live") is LIVE
    assert find_hosts("demo") == DEMO
    assert not LIVE.loopback
    assert not DEMO.loopback
    assert LIVE.ccxt_urls()["fapiPrivateV3"] == "https://fapi.binance.com/fapi/v3"
    assert "sapi" not in DEMO.ccxt_urls()
    assert DEMO.stream_url("market") == "wss://demo-fstream.binance.com/market/ws"


@pytest.mark.parametrize(
    "url", ["http://127.0.0.1:8080", "ws://localhost:8080/", "https://[::1]:1"]
)
@pytest.mark.parametrize("environment", ["local", "demo", "live"])
def test_a_loopback_address_takes_any_place(url: str, environment: str) -> None:
    hosts = find_hosts(environment, url)  # type: ignore[arg-type]
    assert hosts.loopback
    assert hosts.environment == environment
    assert hosts.rest.startswith("http")
    assert hosts.stream_url("private").startswith("ws")
    assert "binance" not in "".join([*hosts.ccxt_urls().values(), hosts.stream, hosts.account])


@pytest.mark.parametrize(
    "url",
    [
        "http://example.com",
        "http://127.0.0.1.example.com",
        "http://10.0.0.1",
        "nonsense",
        "http://[",
    ],
)
def test_no_other_address_does(url: str) -> None:
    with pytest.raises(ConfigError, match="loopback"):
        find_hosts("live", url)


def test_local_needs_an_address() -> None:
    with pytest.raises(ConfigError, match="needs the address"):
        find_hosts("local")


def test_demo_hosts_may_be_others_of_binance_and_never_those_of_real_money() -> None:
    moved = find_hosts(
        "demo", "", "https://testnet.binancefuture.com", "wss://fstream.binancefuture.com"
    )
    assert moved.ccxt_urls()["fapiPrivate"] == "https://testnet.binancefuture.com/fapi/v1"
    assert moved.stream_url("private") == "wss://fstream.binancefuture.com/private/ws"
    for wrong in (
        "https://fapi.binance.com",
        "http://demo-fapi.binance.com",
        "https://demo-fapi.binance.com.example.com",
        "https://demo.example.com",
        "https://demo-fapi.binance.com/elsewhere",
        "https://me@demo-fapi.binance.com",
        "nonsense",
    ):
        with pytest.raises(ConfigError, match="no host of Demo Trading"):
            find_hosts("demo", "", wrong)
