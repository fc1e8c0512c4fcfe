"""An entry fills in 249 parts within five seconds.

Holds: what is held is behind a stop at every moment but the five seconds that a new one takes, and the stops are
coalesced: far fewer requests than fills. End: one stop over the whole position, the books agree, exit 0.
"""

from __future__ import annotations

from pathlib import Path

import pytest
from kits.disaster_live import ALGO, FIRST, live_scene

pytestmark = pytest.mark.full


PARTS = 249
FINE = '[[symbols]]\nsymbol = "XRP/USDT"\nstep = "0.01"\nmin_qty = "0.01"\n'


def test_entry_in_249_parts(tmp_path: Path) -> None:
    with live_scene(
        tmp_path,
        account=FINE,
        TRADEBOT_MARKET__SYMBOLS="XRP/USDT",
        TRADEBOT_RISK__LIVE__SYMBOLS="ETH/USDT,XRP/USDT",
    ) as it:
        engine = it.engine(FIRST)
        at_s = [round(number * 5 / PARTS, 3) for number in range(PARTS)]
        parts = ["0.05"] * PARTS
        it.faults({"do": "fill_in_parts", "parts": parts, "at_s": at_s, "side": "BUY"})
        it.entered()
        it.bot.until(lambda: len(it.fills()) == PARTS)
        it.bot.until(lambda: [float(row["quantity"]) for row in it.stops()] == [12.45])
        assert len(it.venue.asked("POST", ALGO)) <= 30
        it.ended(engine)
        it.agree()
