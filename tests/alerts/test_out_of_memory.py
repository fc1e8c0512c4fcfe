"""An engine that the kernel's OOM killer ends, in a control group that its alerter is in too: it is told of."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path

import pytest
from kits.memory_group import memory_group
from kits.paper_kit import Bot
from kits.webhook_kit import SECRET, WebhookReceiver

from tradebot.guard.alerts_lock import alerter_pid

pytestmark = pytest.mark.full

GREEDY = """from pathlib import Path
        if Path({file!r}).exists():
            self.kept = []
            while True:
                self.kept.append(bytearray(b"1" * 10_000_000))"""

ENOUGH = 700 << 20
WITHIN_S = 15.0


def test_an_engine_that_runs_out_of_memory_is_told_of(tmp_path: Path) -> None:
    state = {"XDG_STATE_HOME": str(tmp_path / "state"), "TRADEBOT_SECRET_WEBHOOK_SECRET": SECRET}
    bot = Bot(tmp_path, tmp_path / "data", env=state)
    words = (
        "--symbols",
        "BTC/USDT",
        "--strategy",
        bot.strategy(GREEDY.format(file=str(tmp_path / "grow"))),
    )
    with memory_group(ENOUGH) as group, WebhookReceiver() as hook:
        (tmp_path / "bot.toml").write_text(
            f'[alerts]\nchannels = ["webhook"]\nsimulated = true\n[alerts.webhook]\nurl = "{hook.target}"\n'
        )
        engine = bot.start("paper", *words, "--speed", 600, "--headless", "--json")
        group.take(engine.pid)
        hook.until(lambda: "started" in [body["kind"] for body in hook.bodies()])
        alerter = alerter_pid(bot.data_dir)
        assert alerter in group.pids()
        (tmp_path / "grow").touch()
        assert engine.wait(90) == -signal.SIGKILL
        ended = time.monotonic()
        assert group.kills() == 1
        hook.until(lambda: "engine_dead" in [body["kind"] for body in hook.bodies()])
        took = time.monotonic() - ended
        print(f"\nout of memory: told {took:.1f} s after its end")  # noqa: T201
        if os.getloadavg()[0] < 2:
            assert took < WITHIN_S
        (told,) = [body for body in hook.bodies() if body["kind"] == "engine_dead"]
        assert told["level"] == "critical"
        assert alerter_pid(bot.data_dir) == alerter
        assert alerter
        os.kill(alerter, signal.SIGKILL)
        engine.communicate(timeout=60)
        bot.until(lambda: not group.pids())
