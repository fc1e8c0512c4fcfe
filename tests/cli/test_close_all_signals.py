"""TERM in the first and the last moments of a close-all: it ends as it is written down, never of the signal."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

EARLY = """
import os, signal, sys
class Finder:
    def find_spec(self, name, path=None, target=None):
        if name == "MODULE":
            os.kill(os.getpid(), signal.SIGNAL)
sys.meta_path.insert(0, Finder())
"""
LATE = """
import atexit, os, signal, sys
atexit.register(os.kill, os.getpid(), signal.SIGNAL)
"""
MAIN = """
from tradebot.__main__ import main
sys.exit(main())
"""


def run(
    folder: Path, script: str, number: signal.Signals, module: str = "tradebot.cli.app"
) -> subprocess.CompletedProcess[str]:
    """Have close-all run with a signal that comes when the script says."""
    text = script.replace("SIGNAL", number.name).replace("MODULE", module) + MAIN
    env = {k: v for k, v in os.environ.items() if not k.startswith("TRADEBOT_")}
    return subprocess.run(
        [sys.executable, "-c", text, "close-all", "--yes", "--data-dir", str(folder / "data")],
        capture_output=True,
        text=True,
        cwd=folder,
        env={**env, "XDG_STATE_HOME": str(folder / "state"), "HOME": str(folder)},
        timeout=60,
        check=False,
    )


def test_while_it_is_being_imported_term_is_an_interrupt(tmp_path: Path) -> None:
    done = run(tmp_path, EARLY, signal.SIGTERM)
    assert done.returncode == 130, done
    assert done.stderr.strip().endswith("interrupted")


@pytest.mark.parametrize("module", ["tradebot.cli.app", "tradebot.app.close_plan"])
def test_a_terminal_lost_before_anything_is_closed_ends_nothing(
    tmp_path: Path, module: str
) -> None:
    done = run(tmp_path, EARLY, signal.SIGHUP, module)
    assert done.returncode == 0, done
    assert (tmp_path / "data" / "HALT").exists()
    assert "nothing was ever opened" in done.stdout


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP, signal.SIGINT], ids=str)
def test_once_it_is_answered_no_signal_changes_the_answer(
    tmp_path: Path, number: signal.Signals
) -> None:
    done = run(tmp_path, LATE, number)
    assert done.returncode == 0, done
    assert "nothing was ever opened" in done.stdout
