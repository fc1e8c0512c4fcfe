"""Disasters of stops: the exchange takes none, loses one, hides one, or fills it otherwise than it says."""

from __future__ import annotations

from tradebot.app.drill.desk import DrillDesk
from tradebot.app.drill.scenario import Scenario, Tale

ALGO = "/fapi/v1/algoOrder"
RECONCILE_S = 33.0
"""A reconcile comes every 30 s, and misses a stop for good after two reads a second apart."""


def _refused(it: DrillDesk) -> Tale:
    it.start()
    it.venue.faults({"do": "error", "code": -4045, "method": "POST", "path": ALGO})
    it.signals()
    it.entered()
    it.flat()
    it.must(it.purposes() == "ex", f"fills were for {it.purposes()}, not entry and exit")
    return Tale("closed the position at once", it.notice("stop", "rejected"))


SCENARIOS = (Scenario("stop_refused", "the exchange refuses the stop of a new position", _refused),)
