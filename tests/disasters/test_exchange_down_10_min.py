"""The exchange takes no connection at all, while a position is held.

Holds: nothing is entered; the run goes on and loses nothing it knows. End: it finds the account as it left it, entries are taken
again, exit 0; a person reads since when prices are silent, and that the account cannot be read.
"""

from __future__ import annotations

from pathlib import Path

import pytest
from conftest import FULL
from kits.disaster_blocked import end, held_scene, trades_again

pytestmark = pytest.mark.full


SECONDS = 600 if FULL else 100


def test_exchange_down_10_min(tmp_path: Path) -> None:
    with held_scene(tmp_path) as it:
        it.faults({"do": "refuse", "seconds": SECONDS, "all": True, "times": 1})
        it.bot.until(lambda: "the account could not be read for" in it.notices())
        assert " is silent. " in it.notices()
        assert "private stream: not connected: " in it.notices()
        it.bot.until(lambda: it.bot.status()["engine"] == "silent")  # it lives, without a price
        it.bot.until(lambda: "the account can be read again" in it.notices(), SECONDS + 120)
        it.bot.until(lambda: " is back. " in it.notices())
        it.bot.until(lambda: it.bot.status()["engine"] == "running")
        assert it.venue.stops() == 1
        assert trades_again(it)
        assert not it.halted()
        end(it)
        it.agree()
