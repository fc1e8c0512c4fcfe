"""Out of everything on an account, on the venue with the real client: what counts as proof, and what stops nobody."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from decimal import Decimal
from typing import Any

import pytest
from kits.wire_kit import Line, connected

from tradebot.app.flatten import ARRIVED_S, Flattening
from tradebot.broker.account_view import AccountHoldings
from tradebot.core.model.account import OrderRead
from tradebot.core.model.errors import LeftoverError
from tradebot.core.model.values import OrderStatus, Side
from tradebot.venue.own import state
from tradebot.venue.settings import AccountScript, ScriptedPosition

D = Decimal
ORDER, POSITIONS = "/fapi/v1/order", "/fapi/v3/positionRisk"
HELD = AccountScript(
    margin_type="isolated",
    positions=(ScriptedPosition("BTCUSDT", "BOTH", D("0.01"), D(76_000), "isolated", 1),),
)


@asynccontextmanager
async def passing(
    account: AccountScript, faults: Sequence[dict[str, Any]] = ()
) -> AsyncIterator[Line]:
    """A venue whose time passes by itself, twenty times as fast as ours."""
    async with connected(account=account) as line:
        await line.wire.measure()
        line.venue.faults.set(list(faults))

        async def tick() -> None:
            while True:
                line.venue_clock.advance(100)
                await asyncio.sleep(0.005)

        ticking = asyncio.create_task(tick())
        try:
            yield line
        finally:
            ticking.cancel()
            with suppress(asyncio.CancelledError):
                await ticking


def last_sent(line: Line, path: str = ORDER) -> int:
    return max(int(row["at"]) for row in line.asked("POST", path))


async def test_nothing_is_left_only_after_a_read_that_began_when_nothing_could_arrive() -> None:
    """However late the answers are, and however little time was given."""
    slow = [{"do": "delay", "ms": 2_500, "method": "GET"}]
    async with passing(HELD, slow) as line:
        await Flattening(line.wire, lambda _: None).run(0.1)
        done = await Flattening(line.wire, lambda _: None).run(0.1)
        assert done.left == []
        assert len(done.reads) == 2
        assert done.quiet_s >= ARRIVED_S
        assert not state(line.venue)["positions"]
        reads = [row["at"] for row in line.asked("GET", POSITIONS) if row["at"] > last_sent(line)]
        assert len(reads) >= 2
        assert reads[-1] >= last_sent(line) + ARRIVED_S * 1000


async def test_an_account_that_ceases_to_answer_after_an_empty_read_is_not_proved() -> None:
    gone = [{"do": "error", "code": -1000, "method": "GET", "path": POSITIONS}]
    async with passing(AccountScript(margin_type="isolated")) as line:
        work = asyncio.create_task(Flattening(line.wire, lambda _: None).run(0.1))
        while not line.asked("GET", POSITIONS):
            await asyncio.sleep(0.001)
        line.venue.faults.set(gone)
        with pytest.raises(LeftoverError, match="cannot be read whole"):
            await work


async def test_what_cannot_be_read_keeps_nobody_from_closing_the_rest() -> None:
    blind = [
        {
            "do": "accept_then_garbage",
            "form": "html",
            "method": "GET",
            "path": "/fapi/v1/openAlgoOrders",
        }
    ]
    async with passing(HELD, blind) as line:
        assert state(line.venue)["positions"]
        with pytest.raises(LeftoverError, match="openAlgoOrders"):
            await Flattening(line.wire, lambda _: None).run(3)
        assert not state(line.venue)["positions"]  # it was closed all the same


def stop(symbol: str = "BTC/USDT") -> OrderRead:
    return OrderRead(
        *(symbol, "s", "algo:7", Side.SELL, "STOP_MARKET", OrderStatus.WORKING),
        *(D("0.01"), D(0)),
    )


def resting(symbol: str = "BTC/USDT") -> OrderRead:
    return OrderRead(
        *(symbol, "e", "9", Side.BUY, "LIMIT", OrderStatus.WORKING, D("0.01"), D(0)), price=D(1)
    )


@pytest.mark.parametrize(
    ("found", "cancelled"),
    [
        (AccountHoldings(algos=(stop(),)), 1),
        (AccountHoldings(algos=(stop(),), orders=(resting(),)), 0),
        (AccountHoldings(algos=(stop(),), positions_known=False), 0),
    ],
)
async def test_a_stop_goes_only_where_nothing_can_be_held(
    found: AccountHoldings, cancelled: int
) -> None:
    async with connected() as line:
        await line.wire.measure()
        await Flattening(line.wire, lambda _: None)._act(found)
        assert len(line.asked("DELETE", "/fapi/v1/algoOrder")) == cancelled


async def test_a_key_that_is_refused_is_said_at_once_and_costs_no_budget() -> None:
    refused = [{"do": "error", "code": -2015, "method": "GET", "path": "/fapi/v?/*"}]
    async with passing(HELD) as line:
        line.venue.faults.set(refused)
        with pytest.raises(LeftoverError, match="-2015"):
            await Flattening(line.wire, lambda _: None).run(60)
        assert len(line.asked("GET", POSITIONS)) == 1
