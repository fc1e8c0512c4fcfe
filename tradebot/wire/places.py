"""Where the other end of a connection is, by what is known of it. Light: who judges evidence needs no client."""

from __future__ import annotations

from functools import lru_cache
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from typing import Literal

from tradebot.wire.hosts import DEMO_DOMAINS

Place = Literal["production", "demo", "loopback", "private", "elsewhere"]

PRODUCTION = frozenset({"fapi.binance.com", "api.binance.com", "fstream.binance.com"})
"""Hosts where Binance's own prices and real money are."""


PRACTICE: tuple[Place, ...] = ("loopback", "demo")
"""Where no real money can be."""

ASTRAY_HINT = "see what the name resolves to: nothing that changes an account is sent there"

NAT64 = ip_network("64:ff9b::/96")


def _carried(text: str) -> IPv4Address | IPv6Address:
    """Return an address, or the one of version 4 that it carries; ValueError for none."""
    ip = ip_address(text)
    if isinstance(ip, IPv4Address):
        return ip
    carried = ip.ipv4_mapped or ip.sixtofour or (ip.teredo[1] if ip.teredo else None)
    if ip in NAT64:
        carried = IPv4Address(int(ip) & 0xFFFFFFFF)
    return ip if carried is None else carried


@lru_cache(maxsize=64)  # asked for each request, and there are few addresses
def place_of(host: str, address: str) -> Place:
    """Return where a peer is, by the host that TLS verified and its address; without both nobody knows."""
    try:
        ip = _carried(address.partition("%")[0])
    except ValueError:
        return "elsewhere"
    if ip.is_loopback:
        return "loopback"
    if not ip.is_global:
        return "private"
    if host in PRODUCTION:
        return "production"
    marked = host.partition(".")[0].startswith(("demo", "testnet"))
    ours = host.endswith(DEMO_DOMAINS)
    return "demo" if ours and (marked or host.endswith(DEMO_DOMAINS[1])) else "elsewhere"
