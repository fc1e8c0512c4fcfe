"""Rule 4: when a stop is touched, what it costs, when it is refused."""

from __future__ import annotations

import pytest
from kits.sim_script import FLAT, LONG, SHORT, table, then

STOPS = table(
    (
        "a gap: filled from the open, never at its trigger",
        # base 80, extreme 79: 80 - (0.008 + 0.008 + 0.25) = 79.734
        "s sell 1 stop 95 ro\n 80 82 79 81 1000",
        "s sell 1 @ 79.73 open",
    ),
    (
        "touched exactly",
        # base and extreme 99: 99 - 0.0099 - 0.0099
        "s sell 1 stop 99 ro\n 100 100 99 100 1000",
        "s sell 1 @ 98.98",
    ),
    ("missed by a tick", "s sell 1 stop 99 ro\n 100 100 99.01 100 1000", "seen 99.01"),
    (
        "a quarter of the way to the extreme is given away",
        # 99 - (0.0099 + 0.0099 + 0.25 x 9) = 96.7302
        "s sell 1 stop 99 ro\n 100 100 90 100 1000",
        "s sell 1 @ 96.73",
    ),
    (
        "the mark bar touches it where no trade did",
        # base 99, the bar's low 99.5: |base - extreme| = 0.5
        "s sell 1 stop 99 ro\n 100 100 99.5 100 1000 | 100 100 98 100",
        "s sell 1 @ 98.85",
    ),
    (
        "the mark's open touches it at the open, base is the worse of trigger and open",
        # 99 - 0.0198 - 0.25 x 1 = 98.7302
        "s sell 1 stop 99 ro\n 100 101 100 100 1000 | 98 101 98 100",
        "s sell 1 @ 98.73 open",
    ),
    (
        "the bar touches it where the mark did not",
        "s sell 1 stop 99 ro\n 100 100 99 100 1000 | 100 100 99.5 100",
        "s sell 1 @ 98.98",
    ),
    (
        "a stop fills whole whatever the volume is",
        # impact 99 x 0.1 x 1 / 2 = 4.95: 99 - 0.0099 - 4.95 = 94.0401
        "s sell 1 stop 99 ro\n 100 100 99 99 2",
        "s sell 1 @ 94.04",
    ),
    (
        "an entry by a stop pays the same",
        # base 101, extreme 103: 101 + 0.0101 + 0.0101 + 0.5 = 101.5202
        "b buy 1 stop 101\n 100 103 100 102 1000",
        "seen 100\n b buy 1 @ 101.53\n seen 100",
    ),
    (
        "a long's stop above the last close is refused",
        "s sell 1 stop 100.01 ro",
        "s rejected -2021",
    ),
    ("at the last close too", "s sell 1 stop 100 ro", "s rejected -2021"),
    ("a target the close has reached is refused", "t sell 1 tp 100 ro", "t rejected -2021"),
    (
        "the last mark decides, where there is one",
        f"{FLAT} | 100 100 98 98\n s sell 1 stop 99 ro\n t sell 1 tp 99 ro\n b buy 1 stop 99",
        "seen 98\n s rejected -2021",
    ),
)


@pytest.mark.parametrize(("script", "expected"), STOPS)
def test_with_a_long(script: str, expected: list[str]) -> None:
    assert then(LONG, script) == expected


SHORTS = table(
    (
        "a gap up",
        # base 120, extreme 121: 120 + 0.012 + 0.012 + 0.25 = 120.274
        "s buy 1 stop 105 ro\n 120 121 119 120 1000",
        "s buy 1 @ 120.28 open",
    ),
    ("a stop below the last close is refused", "s buy 1 stop 99 ro", "s rejected -2021"),
    ("a target above the last close is refused", "t buy 1 tp 101 ro", "t rejected -2021"),
)


@pytest.mark.parametrize(("script", "expected"), SHORTS)
def test_with_a_short(script: str, expected: list[str]) -> None:
    assert then(SHORT, script) == expected


LIVE = table(
    (
        "sent on a fill at a gapped open beyond its trigger: from the level of the entry",
        # entry 90 + 0.018; the stop's base is 90, extreme 89: 90 - 0.018 - 0.25 = 89.732
        "b buy 1 market\n on b: s sell 1 stop 95 ro\n 90 91 89 90 1000",
        "b buy 1 @ 90.02 open\n s sell 1 @ 89.73",
    ),
    (
        "sent on a fill at a limit: the worse of trigger and that limit",
        # base 98, extreme 97: 98 - 0.0098 - 0.0098 - 0.25 = 97.7304
        "b buy 1 limit 99\n on b: s sell 1 stop 98 ro\n 100 100 97 97 1000",
        "b buy 1 @ 99 maker\n s sell 1 @ 97.73",
    ),
    (
        "beyond its trigger already, although the bar ends there",
        # base min(99.5, 99) = 99, extreme 98.99: 99 - 0.0198 - 0.0025 = 98.9777
        "b buy 1 limit 99\n on b: s sell 1 stop 99.5 ro\n 100 100 98.99 99 1000",
        "b buy 1 @ 99 maker\n s sell 1 @ 98.97",
    ),
    (
        "in later bars its base is the worse of trigger and open again",
        # base 95, extreme 94: 94.731
        f"b buy 1 market\n on b: s sell 1 stop 95 ro\n {FLAT}\n 100 100 94 94 1000",
        "b buy 1 @ 100.02 open\n seen 100\n s sell 1 @ 94.73",
    ),
    (
        "where only the mark met the entry, the path goes on from the bar's end",
        # entry 101 + 0.0101 + 0.0101 + 0.25 x 0.5: met by the mark, the bar's high is 100.5
        "b buy 1 stop 101\n c sell 1 limit 100.6\n 100 100.5 100 100 1000 | 100 102 100 100",
        "b buy 1 @ 101.15\n seen 100",
    ),
)


@pytest.mark.parametrize(("script", "expected"), LIVE)
def test_live_after_the_open(script: str, expected: list[str]) -> None:
    assert then(FLAT, script) == expected
