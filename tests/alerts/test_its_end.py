"""Its loops end by themselves an hour after the last engine did; another engine has the hour begin anew."""

from __future__ import annotations

import asyncio
import shutil
from pathlib import Path

from kits.outbox_kit import Desk

from tradebot.alerts.model import OwnerSeen, Sighting
from tradebot.app.alerter import end_with
from tradebot.guard.alerts_lock import AlertsLock, alerter_pid

MINUTE = 60
PATIENCE = 90


def is_over(desk: Desk) -> bool:
    """Whether it has found, looking once more, that there is nothing left to wait for."""
    desk.turn()
    return desk.alerter._over.is_set()


def test_an_hour_after_the_last_engine(tmp_path: Path) -> None:
    desk = Desk(tmp_path / "data")
    desk.run(10)
    desk.readings.seen = Sighting(desk.clock.now, None)
    desk.run(59 * MINUTE, step=60)
    assert not is_over(desk)
    desk.readings.seen = Sighting(desk.clock.now, OwnerSeen(9, "another"))
    desk.run(2 * MINUTE, step=60)
    desk.readings.seen = Sighting(desk.clock.now, None)
    desk.run(59 * MINUTE, step=60)
    assert not is_over(desk)
    desk.run(2 * MINUTE, step=60)
    assert is_over(desk)
    asyncio.run(asyncio.wait_for(desk.alerter.run(), PATIENCE))
    assert all(way.closed for way in desk.ways)


async def test_in_a_directory_that_was_removed_it_goes_on_for_a_moment_only(tmp_path: Path) -> None:
    folder, over = tmp_path / "data", asyncio.Event()
    with AlertsLock(folder) as lock:
        ending = asyncio.create_task(end_with(lock, over.set, last_s=0.0, pause_s=0.01))
        await asyncio.sleep(0.1)
        assert not over.is_set()
        shutil.rmtree(folder)
        await asyncio.wait_for(ending, PATIENCE)
    assert over.is_set()


async def test_it_leaves_a_directory_that_is_another_ones_to_that(tmp_path: Path) -> None:
    folder, over = tmp_path / "data", asyncio.Event()
    with AlertsLock(folder) as lock:
        folder.rename(tmp_path / "moved")
        with AlertsLock(folder) as other:
            await asyncio.wait_for(end_with(lock, over.set), PATIENCE)
            assert (lock.place(), other.place()) == ("another's", "ours")
            lock.__exit__()
            assert alerter_pid(folder)
    assert over.is_set()
