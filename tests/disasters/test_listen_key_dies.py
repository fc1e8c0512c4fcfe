"""The listenKey ends while a position is held, with the exchange's word for it or without.

Holds: what happens meanwhile is seen within a reconcile (30 s) by REST; told of it, the bot asks for another key at once. End:
the stop's fill is booked, flat, exit 0; a person reads that the key had expired.
"""

from __future__ import annotations

from pathlib import Path

import pytest
from kits.disaster_blocked import end, held_scene, trades_again

pytestmark = pytest.mark.full


@pytest.mark.parametrize("told", [True, False])
def test_listen_key_dies(tmp_path: Path, told: bool) -> None:
    with held_scene(tmp_path) as it:
        keys = len(it.venue.asked("POST", "/fapi/v1/listenKey"))
        it.faults({"do": "listen_key_dies", "at_s": 0, "told": told})
        if told:
            it.bot.until(lambda: len(it.venue.asked("POST", "/fapi/v1/listenKey")) > keys)
            it.bot.until(lambda: "its key has expired" in it.notices())
        it.act("move_price", symbol="ETHUSDT", percent="-4")
        since = it.now
        it.counts(0)
        assert it.now - since < 40_000
        assert it.purposes() == "es"
        assert it.is_over()
        assert trades_again(it)
        end(it)
        it.agree()
