"""The real command on a real terminal (a pty): keys, attaching, kills, signals, a hung engine."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from kits.terminal_kit import F8, F9, LEFT, Terminal

from tradebot.guard.latch import halt_present
from tradebot.guard.lock import lock_owner
from tradebot.journal.reader import Reader

SLEEPY = """
import os, time
from pydantic import BaseModel

class Sleepy:
    class Params(BaseModel):
        pass

    warmup = 0

    def __init__(self, params, symbol):
        pass

    def on_bar(self, bar):
        if os.path.exists("asleep"):
            time.sleep(600)
"""


Open = Callable[..., Terminal]


@pytest.fixture
def terminal(tmp_path: Path) -> Iterator[Open]:
    """Open commands on terminals of their own, on the data directory ``data``."""
    opened: list[Terminal] = []

    def run(*words: str) -> Terminal:
        opened.append(Terminal(tmp_path, *words, "--data-dir", "data"))
        return opened[-1]

    yield run
    for one in opened:
        one.close()
    owner = lock_owner(tmp_path / "data")
    if owner is not None:
        with contextlib.suppress(ProcessLookupError):
            os.kill(owner.pid, signal.SIGKILL)


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[subprocess.Popen[bytes]]:
    """A headless engine."""
    words = ["paper", "--headless", "--speed", "600", "--data-dir", "data"]
    with subprocess.Popen(
        [sys.executable, "-m", "tradebot", *words],
        cwd=tmp_path,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    ) as process:
        wait_for(lambda: beat(tmp_path) > 0)
        yield process
        process.kill()


def wait_for(true: Callable[[], bool], seconds: float = 90.0) -> None:
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def beat(folder: Path) -> int:
    """Return when the newest run's engine wrote last, 0 before it did."""
    path = folder / "data" / "tradebot.db"
    with contextlib.suppress(Exception), Reader(path) as reader:
        run = reader.newest_run()
        found = None if run is None else reader.snapshot(run.id)
        return 0 if found is None else found.wall
    return 0


def state(folder: Path) -> str:
    with Reader(folder / "data" / "tradebot.db") as reader:
        return reader.resolve_run(None).state


def test_paper_opens_the_screen_and_q_stops_in_order(terminal: Open, tmp_path: Path) -> None:
    paper = terminal("paper")
    paper.until(b"CLOSE ALL")
    assert not paper.cooked()
    paper.until(b"SIMULATED MARKET")
    paper.press(b"6")
    paper.until(b"ema_cross")
    paper.press(F8)
    paper.until(b"HALTED since")
    assert halt_present(tmp_path / "data")
    paper.press(b"q")
    assert paper.code() == 0
    assert LEFT in paper.out
    assert b"Current value" in paper.out  # the summary is for the terminal's own screen
    assert b"Traceback" not in paper.out
    assert paper.cooked()
    assert state(tmp_path) == "interrupted"


def test_the_screen_is_as_large_as_its_terminal(
    terminal: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("COLUMNS", "LINES"):
        monkeypatch.delenv(name, raising=False)
    paper = terminal("paper")
    paper.until(b"CLOSE ALL")
    paper.resize(40, 120)
    paper.until(b"\x1b[40;1H")  # the bar of keys is on the last line
    paper.resize(30, 100)
    paper.until(b"\x1b[30;1H")


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 0), (signal.SIGINT, 130)])
def test_a_signal_restores_the_terminal_and_stops_in_order(
    terminal: Open, tmp_path: Path, number: signal.Signals, code: int
) -> None:
    paper = terminal("paper")
    paper.until(b"SIMULATED MARKET")
    os.kill(paper.pid, number)
    assert paper.code() == code
    assert LEFT in paper.out
    assert b"Traceback" not in paper.out
    assert paper.cooked()
    assert state(tmp_path) == "interrupted"


def test_a_hang_up_stops_in_order(terminal: Open, tmp_path: Path) -> None:
    paper = terminal("paper")
    paper.until(b"SIMULATED MARKET")
    paper.hang_up()
    assert paper.code() == 0
    assert state(tmp_path) == "interrupted"
    assert lock_owner(tmp_path / "data") is None


def test_screens_come_and_go_and_a_headless_engine_goes_on(
    terminal: Open, tmp_path: Path, engine: subprocess.Popen[bytes]
) -> None:
    one, other = terminal("tui"), terminal("tui", "--run", "paper-0001")
    for screen in (one, other):
        screen.until(b"SIMULATED MARKET")
    os.kill(one.pid, signal.SIGKILL)
    one.code()
    before = beat(tmp_path)
    wait_for(lambda: beat(tmp_path) > before)
    other.press(F8)
    other.until(b"HALTED since")
    os.kill(other.pid, signal.SIGTERM)
    assert other.code() == 0
    assert other.cooked()
    assert engine.poll() is None
    assert state(tmp_path) == "running"
    engine.terminate()
    assert engine.wait(90) == 0
    assert state(tmp_path) == "interrupted"


def quit_screen(screen: Terminal) -> None:
    """Press q until it has ended: where it still thinks that positions are open it asks, and a second q is yes."""
    for _ in range(15):
        if screen.ended():
            break
        screen.press(b"q")
        with contextlib.suppress(AssertionError):
            screen.until_true(screen.ended, 1.0, "end")
    assert screen.code() == 0


def test_f9_closes_past_an_engine_that_hangs(
    terminal: Open, tmp_path: Path, engine: subprocess.Popen[bytes]
) -> None:
    screen = terminal("tui")
    screen.until(b"SIMULATED MARKET")
    os.kill(engine.pid, signal.SIGSTOP)
    screen.press(F9)
    screen.until(b"target")
    time.sleep(0.6)
    screen.press(F9)
    screen.until(b"ALL CLOSED", 90)
    assert engine.wait(90) == -signal.SIGKILL
    assert halt_present(tmp_path / "data")
    quit_screen(screen)


def test_f9_closes_past_a_hung_engine_of_its_own_process(terminal: Open, tmp_path: Path) -> None:
    (tmp_path / "sleepy.py").write_text(SLEEPY)
    paper = terminal("paper", "--strategy", "sleepy.py:Sleepy", "--speed", "600")
    paper.until(b"SIMULATED MARKET")
    (tmp_path / "asleep").touch()
    before = 0
    while beat(tmp_path) != before:
        before = beat(tmp_path)
        paper.read(0.5)
        time.sleep(1.2)
    paper.press(F9)
    paper.until(b"target")
    time.sleep(0.6)
    paper.press(F9)
    paper.until(LEFT, 90)
    assert paper.code(90) == -signal.SIGKILL  # by the close-all, which goes on where it was
    paper.until(b"did not answer and was ended")
    assert paper.cooked()
    wait_for(lambda: lock_owner(tmp_path / "data") is None)


def test_a_screen_on_nothing_starts_an_engine_when_asked(terminal: Open, tmp_path: Path) -> None:
    screen = terminal("tui")
    screen.until(b"there is no journal yet")
    assert not (tmp_path / "data").exists()
    screen.press(b"6")
    screen.until(b"begin")
    screen.press(b"b")
    screen.until(b"SIMULATED MARKET", 90)
    screen.press(b"q")
    assert screen.code() == 0
    owner = lock_owner(tmp_path / "data")
    assert owner is not None
    os.kill(owner.pid, signal.SIGTERM)
    wait_for(lambda: not owner.alive)
    assert state(tmp_path) == "interrupted"


def test_without_a_terminal_there_is_no_screen(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "tradebot", "tui", "--data-dir", "data"],
        cwd=tmp_path,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
        timeout=90,
    )
    assert done.returncode == 2
    assert "terminal" in done.stderr
    assert "tradebot status" in done.stderr


BAD_BYTES = (
    b"\x1b[M \xe0\x30",
    b"\x1b[M#\xff\xff",
    b"\xe9\xff\xfe",
    b"\x1b[M",
    b"\xe0",
    b"\x1b[<999999;q",
)


def test_bad_bytes_are_dropped_and_the_engine_goes_on(terminal: Open, tmp_path: Path) -> None:
    paper = terminal("paper")
    paper.until(b"SIMULATED MARKET")
    for data in BAD_BYTES:
        paper.press(data)
        paper.read(0.4)
    before = beat(tmp_path)
    paper.until_true(lambda: beat(tmp_path) > before, 15, "heartbeat")
    paper.press(b"6")
    paper.until(b"ema_cross")  # the keys still work
    paper.press(b"q")
    paper.read(0.5)
    if not paper.ended():
        paper.press(b"q")  # a position may be open: it asks
    assert paper.code() == 0
    assert b"Traceback" not in paper.out
    assert state(tmp_path) == "interrupted"


CRASHES = """
import time
from tradebot.tui.terminal import TerminalDriver

def broken(*_):
    time.sleep(4)  # the engine has begun by then, on a busy machine too
    raise RuntimeError("the screen cannot go on")

TerminalDriver.run_input_thread = broken
from tradebot.__main__ import main
raise SystemExit(main())
"""


def test_a_screen_that_ends_by_itself_is_told_in_one_line(tmp_path: Path) -> None:
    (tmp_path / "broken.py").write_text(CRASHES)
    paper = Terminal(tmp_path, "paper", "--data-dir", "data", script="broken.py")
    try:
        assert paper.code(90) == 1
        said = paper.out.split(LEFT)[-1]
        assert b"the screen ended by itself; the engine was stopped in order" in said
        assert b"Traceback" not in paper.out
        assert paper.cooked()
        assert state(tmp_path) == "interrupted"
        log = (tmp_path / "data" / "engine.log").read_text()
        assert "the screen cannot go on" in log
    finally:
        paper.close()


FAILS_LEAVING = """
from tradebot.tui.app import TradebotApp

leave = TradebotApp.exit

def exit(self, *words, **named):
    leave(self, *words, **named)
    self._handle_exception(RuntimeError("it failed while it left"))

TradebotApp.exit = exit
from tradebot.__main__ import main
raise SystemExit(main())
"""


def test_a_wish_to_leave_stands_whatever_fails_meanwhile(
    tmp_path: Path, engine: subprocess.Popen[bytes]
) -> None:
    (tmp_path / "broken.py").write_text(FAILS_LEAVING)
    screen = Terminal(tmp_path, "tui", "--data-dir", "data", script="broken.py")
    try:
        screen.until(b"SIMULATED MARKET")
        quit_screen(screen)
        assert b"ended by itself" not in screen.out
        assert screen.cooked()
        assert engine.poll() is None
    finally:
        screen.close()
