"""A strategy that never returns: it is seen, and the process can be ended without it."""

from __future__ import annotations

import json
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from kits.paper_kit import Bot

from tradebot.cli.stopping import Signals

HANGS = "while self.seen >= 400: pass\n        return None"


@pytest.fixture
def bot(tmp_path: Path) -> Iterator[Bot]:
    made = Bot(tmp_path, tmp_path / "data")
    yield made
    made.clean_up()


def start(bot: Bot) -> subprocess.Popen[str]:
    """Start an engine whose strategy hangs in its second hour."""
    own = bot.strategy(HANGS)
    return bot.start("paper", "--headless", "--json", "--speed", "6000", "--strategy", own)


@pytest.mark.parametrize(
    ("signals", "code", "within"),
    [
        ((signal.SIGINT, signal.SIGINT), 130, 10.0),
        ((signal.SIGTERM,), 1, 15.0),
        ((signal.SIGHUP, signal.SIGHUP), 1, 15.0),
    ],
)
def test_it_is_ended_without_an_answer(
    bot: Bot, signals: tuple[signal.Signals, ...], code: int, within: float
) -> None:
    process = start(bot)
    bot.until(lambda: (bot.status().get("heartbeat_age_s") or 0) > 3)
    for number in signals[:-1]:
        process.send_signal(number)
        time.sleep(0.5)
    begun = time.monotonic()
    done = bot.end(process, signals[-1])
    assert time.monotonic() - begun < within
    assert done.code == code
    assert "was ended without an orderly stop" in done.error["message"]
    assert bot.status()["state"] == "interrupted"
    assert bot.json("db", "verify").data["verified"] is True


def test_it_is_told_as_hung_with_its_age(bot: Bot) -> None:
    process = start(bot)
    bot.until(lambda: bot.status().get("engine") == "hung")
    assert bot.status()["heartbeat_age_s"] > 10
    assert "hung" in bot("status").out
    closed = bot.json("close-all", "--yes").data
    assert closed["closed"] is True
    assert "did not answer" in closed["how"]
    assert process.wait(90) == -signal.SIGKILL


def test_an_engine_that_answers_stops_in_order_however_often_it_is_asked(bot: Bot) -> None:
    process = bot.engine(speed=6000)
    process.send_signal(signal.SIGINT)
    time.sleep(0.05)
    process.send_signal(signal.SIGINT)
    assert process.stdout is not None
    answer = process.stdout.readline()  # it is out: whatever is pressed from now on comes too late
    while process.poll() is None:
        process.send_signal(signal.SIGINT)
        time.sleep(0.001)
    assert (process.returncode, json.loads(answer)["data"]["state"]) == (130, "interrupted")
    assert bot.status()["engine"] == "stopped"


def test_after_the_end_a_press_is_about_what_it_was_pressed_for() -> None:
    for before, interrupts in ((0, 1), (1, 2), (2, 1)):
        with Signals() as signals:
            signals.listen(lambda number: None)
            for _ in range(before):
                signal.raise_signal(signal.SIGINT)
            signals.over()
            for _ in range(interrupts - 1):
                signal.raise_signal(signal.SIGINT)
            with pytest.raises(KeyboardInterrupt):
                signal.raise_signal(signal.SIGINT)
