"""Engine and alerter in one control group, as in a container: who fences the engine is killed with it.

The engine hangs while an account is held; the phone closes, the closing fences the engine, and with that all in the group is
killed, the closing too. What starts the engine again, a service's manager, is all there is left: the account ends flat.
"""

from __future__ import annotations

import re
import subprocess
import threading
from pathlib import Path

import pytest
from kits.demo_kit import demo_words
from kits.disaster_kit import QUIET, XRP, Scene, scene, stop
from kits.memory_group import MemoryGroup, memory_group
from kits.phone_kit import TOKEN, USER, FakeTelegram

from tradebot.clock import SYSTEM
from tradebot.guard.alerts_lock import alerter_pid
from tradebot.journal.reader import Reader

pytestmark = pytest.mark.full

PLENTY = 8 << 30


class Manager(threading.Thread):
    """Starts the engine in the group; when it ends, kills what is left there and starts it again."""

    def __init__(self, it: Scene, group: MemoryGroup) -> None:
        super().__init__(daemon=True)
        self.it, self.group = it, group
        self.rests = threading.Event()
        self.engines: list[subprocess.Popen[str]] = []

    def run(self) -> None:
        words = demo_words(self.it.venue, self.it.bot.strategy(QUIET))
        while not self.rests.is_set():
            engine = self.it.bot.start(*words)
            self.group.take(engine.pid)
            self.engines.append(engine)
            engine.wait()
            self.group.kill()


def beat_of(data_dir: Path) -> int:
    """Return when the newest run was last seen to work, UTC ms; 0 before."""
    with Reader(data_dir / "tradebot.db") as reader:
        run = reader.newest_run()
        shown = None if run is None else reader.snapshot(run.id)
        return 0 if shown is None else shown.wall


def test_the_engine_fenced_and_the_rest_killed_the_account_ends_flat(tmp_path: Path) -> None:
    with memory_group(PLENTY) as group, FakeTelegram() as phone, scene(tmp_path, XRP) as it:
        (tmp_path / "bot.toml").write_text(
            f'[exchange]\nenvironment = "demo"\nurl = "{it.venue.url}"\n'
            '[alerts]\nchannels = ["telegram"]\nsimulated = true\n'
            f'[alerts.telegram]\nchat_id = "{USER}"\nuser_id = "{USER}"\ncommands = true\napi = "{phone.url}"\n'
        )
        it.bot.env["TRADEBOT_SECRET_TELEGRAM_TOKEN"] = TOKEN
        manager = Manager(it, group)
        manager.start()
        try:
            it.bot.until(lambda: manager.engines and it._serves(manager.engines[0]))
            phone.hears("STARTED")
            first, hung = alerter_pid(it.bot.data_dir), manager.engines[0]
            assert {hung.pid, first} <= set(group.pids())
            known = SYSTEM.wall_ms()
            it.bot.until(lambda: beat_of(it.bot.data_dir) > known)
            stop(hung)  # one that was never seen to work is given two minutes to begin
            phone.hears("ENGINE HUNG")
            phone.say("/closeall")
            code = re.search(r"send (\d{6})", phone.hears("XRP/USDT", "within"))
            assert code is not None
            phone.say(code[1])
            hung.wait(90)  # fenced, and with it the alerter and the closing are killed
            phone.hears("/closeall: done again")
            it.bot.until(it.flat)
            phone.hears("nothing remains (exit code 0)")
            assert alerter_pid(it.bot.data_dir) != first
            assert it.bot.json("status").data["halts"]
        finally:
            manager.rests.set()
            group.kill()
            manager.join(60)
