"""Disasters of entries: never answered, answered with nonsense, told twice, larger than what is allowed."""

from __future__ import annotations

from decimal import Decimal

from tradebot.app.drill.desk import DrillDesk, Opening
from tradebot.app.drill.ground import DrillGround
from tradebot.app.drill.scenario import Scenario, Tale
from tradebot.core.model.money import plain

ORDER = "/fapi/v1/order"
POST = {"method": "POST", "path": ORDER, "times": 1}
EVERYTHING = {"stream": "private", "event": "*"}
DEAF = {"do": "drop", **EVERYTHING}
WAIT_S = 8
SEEN_S = 12.0
"""Seconds until a bot on a busy machine has read that money has left: the bar comes after that, not before."""
ONE = Decimal(1)


def _held_once(it: DrillDesk) -> None:
    """Have a position with its stop; its entry must have been sent once."""
    it.hold()
    it.booked(1)
    it.must(it.purposes() == "e", f"fills were for {it.purposes()}, not for one entry")
    it.until(lambda: it.venue.asked("POST", ORDER), "the end of the entry's request")
    it.must(len(it.venue.asked("POST", ORDER)) == 1, "the entry was sent again")


def _timeout_filled(it: DrillDesk) -> Tale:
    it.start()
    it.venue.faults({"do": "accept_then_timeout", "seconds": WAIT_S, **POST})
    _held_once(it)
    return Tale("protected what was filled, and sent nothing again", it.line("fill"))


def _timeout_absent(it: DrillDesk) -> Tale:
    it.start()
    it.venue.faults({"do": "read_later", "seconds": WAIT_S, **POST})
    it.signals()
    it.until(lambda: it.venue.state()["faults"][0]["applied"], "an entry")
    it.hush()
    it.until(lambda: it.order_states()[-1:] == ["rejected"], "the end of the entry")
    it.until(lambda: it.venue.asked("POST", ORDER), "the late entry at the exchange")
    it.must(len(it.venue.asked("POST", ORDER)) == 1, "the entry was sent again")
    it.must(not it.venue.rows("fill"), "something was filled")
    said = f"entry {it.order_states()[-1]}: {it.order_reason()}"
    return Tale("took it for open until its absence was believed, and sent nothing again", said)


def _garbage(it: DrillDesk) -> Tale:
    it.start()
    it.venue.faults({"do": "accept_then_garbage", "form": "html", **POST}, DEAF)
    _held_once(it)
    return Tale("looked the order up by its id, and protected what was filled", it.line("fill"))


def _twice(it: DrillDesk) -> Tale:
    it.start()
    it.venue.faults(
        {"do": "duplicate", **EVERYTHING}, {"do": "reorder", "window_ms": 1_500, **EVERYTHING}
    )
    it.hold()
    it.through_stop()
    it.flat()
    it.booked(0)
    it.must(it.purposes() == "es", f"fills were for {it.purposes()}, not for entry and stop")
    return Tale("booked each fill once", it.line("closed"))


def _over_cap(it: DrillDesk) -> Tale:
    answer = it.refused()
    it.must(not it.venue.asked("POST", ORDER), "an order left all the same")
    hint = str((answer.document.get("error") or {}).get("hint"))
    return Tale("refused to start, with 4; nothing left", f"{answer.error}: {hint}")


def _dear(ground: DrillGround) -> str:
    """Return symbols whose smallest order costs twice the cap."""
    cost = plain((ground.limits.position_value or ONE) * 2)
    row = '[[symbols]]\nsymbol = "{}"\nmin_notional = "{}"\n'
    return "".join(row.format(name, cost) for name in ground.symbols)


def _over_half(it: DrillDesk) -> Tale:
    it.start()
    left = (it.ground.limits.position_value or ONE) * Decimal("1.5")
    it.venue.act("transfer", amount=plain(left - Decimal(_scant(it.ground))))
    it.until(lambda: it.equity() <= left, "the wallet's new balance")
    it.signals()
    it.until(lambda: it.refusals(), "a refusal")
    it.must("of equity" in it.refusals(), f"it was refused for: {it.refusals()}")
    it.must(not it.venue.asked("POST", ORDER), "an order left all the same")
    return Tale("refused the entry; nothing left", it.refusals())


def _scant(ground: DrillGround) -> str:
    """Return a wallet (USDT) that the checklist lets pass, and not much more."""
    limits = ground.limits
    return plain((limits.position_value or ONE) * (limits.max_positions or 1) * 2 + 10)


SCENARIOS = (
    Scenario("entry_timeout_filled", "an entry is carried out and never answered", _timeout_filled),
    Scenario(
        "entry_timeout_absent",
        f"an entry is not answered, and read by the exchange only {WAIT_S} s later",
        _timeout_absent,
    ),
    Scenario(
        "entry_200_garbage",
        "an entry is carried out, the answer is a page of HTML, and the stream says nothing",
        _garbage,
    ),
    Scenario(
        "fills_duplicated_and_reordered",
        "every word of the account's stream comes twice, in any order",
        _twice,
    ),
    Scenario(
        "order_over_cap_refused",
        "the smallest order of every symbol costs twice the cap",
        _over_cap,
        Opening(account=_dear),
    ),
    Scenario(
        "margin_over_half_refused",
        "money leaves the account until one position would take more than half of the rest",
        _over_half,
        Opening(wallet=_scant, ahead_s=SEEN_S),
    ),
)
