"""Weights, order counts and bans, as Binance counts them: calendar windows of the venue's clock.

Over the weight limit an address gets 429; one that goes on gets 418 and is banned, two minutes the
first time and longer each time, three days at most. A banned address gets 418 for everything.
"""

from __future__ import annotations

from dataclasses import dataclass

from tradebot.core.model.values import DAY_MS, MINUTE_MS
from tradebot.venue.clock import VenueClock
from tradebot.venue.errors import VenueError
from tradebot.venue.listings import ORDERS_PER_10_S, ORDERS_PER_MINUTE, WEIGHT_PER_MINUTE

FIRST_BAN_MS = 2 * MINUTE_MS
LONGEST_BAN_MS = 3 * DAY_MS


@dataclass(slots=True)
class Window:
    """A counter that starts anew at every multiple of its length (ms)."""

    length: int
    begun: int = -1
    used: int = 0

    def add(self, now: int, amount: int) -> int:
        """Count ``amount`` in the window of ``now`` and return what was used in it."""
        begun = now - now % self.length
        if begun != self.begun:
            self.begun, self.used = begun, 0
        self.used += amount
        return self.used

    def left_ms(self, now: int) -> int:
        """Return how long the present window still lasts."""
        return self.length - now % self.length


class RequestLimits:
    """The counters of the one address and the one account the venue has."""

    def __init__(self, clock: VenueClock, *, patience: int = 10, retry_after: bool = False) -> None:
        self._clock = clock
        self._patience = patience
        self._ignored = 0
        self._bans = 0
        self.retry_after = retry_after
        self.weight = Window(MINUTE_MS)
        self.orders_10s = Window(10_000)
        self.orders_1m = Window(MINUTE_MS)
        self.banned_until = 0

    def arrive(self) -> None:
        """Refuse a banned address."""
        if self._clock.now() < self.banned_until:
            raise self._banned()

    def charge(self, weight: int) -> None:
        """Count a request's weight; over the limit it is refused, and banned if that goes on."""
        if self.weight.add(self._clock.now(), weight) <= WEIGHT_PER_MINUTE:
            self._ignored = 0
            return
        self._ignored += 1
        if self._ignored > self._patience:
            self._ignored = 0
            self.ban(min(FIRST_BAN_MS * 4**self._bans, LONGEST_BAN_MS))
            self._bans += 1
            raise self._banned()
        raise VenueError(-1003, limit=WEIGHT_PER_MINUTE)

    def count_orders(self, orders: int) -> None:
        """Count new orders; over a limit they are refused."""
        now = self._clock.now()
        if self.orders_10s.add(now, orders) > ORDERS_PER_10_S:
            raise VenueError(-1015, limit=ORDERS_PER_10_S, interval="10 SECONDS")
        if self.orders_1m.add(now, orders) > ORDERS_PER_MINUTE:
            raise VenueError(-1015, limit=ORDERS_PER_MINUTE, interval="1 MINUTE")

    def ban(self, ms: int) -> None:
        """Ban the address for a time."""
        self.banned_until = self._clock.now() + ms

    def _banned(self) -> VenueError:
        until = self.banned_until
        words = (
            f"Way too many requests; IP(127.0.0.1) banned until {until}. "
            "Please use the websocket for live updates to avoid bans."
        )
        return VenueError(-1003, words, status=418)

    def headers(self, *, orders: bool) -> dict[str, str]:
        """Return the counters as Binance's headers; order counts on order calls only."""
        now = self._clock.now()
        shown = {"X-MBX-USED-WEIGHT-1M": str(self.weight.add(now, 0))}
        if orders:
            shown["X-MBX-ORDER-COUNT-10S"] = str(self.orders_10s.add(now, 0))
            shown["X-MBX-ORDER-COUNT-1M"] = str(self.orders_1m.add(now, 0))
        return shown

    def wait_s(self) -> int:
        """Return what Retry-After would say, seconds."""
        now = self._clock.now()
        if now < self.banned_until:
            return -(-(self.banned_until - now) // 1000)
        return -(-self.weight.left_ms(now) // 1000)
