"""The exchange's clock: how far ahead it is, how sure that is, and when it has to be asked again."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from tradebot.wire.venue_time import MEASURE_S, Reading, VenueTime


class SetClock:
    """A wall clock that can be set beside one that only goes forward."""

    def __init__(self, wall: int = 1_700_000_000_000, passed: float = 5.0) -> None:
        self.wall = float(wall)
        self.passed = passed

    def wall_ms(self) -> int:
        return int(self.wall)

    def monotonic(self) -> float:
        return self.passed

    def sleep(self, seconds: float) -> None:
        self.wall += seconds * 1000
        self.passed += seconds


def readings(clock: SetClock, ahead: int, trips: list[tuple[int, int]]) -> list[Reading]:
    """Ask an exchange so far ahead; each way takes its own time (ms)."""
    taken = []
    for there, back in trips:
        sent = clock.monotonic()
        clock.sleep(there / 1000)
        server = clock.wall_ms() + ahead
        clock.sleep(back / 1000)
        taken.append(Reading(sent, clock.monotonic(), server))
    return taken


@given(
    st.integers(-10_000_000, 10_000_000),
    st.lists(st.tuples(st.integers(0, 2000), st.integers(0, 2000)), min_size=1, max_size=5),
)
def test_the_error_bounds_how_wrong_the_time_is(ahead: int, trips: list[tuple[int, int]]) -> None:
    clock = SetClock()
    time = VenueTime(clock)
    time.take(readings(clock, ahead, trips))
    truth = clock.wall_ms() + ahead
    assert abs(time.now() - truth) <= time.error_ms + 1
    assert time.error_ms <= min(there + back for there, back in trips) / 2 + 2
    assert abs(time.offset_ms - ahead) <= time.error_ms + 1


@given(st.integers(-5_000_000, 5_000_000), st.integers(-10_000_000, 10_000_000))
def test_a_wall_clock_that_is_set_moves_no_request(ahead: int, by: int) -> None:
    clock = SetClock()
    time = VenueTime(clock)
    time.take(readings(clock, ahead, [(10, 10)]))
    before, truth = time.now(), clock.wall_ms() + ahead
    clock.wall += by
    assert time.now() == before
    assert time.is_due == (abs(by) > 1000)
    time.take([Reading(clock.monotonic(), clock.monotonic(), truth)])  # nothing is taken for drift
    assert abs(time.now() - truth) <= 1
    if time.is_due is False and abs(by) > 1000:
        assert time.error_ms <= 12


def test_it_is_due_at_the_start_and_every_minute_and_drift_counts() -> None:
    clock = SetClock()
    time = VenueTime(clock)
    assert time.is_due
    assert time.now() == clock.wall_ms()
    time.take(readings(clock, 500, [(5, 5)]))
    assert not time.is_due
    clock.sleep(MEASURE_S)
    assert time.is_due
    calm = time.error_ms
    time.take(readings(clock, 800, [(5, 5)]))
    assert (
        time.error_ms >= calm + 290
    )  # it ran 300 ms apart in a minute: nobody knows what comes next


@given(st.integers(0, 4000), st.floats(0, 400), st.integers(1, 2000), st.floats(0, 300))
def test_it_is_known_by_its_error_and_its_age(
    trip: int, later: float, within: int, for_s: float
) -> None:
    clock = SetClock()
    time = VenueTime(clock)
    assert not time.is_known(within, for_s)
    time.take(readings(clock, 0, [(trip, trip)]))
    clock.sleep(later)
    assert time.is_known(within, for_s) == (time.age_s <= for_s and time.error_ms < within)
