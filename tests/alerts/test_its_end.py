"""Its loops end by themselves an hour after the last engine did; another engine has the hour begin anew."""

from __future__ import annotations

import asyncio
from pathlib import Path

from kits.outbox_kit import Desk

from tradebot.alerts.model import OwnerSeen, Sighting

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
