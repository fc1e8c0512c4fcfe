"""``tradebot tui``, and the screen that ``paper`` opens on a terminal.

The one place where a face knows the other: the command line hands over the terminal. Textual is imported
only when a screen opens.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from tradebot.app.host import PaperHost
from tradebot.cli.options import Common
from tradebot.cli.person import user_name
from tradebot.cli.settings import read_config
from tradebot.clock import SYSTEM
from tradebot.config import Config
from tradebot.core.model.errors import TradebotError, UsageError
from tradebot.guard.lock import PID_FILE, lock_owner

if TYPE_CHECKING:
    from tradebot.tui.app import Exit

READY_S = 0.02
"""Seconds between two looks at whether the engine has begun its run."""

STARTED_S = 15.0
"""Seconds for a started engine to take its lock."""

STOPPING_S = 0.1

LOG_FILE = "engine.log"
"""What an engine that was started from the screen says; in the data directory."""


def is_terminal() -> bool:
    """Whether there is a terminal to show a screen on: both ends, and one that can."""
    if os.environ.get("TERM", "") in ("dumb", "unknown"):
        return False
    return all(stream.isatty() for stream in (sys.stdin, sys.stdout, sys.stderr))


def tui(common: Common, run: str | None) -> int:
    """Show the runs of the data directory until the user leaves; returns the exit code."""
    config = read_config(common)
    if not is_terminal():
        raise UsageError(
            "the screens need a terminal", hint="`tradebot status` and the others print instead"
        )
    from tradebot.tui.app import Setting, TradebotApp

    if run is not None:
        _check_run(config, run)
    app = TradebotApp(Setting(config, user_name(), run=run, start=lambda: _start(common, config)))
    left = app.run()
    return _fatal(app.return_code) or _answer(left)


def run_with_screen(host: PaperHost, config: Config, common: Common, ready: threading.Event) -> int:
    """Show the screen over the engine's thread; on leaving, stop the engine in order.

    ``host`` has been started; ``ready`` is set when its run has begun. An engine that ends before that has
    no screen: its error is for the caller. Returns the signal that ended the screen, 0 for none.
    """
    while not ready.wait(READY_S):
        if host.wait(0):
            return 0
    from tradebot.tui.app import Setting, TradebotApp

    handlers = _handlers()
    app = TradebotApp(Setting(config, user_name(), ended=lambda: _ended(host)))
    left = app.run()
    _restore(handlers)
    if left is not None and left.why == "direct":
        _close_without_engine(config, common)
    number = 0 if left is None else left.signal
    why = f"signal {signal.Signals(number).name}" if number else "the screen was left"
    host.stop(why)
    while not host.wait(STOPPING_S):
        pass
    if number == getattr(signal, "SIGHUP", None):
        _let_go_of_terminal()
    if app.return_code:
        raise TradebotError("the screen failed; the engine was stopped in order")
    return number


def _let_go_of_terminal() -> None:
    """Say the rest to nobody if the terminal has gone: a write to it would be an error."""
    import termios

    for stream in (sys.stdout, sys.stderr):
        try:
            termios.tcgetattr(stream.fileno())
        except (OSError, termios.error):
            os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())


def _check_run(config: Config, run: str) -> None:
    """Raise UsageError for a run that is not there; JournalError without a journal."""
    from tradebot.app.standing import database
    from tradebot.journal.reader import Reader

    with Reader(database(config)) as reader:
        reader.run(run)


def _answer(left: Exit | None) -> int:
    """Return the exit code: an interrupt is 130, TERM and HUP are an orderly stop."""
    return 130 if left is not None and left.signal == signal.SIGINT else 0


def _fatal(code: int | None) -> int:
    return 1 if code else 0


def _ended(host: PaperHost) -> str | None:
    """Return how the engine of this process ended, in words; None while it runs."""
    if not host.wait(0):
        return None
    try:
        return host.result().why
    except BaseException as error:  # whatever it was, the screen has to say it
        return str(error) or type(error).__name__


def _handlers() -> dict[int, Callable[..., object] | int | None]:
    """Return the signal handlers in force: the screen's loop takes them, and leaves none behind."""
    names = ("SIGINT", "SIGTERM", "SIGHUP")
    numbers = [getattr(signal, name) for name in names if hasattr(signal, name)]
    return {number: signal.getsignal(number) for number in numbers}


def _restore(handlers: dict[int, Callable[..., object] | int | None]) -> None:
    for number, handler in handlers.items():
        signal.signal(number, handler if handler is not None else signal.SIG_DFL)


def _close_without_engine(config: Config, common: Common) -> None:
    """Become a close-all: the engine's thread hangs, and only this process's end takes it away.

    Replacing the program ends all threads and lets go of the instance lock. The note of who holds it goes
    first, or the new program would take itself for the engine.
    """
    (config.data_dir() / PID_FILE).unlink(missing_ok=True)
    sys.stdout.flush()
    sys.stderr.flush()
    words = [sys.executable, "-m", "tradebot", "close-all", "--yes", *_where(common, config)]
    os.execv(sys.executable, words)


def _start(common: Common, config: Config) -> str:
    """Start a headless engine that outlives this screen; returns in words how it went."""
    data_dir = config.data_dir()
    data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
    words = [sys.executable, "-m", "tradebot", "paper", "--headless", *_where(common, config)]
    with (data_dir / LOG_FILE).open("ab") as log:
        engine = subprocess.Popen(
            words, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True
        )
    try:
        code: int | None = engine.wait(0)
    except subprocess.TimeoutExpired:
        code = _until_started(engine, data_dir)
    if code is not None:
        raise TradebotError(
            f"the engine ended at once (exit code {code})", hint=f"see {data_dir / LOG_FILE}"
        )
    return f"a headless engine runs (process {engine.pid}); x stops it"


def _until_started(engine: subprocess.Popen[bytes], data_dir: Path) -> int | None:
    """Wait until the engine holds the lock; return its exit code if it ended instead."""
    deadline = SYSTEM.monotonic() + STARTED_S
    while SYSTEM.monotonic() < deadline and lock_owner(data_dir) is None:
        if engine.poll() is not None:
            return engine.returncode
        SYSTEM.sleep(0.05)
    return None


def _where(common: Common, config: Config) -> list[str]:
    """Return the options by which another process finds the same configuration and data."""
    words = ["--data-dir", str(config.data_dir())]
    if common.config is not None:
        words += ["--config", str(common.config)]
    return words
