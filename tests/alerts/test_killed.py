"""kill -9 of the alerter between any two statements: no critical alert is lost, a double is a lost answer."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Callable
from pathlib import Path

import pytest
from kits.outbox_kit import NOON, Desk, ScriptedWay

from tradebot.alerts.channels import Answered, Message

FULL = os.environ.get("TRADEBOT_FULL") == "1"
SAMPLE = 14
CRITICAL = (2, 5, 6)

pytestmark = pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")


class Server(ScriptedWay):
    """Notes what it takes in a file, as a server would that outlives its clients."""

    def __init__(self, name: str, file: Path, step: Callable[[], None]) -> None:
        super().__init__(name, None, joins=name != "webhook")  # type: ignore[arg-type]
        self.file, self.step = file, step

    async def send(self, message: Message) -> Answered:
        self.step()
        seqs = [one.seq for one in message.alerts]
        with self.file.open("a") as out:
            out.write(json.dumps([self.name, seqs, message.text]) + "\n")
        self.step()
        return await super().send(message)


def live_through(folder: Path, kill_at: int, now: int) -> int:
    """Have an alerter live through half a minute, killed at its n-th step; return how many there were."""
    steps = 0

    def step(_: object = None) -> None:
        nonlocal steps
        steps += 1
        if steps == kill_at:
            os.kill(os.getpid(), signal.SIGKILL)

    ways = [Server(name, folder / "server", step) for name in ("telegram", "webhook")]
    desk = Desk(folder, None, *ways)
    desk.store.db.set_trace_callback(step)
    for number in range(1, 7):
        desk.clock.now = NOON + number
        desk.readings.notify("critical" if number in CRITICAL else "info", f"thing {number}")
    desk.clock.now = now
    for _ in range(8):
        desk.turn(4)
    return steps


def child(work: Callable[[], object]) -> int:
    """Do it in a process of its own; return the signal that ended it, 0 for none."""
    pid = os.fork()
    if pid == 0:
        code = 1
        try:
            work()
            code = 0
        finally:
            os._exit(code)
    _, status = os.waitpid(pid, 0)
    assert not os.WIFEXITED(status) or os.WEXITSTATUS(status) == 0
    return os.WTERMSIG(status) if os.WIFSIGNALED(status) else 0


def test_no_kill_loses_a_critical_alert(tmp_path: Path) -> None:
    whole = live_through(tmp_path / "whole", 0, NOON + 10)
    assert whole > 200
    points = range(1, whole + 1) if FULL else range(1, whole + 1, whole // SAMPLE)
    doubled = 0
    for point in points:
        folder = tmp_path / str(point)
        folder.mkdir()
        killed = child(lambda: live_through(folder, point, NOON + 10))  # noqa: B023
        assert killed == signal.SIGKILL
        assert child(lambda: live_through(folder, 0, NOON + 60_000)) == 0  # noqa: B023
        told = [json.loads(line) for line in (folder / "server").read_text().splitlines()]
        for name in ("telegram", "webhook"):
            seqs = [seq for who, found, _ in told if who == name for seq in found]
            assert set(seqs) == set(range(1, 7)), f"killed at step {point}"
            again = len(seqs) - len(set(seqs))
            doubled += again > 0
            assert again <= 6
            for who, found, text in told:
                assert all(f"#{seq}" in text for seq in found if seq in CRITICAL), who
    if FULL:
        print(f"\n{len(points)} kills, none lost, {doubled} with a double")  # noqa: T201
    assert doubled <= len(points) // 4 + 2
