"""``tradebot tui``, and the screen that ``paper`` opens on a terminal.

The one place where a face knows the other: the command line hands over the terminal. Textual is imported
only when a screen opens.
"""

from __future__ import annotations

import errno
import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from decimal import Decimal
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

from tradebot.app.host import PaperHost
from tradebot.cli.interrupts import settle
from tradebot.cli.options import Common
from tradebot.cli.person import user_name
from tradebot.cli.settings import read_config
from tradebot.cli.stopping import (
    INTERRUPTED,
    WATCHDOG_S,
    Signals,
    leave_at_once,
    stop_or_keep,
    until_ended,
)
from tradebot.cli.streams import say
from tradebot.clock import SYSTEM
from tradebot.config import Config
from tradebot.core.model.errors import TradebotError, UsageError
from tradebot.guard.lock import PID_FILE, Traded, lock_owner
from tradebot.plugins.aside import prints_aside

if TYPE_CHECKING:
    from tradebot.tui.setting import AtStake, Exit

READY_S = 0.02
"""Seconds between two looks at whether the engine has begun its run."""

STARTED_S = 60.0
"""Seconds for a started engine to take its lock; a live one goes through its checklist first."""

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
    from tradebot.tui.app import show
    from tradebot.tui.setting import Setting

    if run is not None:
        _check_run(config, run)
    with Signals() as signals:
        setting = Setting(
            config,
            user_name(),
            run=run,
            start=partial(_start, common, config, "paper"),
            check_live=partial(_check_live, common, config),
            start_live=partial(_start_live, common, config),
            listen=signals.listen,
        )
        left = show(setting, config.data_dir() / LOG_FILE)
        settle()
        let_go_of_terminal()
    if left is None:
        raise _screen_failed(config)
    return _answer(left)


def run_with_screen(
    host: PaperHost,
    config: Config,
    common: Common,
    ready: threading.Event,
    signals: Signals,
    watchdog: Callable[[float], None] | None = None,
) -> None:
    """Show the screen over the engine's thread; on leaving, stop the engine in order.

    ``host`` has been started; ``ready`` is set when its run has begun. An engine that ends before that has
    no screen: its error is for the caller. ``watchdog`` ends the process of one that hangs: on a screen a person is given
    time for F9 first. TradebotError when the screen ended by itself.
    """
    with prints_aside():
        until_ended(host, signals, ready.is_set)
    if host.wait(0) or signals.caught:
        with prints_aside():
            until_ended(host, signals)
        return
    from tradebot.tui.app import show
    from tradebot.tui.setting import Setting

    setting = Setting(
        config,
        user_name(),
        ended=lambda: _ended(host),
        listen=signals.listen,
        hung=lambda: host.hung,
        patience_s=None if watchdog is None else WATCHDOG_S,
        supervision=host.supervision,
    )
    left = show(setting, config.data_dir() / LOG_FILE)
    signals.listen(partial(stop_or_keep, host, signals))
    if left is not None and left.why == "hung" and watchdog is not None:
        watchdog(host.hung)
    if left is not None and left.why == "direct":
        _close_past(config, common, host.traded, left.run)
    host.stop("the screen was left" if left is not None else "the screen failed")
    with prints_aside():
        until_ended(host, signals, since=SYSTEM.monotonic())
    if left is None:
        let_go_of_terminal()
        raise _screen_failed(config, "; the engine was stopped in order")


def _screen_failed(config: Config, more: str = "") -> TradebotError:
    log = config.data_dir() / LOG_FILE
    hint = f"{log} says why" if log.exists() else "please report it"
    return TradebotError(f"the screen ended by itself{more}", hint=hint)


def let_go_of_terminal() -> None:
    """Say the rest to nobody where the terminal has gone: a write to it would be an error."""
    try:
        import termios
    except ImportError:  # no such terminals here
        return
    for stream in (sys.stdout, sys.stderr):
        try:
            fd = stream.fileno()
            termios.tcgetattr(fd)
        except termios.error as error:
            if error.args and error.args[0] == errno.EIO:
                os.dup2(os.open(os.devnull, os.O_WRONLY), fd)
        except (AttributeError, OSError, ValueError):  # closed, or no file at all
            continue


def _check_run(config: Config, run: str) -> None:
    """Raise UsageError for a run that is not there; JournalError without a journal."""
    from tradebot.app.database import database
    from tradebot.journal.reader import Reader

    with Reader(database(config)) as reader:
        reader.run(run)


def _answer(left: Exit) -> int:
    """Return the exit code: an interrupt is 130, TERM and HUP are an orderly stop."""
    return INTERRUPTED if left.signal == signal.SIGINT else 0


def _ended(host: PaperHost) -> str | None:
    """Return how the engine of this process ended, in words; None while it runs."""
    if not host.wait(0):
        return None
    try:
        return host.result().why
    except BaseException as error:  # whatever it was, the screen has to say it
        return str(error) or type(error).__name__


def _close_past(config: Config, common: Common, traded: Traded | None, run: str | None) -> NoReturn:
    """Start a close-all that ends this process, and wait for that: the engine's thread hangs, and nothing here ends it.

    It is in a session of its own: it goes on, and prints here, also where the terminal goes away. Where it cannot be
    started this process becomes it, as the next best.
    """
    words = [sys.executable, "-P", "-m", "tradebot", "close-all", "--yes", *_where(common, config)]
    env = dict(os.environ)
    if traded is None:
        words += [] if run is None else ["--run", run]
    else:
        words += ["--account", traded.environment]
        env |= _exchange(traded)
    say("the engine of this process hangs: a close-all takes over here, and ends it")
    sys.stdout.flush()
    sys.stderr.flush()
    try:
        closing = subprocess.Popen(words, env=env, stdin=subprocess.DEVNULL, start_new_session=True)
    except OSError:
        # the note of who holds the lock goes first, or the new program would take itself for the engine
        (config.data_dir() / PID_FILE).unlink(missing_ok=True)
        os.execve(sys.executable, words, env)
    leave_at_once(closing.wait())  # it is still here: then it was not this process that had to go


def _exchange(traded: Traded) -> dict[str, str]:
    """Return the variables that tell where an account is: a command line may have said it to us alone."""
    told = {"URL": traded.url, "DEMO_REST": traded.demo_rest, "DEMO_STREAM": traded.demo_stream}
    told = {name: value for name, value in told.items() if value}
    named = {"ENVIRONMENT": traded.environment, **told}
    return {f"TRADEBOT_EXCHANGE__{name}": value for name, value in named.items()}


def _check_live(common: Common, config: Config) -> AtStake:
    """Go through live's checklist in a process of its own; return what a start would put at stake.

    TradebotError says what does not allow one, where nothing is open of ours.
    """
    from tradebot.app.permission import WORD
    from tradebot.tui.setting import AtStake

    words = [
        sys.executable,
        "-P",
        "-m",
        "tradebot",
        "live",
        "--check",
        "--json",
        *_where(common, config),
    ]
    done = subprocess.run(
        words, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False
    )
    try:
        document = json.loads(done.stdout)
        data, error = document["data"] or {}, document["error"]
        if error is not None and not data.get("open"):
            raise TradebotError(error["message"], hint=error["hint"])
        if data["terminal_only"] and not data["open"]:  # to protect needs nobody before it
            text = f"stage {data['stage']} trades on a terminal only: an engine beside this screen has none"
            raise TradebotError(text, hint="q leaves; then start `tradebot live`")
        names = ("account", "stage", "symbols", "strategy", "limits", "open")
        told = {name: data[name] for name in names}
        return AtStake(**told, equity=Decimal(data["equity"]), token=data["token"] or "", word=WORD)
    except (ValueError, KeyError, TypeError):
        last = done.stderr.strip().rpartition("\n")[2]
        raise TradebotError(f"the checklist did not end as it should: {last}") from None


def _start_live(common: Common, config: Config, token: str) -> str:
    """Start a headless live engine; what is open of ours is protected without a token."""
    return _start(common, config, "live", *(["--confirm-live", token] if token else []))


def _start(common: Common, config: Config, command: str, *more: str) -> str:
    """Start a headless engine that outlives this screen; returns in words how it went."""
    data_dir = config.data_dir()
    data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
    words = [
        sys.executable,
        "-P",
        "-m",
        "tradebot",
        command,
        "--headless",
        *_where(common, config),
        *more,
    ]
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
