"""A command on a terminal of its own, as a person has it: what it shows, what is typed, and its end by force."""

from __future__ import annotations

import fcntl
import os
import pty
import select
import struct
import subprocess
import termios
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from kits.paper_kit import Bot

PATIENCE_S = 90.0


@dataclass
class Terminal:
    """A process and what it has shown so far."""

    process: subprocess.Popen[bytes]
    master: int
    shown: str = ""
    over: threading.Event = field(default_factory=threading.Event)

    def read(self) -> None:
        """Take what comes, until the end: nobody may be held up by a terminal that is full."""
        while not self.over.is_set():
            ready, _, _ = select.select([self.master], [], [], 0.2)
            try:
                self.shown += os.read(self.master, 65_536).decode(errors="replace") if ready else ""
            except OSError:  # its other end has closed
                return

    def shows(self, words: str, since: int = 0) -> None:
        """Wait until it has shown some words, behind the first ``since`` characters."""
        deadline = time.monotonic() + PATIENCE_S
        while words not in self.shown[since:]:
            assert time.monotonic() < deadline, self.shown[-2000:]
            assert self.process.poll() is None, self.shown[-2000:]
            time.sleep(0.1)

    def answers(self, question: str, words: str) -> None:
        """Type a line once it has asked."""
        self.shows(question)
        os.write(self.master, f"{words}\n".encode())

    def presses(self, key: str) -> None:
        """Press a key."""
        os.write(self.master, key.encode())

    def kill(self) -> None:
        """End it by force."""
        self.process.kill()
        self.process.wait(30)


@contextmanager
def on_terminal(bot: Bot, *words: object) -> Iterator[Terminal]:
    """Start a command of the bot on a terminal of 120 x 40; it is killed at the end."""
    master, slave = pty.openpty()
    fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 40, 120, 0, 0))
    env = {**bot._env({}), "TERM": "xterm-256color", "COLUMNS": "120", "LINES": "40"}
    process = subprocess.Popen(
        bot._command(words),
        stdin=slave,
        stdout=slave,
        stderr=slave,
        cwd=bot.folder,
        env=env,
        start_new_session=True,
    )
    os.close(slave)
    found = Terminal(process, master)
    reader = threading.Thread(target=found.read, daemon=True)
    reader.start()
    try:
        yield found
    finally:
        found.kill()
        found.over.set()
        reader.join(30)
        os.close(master)
