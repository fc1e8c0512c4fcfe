"""The checklist's word that a feed is alive: by the streams themselves, for each symbol."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from pathlib import Path

import pytest
from kits.demo_kit import demo_venue, misbehave
from kits.live_run_kit import MORNING

from tradebot.app.account import Access, find_access
from tradebot.market.binance.listening import listen

NAMES = ["ETH/USDT", "XRP/USDT"]


def heard(access: Access, patience_s: float) -> Mapping[str, str]:
    async def ask() -> Mapping[str, str]:
        async with access.wire() as wire:
            await wire.measure()
            return await listen(wire, NAMES, patience_s)

    return asyncio.run(ask())


def test_what_does_not_come_by_the_streams_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with demo_venue(tmp_path, MORNING) as venue:
        for name, value in venue.env.items():
            monkeypatch.setenv(name, value)
        access = find_access("demo", venue.url)
        assert heard(access, 60.0) == dict.fromkeys(NAMES, "")
        misbehave(venue.url, {"do": "drop", "stream": "public", "event": "*"})
        assert heard(access, 1.5) == dict.fromkeys(NAMES, "touch")
    gone = heard_nothing(access)
    assert all(text.startswith("mark and touch (no connection") for text in gone.values()), gone


def heard_nothing(access: Access) -> Mapping[str, str]:
    async def ask() -> Mapping[str, str]:
        async with access.wire() as wire:
            return await listen(wire, NAMES, 1.0)

    return asyncio.run(ask())
