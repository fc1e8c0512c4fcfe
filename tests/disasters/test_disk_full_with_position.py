"""The disk is full while a position is held (a small file system of its own stands in for it).

Holds: nothing is entered while the journal takes nothing; the stop stays at the exchange, and what it does is known. End: with
space again a person resumes and entries are taken; exit 0; a person reads that the disk is full.
"""

from __future__ import annotations

from pathlib import Path

import pytest
from kits.disaster_blocked import LiveScene, end, held_scene, trades_again
from kits.small_disk import small_disk

pytestmark = pytest.mark.full


def test_disk_full_with_position(tmp_path: Path) -> None:
    with small_disk(tmp_path / "data") as disk, held_scene(tmp_path) as it:
        disk.fill()
        it.bot.until(lambda: "is full: an engine can write nothing down" in str(it.bot.status()))
        it.act("move_price", symbol="ETHUSDT", percent="-4")
        it.bot.until(it.is_over)
        assert it.purposes() == "es"
        (it.folder / "more").touch()  # a signal that nobody can write down
        it.bot.until(lambda: it.now % 60_000 > 5_000 and it.now > since(it) + 60_000)
        assert it.purposes() == "es"
        disk.empty()
        it.wait_halt("journal")
        it.bot.until(lambda: it.bot("resume", "--reason", "space again", code=None).code == 0)
        assert trades_again(it)
        end(it)
        it.agree()


def since(it: LiveScene) -> int:
    """When the last fill was (venue ms)."""
    return int(it.fills()[-1]["at"])
