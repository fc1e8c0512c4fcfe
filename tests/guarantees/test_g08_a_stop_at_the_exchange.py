"""Promise 8: a stop rests at the exchange within 5 s of the first fill, and is read there; what is lost means close now."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest
from kits import binance_scene as scene
from kits import live_kit as kit

START = kit.EPOCH + 3 * 3_600_000  # behind the blackout
XRP = "XRP/USDT"
ORDER, ALGO = "/fapi/v1/order", "/fapi/v1/algoOrder"


def exits(found: scene.Scene) -> list[dict[str, Any]]:
    rows = found.requests("POST", ORDER)
    return [row for row in rows if row["params"].get("reduceOnly") == "true"]


def test_it_is_there_within_five_seconds_and_is_read_back_at_once_and_three_seconds_later(
    tmp_path: Path,
) -> None:
    async def meddle(live: scene.Live) -> None:
        await live.opened(XRP)
        await asyncio.sleep(40)

    found = scene.meddled(tmp_path, START, meddle)
    filled = found.venue.ledger.of("fill")[0]["at"]
    placed = found.requests("POST", ALGO)
    assert 0 <= placed[0]["at"] - filled <= 5_000
    read = [row["at"] - filled for row in found.requests("GET", ALGO)]
    assert any(3_000 <= at <= 6_000 for at in read), read
    reconciled = [row["at"] for row in found.requests("GET", "/fapi/v1/openAlgoOrders")]
    assert any(at > filled + 6_000 for at in reconciled)
    assert not exits(found)


@pytest.mark.parametrize(
    ("fault", "within_s"),
    [
        ({"do": "stop_vanishes", "seconds": 1, "side": "SELL", "times": 1}, 6.0),
        ({"do": "stop_vanishes", "seconds": 10, "side": "SELL", "times": 1}, 45.0),
        ({"do": "algo_blind", "seconds": 60.0, "times": 1}, 6.0),
        ({"do": "error", "code": -2021, "method": "POST", "path": ALGO, "times": 1}, 1.0),
        ({"do": "error", "code": -1008, "method": "POST", "path": ALGO, "times": 60}, 7.0),
        ({"do": "stop_rejected_later", "seconds": 1, "side": "SELL", "times": 1}, 3.0),
    ],
    ids=["dropped", "dropped later", "unseen", "refused", "never looked at", "rejected later"],
)
def test_a_stop_that_is_lost_costs_the_position_at_once(
    tmp_path: Path, fault: dict[str, Any], within_s: float
) -> None:
    async def meddle(live: scene.Live) -> None:
        fills = live.venue.ledger.of
        await live.until(lambda: len(fills("fill")) == 2)
        await live.until(lambda: not live.engine.books[XRP].holding.qty)
        await live.until(lambda: not live.venue.algos.records.open(None))

    found = scene.meddled(tmp_path, START, meddle, faults=[fault])
    opened, closed = found.venue.ledger.of("fill")
    assert closed["at"] - opened["at"] <= within_s * 1000
    assert len(exits(found)) == 1
    found.agree()


def test_a_stop_that_nobody_looked_at_is_sent_again_and_the_position_kept(tmp_path: Path) -> None:
    fault = {"do": "unavailable", "meaning": "not_executed", "method": "POST", "path": ALGO}

    async def meddle(live: scene.Live) -> None:
        live.venue.faults.set([{**fault, "times": 3}])
        book = await live.opened(XRP)
        assert book.holding.qty
        await asyncio.sleep(10)

    found = scene.meddled(tmp_path, START, meddle)
    assert not exits(found)
    assert found.held
