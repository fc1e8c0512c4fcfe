"""Rule 2: open, adverse extreme, favourable extreme, close."""

from __future__ import annotations

import pytest
from kits.sim_script import FLAT, LONG, SHORT, table, then

HELD = table(
    (
        "a long meets its stop before its target",
        # base 95, extreme 94: 95 - (0.0095 + 0.0095 + 0.25) = 94.731
        "s sell 1 stop 95 ro\n t sell 1 tp 105 ro\n 100 106 94 100 1000",
        "s sell 1 @ 94.73\n t expired 0",
    ),
    (
        "the target fills on the way to the favourable extreme, after the adverse one was seen",
        "t sell 1 limit 105 ro\n 100 106 99 100 1000",
        "seen 99\n t sell 1 @ 105 maker",
    ),
    (
        "on a leg orders fill as the price meets them",
        "b buy 1 limit 98\n c buy 1 limit 99\n 100 100 97 97 1000",
        "c buy 1 @ 99 maker\n b buy 1 @ 98 maker\n seen 97",
    ),
    (
        "at one level the stop comes first; flat again, the entry is tried against the whole bar",
        "b buy 1 limit 95\n s sell 1 stop 95 ro\n 100 100 94 94 1000",
        "s sell 1 @ 94.73\n b buy 1 @ 95 maker\n seen 94",
    ),
    (
        "at one level the older of two limits comes first",
        "b buy 1 limit 99\n c buy 2 limit 99\n 100 100 98 98 1000",
        "b buy 1 @ 99 maker\n c buy 2 @ 99 maker\n seen 98",
    ),
    (
        "after an add-on no target fills in that bar, but in the next",
        "t sell 1 limit 105 ro\n b buy 1 limit 99\n 100 106 98 100 1000\n 100 106 100 100 1000",
        "b buy 1 @ 99 maker\n seen 98\n seen 100\n t sell 1 @ 105 maker",
    ),
    (
        "nor after an add-on at the open, not even where the open is past the target",
        "t sell 1 limit 105 ro\n u sell 1 tp 105 ro\n b buy 1 market\n 100 106 100 100 1000",
        "b buy 1 @ 100.02 open\n seen 100",
    ),
    (
        "a limit that arrives marketable after one rests too, and fills in the next bar",
        f"b buy 1 market\n t sell 1 limit 99 ro\n {FLAT}\n {FLAT}",
        "b buy 1 @ 100.02 open\n seen 100\n t sell 1 @ 99 maker open\n seen 100",
    ),
    (
        "an immediate one then ends, a post-only one would have taken",
        f"b buy 1 market\n t sell 0.5 limit 99 ioc ro\n u sell 0.5 limit 99 gtx ro\n {FLAT}",
        "b buy 1 @ 100.02 open\n t expired\n u expired\n seen 100",
    ),
    (
        "submitted before the add-on it takes at the open",
        f"t sell 0.5 limit 99 ro\n b buy 1 market\n {FLAT}",
        # 100 - 0.01 - 0.005
        "t sell 0.5 @ 99.98 open\n b buy 1 @ 100.02 open\n seen 100",
    ),
    (
        "an add-on on the way up sends the path down again, and the stop is met there",
        # b: 103 + 0.0103 + 0.0103 + 0.25 x 1 = 103.2706; s: 98 - 0.0098 - 0.0098 - 0.25 x 1
        """b buy 1 stop 103
        on b: s sell 2 stop 98 ro
        100 104 97 100 1000""",
        "seen 97\n b buy 1 @ 103.28\n s sell 2 @ 97.72",
    ),
    (
        "the adverse extreme is seen each time the path has reached it",
        "b buy 1 stop 103\n 100 104 97 100 1000",
        "seen 97\n b buy 1 @ 103.28\n seen 97",
    ),
    (
        "a stop sent on a partial target lives on the rest of the path: here on the way to the close",
        # base 99.5, extreme 99: 99.5 - (0.00995 + 0.1 x 0.5/1000 x 99.5 + 0.125)
        "t sell 0.5 limit 105 ro\n on t: s sell 0.5 stop 99.5 ro\n 100 106 99 99.2 1000",
        "seen 99\n t sell 0.5 @ 105 maker\n s sell 0.5 @ 99.36",
    ),
    (
        "such a stop is not met by the extremes that lie behind it",
        "t sell 0.5 limit 105 ro\n on t: s sell 0.5 stop 99.5 ro\n 100 106 99 100 1000",
        "seen 99\n t sell 0.5 @ 105 maker",
    ),
    (
        "at the open orders go by submission: the stop first",
        # 90 - 0.009 - 0.009 = 89.982
        "s sell 1 stop 95 ro\n x sell 1 market ro\n 90 90 90 90 1000",
        "s sell 1 @ 89.98 open\n x expired 0",
    ),
    (
        "at the open orders go by submission: the market close first",
        "x sell 1 market ro\n s sell 1 stop 95 ro\n 90 90 90 90 1000",
        "x sell 1 @ 89.98 open\n s expired 0",
    ),
    (
        "a resting limit the open has passed fills at the open, at its price",
        f"t sell 1 limit 105 ro\n {FLAT}\n 107 108 106 107 1000",
        "seen 100\n t sell 1 @ 105 maker open",
    ),
    (
        "turning round sends the path to the other side's adverse extreme",
        "f sell 3 limit 102\n 100 103 99 100 1000",
        "seen 99\n f sell 3 @ 102 maker\n seen 103",
    ),
    (
        "a stop entry on the other side turns round as well",
        # 98 - (0.0098 + 98 x 0.1 x 3/1000 + 0.25 x 1) = 97.7108
        "f sell 3 stop 98\n 100 101 97 100 1000",
        "f sell 3 @ 97.71\n seen 101",
    ),
)


@pytest.mark.parametrize(("script", "expected"), HELD)
def test_with_a_long(script: str, expected: list[str]) -> None:
    assert then(LONG, script) == expected


def test_a_short_has_the_high_first() -> None:
    script = "s buy 1 stop 105 ro\n t buy 1 tp 95 ro\n 100 106 94 100 1000"
    # 105 + (0.0105 + 0.0105 + 0.25) = 105.271
    assert then(SHORT, script) == ["s buy 1 @ 105.28", "t expired 0"]
    assert then(SHORT, "t buy 1 limit 95 ro\n 100 104 94 100 1000") == [
        "seen 104",
        "t buy 1 @ 95 maker",
    ]


ENTRIES = table(
    (
        "entries are tried by submission; the other side then only reduces and is blocked",
        "b sell 1 limit 101\n c buy 1 limit 99\n 100 102 98 100 1000\n 100 100 98 98 1000",
        "b sell 1 @ 101 maker\n seen 102\n seen 100\n c buy 1 @ 99 maker",
    ),
    (
        "submitted the other way round, the other one opens",
        "c buy 1 limit 99\n b sell 1 limit 101\n 100 102 98 100 1000",
        "c buy 1 @ 99 maker\n seen 98",
    ),
    (
        "after an entry the path goes to the adverse extreme, wherever the high was",
        # b: 103.2706 as above; s: 96 - (0.0096 + 0.0096 + 0.25 x 1) = 95.7308
        "b buy 1 stop 103\n on b: s sell 1 stop 96 ro\n 100 104 95 103 1000",
        "b buy 1 @ 103.28\n s sell 1 @ 95.73",
    ),
    (
        "a take-profit-market entry opens too",
        # 99 + 0.0099 + 0.0099 = 99.0198
        "b buy 1 tp 99\n 100 101 98 100 1000",
        "b buy 1 @ 99.02\n seen 98",
    ),
    (
        "what no price of the bar touches stays",
        "b buy 1 limit 97\n c buy 1 stop 104\n d sell 1 tp 105\n 100 103 98 100 1000",
        "",
    ),
    (
        "closed and flat again, the next entry is tried against the whole bar",
        # s: 98 - 0.0098 - 0.0098 - 0.25 = 97.7304; c opens at 102 although the path was at 98
        """b buy 1 limit 99
        on b: s sell 1 stop 98 ro
        c sell 1 limit 102
        100 103 97 100 1000""",
        "b buy 1 @ 99 maker\n s sell 1 @ 97.73\n c sell 1 @ 102 maker\n seen 103",
    ),
    (
        "a stop entry sent on the closing fill sees only the rest of the path",
        """b buy 1 limit 99
        on b: s sell 1 stop 98 ro
        on s: c buy 1 stop 101
        100 103 97 100 1000""",
        # from 98 on to 97, up to 103: 101 + 0.0101 + 0.0101 + 0.25 x 2 = 101.5202
        "b buy 1 @ 99 maker\n s sell 1 @ 97.73\n c buy 1 @ 101.53\n seen 97",
    ),
    (
        "and is not met when the rest of the path stays away",
        """b sell 1 limit 101
        on b: t buy 1 stop 102 ro
        on t: c buy 1 stop 104
        100 103 97 100 1000""",
        # 102 + 0.0102 + 0.0102 + 0.25 x 1 = 102.2704
        "b sell 1 @ 101 maker\n t buy 1 @ 102.28",
    ),
)


@pytest.mark.parametrize(("script", "expected"), ENTRIES)
def test_from_flat(script: str, expected: list[str]) -> None:
    assert then(FLAT, script) == expected
