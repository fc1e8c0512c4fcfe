"""The one place that reads the machine's clocks. Everything else is handed a ``Clock``.

The core reads none; ``app/clock.py`` makes the engine's time of this one.
"""

from __future__ import annotations

import time
from typing import Protocol


class Clock(Protocol):
    """Wall time for people and records, a clock that only goes forward for durations, and waiting."""

    def wall_ms(self) -> int:
        """Return the real time, UTC milliseconds; it may be set, also back."""
        ...

    def monotonic(self) -> float:
        """Return seconds since some moment; never less than before, and blind to a set clock."""
        ...

    def sleep(self, seconds: float) -> None:
        """Hold this thread up for so long."""
        ...


class SystemClock:
    """The machine's own clocks."""

    def wall_ms(self) -> int:
        """Return the real time, UTC milliseconds."""
        return time.time_ns() // 1_000_000

    def monotonic(self) -> float:
        """Return seconds since some moment, to the resolution of a performance counter."""
        return time.perf_counter()

    def sleep(self, seconds: float) -> None:
        """Hold this thread up for so long."""
        time.sleep(seconds)


SYSTEM: Clock = SystemClock()
"""The clock of everything that is not told another."""


def used_s() -> float:
    """Return the seconds of a processor that this process has used."""
    return time.process_time()
