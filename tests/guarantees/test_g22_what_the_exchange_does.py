"""Promise 22: liquidation, ADL, a close by hand and a delisting are seen within 30 s and booked with their true PnL."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from kits import binance_scene as scene
from kits import live_kit as kit

START = kit.EPOCH + 3 * 3_600_000  # behind the blackout
XRP = "XRP/USDT"
DEAF = [{"do": "drop", "event": "*", "stream": "private"}]

ACTS: dict[str, tuple[dict[str, Any], str]] = {
    "liquidate": ({}, "liquidated"),
    "deleverage": ({"qty": "10"}, "adl"),
    "delist": ({}, "settled"),
    "foreign_order": ({"side": "SELL", "qty": "10"}, "foreign"),
}


@pytest.mark.parametrize("deaf", [False, True], ids=["heard", "by REST alone"])
@pytest.mark.parametrize("act", list(ACTS))
def test_what_others_do_to_a_position_is_seen_and_booked(
    tmp_path: Path, act: str, deaf: bool
) -> None:
    words, reason = ACTS[act]

    async def meddle(live: scene.Live) -> None:
        book = await live.opened(XRP)
        before = book.holding.qty
        if deaf:
            live.venue.faults.set(DEAF)
        live.venue.acts.do(act, symbol="XRPUSDT", **words)
        took = await live.until(lambda: book.holding.qty != before and reason in live.halts(), 60)
        assert took <= 31, took
        live.venue.faults.set([])
        await live.until(lambda: not book.holding.qty or (book.stop and not book.bare_since), 60)

    found = scene.meddled(tmp_path, START, meddle)
    found.agree()
