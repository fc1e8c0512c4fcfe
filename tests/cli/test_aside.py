"""Stdout is one for all threads: user code that prints in one of them takes no part of another's answer."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from tradebot.cli.output import Result, show
from tradebot.plugins import aside
from tradebot.plugins.aside import prints_aside


def put(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


@contextmanager
def in_another_thread(left: threading.Event) -> Iterator[threading.Thread]:
    """Have another thread print aside until an event; it says a word before it leaves."""
    entered = threading.Event()

    def work() -> None:
        with prints_aside():
            entered.set()
            left.wait(10)
            put("user code")

    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    assert entered.wait(5)
    try:
        yield thread
    finally:
        left.set()
        thread.join(5)


def test_blocks_that_overlap_leave_stdout_as_it_was(capfd: pytest.CaptureFixture[str]) -> None:
    before, left = sys.stdout, threading.Event()
    with ExitStack() as other, prints_aside():
        other.enter_context(in_another_thread(left))
        put("ours")
    # the other one has gone on a little longer
    assert sys.stdout is before
    put("an answer")
    assert capfd.readouterr() == ("an answer\n", "ours\nuser code\n")


def test_an_answer_waits_for_user_code_in_another_thread(
    capfd: pytest.CaptureFixture[str],
) -> None:
    left = threading.Event()
    with in_another_thread(left):
        threading.Timer(0.3, left.set).start()
        assert show(Result("status", {"rows": [1, 2, 3]}), as_json=True) == 0
    out, err = capfd.readouterr()
    assert json.loads(out)["data"] == {"rows": [1, 2, 3]}
    assert err == "user code\n"


def test_it_waits_for_none_that_never_ends(
    capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(aside, "PATIENCE_S", 0.1)
    with in_another_thread(threading.Event()):
        show(Result("status", {"rows": []}), as_json=True)
        assert json.loads(capfd.readouterr().out)["command"] == "status"
    with prints_aside():
        put("aside again")
    assert capfd.readouterr() == ("user code\n", "aside again\n")


def test_no_thread_goes_aside_while_an_answer_is_written(
    capfd: pytest.CaptureFixture[str],
) -> None:
    ends = threading.Event()

    def work() -> None:
        while not ends.is_set():
            with prints_aside():
                time.sleep(0.0005)
            time.sleep(0.0005)

    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    try:
        for _ in range(50):
            show(Result("status", {str(n): {"a": n} for n in range(200)}), as_json=True)
    finally:
        ends.set()
        thread.join(5)
    lines = capfd.readouterr().out.splitlines()
    assert [len(json.loads(line)["data"]) for line in lines] == [200] * 50


SCREEN = """
import os, sys, threading, time
from pathlib import Path
from tradebot.plugins.aside import prints_aside
from tradebot.tui.terminal import alone

entered = threading.Event()

def work():
    with prints_aside():
        entered.set()
        time.sleep(0.3)

thread = threading.Thread(target=work)
thread.start()
entered.wait()
with alone(Path(sys.argv[1])):
    thread.join()
    os.write(1, b"of user code")
os.write(1, b"an answer")
"""


def test_nobody_who_leaves_brings_the_terminal_back_under_a_screen(tmp_path: Path) -> None:
    log = tmp_path / "screen.log"
    done = subprocess.run(
        [sys.executable, "-c", SCREEN, str(log)], capture_output=True, timeout=60, check=True
    )
    assert (done.stdout, log.read_bytes()) == (b"an answer", b"of user code")
