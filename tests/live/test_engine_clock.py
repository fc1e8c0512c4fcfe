"""The engine's clock, moved by hand."""

from __future__ import annotations

from tradebot.app.clock import EngineClock
from tradebot.app.feed_watch import FeedWatch
from tradebot.core.model.events import FeedStatus


class Hand:
    """Two clocks that a test moves apart."""

    def __init__(self) -> None:
        self.wall = 1_000_000
        self.seconds = 50.0

    def wall_ms(self) -> int:
        return self.wall

    def monotonic(self) -> float:
        return self.seconds

    def sleep(self, seconds: float) -> None:
        self.go(seconds)

    def go(self, seconds: float) -> None:
        self.wall += round(seconds * 1000)
        self.seconds += seconds


def test_it_goes_with_the_clock_and_never_back() -> None:
    hand = Hand()
    clock = EngineClock(hand)
    assert clock.now() == 1_000_000
    hand.go(1.5)
    assert clock.now() == 1_001_500
    hand.wall -= 3_600_000  # somebody sets the wall clock back
    assert clock.now() == 1_001_500
    hand.seconds += 1
    assert clock.now() == 1_002_500
    hand.wall += 7_200_000  # or forward
    assert clock.now() == 1_002_500


def test_a_measurement_corrects_it_to_the_exchange() -> None:
    hand = Hand()
    clock = EngineClock(hand)
    clock.correct(400)
    assert clock.now() == 1_000_400
    clock.correct(-300)  # that would be back: it waits until the time has come
    assert clock.now() == 1_000_400
    assert clock.seconds_until(1_000_400) == 0.7
    hand.go(0.8)
    assert clock.now() == 1_000_500
    assert clock.seconds_until(1_000_000) == 0.0


def test_a_run_that_goes_on_does_not_go_back() -> None:
    clock = EngineClock(Hand())
    clock.go_on_from(2_000_000)
    assert clock.now() == 2_000_000


def test_after_a_sleep_of_the_machine_it_catches_up_where_the_exchange_agrees() -> None:
    hand = Hand()
    clock = EngineClock(hand)
    hand.wall += 600_000  # the other clock stands while the machine sleeps
    assert clock.now() == 1_000_000
    clock.see(1_000_900)  # an exchange a little ahead is skew, which the gate judges
    assert clock.now() == 1_000_000
    clock.see(1_600_100)
    assert clock.now() == 1_600_000


def test_a_strange_time_stamp_alone_moves_nothing() -> None:
    hand = Hand()
    clock = EngineClock(hand)
    clock.see(9_000_000)
    assert clock.now() == 1_000_000


def test_a_symbol_that_falls_silent_is_told_once_and_when_it_is_back() -> None:
    watch = FeedWatch(("A", "B"), 10_000)
    assert watch.next_check == 15_001
    assert watch.see("B", 14_000) == []
    assert watch.check(15_000) == []
    (silent,) = watch.check(15_001)
    assert silent == FeedStatus(15_001, "A", False, "nothing for 5 s")
    assert watch.check(16_000) == []
    assert watch.next_check == 19_001
    (back,) = watch.see("A", 22_000)
    assert (back.symbol, back.live, back.detail) == ("A", True, "it was silent for 12.0 s")
    assert watch.see("C", 22_000) == []


def test_a_whole_feed_that_falls_silent_is_told_as_one_and_comes_back_by_symbol() -> None:
    watch = FeedWatch(("A", "B"), 0, pause_ms=60_000)
    assert watch.check(65_000) == []
    (silent,) = watch.check(65_001)
    assert (silent.symbol, silent.live) == ("", False)
    assert watch.next_check > 1 << 61
    assert [event.symbol for s in ("A", "B") for event in watch.see(s, 70_000)] == ["A", "B"]
