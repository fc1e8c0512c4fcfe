"""The rehearsal of a live start: what it sends, and that a HALT written after the checklist keeps it from that."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import pytest
from kits.demo_kit import demo_venue
from kits.live_run_kit import MORNING

from tradebot.app.account import find_access
from tradebot.app.rehearsal import HALTED, rehearse
from tradebot.core.model.facts import INSTRUMENTS
from tradebot.guard.latch import clear_halt, write_halt

pytestmark = pytest.mark.slow
SENT = ("POST", "PUT", "DELETE")
ETH = {"ETH/USDT": INSTRUMENTS["ETH/USDT"]}


@pytest.mark.parametrize("kind", ["halt", "close-all"])
def test_nothing_is_rehearsed_once_trading_was_halted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: Literal["halt", "close-all"]
) -> None:
    with demo_venue(tmp_path, MORNING) as venue:
        for name, value in venue.env.items():
            monkeypatch.setenv(name, value)
        monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
        access = find_access("demo", venue.url)
        here, there = tmp_path / "here", tmp_path / "there"
        here.mkdir()
        write_halt(there, "enough", "me", kind, account="demo")
        done = rehearse(access, ETH, 1, "abcdef", (here, there))
        (row,) = done.failed
        assert HALTED in row.detail
        assert row.check != "exchange"  # it is refused: the exchange is there
        assert not done.proved
        requests = venue.rows("request")
        assert not [row for row in requests if row["method"] in SENT]
        assert not requests if kind == "close-all" else requests

        clear_halt(there)
        assert rehearse(access, ETH, 1, "abcdef", (here, there)).proved
        assert venue.asked("POST", "/fapi/v1/algoOrder")
