"""``close-all.jsonl``: what a close-all did, step by step, beside each HALT file that it set.

Every row is on the disk before what it tells of begins, so that what a killed process asked for is known. A file that
cannot be written, or a disk that hangs, keeps nobody from closing.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import threading
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tradebot.clock import SYSTEM, Clock
from tradebot.core.model.text import cleaned
from tradebot.disk import FILE_MODE, private_directory

DIARY_FILE = "close-all.jsonl"

PATIENCE_S = 0.25
"""Seconds that a request waits for its row to be on the disk."""

LONGEST = 1 << 18
"""Bytes of a file that are read: the newest rows are at its end."""

ENGINE, COMMAND = "engine", "command"
"""Who carries a close-all out: the engine on its own connections, or the command that was asked."""

BROKEN_OFF = 130
"""The code of a ``result`` row whose command was interrupted: nothing is proved."""

_NOT_WAITING = getattr(os, "O_NONBLOCK", 0)  # opening a pipe must not hang


@dataclass(frozen=True, slots=True)
class Step:
    """One row: what was done, by which process as what, and when (real clock, UTC milliseconds)."""

    step: str
    wall: int
    pid: int
    role: str
    number: int
    more: Mapping[str, Any] = field(default_factory=dict)


class Diary:
    """Writes the rows of one process into the directories' files."""

    def __init__(self, dirs: Sequence[Path], role: str = COMMAND, clock: Clock = SYSTEM) -> None:
        self.dirs = tuple(dict.fromkeys(dirs))
        self.role = role
        self._clock = clock
        self._count = 0
        self._waiting: deque[str] = deque()
        self._written = 0
        self._writing: asyncio.Future[None] | None = None
        self._hangs = False

    def put(self, step: str, **more: Any) -> None:
        """Write a row and wait until it is on the disk, or the disk takes too long for it; nothing is raised."""
        self._waiting.append(self._line(step, more))
        work = threading.Thread(target=self._flush, name=DIARY_FILE, daemon=True)
        work.start()
        work.join(PATIENCE_S)

    async def note(self, step: str, **more: Any) -> None:
        """Write a row; it is on the disk when this returns, or the disk takes too long for it.

        Rows that come at the same time go to the disk together. A disk that once hung is not waited for again.
        """
        self._waiting.append(self._line(step, more))
        number = self._count
        if self._hangs:
            self._begin()
            return
        try:
            await asyncio.wait_for(self._until_written(number), PATIENCE_S)
        except TimeoutError:
            self._hangs = True

    async def _until_written(self, number: int) -> None:
        while self._written < number:
            await asyncio.shield(self._begin())

    def _begin(self) -> asyncio.Future[None]:
        """Have what waits written by a thread that nobody has to wait for; one at a time."""
        if self._writing is None or self._writing.done():
            loop = asyncio.get_running_loop()
            done: asyncio.Future[None] = loop.create_future()

            def work() -> None:
                self._flush()
                with contextlib.suppress(RuntimeError):  # the loop has ended meanwhile
                    loop.call_soon_threadsafe(_finish, done)

            self._writing = done
            threading.Thread(target=work, name=DIARY_FILE, daemon=True).start()
        return self._writing

    def _line(self, step: str, more: Mapping[str, Any]) -> str:
        self._count += 1
        row = {"step": step, "wall": self._clock.wall_ms(), "pid": os.getpid()}
        return json.dumps({**row, "role": self.role, "number": self._count, **more}, default=str)

    def _flush(self) -> None:
        """Write what waits; rows may be added by others meanwhile, and none is lost or written twice."""
        lines = []
        with contextlib.suppress(IndexError):
            while True:
                lines.append(self._waiting.popleft())
        text = "".join(f"{line}\n" for line in lines).encode()
        for where in self.dirs if lines else ():
            with contextlib.suppress(OSError):
                _append(where, text)
        self._written += len(lines)


def diary_mark(dirs: Sequence[Path]) -> list[int]:
    """Return what is another one when a row was written since: the files' sizes."""
    sizes = []
    for where in dirs:
        with contextlib.suppress(OSError):
            sizes.append((where / DIARY_FILE).lstat().st_size)
    return sizes


def read_diary(dirs: Sequence[Path], since: int = 0) -> list[Step]:
    """Return the rows of all files since a time (real clock, UTC ms), each once, oldest first.

    What cannot be read is left out.
    """
    lines: dict[str, None] = {}
    for where in dict.fromkeys(dirs):
        lines |= dict.fromkeys(_lines(where / DIARY_FILE))
    steps = [step for line in lines if (step := _step(line)) is not None and step.wall >= since]
    return sorted(steps, key=lambda step: (step.wall, step.pid, step.number))


def _append(where: Path, text: bytes) -> None:
    private_directory(where)
    flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND | _NOT_WAITING
    handle = os.open(where / DIARY_FILE, flags, FILE_MODE)
    try:
        os.write(handle, text)
        os.fsync(handle)
    finally:
        os.close(handle)


def _lines(path: Path) -> list[str]:
    try:
        handle = os.open(path, os.O_RDONLY | _NOT_WAITING)
    except OSError:
        return []
    try:
        os.lseek(handle, max(0, os.fstat(handle).st_size - LONGEST), os.SEEK_SET)
        return os.read(handle, LONGEST).decode("utf-8", "replace").splitlines()
    except OSError:
        return []
    finally:
        os.close(handle)


def _step(line: str) -> Step | None:
    """Return a row; None for half a line, or what is none of ours."""
    try:
        body = cleaned(json.loads(line))
        own = (str(body.pop("step")), int(body.pop("wall")), int(body.pop("pid")))
        return Step(*own, str(body.pop("role")), int(body.pop("number")), body)
    except (ValueError, TypeError, KeyError, AttributeError):
        return None


def _finish(done: asyncio.Future[None]) -> None:
    if not done.done():
        done.set_result(None)
