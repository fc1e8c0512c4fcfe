"""Disasters of processes and of closing everything: killed, hung, twice at once, without a journal."""

from __future__ import annotations

import signal

from tradebot.app.drill.desk import DrillDesk
from tradebot.app.drill.scenario import Scenario, Tale

ORDER = "/fapi/v1/order"
FAILED, HELD_ELSEWHERE = 1, 5


def _hung(it: DrillDesk) -> Tale:
    it.hold()
    it.engine.send(signal.SIGSTOP)
    answer = it.close_all()
    it.must(it.venue.is_flat(), "something is open after close-all")
    it.until(lambda: it.engine.code is not None, "the hung engine's end")
    return Tale(
        "close-all ended the hung engine and proved that nothing is open", str(answer.data["how"])
    )


def _killed(it: DrillDesk) -> Tale:
    it.hold()
    it.kill()
    it.must(len(it.venue.stops(it.name)) == 1, "the stop did not stay at the exchange")
    it.again()
    it.booked(1)
    it.must(
        it.venue.stops(it.name), "there is no stop any more"
    )  # one not yet answered may be doubled
    it.must(len(it.venue.asked("POST", ORDER)) == 1, "an order was sent again")
    said = it.line("protected first")
    return Tale("went on with the position and its stop, with nobody asked", said)


def _journal_deleted(it: DrillDesk) -> Tale:
    it.hold()
    for name in ("tradebot.db", "tradebot.db-wal", "tradebot.db-shm"):
        (it.data_dir / name).unlink(missing_ok=True)
    answer = it.machine.ended(it.engine)
    it.must(answer.code == FAILED, f"live ended with {answer.code}, not {FAILED}")
    it.must(len(it.venue.stops(it.name)) == 1, "the stop did not stay at the exchange")
    return Tale("halted and ended; the stop stays at the exchange", answer.error)


def _twice(it: DrillDesk) -> Tale:
    it.hold()
    words = ("close-all", "--yes", "--wait", "60", "--json")
    both = [it.machine.start("close-all", *words) for _ in range(2)]
    answers = [it.machine.ended(one) for one in both]
    it.must([one.code for one in answers] == [0, 0], f"they say: {[one.error for one in answers]}")
    it.must(it.venue.is_flat(), "something is open after both")
    return Tale("both ended with the proof that nothing is open", str(answers[1].data["how"]))


def _second(it: DrillDesk) -> Tale:
    it.hold()
    other = it.run("live", "--headless", "--data-dir", str(it.machine.folder / "other"))
    it.must(other.code == HELD_ELSEWHERE, f"it ended with {other.code}, not {HELD_ELSEWHERE}")
    it.must(len(it.venue.asked("POST", ORDER)) == 1, "an order was sent again")
    return Tale("the second one refused and sent nothing", other.error)


SCENARIOS = (
    Scenario("killed_with_position", "the engine is killed and started again", _killed),
    Scenario(
        "engine_hung_sigstop_then_cont",
        "the engine hangs with a position, and close-all is run from another terminal",
        _hung,
    ),
    Scenario("close_all_twice_at_once", "two people close everything at the same time", _twice),
    Scenario(
        "second_instance_same_key",
        "a second bot is started with the same key in another directory",
        _second,
    ),
    Scenario("journal_deleted", "somebody deletes the journal of a running bot", _journal_deleted),
)
