"""The alerter beside an engine: started in a session of its own, so that neither's end is the other's.

Under systemd the engine starts none: all processes of its unit end with it, or with the shell that started it there, and
a unit of its own runs the alerter.
"""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path

from tradebot.app.alerts_state import LOG_FILE, note_wanted
from tradebot.clock import SYSTEM, Clock
from tradebot.config import Config
from tradebot.config.model import written
from tradebot.disk import FILE_MODE
from tradebot.guard.alerts_lock import alerter_pid

LOOK_S = 2.0
LAST_S = 2.0
"""For so long an engine that ends waits for the last look."""
AGAIN_S = 60.0
"""An alerter that died is started again at most this often."""

SHELLS = ("sh", "bash", "dash", "zsh", "ksh", "ash", "busybox")
"""What a unit's ExecStart may have the engine started by: when it has ended, so has its shell, and the unit."""


class AlertsBeside:
    """Keeps an alerter running while an engine does, where a channel is configured.

    ``working`` says whether the engine has begun: what it has told before that is in its journal.
    """

    def __init__(
        self,
        config: Config,
        working: Callable[[], bool],
        *,
        env: Mapping[str, str] | None = None,
        clock: Clock = SYSTEM,
    ) -> None:
        self._config = config
        self._working = working
        self._env = os.environ if env is None else env
        self._clock = clock
        self._child: subprocess.Popen[bytes] | None = None
        self._started: float | None = None
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="alerts", daemon=True)

    def __enter__(self) -> AlertsBeside:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join(LAST_S)  # a run may have been shorter than the time between two looks

    def _watch(self) -> None:
        """Look after the alerter until the engine has ended; nothing is noted for one that never worked."""
        noted = over = False
        while not over:
            over = self._over.wait(0.2 if self._started is None else LOOK_S)
            if not self._working():
                continue
            channels = self._config.alerts.all_channels
            if not noted:
                note_wanted(self._config.data_dir(), channels, self._clock.wall_ms())
                noted = True
            if not channels or is_a_service(self._env):
                return
            self.look()

    def look(self) -> None:
        """Start an alerter where none works, at most once in ``AGAIN_S``."""
        if self._child is not None and self._child.poll() is None:
            return
        now = self._clock.monotonic()
        if self._started is not None and now - self._started < AGAIN_S:
            return
        if alerter_pid(self._config.data_dir()) is None:
            self._started = now
            self._child = started(self._config, self._env)
        elif self._started is None:
            self._started = now - AGAIN_S


def is_a_service(env: Mapping[str, str]) -> bool:
    """Whether this process is the main one of a systemd service, or a shell is that runs it.

    Who sits at a terminal has only inherited the word.
    """
    main = env.get("SYSTEMD_EXEC_PID", "")
    if "INVOCATION_ID" not in env:
        return False
    if main in ("", str(os.getpid())):
        return True
    return _name_of(main) in SHELLS and not any(map(os.isatty, range(3)))


def _name_of(pid: str) -> str:
    """Return what a process is called; "" where that cannot be told."""
    with suppress(OSError, ValueError):
        return Path(f"/proc/{int(pid)}/comm").read_text(errors="replace").strip()
    return ""


def started(config: Config, env: Mapping[str, str]) -> subprocess.Popen[bytes] | None:
    """Start an alerter with the same configuration, detached; None where it cannot be."""
    data_dir = config.data_dir()
    try:
        log = os.open(data_dir / LOG_FILE, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, FILE_MODE)
    except OSError:
        log = os.open(os.devnull, os.O_WRONLY)
    try:
        return subprocess.Popen(
            command(config),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=log,
            start_new_session=True,
            env={k: v for k, v in env.items() if k != "NOTIFY_SOCKET"},
        )
    except OSError:
        return None
    finally:
        os.close(log)


def command(config: Config) -> list[str]:
    """Return the words of the alerter that this configuration means."""
    words = [sys.executable, "-P", "-m", "tradebot", "alerts", "run"]
    if config.file is not None:
        words += ["--config", str(Path(config.file).absolute())]
    words += ["--data-dir", str(config.data_dir().absolute())]
    for key, value in config.items():
        if key.startswith("alerts.") and config.origin(key).kind in ("set", "flag"):
            words += ["--set", f"{key}={value if isinstance(value, str) else written(value)}"]
    return words


__all__ = ["AlertsBeside", "command", "is_a_service", "started"]
