"""The budget against an exchange that counts: nothing over its limits, and protection always has its share."""

from __future__ import annotations

from dataclasses import dataclass, field

from hypothesis import given
from hypothesis import strategies as st

from tradebot.wire.budget import (
    FIRST_BAN_MS,
    HELD_ORDERS,
    HELD_WEIGHT,
    LONGEST_BAN_MS,
    ORDERS_10S,
    WEIGHT,
    WEIGHT_HEADER,
    Budget,
    Need,
)

NOON = 1_789_473_600_000


@dataclass
class Counted:
    """The exchange's own counters, in windows of its clock."""

    counts: dict[tuple[int, int], int] = field(default_factory=dict)

    def take(self, now: int, weight: int, orders: int) -> dict[str, str]:
        for length, amount in ((60_000, weight), (10_000, orders), (60_001, orders)):
            window = now // (60_000 if length == 60_001 else length)
            self.counts[length, window] = self.counts.get((length, window), 0) + amount
        return {
            "X-MBX-USED-WEIGHT-1M": str(self.counts[60_000, now // 60_000]),
            "X-MBX-ORDER-COUNT-10S": str(self.counts[10_000, now // 10_000]),
            "X-MBX-ORDER-COUNT-1M": str(self.counts[60_001, now // 60_000]),
        }

    def most(self, length: int) -> int:
        return max((n for (long, _), n in self.counts.items() if long == length), default=0)


@dataclass
class Sent:
    kind: Need
    weight: int
    orders: int
    sent_at: int
    headers: dict[str, str] | None = None


class World:
    """Requests that leave when the budget lets them, arrive later in any order, and are answered later or never."""

    def __init__(self) -> None:
        self.now = NOON
        self.budget = Budget()
        self.server = Counted()
        self.on_the_way: list[Sent] = []
        self.answers: list[Sent] = []
        self.left = 0

    def play(self, step: tuple[int, int, int, int]) -> None:
        what, kind, weight, many = step
        if what <= 2:
            for _ in range(many):
                self.leave(Need(kind), weight, 1 if weight % 2 else 0)
        elif what == 3:
            for _ in range(min(many, len(self.on_the_way))):
                sent = self.on_the_way.pop(weight % len(self.on_the_way))
                sent.headers = self.server.take(self.now, sent.weight, sent.orders)
                self.answers.append(sent)
        elif what == 4:
            for _ in range(min(many, len(self.answers))):
                self.answer(self.answers.pop(weight % len(self.answers)), lost=kind == 0)
        else:
            self.now += weight * many * 20

    def leave(self, kind: Need, weight: int, orders: int) -> None:
        if not self.budget.refusal(kind, weight, orders, self.now):
            self.budget.send(weight, orders)
            self.on_the_way.append(Sent(kind, weight, orders, self.now))
            self.left += 1

    def answer(self, sent: Sent, *, lost: bool) -> None:
        status, headers = (None, {}) if lost else (200, sent.headers or {})
        self.budget.hear(sent.weight, sent.orders, sent.sent_at, self.now, status, headers)


STEPS = st.lists(
    st.tuples(st.integers(0, 5), st.integers(0, 4), st.integers(0, 60), st.integers(1, 80)),
    max_size=60,
)


@given(STEPS)
def test_no_window_of_the_exchange_is_ever_overdrawn(
    steps: list[tuple[int, int, int, int]],
) -> None:
    world = World()
    for step in steps:
        world.play(step)
    assert world.server.most(60_000) <= WEIGHT
    assert world.server.most(10_000) <= ORDERS_10S


@given(STEPS)
def test_what_does_not_protect_leaves_the_share_of_what_does(
    steps: list[tuple[int, int, int, int]],
) -> None:
    world = World()
    for what, kind, weight, many in steps:
        world.play((what, max(1, kind), weight, many))
    assert world.server.most(60_000) <= WEIGHT - HELD_WEIGHT
    assert world.server.most(10_000) <= ORDERS_10S - HELD_ORDERS
    if not world.on_the_way and not world.answers:
        assert not world.budget.refusal(Need.PROTECTIVE, HELD_WEIGHT, 1, world.now)


@given(STEPS)
def test_when_all_is_answered_a_new_minute_is_empty(steps: list[tuple[int, int, int, int]]) -> None:
    world = World()
    for step in steps:
        world.play(step)
    for _ in range(len(world.on_the_way) + 1):
        world.play((3, 1, 0, 80))
    for _ in range(len(world.answers) + 1):
        world.play((4, 1, 0, 80))
    world.now += 60_000
    assert not world.budget.refusal(Need.DATA, 1000, 1, world.now)
    assert world.budget.weight.used == 0


def test_each_kind_leaves_room_for_the_ones_before_it() -> None:
    budget = Budget()
    taken = []
    for kind in reversed(Need):
        while not budget.refusal(kind, 10, 0, NOON):
            budget.send(10, 0)
        taken.append(budget.weight.used)
    assert taken == [1200, 1600, 1800, 1800, 2400]
    assert budget.wait_ms(NOON) == 10_000


def spend(budget: Budget, weight: int, now: int) -> None:
    budget.send(weight, 0)
    budget.hear(weight, 0, now, now, 200, {})


def test_windows_turn_again_after_a_clock_that_was_far_ahead() -> None:
    budget = Budget()
    spend(budget, 1000, NOON + 3_600_000)  # before the first measurement: the wall clock's time
    assert budget.refusal(Need.DATA, 1000, 0, NOON)
    spend(budget, 500, NOON + 1)
    assert budget.weight.used == 1500
    assert budget.wait_ms(NOON + 1) <= 10_000
    assert not budget.refusal(Need.DATA, 1000, 0, NOON + 60_000)


def test_a_clock_that_is_corrected_a_little_forgets_nothing() -> None:
    budget = Budget()
    spend(budget, 1200, NOON + 50)
    for now in (NOON + 20, NOON - 150, NOON - 1):
        assert budget.refusal(Need.DATA, 1, 0, now)
        assert budget.weight.used == 1200


def banned(budget: Budget, now: int, text: str = "", **headers: str) -> int:
    budget.send(1, 0)
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    budget.hear(1, 0, now, now, 418, named, text)
    return budget.banned_until - now


def test_a_ban_moves_with_the_clock_it_was_reckoned_by_and_not_where_the_exchange_named_its_end() -> (
    None
):
    told, reckoned = Budget(), Budget()
    banned(told, NOON, f"banned until {NOON + 5000}.")
    banned(reckoned, NOON, "", Retry_After="9")
    for budget in (told, reckoned, Budget()):
        budget.move_clock(-40_000)
    assert told.banned_until == NOON + 5000
    assert reckoned.banned_until == NOON - 31_000
    told.go_on_banned(NOON + 1)  # what an earlier process noted is no later
    told.move_clock(-40_000)
    assert told.banned_until == NOON + 5000
    told.go_on_banned(NOON + 9000)
    told.move_clock(-1000)
    assert told.banned_until == NOON + 8000


def refused(budget: Budget, now: int, **headers: str) -> None:
    budget.send(1, 0)
    budget.hear(1, 0, now, now, 429, {name.replace("_", "-"): v for name, v in headers.items()})


def test_what_the_exchange_refuses_for_now_moves_with_the_clock_as_well() -> None:
    budget = Budget()
    assert budget.slow_ms(85, NOON) == 0
    budget.move_clock(5000)
    assert budget.slow_ms(85, NOON) == 0
    refused(budget, NOON + 10_000)
    assert budget.slow_ms(85, NOON + 10_000) == 2_000
    budget.move_clock(-86_400_000)  # ours was a day ahead
    assert budget.slow_ms(85, NOON + 11_000 - 86_400_000) == 1_000
    assert budget.slow_ms(85, NOON + 12_000 - 86_400_000) == 0


def test_protection_rests_longer_with_each_refusal_of_a_minute() -> None:
    budget = Budget()
    refused(budget, NOON)
    refused(budget, NOON + 100)  # it was on its way with the first
    assert budget.slow_ms(85, NOON + 100) == 1_900
    refused(budget, NOON + 2_000)
    assert budget.slow_ms(85, NOON + 2_000) == 5_000
    refused(budget, NOON + 7_000)
    assert budget.slow_ms(85, NOON + 7_000) == 53_000
    assert budget.refusal(Need.PROTECTIVE, 5, 1, NOON + 7_000) == ""  # who cannot wait may ask
    assert budget.refusal(Need.ENTRY, 1, 1, NOON + 7_000)
    refused(budget, NOON + 60_000)  # another minute
    assert budget.slow_ms(85, NOON + 60_000) == 2_000


def test_protection_rests_for_as_long_as_the_exchange_says() -> None:
    budget = Budget()
    refused(budget, NOON, retry_after="30")
    assert budget.slow_ms(85, NOON) == 30_000
    refused(budget, NOON + 1000, retry_after="90")
    assert budget.slow_ms(85, NOON + 1000) == 90_000


def test_a_minute_that_is_used_up_is_over_when_the_next_begins() -> None:
    budget = Budget()
    budget.send(WEIGHT - 85, 0)
    budget.hear(WEIGHT - 85, 0, NOON, NOON, 200, {WEIGHT_HEADER: str(WEIGHT - 85)})
    assert budget.slow_ms(85, NOON + 1000) == 0
    assert budget.slow_ms(86, NOON + 1000) == 59_000
    assert budget.slow_ms(86, NOON + 60_000) == 0


def test_a_ban_lasts_as_long_as_it_says_or_longer_each_time() -> None:
    words = f"Way too many requests; IP(1.2.3.4) banned until {NOON + 5000}. Please"
    assert banned(Budget(), NOON, words, Retry_After="99") == 5000
    assert banned(Budget(), NOON, "<html>", Retry_After="99") == 99_000
    assert banned(Budget(), NOON, "banned until 9999999999999") == LONGEST_BAN_MS
    budget, now = Budget(), NOON
    for length in (FIRST_BAN_MS, 2 * FIRST_BAN_MS, 4 * FIRST_BAN_MS):
        assert banned(budget, now, "<html>") == length
        assert banned(budget, now, "<html>") == length  # what was on its way does not count again
        for kind in Need:
            assert "banned" in budget.refusal(kind, 0, 0, budget.banned_until - 1)
        assert budget.wait_ms(now) == length
        now = budget.banned_until
        assert not budget.refusal(Need.PROTECTIVE, 1, 1, now)
    for _ in range(20):
        length = banned(budget, now, "<html>")
        now = budget.banned_until
    assert length == LONGEST_BAN_MS


def test_retry_after_slows_longer_than_the_minute() -> None:
    budget = Budget()
    budget.send(1, 0)
    budget.hear(1, 0, NOON, NOON, 429, {"Retry-After": "90"})
    assert budget.wait_ms(NOON) == 90_000
    assert budget.refusal(Need.ENTRY, 0, 1, NOON + 89_999)
    assert not budget.refusal(Need.LOOK_UP, 1, 0, NOON + 1)
    assert not budget.refusal(Need.ENTRY, 0, 1, NOON + 90_000)
