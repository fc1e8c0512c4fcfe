"""The rehearsal of a live start: what it sends, and that a HALT written after the checklist keeps it from that."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Literal

import pytest
from kits.demo_kit import demo_venue, misbehave
from kits.live_run_kit import MORNING

from tradebot.app.account import find_access
from tradebot.app.rehearsal import HALTED, cancel_left_stop, rehearse
from tradebot.app.rehearsed import RehearsedStop, left_stop, note_stop
from tradebot.core.model.errors import JournalError
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
        assert left_stop(here, access.fingerprint) is None


REHEARSE = """
import sys
from pathlib import Path
from tradebot.app.account import find_access
from tradebot.app.rehearsal import rehearse
from tradebot.core.model.facts import INSTRUMENTS
rehearse(find_access("demo", sys.argv[1]), {"ETH/USDT": INSTRUMENTS["ETH/USDT"]}, 1, "abcdef", (Path(sys.argv[2]),))
"""


@pytest.mark.full
def test_a_stop_whose_rehearsal_was_killed_is_cancelled_by_the_next_start(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with demo_venue(tmp_path, MORNING) as venue:
        for name, value in venue.env.items():
            monkeypatch.setenv(name, value)
        access = find_access("demo", venue.url)
        slow = {"do": "slow_answer", "ms": 60_000, "method": "POST", "path": "/fapi/v1/algoOrder"}
        misbehave(venue.url, slow)
        killed = subprocess.Popen([sys.executable, "-c", REHEARSE, venue.url, str(tmp_path)])
        until = time.monotonic() + 60
        while not venue.stops() and time.monotonic() < until:
            assert killed.poll() is None
            time.sleep(0.02)
        killed.send_signal(signal.SIGKILL)
        killed.wait(30)
        misbehave(venue.url)
        assert venue.stops() == 1
        assert cancel_left_stop(access, (tmp_path,)).startswith("tbabcdef-probe-")
        assert not venue.stops()
        assert left_stop(tmp_path, access.fingerprint) is None


def test_what_never_left_is_forgotten_and_what_cannot_be_noted_does_not_leave(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with demo_venue(tmp_path, MORNING) as venue:
        for name, value in venue.env.items():
            monkeypatch.setenv(name, value)
        access = find_access("demo", venue.url)
        with pytest.raises(JournalError):
            rehearse(access, ETH, 1, "abcdef", (tmp_path / "none",))
        assert not venue.asked("POST", "/fapi/v1/algoOrder")

        note_stop(tmp_path, "another", RehearsedStop("tbabcdef-probe-7s", "ETH/USDT", 0))
        assert cancel_left_stop(access, (tmp_path,)) == ""  # nobody could say here that it is gone
        assert left_stop(tmp_path, "another") is not None

        note_stop(tmp_path, access.fingerprint, RehearsedStop("tbabcdef-probe-1s", "ETH/USDT", 0))
        write_halt(tmp_path, "out", "me", "close-all", account="demo")
        assert cancel_left_stop(access, (tmp_path,)) == ""  # a close-all does it
        clear_halt(tmp_path)
        assert cancel_left_stop(access, (tmp_path,)) == "tbabcdef-probe-1s"
        assert cancel_left_stop(access, (tmp_path,)) == ""
