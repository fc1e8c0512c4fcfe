"""The engine's time on a wall clock: real time corrected to the exchange's, never going back.

Every event is stamped with it when it is taken from the queue, and timers are due by it, whatever the feed
does. It runs on the clock that only goes forward, so a wall clock that is set moves nothing.
"""

from __future__ import annotations

from tradebot.clock import SYSTEM, Clock

JUMP_MS = 1000
"""The wall clock further ahead of the other one than this, and the exchange's time too: we were asleep."""


class EngineClock:
    """Gives ``at`` for events: the larger of what was given last and the corrected exchange time."""

    def __init__(self, clock: Clock = SYSTEM) -> None:
        self._clock = clock
        self._last = 0
        self._ahead = 0
        self._measured = False
        self._anchor = self._difference()

    def now(self) -> int:
        """Return the engine's time, UTC milliseconds; never less than before."""
        self._last = max(self._last, self._reading())
        return self._last

    def go_on_from(self, at: int) -> None:
        """Never give less than ``at``: where a run that goes on stopped."""
        self._last = max(self._last, at)

    def correct(self, offset_ms: int) -> int:
        """Take over a measurement: the exchange's clock is so far ahead of the wall clock.

        Return by how many milliseconds this clock was wrong since the last one; 0 with the first.
        """
        before = self._reading()
        self._ahead = offset_ms
        self._anchor = self._difference()
        drift, self._measured = (self._reading() - before if self._measured else 0), True
        return drift

    def see(self, exchange_time: int) -> None:
        """Look at an exchange time that came in: where the machine has slept the clock lags behind it.

        It is believed only where the wall clock says the same: one strange time stamp moves nothing.
        """
        if exchange_time <= self._reading() + JUMP_MS:
            return
        slept = self._difference() - self._anchor
        if slept > JUMP_MS:
            self._anchor += slept

    def seconds_until(self, at: int) -> float:
        """Return for how long to wait for an engine time; 0 when it is there."""
        return max(0.0, (at - self._reading()) / 1000)

    def _reading(self) -> int:
        return round(self._clock.monotonic() * 1000 + self._anchor) + self._ahead

    def _difference(self) -> float:
        return self._clock.wall_ms() - self._clock.monotonic() * 1000
