"""What ctrl-c means once the screen was left and the run behind it is still ending."""

from __future__ import annotations

import signal
import threading
from pathlib import Path
from typing import cast

import pytest

from tradebot.app.host import PaperHost
from tradebot.cli.options import Common
from tradebot.cli.stopping import Signals
from tradebot.cli.tui_commands import run_with_screen
from tradebot.config import Config
from tradebot.tui.setting import Exit


class Ending:
    """An engine that stops in order, and takes its time: ctrl-c is pressed twice meanwhile."""

    traded = supervision = None
    still = hung = 0.0
    working = True

    def __init__(self) -> None:
        self.asked: list[str] = []
        self._looks = 0

    def stop(self, why: str) -> None:
        self.asked.append(why)

    def keep(self) -> None:
        self.asked.append("keep")

    def wait(self, timeout: float) -> bool:
        del timeout
        if not self.asked:
            return False
        self._looks += 1
        if self._looks in (1, 3):
            signal.raise_signal(signal.SIGINT)
        return self._looks > 4


def test_pressed_twice_it_keeps_what_is_open(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tradebot.tui.app.show", lambda *_: Exit("quit"))
    host, ready = Ending(), threading.Event()
    config = Config.model_validate({"data": {"dir": str(tmp_path)}})
    ready.set()
    with Signals() as signals:
        run_with_screen(cast(PaperHost, host), config, Common(), ready, signals)
    left, first, again, kept = host.asked
    assert left == "the screen was left"
    assert {first, again} == {"signal SIGINT"}
    assert kept == "keep"
