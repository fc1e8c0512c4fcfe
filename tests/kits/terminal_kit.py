"""A command on a terminal of its own (a pty): what it shows, keys, signals, its end."""

from __future__ import annotations

import fcntl
import os
import pty
import select
import signal
import struct
import sys
import termios
import time
from collections.abc import Callable, Mapping
from pathlib import Path

F8, F9 = b"\x1b[19~", b"\x1b[20~"

LEFT = b"\x1b[?1049l"
"""What gives the terminal its own screen back."""


class Terminal:
    """A command on a pty of its own, 24 by 80."""

    def __init__(
        self, folder: Path, *words: str, script: str = "", env: Mapping[str, str] | None = None
    ) -> None:
        run = [script] if script else ["-m", "tradebot"]
        command = [sys.executable, *run, *words]
        self.pid, self.fd = pty.fork()
        if self.pid == 0:
            os.chdir(folder)
            os.environ["TERM"] = "xterm-256color"
            os.environ.update(env or {})
            os.execv(command[0], command)
        self.resize(24, 80)
        self.out = b""
        self._code: int | None = None

    def read(self, seconds: float) -> None:
        """Take what comes within some seconds."""
        if self.fd < 0 or not select.select([self.fd], [], [], seconds)[0]:
            return
        try:
            self.out += os.read(self.fd, 1 << 16)
        except OSError:  # the other end has gone
            time.sleep(seconds)

    def until(self, word: bytes, seconds: float = 90.0) -> None:
        """Wait for a word that was not there before."""
        self.until_true(lambda: word in self.out, seconds, repr(word))
        self.out = self.out[self.out.rindex(word) + len(word) :]

    def until_true(self, true: Callable[[], bool], seconds: float, what: str) -> None:
        """Read on until something is so."""
        deadline = time.monotonic() + seconds
        while not true():
            assert time.monotonic() < deadline, f"no {what} in {self.out[-3000:]!r}"
            self.read(0.05)

    def resize(self, rows: int, columns: int) -> None:
        """Make the terminal as large; what runs in it is told."""
        fcntl.ioctl(self.fd, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))

    def press(self, keys: bytes) -> None:
        """Press keys."""
        os.write(self.fd, keys)

    def hang_up(self) -> None:
        """Take the terminal away."""
        os.close(self.fd)
        self.fd = -1

    def ended(self) -> bool:
        """Whether the command has ended."""
        if self._code is None:
            pid, status = os.waitpid(self.pid, os.WNOHANG)
            if pid:
                self._code = os.waitstatus_to_exitcode(status)
        return self._code is not None

    def code(self, seconds: float = 90.0) -> int:
        """Wait for the end; return the exit code."""
        self.until_true(self.ended, seconds, "end")
        self.read(0.05)
        assert self._code is not None
        return self._code

    def cooked(self) -> bool:
        """Whether the terminal is as a shell wants it: it echoes, and gives whole lines."""
        flags = termios.tcgetattr(self.fd)[3]
        return bool(flags & termios.ECHO and flags & termios.ICANON)

    def close(self) -> None:
        """End whatever still runs."""
        if not self.ended():
            os.kill(self.pid, signal.SIGKILL)
            os.waitpid(self.pid, 0)
        if self.fd >= 0:
            os.close(self.fd)
