"""For how long a close-all goes on, and what it says meanwhile."""

from __future__ import annotations

from collections.abc import Callable

from tradebot.clock import SYSTEM, Clock
from tradebot.core.model.spoken import duration

ACCOUNT_S = 600.0
"""Seconds for an account at an exchange: a minute whose requests are used up, and a short ban, end meanwhile."""
SIMULATED_S = 30.0
"""Seconds for simulated runs: nothing outside of this machine can be waited for."""

Told = Callable[[str], None]

SOONEST_S = 1.0
"""Seconds between two different things that are said."""
AGAIN_S, RAREST_S = 10.0, 60.0
"""Seconds until the same is said again: longer each time."""


class Patience:
    """Says what is waited for and how long that may go on, until ``until`` (monotonic seconds): not at each look.

    What takes less than a second is not told.
    """

    def __init__(self, told: Told, until: float, clock: Clock = SYSTEM) -> None:
        self._told, self._until, self._clock = told, until, clock
        self._why = ""
        self._at = clock.monotonic()
        self._pause = SOONEST_S

    def say(self, why: str, more: str = "") -> None:
        """Say it if it is another thing than before, or the same for long enough; ``more`` may differ each time."""
        now = self._clock.monotonic()
        if now - self._at < (self._pause if why == self._why else SOONEST_S):
            return
        longer = min(max(AGAIN_S, self._pause * 1.5), RAREST_S)
        self._pause = longer if why == self._why else AGAIN_S
        self._why, self._at = why, now
        left = duration(max(0, round(self._until - now)))
        self._told(f"{why}{more}; going on for {left} at most")
