"""What becomes of an alert: a critical one always reaches somebody; quiet hours are those of the user's wall clock."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from tradebot.alerts.model import KINDS, LEVEL_SOUNDS, Alert, Decision, Level, Wishes
from tradebot.alerts.policy import decide, quiet_until
from tradebot.core.model.times import of_iso

CHANNELS = ("telegram", "email", "webhook")
ZONES = ("UTC", "Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Asia/Kathmandu")
HOUR = 3_600_000


def alert(kind: str, *, simulated: bool = False, level: Level | None = None) -> Alert:
    return Alert(1, "audit:1", kind, level or KINDS[kind], kind, "text", 0, simulated=simulated)


WISHES = Wishes(("telegram", "email"), silent_channels=("telegram",))
NIGHT = replace(WISHES, quiet=(23 * 60, 7 * 60), zone="Europe/Berlin")


def fate(kind: str, wishes: Wishes = WISHES, channel: str = "telegram", now: str = "") -> str:
    moment = of_iso(now or "2026-11-27T12:00:00Z")
    return decide(alert(kind), channel, wishes, moment, 0).fate


def test_by_default_all_but_the_extras_are_sent() -> None:
    assert {kind: fate(kind) for kind in KINDS} == {
        kind: "off" if level == "extra" else "send" for kind, level in KINDS.items()
    }


def test_a_kind_goes_before_its_level() -> None:
    wishes = replace(WISHES, on={"info": "off", "exit": "silent", "extra": "on"})
    assert fate("entry", wishes) == "off"
    assert fate("exit", wishes) == "silent"
    assert fate("exit", wishes, "email") == "send"  # a letter makes the sound it makes
    assert fate("signal", wishes) == "send"


def test_simulated_markets_are_off_unless_asked_for() -> None:
    halt = alert("halt", simulated=True)
    assert decide(halt, "telegram", WISHES, 0, 0).fate == "off"
    assert decide(halt, "telegram", replace(WISHES, simulated=True), 0, 0).fate == "send"


def test_muted_by_hand_are_warnings_and_news_only() -> None:
    for kind, expected in (("halt", "send"), ("feed", "muted"), ("entry", "muted")):
        assert decide(alert(kind), "telegram", WISHES, 1000, 1001).fate == expected
        assert decide(alert(kind), "telegram", WISHES, 1001, 1001).fate == "send"


@pytest.mark.parametrize(
    ("now", "until"),
    [
        ("2026-11-27T21:59:59Z", None),
        ("2026-11-27T22:00:00Z", "2026-11-28T06:00:00Z"),
        ("2026-11-28T05:59:59Z", "2026-11-28T06:00:00Z"),
        ("2026-11-28T06:00:00Z", None),
        # the clock goes back at 01:00Z on 25 October, and forward at 01:00Z on 29 March
        ("2026-10-24T21:00:00Z", "2026-10-25T06:00:00Z"),
        ("2026-03-28T22:00:00Z", "2026-03-29T05:00:00Z"),
    ],
)
def test_quiet_hours_are_those_of_the_users_wall_clock(now: str, until: str | None) -> None:
    assert quiet_until(NIGHT, of_iso(now)) == (until and of_iso(until))
    held = decide(alert("feed"), "telegram", NIGHT, of_iso(now), 0)
    assert held.fate == ("held" if until else "send")


def test_an_end_that_the_clock_leaves_out_is_the_end_of_the_gap() -> None:
    early = replace(NIGHT, quiet=(60, 150))  # to 02:30, and 02:00-03:00 is left out
    assert quiet_until(early, of_iso("2026-03-29T00:30:00Z")) == of_iso("2026-03-29T01:00:00Z")
    assert quiet_until(early, of_iso("2026-03-29T01:00:00Z")) is None


def test_an_end_that_comes_twice_is_the_second_one() -> None:
    early = replace(NIGHT, quiet=(60, 150))  # 02:30 comes at 00:30Z and at 01:30Z
    assert quiet_until(early, of_iso("2026-10-25T01:00:00Z")) == of_iso("2026-10-25T01:30:00Z")
    late = replace(NIGHT, quiet=(150, 300))
    assert quiet_until(late, of_iso("2026-10-25T00:30:00Z")) == of_iso("2026-10-25T04:00:00Z")


MOMENTS = st.integers(of_iso("2025-01-01"), of_iso("2028-01-01"))
QUIET = st.one_of(st.none(), st.tuples(st.integers(0, 1439), st.integers(0, 1439)))
SOUNDS = st.dictionaries(
    st.sampled_from([*KINDS, *LEVEL_SOUNDS]), st.sampled_from(["on", "silent", "off"])
)
ALL = st.builds(
    Wishes,
    channels=st.lists(st.sampled_from(CHANNELS), min_size=1, unique=True).map(tuple),
    on=SOUNDS,
    simulated=st.booleans(),
    quiet=QUIET,
    zone=st.sampled_from(ZONES),
    silent_channels=st.sampled_from([(), ("telegram",)]),
)


@given(ALL, st.sampled_from(sorted(KINDS)), MOMENTS, st.integers(-HOUR, HOUR))
def test_nothing_holds_a_critical_alert(wishes: Wishes, kind: str, now: int, mute: int) -> None:
    found = [decide(alert(kind), name, wishes, now, now + mute) for name in wishes.channels]
    if KINDS[kind] == "critical":
        assert {one.fate for one in found} <= {"send", "silent"}
        assert any(one == Decision("send") for one in found)
    for one in found:
        assert bool(one.why) == (one.fate in ("off", "muted", "held"))
        assert (one.until > now) == (one.fate == "held")


@given(ALL, MOMENTS)
@example(replace(NIGHT, quiet=(150, 151)), of_iso("2026-03-29T01:00:00Z"))
@example(replace(NIGHT, quiet=(150, 150)), of_iso("2026-10-25T00:30:00Z"))
def test_what_is_held_is_let_go_at_the_end_and_not_before(wishes: Wishes, now: int) -> None:
    end = quiet_until(wishes, now)
    if end is None:
        return
    assert wishes.quiet is not None
    assert now < end <= now + 26 * HOUR
    assert quiet_until(wishes, end - 1) == end
    after = quiet_until(wishes, end)
    assert after is None or after > end
    if after is not None:  # it begins again at once only where the clock was set
        zone = ZoneInfo(wishes.zone)
        offsets = {
            (datetime.fromtimestamp(end / 1000, UTC) + timedelta(hours=h))
            .astimezone(zone)
            .utcoffset()
            for h in (-26, 26)
        }
        assert len(offsets) > 1


@given(ALL, MOMENTS)
def test_quiet_is_what_the_wall_clock_shows(wishes: Wishes, now: int) -> None:
    """Away from a day on which the clock is set, the hours and minutes decide."""
    if wishes.quiet is None:
        return
    zone = ZoneInfo(wishes.zone)
    local = datetime.fromtimestamp(now / 1000, UTC).astimezone(zone)
    if len({(local + timedelta(days=d)).utcoffset() for d in (-2, 0, 2)}) > 1:
        return
    begin, end = wishes.quiet
    minute = local.hour * 60 + local.minute
    inside = begin <= minute < end if begin <= end else minute >= begin or minute < end
    assert (quiet_until(wishes, now) is not None) == inside
