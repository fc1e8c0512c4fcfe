"""Disasters of prices: a crash through the stop, a gap to liquidation, limits that are used up."""

from __future__ import annotations

from decimal import Decimal

from tradebot.app.drill.desk import DrillDesk, Opening
from tradebot.app.drill.ground import DrillGround
from tradebot.app.drill.scenario import Scenario, Tale
from tradebot.core.model.money import plain

REFUSED = 4
ONE = Decimal(1)


def _flash_crash(it: DrillDesk) -> Tale:
    it.hold()
    it.move(20)
    it.flat()
    it.venue.act("move_price", symbol=it.name, percent="25")
    it.must(it.purposes() in ("es", "ex", "esx", "exs"), f"fills were for {it.purposes()}")
    return Tale("the stop filled once, nothing was sold twice", it.line("closed"))


def _gap(it: DrillDesk) -> Tale:
    it.hold("short")
    it.move(150)
    said = it.halt("liquidated")
    it.flat()
    it.must(it.purposes() == "e!", f"fills were for {it.purposes()}: something of ours traded")
    return Tale("booked the loss and halted", said)


def _day_loss(it: DrillDesk) -> Tale:
    row = it.hold()
    loss = Decimal(_within_reach(it.ground)["risk.live.day_loss"])
    it.move(float(loss * Decimal("1.05") / abs(Decimal(row["notional"])) * 100))
    said = it.halt("day_loss")
    it.flat()
    it.must(it.purposes() in ("es", "ex", "esx", "exs"), f"fills were for {it.purposes()}")
    refused = it.run("resume", "--reason", "go on")
    it.must(refused.code == REFUSED, f"resume ended with {refused.code}, not {REFUSED}")
    return Tale("closed the position, halted, and takes no resume today", said)


def _within_reach(ground: DrillGround) -> dict[str, str]:
    """Return the day's limit, tightened to half of a position where one position could not lose it."""
    limits = ground.limits
    half = (limits.position_value or ONE) / 2
    return {"risk.live.day_loss": plain(min(limits.day_loss or half, half))}


def _near_liquidation(it: DrillDesk) -> Tale:
    it.hold()
    _leave_margin(it, "60")
    _leave_margin(it, "97")
    it.flat()
    it.must(it.purposes() == "ex", f"fills were for {it.purposes()}, not for entry and exit")
    return Tale("closed the position before the exchange did", it.notice("liquidation risk"))


def _leave_margin(it: DrillDesk, risk: str) -> None:
    """Leave so much margin that maintenance is ``risk`` percent of it."""
    row = it.position()
    left = Decimal(row["isolatedWallet"]) + Decimal(row["unRealizedProfit"])
    wanted = Decimal(row["maintMargin"]) * 100 / Decimal(risk)
    it.venue.act("take_margin", symbol=it.name, amount=f"{left - wanted:.8f}")


SCENARIOS = (
    Scenario(
        "flash_crash_through_stop",
        "the price falls by a fifth from one tick to the next, past the stop, and comes back",
        _flash_crash,
    ),
    Scenario(
        "gap_to_liquidation",
        "a short is open and the price more than doubles from one tick to the next",
        _gap,
    ),
    Scenario(
        "day_loss_halts",
        "a gap takes all that may be lost in a day",
        _day_loss,
        Opening(tighter=_within_reach),
    ),
    Scenario(
        "liquidation_alert_80_close_90",
        "the position's margin is taken away until liquidation is near",
        _near_liquidation,
    ),
)
