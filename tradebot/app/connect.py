"""Connections to an exchange, as every command makes them: they know of a ban that an earlier process met."""

from __future__ import annotations

from tradebot.clock import SYSTEM, Clock
from tradebot.guard.bans import NotedBan
from tradebot.wire.api_key import ApiKey
from tradebot.wire.client import Wire
from tradebot.wire.hosts import Hosts


def wire_to(hosts: Hosts, clock: Clock = SYSTEM, api_key: ApiKey | None = None) -> Wire:
    """Return connections to an exchange; nothing is connected yet."""
    return Wire(hosts, clock=clock, api_key=api_key, noted=NotedBan(hosts.host, clock))
