"""Disasters of prices: a crash through the stop, a gap to liquidation, limits that are used up."""

from __future__ import annotations

from tradebot.app.drill.desk import DrillDesk
from tradebot.app.drill.scenario import Scenario, Tale


def _flash_crash(it: DrillDesk) -> Tale:
    it.hold()
    it.move(20)
    it.flat()
    it.venue.act("move_price", symbol=it.name, percent="25")
    it.must(it.purposes() in ("es", "ex", "esx", "exs"), f"fills were for {it.purposes()}")
    return Tale("the stop filled once, nothing was sold twice", it.line("closed"))


SCENARIOS = (
    Scenario(
        "flash_crash_through_stop",
        "the price falls by a fifth from one tick to the next, past the stop, and comes back",
        _flash_crash,
    ),
)
