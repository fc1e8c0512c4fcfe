"""The exchange bans the address while everything is being closed.

Holds: nothing is sent during the ban; the first request after it is the close-all's. End: told until when; with enough
time flat and exit 0, with too little 6 and trading stays halted.
"""

from __future__ import annotations

from pathlib import Path

import pytest
from conftest import FULL
from kits.disaster_kit import QUIET, XRP, scene

from tradebot.guard.latch import halt_present

pytestmark = pytest.mark.slow

SECONDS = 60 if FULL else 20
BAN = {"do": "ban", "seconds": SECONDS, "method": "POST", "path": "/fapi/v1/order", "times": 1}


@pytest.mark.parametrize("alive", [True, False])
def test_it_waits_and_is_the_first(tmp_path: Path, alive: bool) -> None:
    with scene(tmp_path, XRP) as it:
        if alive:
            it.engine(QUIET, "--ghost")
        before = len(it.requests())
        it.faults(BAN)
        short = it.close_all("--wait", "3", code=6)
        assert "banned" in short["error"]["message"]
        assert it.venue.held() == ["XRPUSDT"]
        if alive:  # the engine goes on trying
            refused = it.bot("resume", "--reason", "no", "--json", code=4).error
            assert "under way" in refused["message"]
            assert halt_present(it.bot.data_dir)  # the ghost beside it takes no row away either
        data = it.close_all("--wait", SECONDS + 60)["data"]
        assert data["closed"] is True
        assert "fence" not in [step.step for step in it.steps()]  # it had said of the ban before
        assert it.flat()
        rows = it.requests()[before:]
        banned = [row for row in rows if row["status"] == 418]
        assert banned, rows
        since = banned[0]["at"]
        first = next(row for row in rows if row["at"] > since and row["status"] != 418)
        late = [row for row in banned if row["at"] > since + 1000]
        assert first["at"] >= since + SECONDS * 1000 - 2000
        assert len(late) <= 1, late
        assert first["path"].rpartition("/")[2] in (
            "openAlgoOrders",
            "openOrders",
            "positionRisk",
            "time",
        )
