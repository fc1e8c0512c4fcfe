"""Ctrl-c when a command has answered: the exit code stays what it was, to the last moment of the process."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from subprocess import PIPE

import pytest

from tradebot.__main__ import main
from tradebot.cli.interrupts import heard_again, settle
from tradebot.cli.stopping import Signals


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (["config", "show", "--json"], 0),
        (["config", "show", "--set", "risk.profile=none", "--json"], 2),
    ],
)
def test_a_storm_of_presses_after_the_answer_changes_nothing(
    words: list[str], code: int, tmp_path: Path
) -> None:
    env = {**os.environ, "TRADEBOT_DATA_DIR": str(tmp_path)}
    command = [sys.executable, "-m", "tradebot", *words]
    with subprocess.Popen(command, stdout=PIPE, stderr=PIPE, env=env) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        answer = os.read(process.stdout.fileno(), 1)  # it has begun to answer
        while process.poll() is None:
            process.send_signal(signal.SIGINT)
            time.sleep(0.0003)
        answer += process.stdout.read()
        assert (process.returncode, b"Traceback" in process.stderr.read()) == (code, False)
        assert json.loads(answer)["ok"] is (code == 0)


def test_a_caller_that_goes_on_hears_ctrl_c_again(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["config", "path"]) == 0
    with pytest.raises(KeyboardInterrupt):
        signal.raise_signal(signal.SIGINT)
    assert capsys.readouterr().out


def test_signals_do_not_undo_that_the_answer_is_out() -> None:
    with heard_again():
        with Signals() as signals:
            signals.listen(lambda number: None)
            settle()
        signal.raise_signal(signal.SIGINT)
        assert signals.caught == []
