"""An entry fills in 249 parts within five seconds.

Holds: each part is behind a stop within five seconds of its fill, by one stop request at a time: what fills meanwhile is
covered by the next. End: one stop over the whole position, the books agree, exit 0.
"""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import pytest
from kits.disaster_live import ALGO, FIRST, live_scene

pytestmark = pytest.mark.slow


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
        it.bot.until(lambda: len(it.fills()) == PARTS or "journal" in it.halted())
        it.bot.until(lambda: not it.venue.state()["orders"])  # a disk that is too slow ends entries
        held = it.position("XRPUSDT")["positionAmt"]
        it.bot.until(lambda: [float(row["quantity"]) for row in it.stops()] == [float(held)])
        assert len(it.fills()) == PARTS or "journal" in it.halted()
        asked = it.venue.asked("POST", ALGO)
        assert all(one["at"] <= next_["arrived"] for one, next_ in pairwise(asked))
        it.ended(engine)
        it.agree()
