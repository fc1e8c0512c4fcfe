"""Guarantee 24: "running" is said of an engine that processed data within 10 s; a watchdog ends a hung one.

The command is the real one in its own process; the minute that the watchdog waits is made shorter.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from kits.outbox_kit import Onlooker
from kits.paper_kit import Bot

from tradebot.clock import SYSTEM

HANGS = "while self.seen >= 400: pass\n        return None"

SHORT = """
from tradebot.cli import stopping
stopping.WATCHDOG_S = 20.0
from tradebot.__main__ import main
raise SystemExit(main())
"""


@pytest.fixture
def bot(tmp_path: Path) -> Iterator[Bot]:
    made = Bot(tmp_path, tmp_path / "data")
    yield made
    made.clean_up()


def test_a_hung_engine_is_never_called_running_and_is_ended(bot: Bot) -> None:
    words = ["paper", "--headless", "--speed", "6000", "--strategy", bot.strategy(HANGS)]
    with subprocess.Popen(
        [sys.executable, "-c", SHORT, *words, "--data-dir", str(bot.data_dir)],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        cwd=bot.folder,
    ) as process:
        said = set()
        while process.poll() is None:
            status = bot.status()
            age = status.get("heartbeat_age_s")
            if age is not None and process.poll() is None:
                said.add((status["engine"], age > 10))
        assert process.stderr is not None
        assert "was ended without an orderly stop" in process.stderr.read()
    assert process.returncode == 7
    assert ("running", True) not in said
    assert ("hung", True) in said
    assert bot.status()["engine"] == "dead"


def test_one_that_is_stopped_by_the_system_is_not_called_running(bot: Bot) -> None:
    process = bot.engine()
    os.kill(process.pid, signal.SIGSTOP)
    bot.until(lambda: bot.status()["engine"] != "running")
    assert bot.status()["engine"] == "hung"
    assert bot.status()["heartbeat_age_s"] > 10
    onlooker = Onlooker(bot.data_dir, bot.folder / "alerts", SYSTEM.wall_ms())
    assert "engine_hung" not in onlooker.look()
    assert onlooker.look(SYSTEM.wall_ms() + 6_000)[-1] == "engine_hung"  # and it still hangs
    os.kill(process.pid, signal.SIGCONT)
    bot.until(lambda: bot.status()["engine"] == "running")
    assert bot.end(process).code == 0
