"""The engine hangs while everything is to be closed; later it wakes up.

Holds at every event: after the latch nothing of the engine's own changes the account. End: flat, exit 0 by the fence and
the proof; an engine that nobody could end and that wakes up sends nothing at all and waits for a resume.
"""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path

import pytest
from kits.disaster_kit import QUIET, XRP, scene, stop

from tradebot.guard.latch import write_halt

pytestmark = pytest.mark.slow


def test_a_hung_engine_is_ended_and_everything_closed(tmp_path: Path) -> None:
    with scene(tmp_path, XRP) as it:
        engine = it.engine()
        stop(engine)
        before = len(it.requests())
        document = it.close_all()
        assert document["ok"] is True
        data = document["data"]
        assert f"process {engine.pid}" in data["how"]
        assert "did not answer and was ended" in data["how"]
        assert engine.wait(30) == -signal.SIGKILL
        assert it.flat()
        assert data["proof"]["quiet_s"] >= 4
        assert len(data["proof"]["reads"]) == 2
        for row in it.changes(before):
            name = row["params"].get("newClientOrderId", "closeall-")
            assert name.startswith("closeall-")


def test_an_engine_that_wakes_up_sends_nothing_until_a_resume(tmp_path: Path) -> None:
    """Who closed was interrupted before he could end it: the row stands, and it is old when the engine wakes."""
    with scene(tmp_path, XRP) as it:
        engine = it.engine(QUIET)
        stop(engine)
        write_halt(it.account_dir, "enough", "somebody", "close-all", account="demo")
        time.sleep(2.5)  # longer than an engine has to answer
        before = len(it.requests())
        os.kill(engine.pid, signal.SIGCONT)
        it.bot.until(lambda: "user" in str(it.bot.status()["halts"]))
        time.sleep(2)
        assert it.requests()[before:] == []
        assert it.venue.held() == ["XRPUSDT"]
        assert "done" not in [step.step for step in it.steps()]
        it.bot("resume", "--reason", "looked at it", code=None)
        it.bot.until(lambda: len(it.requests()) > before)
        assert it.changes(before) == []  # what it knows of no plan for it leaves alone


@pytest.mark.parametrize(
    ("number", "words"),
    [(signal.SIGSTOP, "made no progress and was ended"), (signal.SIGKILL, "ended on its way")],
)
def test_an_engine_that_fails_in_the_middle_is_taken_over(
    tmp_path: Path, number: int, words: str
) -> None:
    """It has taken the wish and sent its first close; then it hangs, or dies."""
    with scene(tmp_path, XRP) as it:
        engine = it.engine(QUIET)
        once = {"method": "POST", "path": "/fapi/v1/order", "times": 1}
        it.faults({"do": "slow_answer", "ms": 8000, **once})
        closing = it.closing("--account", "demo", "--wait", "60")
        it.bot.until(lambda: any(step.step == "close" for step in it.steps()))
        engine.send_signal(number)
        out, err = closing.communicate(timeout=90)
        assert closing.returncode == 0, out + err
        assert words in out
        assert engine.wait(30) == -signal.SIGKILL
        assert it.flat()
