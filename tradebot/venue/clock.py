"""The venue's one clock: every time stamp, window, expiry, ban and delay comes from it.

``HandClock`` moves only when it is told to (tests: a day in seconds, the same run every time),
``WallClock`` is the machine's clock plus a constant, with timers on the running event loop.
"""

from __future__ import annotations

import asyncio
import heapq
from collections.abc import Callable
from typing import Protocol

from tradebot.clock import SYSTEM


class Timer:
    """A call that is due at a moment; ``cancel`` makes it never happen."""

    __slots__ = ("action", "due", "handle")

    def __init__(self, due: int, action: Callable[[], None]) -> None:
        self.due = due
        self.action: Callable[[], None] | None = action
        self.handle: asyncio.TimerHandle | None = None

    def cancel(self) -> None:
        """Forget the call; one that has happened is no matter."""
        self.action = None
        if self.handle is not None:
            self.handle.cancel()

    def run(self) -> None:
        """Make the call, unless it was cancelled."""
        action, self.action = self.action, None
        if action is not None:
            action()


class VenueClock(Protocol):
    """Venue time in UTC milliseconds, and timers in it."""

    def now(self) -> int:
        """Return the venue's time, UTC milliseconds."""
        ...

    def call_at(self, due: int, action: Callable[[], None]) -> Timer:
        """Make a call at a moment (UTC ms); one that is past is due at once, never before return."""
        ...

    def jump(self, ms: int) -> None:
        """Shift the venue's time by ``ms`` from now on, as a clock that is set wrong."""
        ...


class HandClock:
    """A clock driven by hand; timers run in the order of their moments, then of their asking."""

    def __init__(self, start: int) -> None:
        self._steady = start
        self._shift = 0
        self._asked = 0
        self._timers: list[tuple[int, int, Timer]] = []

    def now(self) -> int:
        """Return the time it was moved to."""
        return self._steady + self._shift

    def call_at(self, due: int, action: Callable[[], None]) -> Timer:
        """Make a call when the clock is moved to ``due`` or past it."""
        timer = Timer(due, action)
        self._asked += 1
        due = max(due - self._shift, self._steady)
        heapq.heappush(self._timers, (due, self._asked, timer))
        return timer

    def jump(self, ms: int) -> None:
        """Shift the time without running anything; timers that are set keep their pace."""
        self._shift += ms

    def advance(self, ms: int) -> None:
        """Move on by ``ms``; every timer due on the way runs at its own moment."""
        end = self._steady + ms
        while self._timers and self._timers[0][0] <= end:
            due, _, timer = heapq.heappop(self._timers)
            self._steady = max(self._steady, due)
            timer.run()
        self._steady = max(self._steady, end)

    def move_to(self, moment: int) -> None:
        """Move on to a moment (UTC ms); the past is left alone."""
        self.advance(max(0, moment - self.now()))


class WallClock:
    """The machine's clock plus ``offset`` milliseconds, at its own pace."""

    def __init__(self, offset: int = 0) -> None:
        self.offset = offset

    def now(self) -> int:
        """Return the machine's time plus the offset."""
        return SYSTEM.wall_ms() + self.offset

    def call_at(self, due: int, action: Callable[[], None]) -> Timer:
        """Make a call on the running event loop when the moment has come."""
        timer = Timer(due, action)
        wait = max(0, due - self.now()) / 1000
        timer.handle = asyncio.get_running_loop().call_later(wait, timer.run)
        return timer

    def jump(self, ms: int) -> None:
        """Shift the time; timers that are set keep their pace."""
        self.offset += ms


async def sleep(clock: VenueClock, ms: float) -> None:
    """Wait for ``ms`` milliseconds of venue time."""
    woken = asyncio.get_running_loop().create_future()

    def wake() -> None:
        if not woken.done():
            woken.set_result(None)

    timer = clock.call_at(clock.now() + round(ms), wake)
    try:
        await woken
    finally:
        timer.cancel()
