"""Promise 21: every 30 s the account is held against the journal; what differs halts, and no entry is made meanwhile."""

from __future__ import annotations

import asyncio
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from kits import binance_scene as scene
from kits import live_kit as kit

START = kit.EPOCH + 3 * 3_600_000  # behind the blackout
XRP = "XRP/USDT"
POSITIONS = "/fapi/v3/positionRisk"
DEAF = [{"do": "drop", "event": "*", "stream": "private"}]


def test_the_whole_account_is_read_every_thirty_seconds_one_after_the_other(tmp_path: Path) -> None:
    async def meddle(live: scene.Live) -> None:
        await live.opened(XRP)
        await asyncio.sleep(150)

    found = scene.meddled(tmp_path, START, meddle)
    rows = found.venue.ledger.of("request")
    whole = [row for row in rows if row["path"] == POSITIONS and "symbol" not in row["params"]]
    times = [row["at"] for row in whole]
    assert len(times) >= 6
    assert max(later - at for at, later in pairwise(times)) <= 31_000
    assert not found.session.engine.halts.reasons


CASES: dict[str, tuple[str, dict[str, Any], str, bool]] = {
    "leverage": ("set_leverage", {"leverage": 7}, "config", False),
    "leverage, by REST alone": ("set_leverage", {"leverage": 7}, "config", True),
    "hedge mode": ("set_hedge", {}, "config", True),
    "multi-asset": ("set_multi_assets", {}, "config", True),
    "an order": ("foreign_order", {"side": "BUY", "qty": "20", "price": "1.9"}, "foreign", False),
    "an order, by REST alone": (
        *("foreign_order", {"side": "BUY", "qty": "20", "price": "1.9"}, "foreign", True),
    ),
    "a larger position": ("foreign_order", {"side": "BUY", "qty": "20"}, "foreign", True),
    "the wallet": ("transfer", {"amount": "500"}, "account", True),
}
"""What is done to the account, what that halts, and whether the private stream is dead meanwhile."""


@pytest.mark.parametrize(("act", "words", "reason", "deaf"), CASES.values(), ids=CASES)
def test_what_differs_halts_and_the_position_stays_protected(
    tmp_path: Path, act: str, words: dict[str, Any], reason: str, deaf: bool
) -> None:
    symbol = {} if act in ("set_hedge", "set_multi_assets", "transfer") else {"symbol": "XRPUSDT"}

    async def meddle(live: scene.Live) -> None:
        book = await live.opened(XRP)
        if deaf:
            live.venue.faults.set(DEAF)
        live.venue.acts.do("delay_income", seconds=3600)  # nothing explains the money
        live.venue.acts.do(act, **symbol, **words)
        took = await live.until(lambda: reason in live.halts(), 120)
        assert took <= 31 + 60 * (reason == "account"), (
            took
        )  # money is looked up in three rounds before
        live.venue.faults.set([])
        await live.until(lambda: book.stop and not book.bare_since, 60)
        entries = entries_of(live)
        await asyncio.sleep(65)  # one more bar asks for more
        assert entries_of(live) == entries

    found = scene.meddled(tmp_path, START, meddle)
    assert {symbol: held for symbol, held in found.held.items() if held}


def entries_of(live: scene.Live) -> int:
    """How many orders of ours could have opened something."""
    rows = live.venue.ledger.of("request")
    sent = [row for row in rows if (row["method"], row["path"]) == ("POST", "/fapi/v1/order")]
    return len([row for row in sent if "reduceOnly" not in row["params"]])
