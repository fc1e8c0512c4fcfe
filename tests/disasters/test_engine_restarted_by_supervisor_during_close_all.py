"""A supervisor starts the engine again and again while everything is being closed.

Holds at every event: no request of an engine leaves from the latch on. End: flat, exit 0; the engine that runs then stands
still, says why, and goes on after a resume.
"""

from __future__ import annotations

import sqlite3
import threading
from pathlib import Path

import pytest
from kits.demo_kit import demo_words
from kits.disaster_kit import QUIET, XRP, Scene, scene

from tradebot.guard.lock import lock_owner

pytestmark = pytest.mark.slow


def imported(it: Scene) -> bool:
    """Whether the journal has been told what was closed while no engine ran: once, and how both close-alls ended."""
    with sqlite3.connect(it.bot.data_dir / "tradebot.db") as db:
        bodies = [str(row) for row in db.execute("SELECT body FROM audit WHERE kind = 'Notify'")]
    closes = [body for body in bodies if "XRP/USDT short 40 at market" in body]
    ends = [body for body in bodies if "nothing was left" in body]
    return len(closes) == 1 and len(ends) == 2


class Supervisor(threading.Thread):
    """Starts the engine whenever it is not there, until it is told to rest."""

    def __init__(self, it: Scene, words: tuple[str, ...]) -> None:
        super().__init__(daemon=True)
        self.it = it
        self.words = words
        self.rests = threading.Event()

    def run(self) -> None:
        while not self.rests.is_set():
            self.it.bot.start(*self.words).wait()


def test_what_is_started_again_stands_still(tmp_path: Path) -> None:
    with scene(tmp_path, XRP) as it:
        engine = it.engine(QUIET)
        engine.kill()
        engine.wait(30)
        words = demo_words(it.venue, it.bot.strategy(QUIET))
        closing = it.closing()
        it.bot.until(lambda: it.steps())  # the latch is set
        supervisor = Supervisor(it, words)
        supervisor.start()
        try:
            out, _ = closing.communicate(timeout=90)
            assert closing.returncode == 0, out
            assert it.flat()
            it.bot.until(lambda: lock_owner(it.bot.data_dir) is not None)
            it.bot.until(lambda: "nothing is sent" in str(it.bot.status()))
            before = len(it.requests())
            status = it.bot("status").out
            assert "close-all stands" in status
            assert it.requests()[before:] == []
            keys = [row for row in it.requests() if row["path"] == "/fapi/v1/listenKey"]
            assert len(keys) == 1  # the engine's before it was killed
            supervisor.rests.set()
            waiting = lock_owner(it.bot.data_dir)
            again = it.close_all()["data"]  # what waits and sends nothing need not be ended
            assert "waits for a resume and sends nothing" in again["how"]
            assert waiting is not None
            assert waiting.alive
            before = len(it.requests())
            it.bot("resume", "--reason", "it is flat", code=None)
            it.bot.until(lambda: len(it.requests()) > before)
            it.bot.until(lambda: not it.bot.status()["halts"])
            assert "proved by two reads" in it.bot.status()["close_all"]["state"]
            assert imported(it)
        finally:
            supervisor.rests.set()
