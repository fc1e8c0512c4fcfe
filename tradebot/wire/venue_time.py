"""The exchange's time: our own clock, and how far the exchange's is ahead of it.

It runs on the clock that only goes forward, so that a wall clock that is set moves no request. A machine that
slept shows as the wall clock's jump against the other: then the offset has to be measured again.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from tradebot.clock import SYSTEM, Clock

SAMPLES = 5
"""Readings of the exchange's clock in one measurement: the fastest counts."""
MEASURE_S = 60.0
"""Seconds between two measurements."""
JUMP_MS = 1000
"""The wall clock this far from where the other clock says it should be: it was set, or we slept."""
RATE = 100e-6
"""How much a clock may run fast or slow (parts of one): what the error grows by while nobody measures."""


@dataclass(frozen=True, slots=True)
class Reading:
    """One answer to GET /time: ``sent`` and ``received`` by the clock that only goes forward (seconds)."""

    sent: float
    received: float
    server_ms: int

    @property
    def trip_ms(self) -> float:
        """How long the question and its answer took, milliseconds."""
        return (self.received - self.sent) * 1000


class VenueTime:
    """The exchange's time as well as it is known. Without any measurement it is the wall clock's."""

    def __init__(self, clock: Clock = SYSTEM) -> None:
        self._clock = clock
        self._anchor = self._difference()
        self._ahead = 0.0
        self._error = 0.0
        self._measured: float | None = None

    def local_ms(self) -> int:
        """Return our own time, UTC milliseconds: the wall clock's as it was at the last measurement."""
        return round(self._clock.monotonic() * 1000 + self._anchor)

    def now(self) -> int:
        """Return the exchange's time, UTC milliseconds."""
        return self.local_ms() + self.ahead_ms

    @property
    def ahead_ms(self) -> int:
        """How far the exchange's clock is ahead of ``local_ms``, milliseconds."""
        return round(self._ahead)

    @property
    def offset_ms(self) -> int:
        """How far the exchange's clock is ahead of the wall clock as that stands now, milliseconds."""
        return self.now() - self._clock.wall_ms()

    @property
    def error_ms(self) -> int:
        """How wrong ``now`` may be, milliseconds: half a round trip, the last drift, and the age's share."""
        return round(self._error + self.age_s * 1000 * RATE + 0.5)

    @property
    def age_s(self) -> float:
        """Seconds since the last measurement; 0 without one."""
        return 0.0 if self._measured is None else self._clock.monotonic() - self._measured

    def is_known(self, within_ms: int, for_s: float) -> bool:
        """Whether it has been measured in the last ``for_s`` seconds, and ``error_ms`` is below ``within_ms``."""
        if self._measured is None:
            return False
        age = self._clock.monotonic() - self._measured
        return age <= for_s and round(self._error + age * 1000 * RATE + 0.5) < within_ms

    @property
    def is_unknown(self) -> bool:
        """Whether it has never been measured."""
        return self._measured is None

    @property
    def is_due(self) -> bool:
        """Whether it has to be measured: never done, a minute old, or the wall clock has jumped."""
        return self._measured is None or self.age_s >= MEASURE_S or self.has_jumped

    @property
    def has_jumped(self) -> bool:
        """Whether the wall clock is not where the other clock says: it was set, or the machine slept."""
        return abs(self._difference() - self._anchor) > JUMP_MS

    def take(self, readings: Sequence[Reading]) -> None:
        """Take a measurement: the exchange's time at the middle of the fastest of the readings."""
        best = min(readings, key=lambda reading: reading.trip_ms)
        jumped = self.has_jumped
        self._anchor = self._difference()
        middle = (best.sent + best.received) / 2 * 1000 + self._anchor
        ahead = best.server_ms - middle
        fresh = self._measured is None or jumped
        drift = 0.0 if fresh else abs(ahead - self._ahead)
        self._ahead, self._error = ahead, best.trip_ms / 2 + drift
        self._measured = self._clock.monotonic()

    def _difference(self) -> float:
        return self._clock.wall_ms() - self._clock.monotonic() * 1000
