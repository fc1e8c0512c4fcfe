"""The installed command and a phone: what is told of an engine that dies or hangs, and what the phone can do then.

Each needs an engine and an alerter of its own for a quarter of a minute: whole with TRADEBOT_FULL=1.
"""

from __future__ import annotations

import os
import re
import signal
import sqlite3
import subprocess
import time
from collections.abc import Iterator
from contextlib import closing, suppress
from functools import partial
from pathlib import Path

import pytest
from kits.paper_kit import Bot
from kits.phone_kit import TOKEN, USER, FakeTelegram
from kits.strategy_kit import LONG, write_strategy

from tradebot.guard.alerts_lock import alerter_pid
from tradebot.guard.latch import read_halts

pytestmark = pytest.mark.skipif(
    os.environ.get("TRADEBOT_FULL") != "1", reason="minutes of real processes: TRADEBOT_FULL=1"
)

KILLS = 10


class Told:
    """A bot with a phone that may send commands."""

    def __init__(self, bot: Bot, phone: FakeTelegram) -> None:
        self.bot, self.phone = bot, phone

    @property
    def journal(self) -> Path:
        return self.bot.data_dir / "tradebot.db"

    def commands(self) -> list[tuple[str, str]]:
        with closing(sqlite3.connect(f"file:{self.journal}?mode=ro", uri=True)) as db:
            return db.execute("SELECT name, who FROM commands ORDER BY id").fetchall()

    def say(self, text: str, *parts: str) -> str:
        """Write to the bot and wait for the answer that has all the parts."""
        after = len(self.phone.texts())
        self.phone.say(text)
        return self.phone.hears(*parts, after=after)

    def alerter(self) -> int:
        self.phone.until(lambda: alerter_pid(self.bot.data_dir) is not None)
        pid = alerter_pid(self.bot.data_dir)
        assert pid is not None
        return pid


@pytest.fixture
def told(tmp_path: Path) -> Iterator[Told]:
    with FakeTelegram() as phone:
        write_strategy(tmp_path, LONG)
        (tmp_path / "bot.toml").write_text(
            '[strategy]\nname = "own.py:Own"\n[alerts]\nchannels = ["telegram"]\nsimulated = true\n'
            f'[alerts.telegram]\nchat_id = "{USER}"\nuser_id = "{USER}"\ncommands = true\n'
            f'api = "{phone.url}"\n'
        )
        data_dir = tmp_path / "data"
        bot = Bot(tmp_path, data_dir, env={"TRADEBOT_SECRET_TELEGRAM_TOKEN": TOKEN})
        yield Told(bot, phone)
        for process in bot.started:
            if process.poll() is None:
                process.kill()
            process.communicate(timeout=60)
        pid = alerter_pid(data_dir)
        if pid is not None:
            os.kill(pid, signal.SIGTERM)


def test_a_killed_engine_is_told_and_the_phone_closes_what_it_left(told: Told) -> None:
    engine = told.bot.engine("--symbols", "BTC/USDT", speed=600)
    told.phone.hears("SIMULATED", "fill buy", "open: BTC/USDT long")
    engine.kill()
    killed = time.monotonic()
    told.phone.hears("SIMULATED ENGINE DEAD", "1 position unwatched", "tradebot close-all")
    assert time.monotonic() - killed < 60
    asked = told.say("/closeall", "would be closed", "BTC/USDT long", "within")
    code = re.search(r"send (\d{6})", asked)
    assert code is not None
    told.say(code[1], "nothing remains (exit code 0)")
    assert ("close-all", f"telegram:{USER}") in told.commands()
    assert told.bot.json("positions").data["positions"] == []
    assert {row.kind for row in read_halts(told.bot.data_dir)} == {"close-all"}
    assert TOKEN not in "".join(told.phone.texts())


def test_an_engine_that_is_stopped_is_told_within_25_seconds_and_can_be_halted(told: Told) -> None:
    engine = told.bot.engine("--symbols", "BTC/USDT", speed=600)
    told.phone.hears("SIMULATED STARTED")
    engine.send_signal(signal.SIGSTOP)
    stopped = time.monotonic()
    told.phone.hears("SIMULATED ENGINE HUNG")
    assert time.monotonic() - stopped < 60  # 25 s on a machine that has nothing else to do
    if os.getloadavg()[0] < 2:
        assert time.monotonic() - stopped < 25
    told.say("/halt it hangs", "open: BTC/USDT")
    assert [row.who for row in read_halts(told.bot.data_dir)] == [f"telegram:{USER}"]
    engine.send_signal(signal.SIGCONT)
    told.phone.hears("shows signs of life again")


def test_no_kill_of_the_alerter_loses_an_accepted_halt(told: Told) -> None:
    """SIGKILL a little later each time after the word is sent; a restart does what was accepted."""
    told.bot.paper("--for", "10m", "--symbols", "BTC/USDT")  # and an alerter of its own
    lost = []
    for number in range(KILLS):
        time.sleep(5.2)  # one act in five seconds
        told.say("/help", "/closeall cancel")
        told.phone.say(f"/halt number {number}")
        time.sleep(number * 0.015)
        os.kill(told.alerter(), signal.SIGKILL)
        told.phone.until(lambda: alerter_pid(told.bot.data_dir) is None)
        told.bot.start("alerts", "run")
        told.alerter()
        with suppress(AssertionError):
            told.phone.until(partial(_halted, told, f"number {number}"))
        if not _halted(told, f"number {number}"):
            lost.append(number)
    assert lost == []
    assert {who for _, who in told.commands()} == {f"telegram:{USER}"}


def _halted(told: Told, reason: str) -> bool:
    return any(row.reason == reason for row in read_halts(told.bot.data_dir))


def test_closing_goes_on_when_the_alerter_is_killed(told: Told) -> None:
    told.bot.engine("--symbols", "BTC/USDT", speed=600)
    told.phone.hears("SIMULATED", "fill buy")
    asked = told.say("/closeall", "within")
    code = re.search(r"send (\d{6})", asked)
    assert code is not None
    told.say(code[1], "closing everything")
    told.bot.until(lambda: ("close-all", f"telegram:{USER}") in told.commands())  # its own process
    os.kill(told.alerter(), signal.SIGKILL)
    told.bot.until(lambda: told.bot.json("positions").data["positions"] == [])
    told.bot.start("alerts", "run")
    told.phone.hears("/closeall: done again")
    told.phone.hears("nothing remains (exit code 0)")


def test_a_second_word_for_the_installed_command(told: Told) -> None:
    """What goes on record is what was given; the option is not in the help."""
    told.bot.paper("--for", "10m", "--symbols", "BTC/USDT")
    told.bot.json("close-all", "--yes", "--who", "telegram:7")
    assert [row.who for row in read_halts(told.bot.data_dir)] == ["telegram:7"]
    shown = subprocess.run(
        told.bot._command(("close-all", "--help")), capture_output=True, text=True, check=True
    )
    assert "--who" not in shown.stdout
