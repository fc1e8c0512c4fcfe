"""kill -9 of the alerter between every two steps of an act from the phone: none that was accepted is lost.

Real processes: the installed ``alerts run`` is killed at each of its steps and started again, on what a killed engine has
left. One step of one act normally, all of both with ``TRADEBOT_FULL=1``.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from kits import phone_harness
from kits.paper_kit import ROOT, Bot
from kits.phone_kit import TOKEN, USER, FakeTelegram
from kits.strategy_kit import LONG, write_strategy

from tradebot.alerts.desk import desk_of
from tradebot.alerts.store import OutboxStore
from tradebot.alerts.telegram import kept_as
from tradebot.guard.alerts_lock import alerter_pid
from tradebot.guard.latch import read_halts
from tradebot.journal.paths import journal_path
from tradebot.journal.reader import Reader

FULL = os.environ.get("TRADEBOT_FULL") == "1"
WHO = f"telegram:{USER}"
SAMPLE = [("keep.after", 1)]
"""Accepted and not done."""


@dataclass
class Scene:
    """What a killed engine has left, and an alerter that is killed on it."""

    folder: Path
    bot: Bot
    made: Path

    def fresh(self) -> None:
        """Begin again with what the engine has left."""
        for path in (self.bot.data_dir, self.folder / "state", self.folder / "passed"):
            if path.is_dir():
                shutil.rmtree(path)
            path.unlink(missing_ok=True)
        (self.folder / "armed").unlink(missing_ok=True)
        shutil.copytree(self.made, self.bot.data_dir)

    def alerter(self, point: str = "none", k: int = 0) -> subprocess.Popen[bytes]:
        """Start one that dies at a point."""
        words = ["alerts", "run", "--data-dir", str(self.bot.data_dir)]
        env = self.bot._env({"PYTHONPATH": f"{ROOT}{os.pathsep}{ROOT / 'tests'}"})
        return subprocess.Popen(
            [sys.executable, phone_harness.__file__, point, str(k), str(self.folder), *words],
            cwd=self.folder,
            env=env,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )

    def pending(self) -> int:
        """How many acts were accepted and are not marked as done; -1 while nothing was heard."""
        with OutboxStore(self.bot.data_dir, readonly=True) as store:
            kept = store.get(kept_as(TOKEN))
        return len(desk_of(kept).acts) if kept and kept.get("offset") else -1

    def reasons(self) -> list[str]:
        return [row.reason for row in read_halts(self.bot.data_dir) if row.who == WHO]

    def open(self) -> int:
        """How many positions the journal has."""
        with Reader(journal_path(self.bot.data_dir)) as reader:
            run = reader.newest_run()
            return 0 if run is None else len(reader.positions(run.id))

    def asked(self) -> set[str]:
        with Reader(journal_path(self.bot.data_dir)) as reader:
            return {str(name) for name, who in reader.select(COMMANDS) if who == WHO}


COMMANDS = "SELECT name, who FROM commands"


@pytest.fixture
def phone() -> Iterator[FakeTelegram]:
    with FakeTelegram() as phone:
        yield phone


@pytest.fixture
def scene(tmp_path: Path, phone: FakeTelegram) -> Iterator[Scene]:
    bot = Bot(tmp_path, tmp_path / "data", env={"XDG_STATE_HOME": str(tmp_path / "state")})
    write_strategy(tmp_path, LONG)
    (tmp_path / "bot.toml").write_text('[strategy]\nname = "own.py:Own"\n')
    engine = bot.engine("--symbols", "BTC/USDT", speed=600)
    it = Scene(tmp_path, bot, tmp_path / "made")
    bot.until(it.open)
    engine.kill()
    engine.communicate(timeout=60)
    (tmp_path / "bot.toml").write_text(
        '[strategy]\nname = "own.py:Own"\n[alerts]\nchannels = ["telegram"]\nsimulated = true\n'
        f'[alerts.telegram]\nchat_id = "{USER}"\nuser_id = "{USER}"\ncommands = true\napi = "{phone.url}"\n'
    )
    bot.env["TRADEBOT_SECRET_TELEGRAM_TOKEN"] = TOKEN
    shutil.copytree(bot.data_dir, it.made)
    yield it
    pid = alerter_pid(bot.data_dir)
    if pid:
        os.kill(pid, signal.SIGKILL)


def act(scene: Scene, phone: FakeTelegram, name: str, alerter: subprocess.Popen[bytes]) -> None:
    """Send the words of the act; what is asked before it is not killed."""
    after = len(phone.texts())
    if name == "halt":
        phone.say("/help")
        phone.hears("/closeall cancel", after=after)
        (scene.folder / "armed").touch()
        phone.say("/halt by the phone")
        return
    phone.say("/closeall")
    code = re.search(r"send (\d{6})", phone.hears("within", after=after))
    assert code is not None
    (scene.folder / "armed").touch()
    phone.say(code[1])


def is_done(scene: Scene, name: str) -> bool:
    if scene.pending():
        return False
    return bool(scene.reasons()) if name == "halt" else bool(scene.reasons()) and not scene.open()


@pytest.mark.parametrize("name", ["halt", pytest.param("closeall", marks=pytest.mark.full)])
def test_no_step_of_an_act_is_where_it_is_lost(
    scene: Scene, phone: FakeTelegram, name: str
) -> None:
    points = every_point(scene, phone, name) if FULL else SAMPLE
    again = 0
    for point, k in points:
        scene.fresh()
        dying = scene.alerter(point, k)
        act(scene, phone, name, dying)
        assert dying.wait(90) == -signal.SIGKILL, (point, k)
        accepted = scene.pending() > 0
        before = len(phone.texts())
        (scene.folder / "armed").unlink()
        living = scene.alerter()
        if name == "closeall" and not accepted and not scene.reasons():
            # its code ended with the process that gave it: that is said, and nothing is closed
            phone.hears("no code is waited for", after=before)
            assert scene.open(), (point, k)
            act(scene, phone, name, living)
        scene.bot.until(lambda: is_done(scene, name))
        if accepted:
            phone.hears("done again", after=before)
        again += accepted
        living.kill()
        living.wait(90)
        word = "halt" if name == "halt" else "close-all"
        assert word in scene.asked(), (point, k)
    if FULL:
        print(f"\n{len(points)} kills in /{name}: none lost, {again} done again")  # noqa: T201


def every_point(scene: Scene, phone: FakeTelegram, name: str) -> list[tuple[str, int]]:
    """Live through it once without a kill; return all there is to be killed at."""
    scene.fresh()
    alerter = scene.alerter()
    act(scene, phone, name, alerter)
    scene.bot.until(lambda: is_done(scene, name))
    phone.hears("open: BTC/USDT" if name == "halt" else "nothing remains")
    alerter.terminate()
    assert alerter.wait(90) == 0
    passed = json.loads((scene.folder / "passed").read_text())
    assert {"keep.before", "act.before", "command.after", "send.before"} <= set(passed)
    return [(point, k) for point, count in passed.items() for k in range(1, count + 1)]
