"""Real money on a real terminal: the word, the screen, F9 past an engine that hangs in the screen's own process."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest
from kits.demo_kit import demo_venue
from kits.live_run_kit import live_bot
from kits.paper_kit import Bot
from kits.strategy_kit import LONG
from kits.terminal_kit import F9, LEFT, Terminal

from tradebot.guard.lock import lock_owner

pytestmark = [pytest.mark.slow, pytest.mark.full]

EARLY = "2026-11-26T09:30:30Z"

STRANGER = (
    '[leverages]\nXRPUSDT = 1\n[[positions]]\nsymbol = "XRPUSDT"\nqty = "-40"\nentry = "2.2"\n'
)

SLEEPY = """
        import os, time
        while os.path.exists("asleep"):
            time.sleep(0.5)
        return Signal("long", 0.9, stop=bar.close * 0.97, reason="always")
"""


@contextmanager
def live_screen(bot: Bot, strategy: str) -> Iterator[Terminal]:
    """Start live on a terminal and type the word."""
    words = ("live", "--strategy", strategy, "--data-dir", str(bot.data_dir))
    screen = Terminal(bot.folder, *words, env=bot.env)
    try:
        screen.until(b"Type LIVE to trade:")
        screen.press(b"LIVE\n")
        yield screen
    finally:
        screen.close()
        owner = lock_owner(bot.data_dir)
        if owner is not None:
            with suppress(ProcessLookupError):
                os.kill(owner.pid, signal.SIGKILL)


def confirm(screen: Terminal) -> None:
    screen.press(F9)
    screen.until(b"target")
    time.sleep(0.6)  # a second press before that is the key held down
    screen.press(F9)


def test_the_word_opens_the_screen_and_f9_closes_what_anybody_holds(tmp_path: Path) -> None:
    with demo_venue(tmp_path, EARLY, account=STRANGER) as venue:
        bot = live_bot(tmp_path, venue)
        with live_screen(bot, bot.strategy(LONG)) as screen:
            screen.until(b" LIVE ")
            bot.until(lambda: "ETHUSDT" in venue.held() and venue.stops())
            screen.until(b"stage")
            screen.until(b"XRP/USDT short 40")
            confirm(screen)
            screen.until(b"proof")
            screen.until(b"first read")
            screen.until(b"ALL CLOSED")
            assert venue.held() == []
            assert venue.stops() == 0
            assert bot.status()["close_all"]["stage"] == "nothing is left"
            screen.press(b"\x1b")
            time.sleep(0.5)
            for _ in range(30):  # where it still thinks that positions are open it asks
                screen.press(b"q")
                with suppress(AssertionError):
                    screen.until_true(screen.ended, 2.0, "end")
                    break
            assert screen.code() in (0, 4)
            assert screen.cooked()


def test_f9_past_a_hung_engine_of_the_screens_own_process(tmp_path: Path) -> None:
    """A close-all in a session of its own ends this process and goes on printing on its terminal, to the proof."""
    with demo_venue(tmp_path, EARLY, account=STRANGER) as venue:
        bot = live_bot(tmp_path, venue)
        with live_screen(bot, bot.strategy(SLEEPY)) as screen:
            bot.until(lambda: "ETHUSDT" in venue.held() and venue.stops())
            (tmp_path / "asleep").touch()
            screen.until(b"ENGINE HUNG", 180)
            confirm(screen)
            screen.until(LEFT)
            assert screen.code() == -signal.SIGKILL
            screen.until(b"fencing it off")
            screen.until(b"the last read shows that nothing is left")
            screen.until(b"was ended")
            assert screen.cooked()
            assert venue.held() == []
            assert venue.stops() == 0
            assert bot.status()["close_all"]["stage"] == "nothing is left"


def test_live_is_started_from_a_screen_with_the_word_only(tmp_path: Path) -> None:
    with demo_venue(tmp_path, EARLY) as venue:
        bot = live_bot(tmp_path, venue, TRADEBOT_STRATEGY__NAME="ema_cross")
        screen = Terminal(tmp_path, "tui", "--data-dir", str(bot.data_dir), env=bot.env)
        try:
            screen.until(b"there is no")
            screen.press(b"6")
            screen.until(b"begin")
            screen.press(b"l")
            screen.until(b"equity at risk")
            screen.press(b"live\r")
            screen.until(b"nothing was started")
            assert lock_owner(bot.data_dir) is None
            assert venue.asked("POST", "/fapi/v1/algoOrder") == []
            screen.press(b"l")
            screen.until(b"equity at risk")
            screen.press(b"LIVE\r")
            bot.until(lambda: lock_owner(bot.data_dir) is not None)
            screen.until(b"1Live")
            assert bot.status()["mode"] == "live"
        finally:
            screen.close()
            owner = lock_owner(bot.data_dir)
            if owner is not None:
                os.kill(owner.pid, signal.SIGKILL)
