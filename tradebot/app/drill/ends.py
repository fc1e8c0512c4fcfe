"""Disasters of processes and of closing everything: killed, hung, twice at once."""

from __future__ import annotations

import signal

from tradebot.app.drill.desk import DrillDesk
from tradebot.app.drill.scenario import Scenario, Tale


def _hung(it: DrillDesk) -> Tale:
    it.hold()
    it.engine.send(signal.SIGSTOP)
    answer = it.close_all()
    it.must(it.venue.is_flat(), "something is open after close-all")
    it.until(lambda: it.engine.code is not None, "the hung engine's end")
    return Tale(
        "close-all ended the hung engine and proved that nothing is open",
        str(answer.data.get("how")),
    )


SCENARIOS = (
    Scenario(
        "engine_hung_sigstop_then_cont",
        "the engine hangs with a position, and close-all is run from another terminal",
        _hung,
    ),
)
