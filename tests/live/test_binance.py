"""The whole engine on the venue through the real client: entries, fills by the stream, stops, the end; and faults."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest
from kits import binance_scene as scene
from kits import live_kit as kit

from tradebot.journal.reader import Reader

START = kit.EPOCH + 3 * 3_600_000  # behind the blackout
PARAMS = {"fast": 3, "slow": 9}
ORDER, ALGO = "/fapi/v1/order", "/fapi/v1/algoOrder"


def minutes(count: int, seed: int = 0) -> list[list[Any]]:
    """Two symbols side by side, swinging."""
    both = [
        kit.swinging("XRP/USDT", 2.2, seed, count, START),
        kit.swinging("ADA/USDT", 0.7, seed + 9, count, START),
    ]
    return [list(pair) for pair in zip(*both, strict=True)]


def play(tmp_path: Path, count: int, seed: int = 0, **named: Any) -> scene.Scene:
    found: scene.Scene = kit.play(
        lambda loop: scene.trade(
            loop, tmp_path, minutes(count, seed), params=PARAMS, seed=seed or 1, **named
        )
    )
    assert found.ending.state == "ended", found.ending.why
    return found


def test_the_ledger_is_the_venues_own(tmp_path: Path) -> None:
    found = play(tmp_path, 60)
    assert not found.session.engine.halts.reasons
    assert found.ending.summary["completed_trades"] >= 2
    entries = [row for row in found.requests("POST", ORDER) if "reduceOnly" not in row["params"]]
    stops = found.requests("POST", ALGO)
    assert len(entries) >= 2
    assert len(stops) >= len(entries)  # each is protected at the exchange
    assert all(row["params"]["reduceOnly"] == "true" for row in stops)
    found.agree()


FAULTS = [
    {"do": "accept_then_close", "method": "POST", "path": ORDER, "times": 1},
    {"do": "accept_then_garbage", "method": "POST", "path": ALGO, "form": "cut", "nth": 2},
    {"do": "drop", "event": "ORDER_TRADE_UPDATE/TRADE", "probability": 0.5},
    {"do": "disconnect", "stream": "private", "probability": 0.2},
    {"do": "duplicate", "event": "ORDER_TRADE_UPDATE", "probability": 0.3},
    {"do": "late", "event": "ALGO_UPDATE", "ms": 100, "to_ms": 3000, "probability": 0.5},
    {"do": "error", "code": -1007, "executed": True, "method": "POST", "path": ORDER, "nth": 3},
    {"do": "accept_then_timeout", "method": "DELETE", "path": ALGO, "times": 1},
    {"do": "unavailable", "meaning": "unknown", "method": "GET", "path": ORDER, "times": 2},
]


def test_lost_answers_and_a_dying_stream_leave_the_ledger_as_the_venues(tmp_path: Path) -> None:
    found = play(tmp_path, 60, faults=FAULTS)
    done = {row["do"] for row in found.venue.ledger.of("fault")}
    assert {"accept_then_close", "drop", "duplicate"} <= done
    assert found.ending.summary["completed_trades"] >= 2
    ids = [row["params"]["newClientOrderId"] for row in found.requests("POST", ORDER)]
    assert len(ids) == len(set(ids))  # nothing was sent twice
    found.agree()


def test_an_engine_that_is_gone_finds_what_happened_meanwhile(tmp_path: Path) -> None:
    """Two positions are open when it goes; their targets fill while it is away, and their stops are left behind."""
    found = play(tmp_path, 45, broken_off=33, back_at=38)
    assert found.ending.summary["run"] == "paper-0001"
    assert found.ending.summary["completed_trades"] == 2
    ids = [row["params"]["newClientOrderId"] for row in found.requests("POST", ORDER)]
    assert len(ids) == len(set(ids)) == 2
    assert len(found.requests("DELETE", ALGO)) >= 2
    assert not found.session.engine.table.live
    assert not found.venue.algos.records.open(None)
    assert not found.session.engine.halts.reasons
    found.agree()


REQUEST_FAULTS: list[dict[str, Any]] = [
    {"do": "accept_then_close"},
    {"do": "accept_then_garbage", "form": "html"},
    {"do": "accept_then_timeout"},
    {"do": "error", "code": -1007},
    {"do": "error", "code": -1021},
    {"do": "error", "code": -1008},
    {"do": "unavailable", "meaning": "not_executed"},
    {"do": "delay", "ms": 500, "to_ms": 4000},
]
STREAM_FAULTS: list[dict[str, Any]] = [
    {"do": "drop", "probability": 0.2},
    {"do": "duplicate", "probability": 0.2},
    {"do": "late", "ms": 10, "to_ms": 3000, "probability": 0.3},
    {"do": "disconnect", "probability": 0.1},
]
STORM = [
    *(
        {**fault, "method": method, "probability": 0.03}
        for fault in REQUEST_FAULTS
        for method in ("POST", "GET", "DELETE")
    ),
    *({**fault, "event": "*", "stream": "private"} for fault in STREAM_FAULTS),
    {"do": "reset", "probability": 0.01},
    {"do": "algo_blind", "seconds": 4.0, "probability": 0.3},
]


@pytest.mark.parametrize(
    ("seed", "count"),
    [(4, 60), *(pytest.param(n, 330, marks=pytest.mark.full) for n in range(11, 23))],
)
def test_in_a_storm_nothing_is_lost_doubled_or_left_behind(
    tmp_path: Path, seed: int, count: int
) -> None:
    """A fifth of all requests and half of all messages go wrong; in the long ones a funding falls due as well."""
    found = play(tmp_path, count, seed, faults=STORM)
    sent = [
        row["params"].get("newClientOrderId") or row["params"].get("clientAlgoId")
        for path in (ORDER, ALGO)
        for row in found.requests("POST", path)
        if row["params"]  # those whose connection ended before they were read have none
    ]
    assert len(sent) == len(set(sent))
    assert found.ending.summary["completed_trades"] >= 1
    assert not found.session.engine.halts.reasons
    if not found.held:
        assert not found.venue.algos.records.open(None)
    found.agree()


def test_a_run_that_is_killed_in_its_first_minute_knows_from_when_on_to_read(
    tmp_path: Path,
) -> None:
    """Its first state is from before the exchange has told the time: funding paid while it is away must be booked."""
    slow = {"do": "delay", "ms": 4_000, "path": "/fapi/v1/time", "times": 1}
    told: list[int] = []

    async def meddle(live: scene.Live) -> None:
        begun = live.clock.wall_ms()
        await asyncio.sleep(20)
        with Reader(next(tmp_path.rglob("tradebot.db"))) as reader:
            state = reader.state(live.runner.runs[0].identity.run)
        assert state is not None
        told.append(state.body["session"]["read"]["since"] - begun)

    scene.meddled(tmp_path, START, meddle, faults=[slow])
    assert -10_000 < told[0] < 60_000
