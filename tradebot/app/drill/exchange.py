"""Disasters of the exchange: silent, away, in maintenance, banning, refusing for too many requests."""

from __future__ import annotations

from typing import Any

from tradebot.app.drill.desk import DrillDesk, Opening
from tradebot.app.drill.scenario import Scenario, Tale

KEY = "/fapi/v1/listenKey"
FREEZE_S, DOWN_S, BAN_S = 20, 12, 12
ALL = {"method": "*", "path": "/fapi/*"}
BLIND = Opening(naked_s=40.0)
"""Until the account has been read again nobody can know what became of a position."""


def _stopped_out(it: DrillDesk) -> None:
    """Let the exchange's own stop close the position; ours must not sell it again."""
    it.through_stop()
    it.flat()
    it.must(it.purposes() == "es", f"fills were for {it.purposes()}, not for entry and stop")


def _silent(it: DrillDesk) -> Tale:
    it.hold()
    frozen: dict[str, Any] = {"do": "freeze", "event": "*", "seconds": FREEZE_S}
    it.venue.faults(*({**frozen, "stream": name} for name in ("private", "market", "public")))
    said = it.notice("is silent.")
    _stopped_out(it)
    it.venue.faults()
    it.booked(0)
    return Tale("read prices by REST, and booked the stop that triggered meanwhile", said)


def _key_dies(it: DrillDesk) -> Tale:
    it.hold()
    keys = len(it.venue.asked("POST", KEY))
    it.venue.faults({"do": "listen_key_dies", "at_s": 0})
    it.until(lambda: len(it.venue.asked("POST", KEY)) > keys, "another key")
    said = it.notice("key has expired")
    _stopped_out(it)
    it.booked(0)
    return Tale("asked for another key at once, and booked the stop that triggered", said)


def _down(it: DrillDesk) -> Tale:
    it.hold()
    it.venue.faults({"do": "refuse", "seconds": DOWN_S, "all": True, "times": 1})
    said = it.notice("is silent.")
    it.notice("is back.")
    it.must(len(it.venue.stops(it.name)) == 1, "the stop did not stay at the exchange")
    it.must(not it.halts(), f"it halted: {it.halts()}")
    return Tale("went on, and found the account as it had left it", said)


def _maintenance(it: DrillDesk) -> Tale:
    it.hold()
    it.venue.faults({"do": "answer", "status": 503, "body": "<html>maintenance</html>", **ALL})
    it.until(lambda: it.refused_by(503), "a request that meets it")
    _stopped_out(it)
    it.venue.faults()
    it.booked(0)
    return Tale("left the position to its stop at the exchange, and booked it", it.line("closed"))


def _banned(it: DrillDesk) -> Tale:
    it.hold()
    it.venue.faults({"do": "ban", "seconds": BAN_S, "times": 1, **ALL})
    said = it.halt("ban")
    _stopped_out(it)
    until = it.venue.state()["banned_until"]
    it.booked(0)
    rows = it.venue.rows("request")
    banned = next(row["at"] for row in rows if row["status"] == 418)
    during = [row for row in rows if banned + 1000 < row["at"] < until]
    it.must(not during, f"{len(during)} requests left during the ban")
    return Tale("sent nothing while it lasted; entries wait for a resume", said)


def _too_many(it: DrillDesk) -> Tale:
    it.hold()
    before, since = len(it.venue.rows("request")), it.venue.now()
    it.venue.faults({"do": "rate_limited", **ALL})
    it.until(lambda: it.refused_by(429), "a request that meets it")
    _stopped_out(it)
    rows = it.venue.rows("request")[before:]
    seconds = (it.venue.now() - since) / 1000
    it.must(len(rows) <= seconds + 5, f"{len(rows)} requests in {seconds:.0f} s")
    it.venue.faults()
    it.booked(0)
    return Tale("asked less, and booked the stop that triggered meanwhile", it.line("closed"))


def _ban_while_closing(it: DrillDesk) -> Tale:
    it.hold()
    it.kill()
    order = {"method": "POST", "path": "/fapi/v1/order", "times": 1}
    it.venue.faults({"do": "ban", "seconds": BAN_S, **order})
    answer = it.close_all()
    it.must(it.venue.is_flat(), "something is open after close-all")
    banned = [row for row in it.venue.rows("request") if row["status"] == 418]
    it.must(banned, "nothing met the ban")
    return Tale(
        "close-all waited until the ban was over, and closed everything", str(answer.data["how"])
    )


SCENARIOS = (
    Scenario(
        "stream_silent_with_position",
        f"every stream goes silent for {FREEZE_S} s, and the stop triggers meanwhile",
        _silent,
        BLIND,
    ),
    Scenario("listen_key_dies", "the key of the account's stream ends", _key_dies),
    Scenario(
        "exchange_down_10_min", f"the exchange takes no connection at all for {DOWN_S} s", _down
    ),
    Scenario(
        "maintenance_with_position",
        "every request is answered with 503 and a page, and the stop triggers meanwhile",
        _maintenance,
    ),
    Scenario(
        "ban_with_position",
        f"the exchange bans the address for {BAN_S} s, and the stop triggers meanwhile",
        _banned,
    ),
    Scenario(
        "rate_limit_storm",
        "every request is answered with 429, and the stop triggers meanwhile",
        _too_many,
    ),
    Scenario(
        "ban_during_close_all",
        f"the engine is dead, and the exchange bans the address for {BAN_S} s while all is closed",
        _ban_while_closing,
    ),
)
