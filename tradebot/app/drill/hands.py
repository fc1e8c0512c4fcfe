"""Disasters of other hands: somebody, or the exchange itself, changes account or position from outside."""

from __future__ import annotations

from tradebot.app.drill.desk import DrillDesk
from tradebot.app.drill.scenario import Scenario, Tale

REFUSED = 4


def _closed(it: DrillDesk) -> Tale:
    it.hold()
    it.venue.act("foreign_order", symbol=it.name, side="SELL", qty=it.part("1"), reduce_only=True)
    it.flat()
    it.booked(0)
    it.must(it.purposes() == "e!", f"fills were for {it.purposes()}: something of ours traded")
    return Tale("took its stop away, and traded nothing", it.line("closed"))


def _enlarged(it: DrillDesk) -> Tale:
    it.hold()
    it.venue.act("foreign_order", symbol=it.name, side="BUY", qty=it.part("1"))
    said = it.halt("foreign")
    it.until(lambda: _is_covered(it), "a stop over the whole of it")
    return Tale("put a stop over the whole of it, and halted", said)


def _flipped(it: DrillDesk) -> Tale:
    it.hold()
    it.venue.act("foreign_order", symbol=it.name, side="SELL", qty=it.part("2"))
    said = it.halt("foreign")
    it.until(lambda: _is_covered(it), "a stop of the other side, or a closed position")
    return Tale("took the old stop away, protected what is held now, and halted", said)


def _is_covered(it: DrillDesk) -> bool:
    """Whether one stop covers exactly what is held, and nothing rests where nothing is."""
    held = float(it.position().get("positionAmt", 0))
    stops = [(row["side"], float(row["quantity"])) for row in it.venue.stops(it.name)]
    return stops == ([("SELL" if held > 0 else "BUY", abs(held))] if held else [])


def _halted(it: DrillDesk, reason: str, words: str) -> str:
    """Wait for a halt in which these words are said; the stop must stay, and a resume be refused."""
    said = it.halt(reason)
    it.must(words in said, f"it says: {said}")
    it.must(len(it.venue.stops(it.name)) == 1, "the stop did not stay")
    refused = it.run("resume", "--reason", "let it")
    it.must(refused.code == REFUSED, f"resume ended with {refused.code}, not {REFUSED}")
    return said


def _leverage(it: DrillDesk) -> Tale:
    it.hold()
    it.venue.act("set_leverage", symbol=it.name, leverage=5)
    said = _halted(it, "config", "is set to 5x instead of")
    return Tale("halted, and takes no resume before it is set back", said)


def _hedge(it: DrillDesk) -> Tale:
    it.hold()
    it.venue.act("set_hedge")
    said = _halted(it, "config", "hedge mode")
    return Tale("halted, and takes no resume before it is switched back", said)


def _bnb(it: DrillDesk) -> Tale:
    it.hold()
    it.venue.act("set_wallet", asset="BNB", amount="1")
    it.venue.act("set_fee_burn")
    said = _halted(it, "config", "fees are paid in BNB")
    return Tale("halted; the stop stays", said)


def _margin(it: DrillDesk) -> Tale:
    it.hold()
    it.venue.act("add_margin", symbol=it.name, amount="20")
    said = it.halt("account")
    it.must(len(it.venue.stops(it.name)) == 1, "the stop did not stay")
    return Tale("halted: the position can lose more than was agreed to", said)


def _transfer(it: DrillDesk) -> Tale:
    it.hold()
    it.venue.act("transfer", amount="-9800")
    said = it.notice("left the wallet: a transfer, no result")
    it.must(not it.halts(), f"it halted: {it.halts()}")
    it.must(len(it.venue.stops(it.name)) == 1, "the stop did not stay")
    return Tale("took it for no loss: nothing was halted or closed", said)


def _liquidated(it: DrillDesk) -> Tale:
    it.hold()
    it.venue.act("liquidate", symbol=it.name)
    said = it.halt("liquidated")
    it.flat()
    return Tale("took the stop away, booked the loss, and halted", said)


def _adl(it: DrillDesk) -> Tale:
    it.hold()
    it.venue.act("deleverage", symbol=it.name, qty=it.part("0.5"))
    said = it.halt("adl")
    it.must(it.venue.stops(it.name), "what is left has no stop")
    return Tale("kept what is left behind its stop, and halted", said)


def _delisted(it: DrillDesk) -> Tale:
    it.hold()
    it.venue.act("announce_delisting", symbol=it.name)
    it.venue.act("delist", symbol=it.name)
    said = it.halt("settled")
    it.flat()
    return Tale("booked the settlement, took the stop away, and halted", said)


SCENARIOS = (
    Scenario("closed_by_hand", "somebody closes the position by hand", _closed),
    Scenario(
        "enlarged_by_hand",
        "somebody doubles the position by hand",
        _enlarged,
    ),
    Scenario(
        "flipped_by_hand", "somebody sells twice of what is held: it is a short now", _flipped
    ),
    Scenario("liquidated", "the exchange liquidates the position", _liquidated),
    Scenario("adl", "the exchange takes half of the position away (ADL)", _adl),
    Scenario(
        "delisted_with_position", "the symbol is delisted and the position settled", _delisted
    ),
    Scenario("leverage_changed", "somebody sets the symbol's leverage to 5", _leverage),
    Scenario("margin_added", "somebody adds 20 USDT of margin to the position", _margin),
    Scenario("hedge_mode_switched", "somebody switches the account to hedge mode", _hedge),
    Scenario("transfer_out", "9800 USDT are transferred out of the wallet", _transfer),
    Scenario("bnb_fees", "somebody has fees paid in BNB", _bnb),
)
