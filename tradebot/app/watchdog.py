"""What ends an engine that hangs, and what a supervisor is told of one that works.

A hung loop cannot stop in order, and its stops are at the exchange: the stacks of all threads go to stderr and a file, and the
process ends with 7, so that whoever supervises it starts it again. systemd's words are datagrams to the socket that
it names (sd_notify(3)).
"""

from __future__ import annotations

import contextlib
import faulthandler
import os
import socket
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import NoReturn

from tradebot.clock import SYSTEM, Clock
from tradebot.core.model.times import iso
from tradebot.guard.notice import write_notice

EXIT_CODE = 7
DUMP_FILE = "tradebot.hung"
"""Where the stacks of the newest hung engine are, in the data directory."""

EVERY_S = 1.0
"""Seconds between two words to the supervisor."""


def end_hung(data_dir: Path, hung_s: float, leave: Callable[[int], NoReturn] = os._exit) -> None:
    """Dump all stacks to stderr and a file, leave a notice, and end the process; nothing of it may fail."""
    text = f"the engine made no progress for {hung_s:.0f} s and was ended (exit {EXIT_CODE})"
    with contextlib.suppress(OSError, ValueError):
        print(f"{text}; its stops stay at the exchange", file=sys.stderr, flush=True)  # noqa: T201
        faulthandler.dump_traceback(all_threads=True)
    _dump(data_dir, text)
    write_notice(data_dir, f"{text}; {data_dir / DUMP_FILE} says where it hung", kind="hung")
    leave(EXIT_CODE)


def _dump(data_dir: Path, text: str) -> None:
    with contextlib.suppress(OSError, ValueError), (data_dir / DUMP_FILE).open("w") as file:
        file.write(f"{iso(SYSTEM.wall_ms())} {text}\n")
        file.flush()
        faulthandler.dump_traceback(file, all_threads=True)


class ScreenWatch:
    """Dumps the stacks of an engine that hangs behind a screen, once each time; the screen says that it hangs.

    A person is there, and is given time for F9 before it is ended.
    """

    def __init__(self, data_dir: Path) -> None:
        self._data_dir = data_dir
        self._before = 0.0

    def __call__(self, hung_s: float) -> None:
        """Be told for how long it has made no progress (s)."""
        new, self._before = not 0 < self._before < hung_s, hung_s
        if new:
            _dump(self._data_dir, f"the engine has made no progress for {hung_s:.0f} s")


class Supervisor:
    """Tells systemd how the engine does; without its socket nobody is told. No failure of this matters to anybody."""

    def __init__(self, env: Mapping[str, str], clock: Clock = SYSTEM) -> None:
        self._address = env.get("NOTIFY_SOCKET", "")
        self._clock = clock
        self._last = 0.0

    def ready(self) -> None:
        """Say that it is up."""
        self._tell("READY=1")

    def stopping(self) -> None:
        """Say that it ends."""
        self._tell("STOPPING=1")

    def alive(self) -> None:
        """Say that data was processed; no more often than each second."""
        now = self._clock.monotonic()
        if self._address and now - self._last >= EVERY_S:
            self._last = now
            self._tell("WATCHDOG=1")

    def _tell(self, word: str) -> None:
        if not self._address or not hasattr(socket, "AF_UNIX"):
            return
        address = self._address
        if address.startswith("@"):  # an abstract one
            address = "\0" + address[1:]
        with contextlib.suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as out:
            out.setblocking(False)
            out.sendto(word.encode(), address)
