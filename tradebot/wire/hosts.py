"""Where Binance USD-M is: the exchange itself, its Demo Trading, or a venue on this machine."""

from __future__ import annotations

from dataclasses import dataclass, replace
from ipaddress import ip_address
from typing import Literal
from urllib.parse import urlsplit

from tradebot.core.model.errors import ConfigError

Environment = Literal["local", "demo", "live"]


@dataclass(frozen=True, slots=True)
class Hosts:
    """The addresses of one environment, without a path: ``rest``, ``account`` (for sapi) and ``stream``.

    ``account`` is empty where there is none.
    """

    environment: Environment
    rest: str
    account: str
    stream: str

    @property
    def host(self) -> str:
        """Host and port of the REST address."""
        return urlsplit(self.rest).netloc

    @property
    def loopback(self) -> bool:
        """Whether it is this machine."""
        return is_loopback(self.rest)

    @property
    def practice(self) -> bool:
        """Whether there is no real money: this machine, or Demo Trading."""
        return self.loopback or self.environment == "demo"

    def stream_url(self, category: Literal["public", "market", "private"]) -> str:
        """Return the address of a raw stream: public for books and trades, market for klines and marks.

        Streams are named after it (``.../market/ws/btcusdt@kline_1m``) or by SUBSCRIBE messages.
        """
        return f"{self.stream}/{category}/ws"

    def ccxt_urls(self) -> dict[str, str]:
        """Return ccxt's address of each of its sections."""
        urls = {"fapiData": f"{self.rest}/futures/data"}
        for kind in ("Public", "Private"):
            urls[f"fapi{kind}"] = f"{self.rest}/fapi/v1"
            for version in ("V2", "V3"):
                urls[f"fapi{kind}{version}"] = f"{self.rest}/fapi/{version.lower()}"
        if self.account:
            urls["sapi"] = f"{self.account}/sapi/v1"
        return urls


LIVE = Hosts(
    "live", "https://fapi.binance.com", "https://api.binance.com", "wss://fstream.binance.com"
)
DEMO = Hosts("demo", "https://demo-fapi.binance.com", "", "wss://demo-fstream.binance.com")


DEMO_DOMAINS = (".binance.com", ".binancefuture.com")


def find_hosts(
    environment: Environment, url: str = "", demo_rest: str = "", demo_stream: str = ""
) -> Hosts:
    """Return the addresses of an environment, or those of ``url`` (loopback only) in their place.

    ``demo_rest`` and ``demo_stream`` are Demo Trading's where they are not the usual ones. ConfigError for others' hosts.
    """
    for key, given in (("demo_rest", demo_rest), ("demo_stream", demo_stream)):
        if given and not is_demo(given):
            raise ConfigError(f"{given!r} is no host of Demo Trading", key=f"exchange.{key}")
    if environment == "demo" and not url:
        return replace(DEMO, rest=demo_rest or DEMO.rest, stream=demo_stream or DEMO.stream)
    if not url:
        if environment == "local":
            raise ConfigError(
                "environment local needs the address of a venue on this machine",
                hint='start one with tradebot venue and give its address: exchange.url = "http://127.0.0.1:8080"',
                key="exchange.url",
            )
        return LIVE
    if not is_loopback(url):
        raise ConfigError(f"{url!r} is not this machine's loopback address", key="exchange.url")
    parts = urlsplit(url)
    secure = parts.scheme in ("https", "wss")
    rest = f"{'https' if secure else 'http'}://{parts.netloc}"
    return Hosts(environment, rest, rest, f"{'wss' if secure else 'ws'}://{parts.netloc}")


def is_demo(url: str) -> bool:
    """Whether an address is one of Binance's demo or test hosts, by https or wss: never one where real money is."""
    try:
        parts = urlsplit(url)
        host, port = parts.hostname or "", parts.port
    except ValueError:
        return False
    name = host.partition(".")[0]
    plain = parts.path in ("", "/") and port is None and "@" not in parts.netloc
    ours = host.endswith(DEMO_DOMAINS) and parts.scheme in ("https", "wss")
    marked = name.startswith(("demo", "testnet")) or host.endswith(DEMO_DOMAINS[1])
    return plain and ours and marked


def is_loopback(url: str) -> bool:
    """Whether an address is this machine's own."""
    try:
        host = urlsplit(url).hostname or ""
        return host == "localhost" or ip_address(host).is_loopback
    except ValueError:
        return False
