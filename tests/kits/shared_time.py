"""Virtual time that two processes share: the engine asks for time to pass, the venue lets it pass in its own loop.

The engine's process may be killed at any instruction; time then stands until the next one asks. While it has
something to do, time stands too; when it waits, the venue lives on to the moment it waits for, or to the first word
it has for it.
"""

from __future__ import annotations

import asyncio
import selectors
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any

from kits.live_kit import VirtualLoop

SOON_S = 0.05
"""Real seconds between two looks while a thread works."""


class TimeAsked:
    """The engine's side: asks for time to pass. ``who`` is told first: engine, or away for time without one."""

    def __init__(self, path: Path, who: str) -> None:
        self._socket = socket.socket(socket.AF_UNIX)
        self._socket.connect(str(path))
        self._answers = self._socket.makefile("r")
        self.begun = self._ask(who)

    def until(self, virtual: float) -> float:
        """Let time pass up to a moment (s); return how far it has come: something may have happened before."""
        return self._ask(repr(virtual))

    def end(self) -> None:
        self._answers.close()
        self._socket.close()

    def _ask(self, line: str) -> float:
        self._socket.sendall(f"{line}\n".encode())
        return float(self._answers.readline())


class EngineLoop(VirtualLoop):
    """The engine's loop: when nobody is busy it asks for time to pass. ``each`` is called before each turn."""

    def __init__(self, time: TimeAsked, each: Callable[[], None]) -> None:
        super().__init__(_Asking)
        self.shared = time
        self.virtual = time.begun
        self._each = each

    def _run_once(self) -> None:
        self._each()
        super()._run_once()  # type: ignore[misc]


class _Asking(selectors.DefaultSelector):
    def __init__(self, loop: EngineLoop) -> None:
        super().__init__()
        self._loop = loop

    def select(self, timeout: float | None = None) -> Any:
        if timeout is None or timeout <= 0:
            return super().select(timeout)
        found = super().select(SOON_S if self._loop.busy else 0)
        if found or self._loop.busy:
            return found
        self._loop.virtual = max(
            self._loop.virtual, self._loop.shared.until(self._loop.virtual + timeout + 1e-6)
        )
        return super().select(0)


class VenueLoop(VirtualLoop):
    """The venue's loop: time passes as far as the engine lets it. ``alive_since`` is when an engine came (s), None without one."""

    def __init__(self) -> None:
        super().__init__(_Granted)
        self.limit = 0.0
        self.alive_since: float | None = None
        self._asker: asyncio.StreamWriter | None = None

    async def grant(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Serve one who asks for time, until he is gone."""
        who = (await reader.readline()).decode().strip()
        self.alive_since = self.virtual if who == "engine" else None
        writer.write(f"{self.virtual!r}\n".encode())
        while line := await reader.readline():
            self.limit, self._asker = float(line), writer
            if self.limit <= self.virtual:
                self.report()
        self._asker, self.alive_since, self.limit = None, None, self.virtual
        writer.close()

    def report(self) -> None:
        """Tell whoever asks how far time has come: something has happened, or it is as far as it may go."""
        asker, self._asker = self._asker, None
        if asker is not None:
            self.limit = self.virtual
            asker.write(f"{self.virtual!r}\n".encode())

    def _counted(self, write: Callable[[Any], None]) -> Callable[[Any], None]:
        def counted(data: Any) -> None:
            write(data)
            self.report()

        return counted


class _Granted(selectors.DefaultSelector):
    def __init__(self, loop: VenueLoop) -> None:
        super().__init__()
        self._loop = loop

    def select(self, timeout: float | None = None) -> Any:
        found = super().select(0)
        if found or timeout == 0 or (timeout is not None and timeout < 0):
            return found
        loop = self._loop
        if timeout is not None and loop.virtual + timeout <= loop.limit:
            loop.virtual += timeout + 1e-6
            return found
        loop.virtual = max(loop.virtual, loop.limit)
        loop.report()
        return super().select(None)
