"""An engine that hangs in its first second is told of like any other, and a start that takes its time is not."""

from __future__ import annotations

import asyncio
import os
import re
import signal
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from kits.outbox_kit import Hands, Onlooker
from kits.paper_kit import Bot
from kits.strategy_kit import LONG
from kits.webhook_kit import SECRET, WebhookReceiver, hooked

from tradebot.app.alert_readings import JournalReadings
from tradebot.app.starting import StartShown, disk_blocks
from tradebot.clock import SYSTEM
from tradebot.guard.alerts_lock import alerter_pid
from tradebot.guard.lock import PID_FILE, InstanceLock, lock_owner, shown_start

SLOW = f"time.sleep(0.05)\n        {LONG}"
"""A twentieth of a second for each bar of the past."""


@pytest.fixture
def bot(tmp_path: Path) -> Iterator[Bot]:
    made = Bot(tmp_path, tmp_path / "data")
    yield made
    made.clean_up()


def onlooker(bot: Bot, name: str) -> Onlooker:
    return Onlooker(bot.data_dir, bot.folder / name, SYSTEM.wall_ms())


@pytest.mark.parametrize("later_s", [0.0, 0.2])
def test_an_engine_that_is_stopped_in_its_first_second_is_told(bot: Bot, later_s: float) -> None:
    bot.paper("--for", "5m")
    process = bot.start("paper", "--headless", "--speed", "60")
    while lock_owner(bot.data_dir) is None:
        assert process.poll() is None
        time.sleep(0.001)
    time.sleep(later_s)
    os.kill(process.pid, signal.SIGSTOP)
    stopped, watch = SYSTEM.wall_ms(), onlooker(bot, "watch")
    assert "engine_hung" not in [*watch.look(), *watch.look(stopped + 9_000)]
    assert "engine_hung" not in watch.look(stopped + 12_000)
    assert "engine_hung" in watch.look(stopped + 20_000)
    told = next(text for kind, text in watch.first_lines() if kind == "engine_hung")
    assert re.match(r"SIMULATED ENGINE HUNG( in its start)?: no sign of life for [12]\ds", told)
    os.kill(process.pid, signal.SIGCONT)
    bot.until(bot._beats)
    assert "recovered" in watch.look(SYSTEM.wall_ms())
    assert bot.end(process).code == 0


def in_its_start(bot: Bot, does: str) -> str:
    """Write a strategy that does something when an engine that holds the directory makes it; return its name."""
    bot.strategy(LONG)
    own = bot.folder / "own.py"
    made = "        self.seen = 0\n"
    held = f"        if os.path.exists({str(bot.data_dir / PID_FILE)!r}):\n            {does}\n"
    text = own.read_text()
    assert made in text
    own.write_text("import os, time\n" + text.replace(made, made + held))
    return f"{own}:Own"


def test_an_engine_that_is_killed_in_its_first_second_is_told_and_one_that_is_refused_is_not(
    bot: Bot,
) -> None:
    bot.paper("--for", "5m")
    own = in_its_start(bot, f"os.kill(os.getpid(), {int(signal.SIGSTOP)})")
    process = bot.start("paper", "--headless", "--speed", "60", "--strategy", own)
    found = os.waitid(os.P_PID, process.pid, os.WSTOPPED | os.WEXITED | os.WNOWAIT)
    assert found is not None
    assert found.si_code == os.CLD_STOPPED
    watch = onlooker(bot, "watch")
    watch.look()
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    assert "engine_dead" in watch.look()
    told = next(text for kind, text in watch.first_lines() if kind == "engine_dead")
    assert re.fullmatch(rf"SIMULATED ENGINE DEAD in its start \(process {process.pid}\)", told)
    with InstanceLock(bot.data_dir):
        other = onlooker(bot, "other")
        other.look()
    assert "engine_dead" not in other.look()


@pytest.mark.slow
def test_a_slow_start_is_no_hang(bot: Bot) -> None:
    bot.strategy(SLOW)
    own = bot.folder / "own.py"
    own.write_text("import time\n" + own.read_text().replace("warmup = 0", "warmup = 100"))
    bot.paper("--for", "5m")
    begun = time.monotonic()
    process = bot.start("paper", "--headless", "--speed", "60", "--strategy", f"{own}:Own")
    bot.until(lambda: lock_owner(bot.data_dir) is not None)
    watch, shown = onlooker(bot, "watch"), set[int]()
    while not bot._beats():
        assert process.poll() is None
        assert "engine_hung" not in watch.look(SYSTEM.wall_ms())
        shown.add(shown_start(bot.data_dir))
        time.sleep(0.5)
    assert time.monotonic() - begun > 20
    assert len(shown) > 15
    assert "engine_hung" not in watch.look(SYSTEM.wall_ms())
    assert bot.end(process).code == 0


@pytest.mark.slow
def test_one_that_hangs_before_its_run_begins_is_told_by_an_alerter_of_its_own(bot: Bot) -> None:
    """Nobody else's is there: the engine had started it when its start took long."""
    own = in_its_start(bot, "time.sleep(30)")
    bot.paper("--for", "5m", "--symbols", "BTC/USDT")
    bot.env |= {"TRADEBOT_SECRET_WEBHOOK_SECRET": SECRET}
    with WebhookReceiver() as hook:
        hooked(bot, hook)
        words = ("paper", "--headless", "--speed", "60", "--symbols", "BTC/USDT")
        process = bot.start(*words, "--strategy", own)
        try:
            for kind in ("engine_hung", "recovered", "started"):
                hook.until(lambda kind=kind: kind in [one["kind"] for one in hook.bodies()])  # type: ignore[misc]
            (hung,) = [one["text"] for one in hook.bodies() if one["kind"] == "engine_hung"]
            assert "ENGINE HUNG in its start: no sign of life for" in hung
            assert bot.end(process).code == 0
        finally:
            if pid := alerter_pid(bot.data_dir):
                os.kill(pid, signal.SIGKILL)


def test_what_a_start_shows(tmp_path: Path) -> None:
    clock = Hands()
    with InstanceLock(tmp_path):
        moved = [0]
        start = StartShown(tmp_path, clock, lambda: moved[0])

        def shows(moved: bool, *, opening: bool = False, connecting: bool = False) -> bool:
            clock.sleep(10)
            start.look(moved, opening=opening, connecting=connecting)
            return shown_start(tmp_path) == clock.now

        assert not shows(False, opening=True)  # it is stopped, or waits for itself
        assert shows(True)
        used = time.process_time()
        while time.process_time() - used < 0.7:  # it looks through a large journal
            pass
        assert shows(False, opening=True)
        assert not shows(False)
        moved[0] += 100  # on a slow disk, which leaves it nothing to work with
        assert shows(False, opening=True)
        assert not shows(False, opening=True)
        moved[0] += 100
        assert not shows(False)
        assert [shows(True, connecting=True) for _ in range(12)] == [True] * 11 + [False]
        assert shows(True)


@pytest.mark.parametrize("damage", [None, "{", '{"taken": 1e999}'])
def test_a_start_goes_on_where_its_note_is_missing_or_damaged(
    tmp_path: Path, damage: str | None
) -> None:
    clock = Hands(SYSTEM.wall_ms())
    with InstanceLock(tmp_path):
        note = tmp_path / PID_FILE
        note.unlink()
        if damage is not None:
            note.write_text(damage)
        start = StartShown(tmp_path, clock)
        clock.sleep(60)
        start.look(True, opening=True, connecting=False)
        seen = JournalReadings(tmp_path, clock).look().owner
        assert seen is not None
        assert (seen.pid, seen.shown) == (os.getpid(), clock.now)
        assert start.is_told


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="others count otherwise")
def test_what_is_moved_of_a_disk_is_counted(tmp_path: Path) -> None:
    """But not how a start is shown: that would have every one go on."""
    before = disk_blocks()
    with (tmp_path / "large").open("wb") as file:
        file.write(bytes(1_000_000))
        file.flush()
        os.fsync(file.fileno())
    if disk_blocks() == before:
        pytest.skip("no disk is below this folder")
    assert disk_blocks() - before > 1_000
    moved = []
    with InstanceLock(tmp_path):
        start = StartShown(tmp_path)
        for _ in range(10):
            before = disk_blocks()
            for _ in range(100):
                start.look(True, opening=True, connecting=False)
            moved.append(disk_blocks() - before)
    assert min(moved) < 100  # more where the system reads what it had let go of memory


def test_a_start_that_takes_long_has_its_alerter_before_it_works(tmp_path: Path) -> None:
    clock = Hands(SYSTEM.wall_ms())
    start = StartShown(tmp_path, clock)
    clock.sleep(60)
    assert not start.is_told  # it has no lock: it may be refused
    with InstanceLock(tmp_path):
        clock.now = SYSTEM.wall_ms()
        assert not start.is_told
        clock.sleep(7)
        assert start.is_told
    assert not start.is_told
    start.stand()
    assert start.is_told


def test_of_what_is_long_over_nobody_is_told_while_an_engine_opens_its_journal(
    bot: Bot,
) -> None:
    bot.paper("--for", "5m")
    clock = Hands(SYSTEM.wall_ms())
    readings = JournalReadings(bot.data_dir, clock)
    newest = len(readings.rows(0, 10_000))
    assert readings.newest_start() < newest  # it has just ended
    clock.sleep(120)
    assert readings.newest_start() == newest
    with InstanceLock(bot.data_dir):
        assert readings.newest_start() == newest
    process = bot.engine()
    clock.now = SYSTEM.wall_ms() + 120_000
    assert newest <= readings.newest_start() < len(readings.rows(0, 10_000))
    assert bot.end(process).code == 0


def test_nobody_shows_a_start_for_another(tmp_path: Path) -> None:
    (tmp_path / PID_FILE).write_text('{"pid": 1, "started": "boot/1"}')
    before = shown_start(tmp_path)
    StartShown(tmp_path, Hands()).look(True, opening=True, connecting=False)
    assert shown_start(tmp_path) == before
    assert shown_start(tmp_path / "nowhere") == 0


async def test_a_loop_that_turns_shows_it(tmp_path: Path) -> None:
    clock = Hands()
    with InstanceLock(tmp_path):
        start = StartShown(tmp_path, clock)
        turning = asyncio.ensure_future(start.turn())
        await asyncio.sleep(0)
        start.look(False, opening=False, connecting=False)
        assert shown_start(tmp_path) == clock.now
        turning.cancel()
