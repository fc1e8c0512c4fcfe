"""What may be asked of the exchange now: weight and order counts, and what is held back for protection.

Pure: it is told of each request and each answer, with the exchange's time. Counts come from the answers' headers,
which see what other programs of the account use; what is on its way is counted ahead of them. After a 429 only
what protects and what asks for an order's fate goes on until the minute turns; whoever protects and can wait rests
meanwhile, a little longer each time (``slow_ms``). During a ban nothing goes on.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import IntEnum

WEIGHT = 2400
"""Request weight a minute and address."""
ORDERS_10S = 300
ORDERS_1M = 1200
HELD_WEIGHT = 600
"""Weight a minute that nothing but protection may use."""
HELD_ORDERS = 100
"""Orders in 10 s that nothing but protection may use; of a minute's likewise a third."""
FIRST_BAN_MS = 120_000
LONGEST_BAN_MS = 3 * 86_400_000
RESTS_MS = (2_000, 5_000)
"""How long protection rests after the first 429 of a minute and after the second; then until the minute turns."""

WEIGHT_HEADER = "x-mbx-used-weight-1m"
ORDER_HEADERS = {10_000: "x-mbx-order-count-10s", 60_000: "x-mbx-order-count-1m"}

_UNTIL = re.compile(r"banned until (\d{13})")


class Need(IntEnum):
    """What a request is for; the lower, the more of the budget it may use."""

    PROTECTIVE = 0
    LOOK_UP = 1
    ENTRY = 2
    RECONCILE = 3
    DATA = 4


SHARE: Mapping[Need, int] = {
    Need.PROTECTIVE: WEIGHT,
    Need.LOOK_UP: WEIGHT - HELD_WEIGHT,
    Need.ENTRY: WEIGHT - HELD_WEIGHT,
    Need.RECONCILE: WEIGHT - HELD_WEIGHT - 200,
    Need.DATA: WEIGHT - HELD_WEIGHT - 600,
}
"""Up to how much used weight each kind may still go: data leave room for reconciling, that for look-ups."""


@dataclass(slots=True)
class Counter:
    """One of the exchange's counters: it begins anew at every multiple of ``length`` (ms).

    ``held`` of its ``limit`` is for protection only. ``known`` is what the headers told last, ``ahead`` what is
    on its way, ``unanswered`` what nobody told of since.
    """

    length: int
    limit: int
    held: int = 0
    begun: int = 0
    known: int = 0
    ahead: int = 0
    unanswered: int = 0

    def turn(self, now: int) -> None:
        """Begin a new window if one has begun; what is on its way may be counted in it.

        A clock that is set back leads to an earlier window: nothing is forgotten there, but it ends in its time.
        """
        begun = now - now % self.length
        if begun > self.begun:
            self.known, self.unanswered = 0, 0
        self.begun = begun

    @property
    def used(self) -> int:
        """What is used of the window, as far as anybody here can know: rather more than less."""
        return self.known + self.ahead + self.unanswered

    def send(self, amount: int) -> None:
        """Count a request that leaves."""
        self.ahead += amount

    def hear(self, amount: int, sent_at: int, told: int | None) -> None:
        """Take the answer to a request, or that there is none: ``told`` is the header's count."""
        self.ahead -= amount
        if told is None:
            self.unanswered += amount
        elif sent_at >= self.begun:  # a count of the window before says nothing of this one
            self.known = max(self.known, told)
        else:
            self.known += amount

    @property
    def turns_at(self) -> int:
        """When the next window begins (UTC ms)."""
        return self.begun + self.length


@dataclass(slots=True)
class Budget:
    """Says what may leave. Times are the exchange's, UTC milliseconds.

    ``is_told`` says that a ban's end is the exchange's own word, by its own clock, and not reckoned from ours.
    """

    weight: Counter = field(default_factory=lambda: Counter(60_000, WEIGHT))
    orders: tuple[Counter, ...] = field(
        default_factory=lambda: (
            Counter(10_000, ORDERS_10S, HELD_ORDERS),
            Counter(60_000, ORDERS_1M, HELD_ORDERS * ORDERS_1M // ORDERS_10S),
        )
    )
    banned_until: int = 0
    is_told: bool = False
    slowed_until: int = 0
    rests_until: int = 0
    rests: int = 0
    rests_in: int = 0
    bans: int = 0

    def go_on_banned(self, until: int) -> None:
        """Heed a ban that an earlier process met; its end is reckoned by our clock."""
        if until > self.banned_until:
            self.banned_until, self.is_told = until, False

    def move_clock(self, by_ms: int) -> None:
        """The clock that was believed until now was wrong by so much: what was reckoned by it moves along."""
        if self.banned_until and not self.is_told:
            self.banned_until += by_ms
        if self.slowed_until:
            self.slowed_until += by_ms
            self.rests_until += by_ms

    def is_banned(self, now: int) -> bool:
        """Whether nothing may leave at all."""
        return now < self.banned_until

    def refusal(self, need: Need, weight: int, orders: int, now: int) -> str:
        """Return why a request may not leave now, "" if it may."""
        for counter in (self.weight, *self.orders):
            counter.turn(now)
        if now < self.banned_until:
            return (
                f"the exchange has banned this address for {_seconds(self.banned_until - now)} more"
            )
        if now < self.slowed_until and need > Need.LOOK_UP:
            return "the exchange has asked for fewer requests"
        if self.weight.used + weight > SHARE[need]:
            return f"{self.weight.used} of {WEIGHT} request weight is used"
        for counter in self.orders if orders else ():
            held = 0 if need is Need.PROTECTIVE else counter.held
            if counter.used + orders > counter.limit - held:
                return f"{counter.used} of {counter.limit} orders in {_seconds(counter.length)} are used"
        return ""

    def slow_ms(self, weight: int, now: int) -> int:
        """Return how long protection of this ``weight`` had better wait: it would be refused, or has just been; else 0."""
        full = self.is_full(weight, now)
        return max(0, self.rests_until - now, self.weight.turns_at - now if full else 0)

    def is_full(self, weight: int, now: int) -> bool:
        """Whether so much weight no longer fits into this minute, even for protection."""
        self.weight.turn(now)
        return self.weight.used + weight > SHARE[Need.PROTECTIVE]

    def wait_ms(self, now: int) -> int:
        """Return how long until what was refused may be let through, at the soonest."""
        if now < self.banned_until:
            return self.banned_until - now
        ends = [self.slowed_until] if now < self.slowed_until else []
        ends.append(min(counter.turns_at for counter in (self.weight, *self.orders)))
        return max(1, *(end - now for end in ends))

    def send(self, weight: int, orders: int) -> None:
        """A request leaves that has just not been refused."""
        self.weight.send(weight)
        for counter in self.orders if orders else ():
            counter.send(orders)

    def hear(
        self,
        weight: int,
        orders: int,
        sent_at: int,
        now: int,
        status: int | None,
        headers: Mapping[str, str],
        text: str = "",
    ) -> None:
        """A request was answered, or never will be (``status`` None)."""
        told = {name.lower(): value for name, value in headers.items()}
        for counter in (self.weight, *self.orders):
            counter.turn(now)
        self.weight.hear(weight, sent_at, _count(told.get(WEIGHT_HEADER)))
        for counter in self.orders:
            header = told.get(ORDER_HEADERS[counter.length])
            counter.hear(orders, sent_at, _count(header) if orders or header else 0)
        if status == 429:
            self._slow(told, now)
        elif status == 418:
            self._ban(told, text, now)

    def _slow(self, told: Mapping[str, str], now: int) -> None:
        """The exchange wants fewer requests: of weight, or only of orders (-1015), in ten seconds or in this minute.

        It does not say until when. Answers to what was on its way together are one such word.
        """
        wait = (_count(told.get("retry-after")) or 0) * 1000
        self.slowed_until = max(self.slowed_until, self.weight.turns_at, now + wait)
        if now >= self.rests_until:
            self.rests = self.rests + 1 if self.rests_in == self.weight.begun else 1
            self.rests_in = self.weight.begun
            turn = self.weight.turns_at - now
            rest = RESTS_MS[self.rests - 1] if self.rests <= len(RESTS_MS) else turn
            self.rests_until = now + rest
        self.rests_until = max(self.rests_until, now + wait)

    def _ban(self, told: Mapping[str, str], text: str, now: int) -> None:
        """Until when a ban lasts: the body says it, else the header, else two minutes, doubling."""
        found = _UNTIL.search(text)
        wait = _count(told.get("retry-after"))
        if found is not None:  # by the exchange's clock: where ours is far off it may be any time
            until = min(int(found.group(1)), now + LONGEST_BAN_MS)
        elif wait:
            until = now + wait * 1000
        elif now < self.banned_until:  # the same ban: an answer to what was on its way
            return
        else:
            until = now + min(FIRST_BAN_MS * 2**self.bans, LONGEST_BAN_MS)
            self.bans = min(self.bans + 1, 20)
        if until > self.banned_until:
            self.banned_until, self.is_told = until, found is not None


def _count(text: str | None) -> int | None:
    return int(text) if text is not None and text.isascii() and text.isdigit() else None


def _seconds(ms: int) -> str:
    return f"{-(-ms // 1000)} s"
