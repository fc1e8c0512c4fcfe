"""Whether the engine still makes progress, seen from outside its loop.

The loop notes each piece of work; a thread of its own looks at the notes, so that a strategy that never
returns, which holds the loop up for good, is seen all the same.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextlib import suppress

from tradebot.clock import SYSTEM, Clock

HUNG_S = 10.0
"""Seconds without progress after which an engine is hung (promise 24)."""

LOOK_S = 1.0
"""Seconds between two looks."""


class Heartbeat:
    """Notes progress and tells, at each look, when there has been none for too long.

    ``beat`` is called by the loop; ``hung`` says for how many seconds nothing has moved, 0 while it does.
    ``told`` is called from the watching thread, from the second look on: a process that was stopped and goes on has a
    moment to move. ``looked`` is called there at each look, with whether something was done since the one before.
    """

    def __init__(
        self,
        told: Callable[[float], None] | None = None,
        *,
        limit_s: float = HUNG_S,
        look_s: float = LOOK_S,
        clock: Clock = SYSTEM,
        looked: Callable[[bool], None] | None = None,
    ) -> None:
        self._told, self._looked = told, looked
        self._limit_s = limit_s
        self._look_s = look_s
        self._clock = clock
        self._last = clock.monotonic()
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="heartbeat", daemon=True)

    def beat(self) -> None:
        """Note that something was done."""
        self._last = self._clock.monotonic()

    @property
    def still(self) -> float:
        """Seconds since the last progress."""
        return self._clock.monotonic() - self._last

    @property
    def hung(self) -> float:
        """Seconds without progress where that is too long, else 0."""
        still = self._clock.monotonic() - self._last
        return still if still >= self._limit_s and not self._over.is_set() else 0.0

    def __enter__(self) -> Heartbeat:
        self.beat()
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()

    def _watch(self) -> None:
        looks, last = 0, self._last
        while not self._over.wait(self._look_s):
            if self._looked is not None:
                with suppress(Exception):  # what is only shown must not end the watch
                    self._looked(self._last != last)
            last = self._last
            hung = self.hung
            looks = looks + 1 if hung else 0
            if looks > 1 and self._told is not None:
                self._told(hung)
