"""Disasters of stops: the exchange takes none, loses one, hides one, or fills it otherwise than it says."""

from __future__ import annotations

from tradebot.app.drill.desk import DrillDesk, Opening
from tradebot.app.drill.scenario import Scenario, Tale

ALGO = "/fapi/v1/algoOrder"
RECONCILE_S = 33.0
"""A reconcile comes every 30 s, and misses a stop for good after two reads a second apart."""
SEEN_MS = 6_000
"""Within this a position is closed whose stop nobody has seen."""


def _closed_without(it: DrillDesk, *rules: dict[str, object]) -> None:
    """Have a position whose stop goes wrong by some rules of the venue; it must be closed by an exit of ours."""
    it.start()
    it.venue.faults(*rules)
    it.signals()
    it.entered()
    it.flat()
    it.must(it.purposes() == "ex", f"fills were for {it.purposes()}, not for entry and exit")


def _refused(it: DrillDesk) -> Tale:
    _closed_without(it, {"do": "error", "code": -4045, "method": "POST", "path": ALGO})
    return Tale("closed the position at once", it.notice("stop rejected"))


def _rejected_later(it: DrillDesk) -> Tale:
    _closed_without(it, {"do": "stop_rejected_later", "seconds": 1.5, "side": "SELL"})
    return Tale("closed the position as soon as it was told", it.notice("stop"))


def _vanishes(it: DrillDesk) -> Tale:
    _closed_without(it, {"do": "stop_vanishes", "seconds": 2, "side": "SELL"})
    said = it.notice("two reads did not show the stop")
    return Tale("missed it in the next reading of the account, and closed the position", said)


def _invisible(it: DrillDesk) -> Tale:
    _closed_without(it, {"do": "algo_blind", "seconds": 10, "side": "SELL"})
    entry, *_, leave = it.venue.rows("fill")
    it.must(leave["at"] - entry["at"] <= SEEN_MS, "the position stayed longer than 6 s")
    return Tale(
        "closed the position, and took the stop away when it could be seen", it.notice("stop")
    )


def _triggered_short(it: DrillDesk) -> Tale:
    it.start()
    it.venue.faults({"do": "stop_filled_short", "share": 0.5, "side": "SELL"})
    it.hold()
    it.through_stop()
    it.flat()
    it.must(it.purposes() == "esx", f"fills were for {it.purposes()}, not entry, stop and exit")
    return Tale("closed the rest at once", it.notice("stop"))


def _child_first(it: DrillDesk) -> Tale:
    it.start()
    it.venue.faults({"do": "late", "ms": 3_000, "event": "ALGO_UPDATE/*"})
    it.hold()
    it.through_stop()
    it.flat()
    it.booked(0)
    it.must("x" not in it.purposes(), "something was sold a second time")
    return Tale("took the fill for the stop's, and sold nothing twice", it.line("closed"))


HIDDEN = Opening(naked_s=RECONCILE_S)

SCENARIOS = (
    Scenario("stop_refused", "the exchange refuses the stop of a new position", _refused),
    Scenario(
        "stop_accepted_then_rejected",
        "the exchange takes a stop and rejects it a second and a half later",
        _rejected_later,
    ),
    Scenario("stop_vanishes", "a stop that was in place is gone without a word", _vanishes, HIDDEN),
    Scenario(
        "stop_invisible_40_s",
        "a stop is there, but no look-up and no list shows it for 10 s",
        _invisible,
    ),
    Scenario(
        "stop_triggered_short", "a stop triggers and fills half of the position", _triggered_short
    ),
    Scenario(
        "child_fill_before_trigger",
        "a stop has filled three seconds before anything says that it has triggered",
        _child_first,
    ),
)
