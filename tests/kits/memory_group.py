"""A control group of a test's own that has little memory: what outgrows it the kernel's OOM killer ends, and nothing else."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

ROOTS = (
    (Path("/sys/fs/cgroup/memory"), "memory.limit_in_bytes", "memory.oom_control"),
    (Path("/sys/fs/cgroup"), "memory.max", "memory.events"),
)
"""Of version 1, and of version 2: where they are, how much they may have, and how often the killer came."""


@contextmanager
def memory_group(limit: int) -> Iterator[MemoryGroup]:
    """Make a group that may use ``limit`` bytes; skip where that is not allowed."""
    name = f"tradebot-test-{os.getpid()}"
    for root, most, events in ROOTS:
        path = root / name
        try:
            path.mkdir()
        except OSError:
            continue
        try:
            if (path / most).exists():
                (path / most).write_text(str(limit))
                yield MemoryGroup(path, path / events)
                return
        finally:
            _clear(path)
    pytest.skip("a control group of its own needs the right to make one")


def _clear(path: Path) -> None:
    """End what is left in a group, and remove it."""
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        with suppress(OSError):
            for line in (path / "cgroup.procs").read_text().split():
                os.kill(int(line), signal.SIGKILL)
        with suppress(OSError):
            path.rmdir()
        if not path.exists():
            return
        time.sleep(0.1)


class MemoryGroup:
    """The group: what is put into it, and what was ended in it."""

    def __init__(self, path: Path, events: Path) -> None:
        self.path, self._events = path, events

    def take(self, pid: int) -> None:
        """Put a process into the group; what it starts from now on is in it too."""
        (self.path / "cgroup.procs").write_text(str(pid))

    def kills(self) -> int:
        """How many processes the OOM killer has ended in it."""
        for line in self._events.read_text().splitlines():
            name, _, count = line.partition(" ")
            if name == "oom_kill":
                return int(count)
        return 0

    def kill(self) -> None:
        """Kill all that is in it, as a service's manager does when its main process has ended."""
        for pid in self.pids():
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)

    def pids(self) -> list[int]:
        """The processes in it."""
        with suppress(OSError):
            return [int(line) for line in (self.path / "cgroup.procs").read_text().split()]
        return []
