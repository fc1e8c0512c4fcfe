"""Every stream goes silent, its connections open, while a position is held.

Holds: no entry leaves while prices are silent; they are read by REST meanwhile, and a stop that triggers at the exchange is
booked within a reconcile. End: flat, entries are taken again once the streams speak, exit 0; a person reads what is silent.
"""

from __future__ import annotations

from pathlib import Path

import pytest
from conftest import FULL
from kits.disaster_blocked import end, held_scene, trades_again

pytestmark = pytest.mark.full


SECONDS = 600 if FULL else 20
MARK = "/fapi/v1/premiumIndex"


def test_stream_silent_with_position(tmp_path: Path) -> None:
    with held_scene(tmp_path) as it:
        for_all = {"do": "freeze", "event": "*", "seconds": SECONDS}
        it.faults(*({**for_all, "stream": name} for name in ("private", "market", "public")))
        it.bot.until(lambda: "is silent. no " in it.notices())
        asked = len(it.venue.asked("GET", MARK))
        it.bot.until(lambda: len(it.venue.asked("GET", MARK)) > asked + 3)
        it.act("move_price", symbol="ETHUSDT", percent="-4")
        it.bot.until(it.is_over)  # the exchange's own stop
        it.counts(0)
        assert it.purposes() == "es"
        it.faults()
        it.bot.until(lambda: " is back. " in it.notices())
        assert trades_again(it)
        end(it)
        it.agree()
        assert any(" is silent" in text for text in it.told("feed"))
        assert any(" is back after " in text for text in it.told("recovered"))
