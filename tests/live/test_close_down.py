"""A run ends by closing everything: what it does not know is asked for first, and no countdown stays armed."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import pytest
from kits.broker_kit import BTC, BrokerDesk, serving
from kits.engine_kit import Bare, a_config, long

from tradebot.app import flatten
from tradebot.app.standstill import Standstill
from tradebot.core.model.errors import TradebotError
from tradebot.core.model.values import OrderStatus
from tradebot.core.trading.session import Session
from tradebot.guard.diary import read_diary

ETH = "ETH/USDT"
COUNTDOWN, ORDER = "/fapi/v1/countdownCancelAll", "/fapi/v1/order"
NOBODY_SAYS = {"do": "error", "code": -1000, "method": "GET", "path": ORDER}


@pytest.fixture(autouse=True)
def _soon(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is on its way here arrives at once."""
    monkeypatch.setattr(flatten, "ARRIVED_S", 0.2)


@asynccontextmanager
async def held_desk(folder: Path) -> AsyncIterator[tuple[BrokerDesk, Standstill]]:
    """A broker at work whose wire asks a standstill; it may be told to close everything."""
    async with serving() as desk:
        still = Standstill(desk.line.wire, desk.broker, [folder], "live")
        desk.line.wire.hold = still.hold
        yield desk, still


async def close_down(
    desk: BrokerDesk, still: Standstill, bare: Bare, wait_s: float = 60
) -> TradebotError | None:
    """Close everything as the run of an engine ends, with a venue whose time passes twenty times as fast as ours."""
    session = cast(Session, SimpleNamespace(engine=bare.engine, broker=desk.broker))
    task = asyncio.create_task(still.close_down(session, "on_stop: a test", wait_s))
    async with asyncio.timeout(90):
        while not task.done():
            desk.line.venue_clock.advance(100)
            await asyncio.sleep(0.005)
    return task.result()


@pytest.mark.parametrize("status", [OrderStatus.PENDING, OrderStatus.UNKNOWN])
async def test_an_order_whose_fate_is_open_is_asked_for_before_anything_is_proved(
    tmp_path: Path, status: OrderStatus
) -> None:
    bare = Bare(a_config([ETH]))
    bare.say(long(3500.0), symbol=ETH)
    bare.bar("3600 3610 3590 3600", ETH)
    (entry,) = bare.placed()
    if status is not OrderStatus.PENDING:
        bare.update(entry, status)
    async with held_desk(tmp_path) as (desk, still):
        assert await close_down(desk, still, bare) is None
        asked = desk.line.asked("GET", ORDER)
        assert [row["params"]["origClientOrderId"] for row in asked] == [entry.id]
        desk.line.venue.faults.set([NOBODY_SAYS])
        error = await close_down(desk, still, bare, wait_s=5)
        assert error is not None
        assert "order of unknown fate" in error.message


async def test_a_countdown_is_called_off_though_everything_is_being_closed(tmp_path: Path) -> None:
    """One that stayed armed would cancel what a person places next."""
    async with held_desk(tmp_path) as (desk, still):
        desk.broker.countdown(BTC, 30_000, 0)
        await desk.until(lambda: not desk.broker._errands.busy)
        desk.broker.countdown(BTC, 0, 0)
        assert await close_down(desk, still, Bare(a_config())) is None
        told = desk.line.asked("POST", COUNTDOWN)
        assert [row["params"]["countdownTime"] for row in told] == ["30000", "0"]
        await desk.until(lambda: not desk.broker._errands.busy)
        desk.broker.countdown(BTC, 0, 0)  # an entry of which the engine hears late
        await desk.until(lambda: not desk.broker._errands.busy)
        assert len(desk.line.asked("POST", COUNTDOWN)) == 3


async def test_who_asks_once_more_is_told_of_the_ban_that_is_sat_out(tmp_path: Path) -> None:
    """Whoever has asked since knows of no row before: he would take the engine for hung, and end it."""
    bare = Bare(a_config([ETH]))
    async with held_desk(tmp_path) as (desk, still):
        wire = desk.line.wire
        session = cast(Session, SimpleNamespace(engine=bare.engine, broker=desk.broker))
        wire.budget.banned_until = wire.time.now() + 60_000
        still._begin(session)
        await desk.until(lambda: _holds(tmp_path))
        ends = _holds(tmp_path)[0]
        still._begin(session)
        steps = read_diary([tmp_path])
        assert [step.step for step in steps][-2:] == ["taken", "banned"]
        assert _holds(tmp_path) == [ends, ends]
        wire.budget.banned_until += 60_000  # told anew while it waits
        await desk.until(lambda: len(_holds(tmp_path)) > 2)
        assert abs(_holds(tmp_path)[-1] - ends - 60_000) < 1_000
        wire.budget.banned_until = 0
        assert still._work is not None
        async with asyncio.timeout(90):
            while not still._work.done() or desk.broker._errands.busy:
                desk.line.venue_clock.advance(100)
                await asyncio.sleep(0.005)
        assert read_diary([tmp_path])[-1].step == "done"


def _holds(folder: Path) -> list[int]:
    """When the bans end that are on record (real clock, UTC ms)."""
    return [int(step.more["ends"]) for step in read_diary([folder]) if step.step == "banned"]
