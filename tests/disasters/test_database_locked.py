"""Another program holds the journal's lock for half a minute while a position is held.

Holds: nothing is entered while the journal takes nothing; the stop stays, and an exit that cannot be recorded leaves all the same.
End: what was not written is written once the lock is gone; a person resumes; exit 0 and reads what holds the journal up.
"""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest
from kits.disaster_blocked import end, held_scene, verdict

pytestmark = pytest.mark.full


def test_database_locked(tmp_path: Path) -> None:
    with held_scene(tmp_path) as it:
        with sqlite3.connect(it.bot.data_dir / "tradebot.db", isolation_level=None) as other:
            other.execute("BEGIN IMMEDIATE")
            (it.folder / "more").touch()
            it.bot.until(lambda: "locked" in str(it.bot.status()))
            it.act("foreign_order", symbol="ETHUSDT", side="BUY", qty="0.006")
            it.bot.until(lambda: [row["quantity"] for row in it.stops()] == ["0.019"])
            (it.folder / "more").unlink()
            other.execute("ROLLBACK")
        other.close()
        assert "locked" in it.wait_halt("journal")
        it.wait_halt("foreign")
        assert it.purposes() == "e!"
        assert "halted: " in verdict(it)
        end(it)
        it.agree()
