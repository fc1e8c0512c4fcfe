"""The account's one listenKey: everybody gets the same, any request for it extends its life."""

from __future__ import annotations

from random import Random

from tradebot.core.model.values import HOUR_MS
from tradebot.venue.bus import Bus, ListenKeyExpired
from tradebot.venue.clock import VenueClock
from tradebot.venue.errors import VenueError
from tradebot.venue.settings import make_key


class ListenKeys:
    """The key that opens the user stream; it dies an hour after it was last asked for or extended."""

    def __init__(self, bus: Bus, clock: VenueClock, rng: Random) -> None:
        self._bus = bus
        self._clock = clock
        self._rng = rng
        self._until = 0
        self.key = ""

    def is_valid(self, key: str) -> bool:
        """Whether a key opens the stream now."""
        return bool(key) and key == self.key and self._clock.now() < self._until

    def open(self) -> str:
        """Return the living key, or a new one, and let it live an hour."""
        if not self.is_valid(self.key):
            self.key = make_key(self._rng)
        self._extend()
        return self.key

    def extend(self) -> str:
        """Let the key live an hour from now; -1125 when there is none."""
        if not self.is_valid(self.key):
            raise VenueError(-1125)
        self._extend()
        return self.key

    def close(self) -> None:
        """End the key, as DELETE does."""
        self.expire()

    def expire(self, *, told: bool = True) -> None:
        """End the key now; ``told``: with the event that says so."""
        key, self.key = self.key, ""
        if key and told:
            self._bus.publish(ListenKeyExpired(self._clock.now(), key))

    def _extend(self) -> None:
        self._until = due = self._clock.now() + HOUR_MS
        self._clock.call_at(due, lambda: self._check(due))

    def _check(self, due: int) -> None:
        if self._until == due:
            self.expire()
