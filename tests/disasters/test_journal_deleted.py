"""Somebody deletes the journal while a position is held.

Holds: nothing is entered from then on: nothing the engine writes would be kept. End: it halts and stops with exit 1, the stop
stays at the exchange; a start afterwards finds the position on the account and protects it, and says what became of the journal.
"""

from __future__ import annotations

from pathlib import Path

import pytest
from kits.disaster_blocked import held_scene

pytestmark = pytest.mark.slow


def test_journal_deleted(tmp_path: Path) -> None:
    with held_scene(tmp_path) as it:
        before = len(it.venue.asked("POST", "/fapi/v1/order"))
        for name in ("tradebot.db", "tradebot.db-wal", "tradebot.db-shm"):
            (it.bot.data_dir / name).unlink(missing_ok=True)
        out, err = it.bot.started[0].communicate(timeout=90)
        assert it.bot.started[0].returncode == 1, out + err
        assert "while the engine ran: it halts and stops" in err
        assert "Traceback" not in err
        assert it.venue.stops() == 1
        it.absent.append((it.now, None))
        it.again(protects=True)
        it.bot.until(lambda: it.bot.status().get("open_positions") == 1)
        assert "no run of this journal can go on" in it.wait_halt("journal")
        assert "the journal was removed or renamed" in it.wait_halt("user")
        assert it.venue.stops() in (1, 2)  # one that no journal knows of is left alone
        assert len(it.venue.asked("POST", "/fapi/v1/order")) == before
        it.ended(it.bot.started[-1])
