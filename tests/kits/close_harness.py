"""The installed command, which kills itself (SIGKILL) at the N-th point of a close-all.

A point is before and after each row of the diary, each latch, each request and each lock. ``python close_harness.py N
FILE WORDS...`` writes the number of points it passed into FILE where it was not killed.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import Callable
from functools import wraps
from pathlib import Path
from typing import Any

from tradebot.__main__ import main
from tradebot.app import target
from tradebot.guard import diary
from tradebot.guard.latch import write_halt
from tradebot.guard.lock import InstanceLock
from tradebot.wire.client import Wire


class Points:
    """Counts the points that are passed; at the last one the process is gone."""

    def __init__(self, last: int) -> None:
        self.last = last
        self.passed = 0
        self._lock = threading.Lock()

    def __call__(self) -> None:
        with self._lock:
            self.passed += 1
            if self.passed == self.last:
                os.kill(os.getpid(), signal.SIGKILL)

    def around(self, work: Callable[..., Any]) -> Callable[..., Any]:
        """Return a function with a point before and after it."""

        @wraps(work)
        def wrapped(*args: Any, **named: Any) -> Any:
            self()
            done = work(*args, **named)
            self()
            return done

        return wrapped

    def around_request(self, work: Callable[..., Any]) -> Callable[..., Any]:
        """Return a coroutine function with a point before and after it."""

        @wraps(work)
        async def wrapped(*args: Any, **named: Any) -> Any:
            self()
            done = await work(*args, **named)
            self()
            return done

        return wrapped


def run(last: int, report: Path, words: list[str]) -> int:
    """Run the command; it comes back only where the last point was not reached."""
    points = Points(last)
    diary._append = points.around(diary._append)
    target.write_halt = points.around(write_halt)  # type: ignore[attr-defined]
    InstanceLock.acquire = points.around(InstanceLock.acquire)  # type: ignore[method-assign]
    Wire.ask = points.around_request(Wire.ask)  # type: ignore[method-assign]
    code = main(words)
    report.write_text(str(points.passed))
    return code


if __name__ == "__main__":
    sys.exit(run(int(sys.argv[1]), Path(sys.argv[2]), sys.argv[3:]))
