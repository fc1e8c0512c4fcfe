"""Rule 7: our share of a bar's volume."""

from __future__ import annotations

from decimal import Decimal

import pytest
from kits.sim_script import FLAT, LONG, table, then

ENTRIES = table(
    (
        "a market order takes its share of each bar until it is whole",
        # 10 % of 10 at 100: 0.01 + 1; 0.5 of 1000 at 100: 0.01 + 0.005
        "b buy 1.5 market\n 100 100 100 100 10\n 100 100 100 100 1000",
        "b buy 1 @ 101.01 open\n seen 100\n b buy 0.5 @ 100.02 open\n seen 100",
    ),
    (
        "the share goes down to the step",
        "b buy 1 market\n 100 100 100 100 0.019",
        # 0.0019 is 0.001: 100 x 0.1 x 0.001 / 0.019 = 0.5263..
        "b buy 0.001 @ 100.54 open\n seen 100",
    ),
    ("less than a step fills nothing", "b buy 1 market\n 100 100 100 100 0.009", ""),
    (
        "a limit takes the share and is judged anew",
        "b buy 1.5 limit 99\n 100 100 98 98 10\n 100 100 99 99 10\n 100 100 98 98 10",
        "b buy 1 @ 99 maker\n seen 98\n seen 99\n b buy 0.5 @ 99 maker\n seen 98",
    ),
    (
        "orders use the share in order of path, then submission",
        "b buy 1 limit 98\n c buy 0.75 limit 99\n d buy 1 market\n 100 100 97 97 15",
        # d at 100: 0.01 + 0.6666..; c has 0.5 left of 1.5, b nothing
        "d buy 1 @ 100.68 open\n c buy 0.5 @ 99 maker\n seen 97",
    ),
    (
        "a bar without volume fills nothing",
        f"b buy 1 market\n c buy 1 limit 101\n 100 100 90 95 0\n {FLAT}",
        # c arrived in the empty bar; in the next it rests and 100 has passed 101
        "b buy 1 @ 100.02 open\n c buy 1 @ 101 maker open\n seen 100",
    ),
    (
        "in it immediate orders and a crossing post-only end",
        "b buy 1 market ioc\n c buy 1 limit 101 ioc\n d buy 1 limit 101 gtx\n 100 100 100 100 0",
        "b expired\n c expired\n d expired",
    ),
    (
        "a stop entry touched in it stays triggered",
        # worse of trigger and open: 105; extreme 106: 105 + 0.0105 + 0.0105 + 0.25 = 105.271
        "b buy 1 stop 104\n 105 106 105 105 0\n 100 100 100 100 0\n 105 106 100 100 1000",
        "b buy 1 @ 105.28 open\n seen 100",
    ),
)


@pytest.mark.parametrize(("script", "expected"), ENTRIES)
def test_entries(script: str, expected: list[str]) -> None:
    assert then(FLAT, script) == expected


@pytest.mark.parametrize(
    ("volume", "expected"),
    [
        ("0.001", []),
        ("0.01", ["b buy 0.001 @ 99 maker", "seen 90"]),
        ("4000", ["b buy 400 @ 99 maker", "seen 90"]),
    ],
)
def test_a_limit_for_500_never_fills_more_than_the_share(volume: str, expected: list[str]) -> None:
    script = f"b buy 500 limit 99\n 100 100 90 95 {volume}"
    assert then(FLAT, script, start_equity=Decimal(100_000)) == expected


HELD = table(
    (
        "a stop fills whole and uses up the share",
        # s: impact 99 x 0.1 x 1 / 5 = 1.98, extreme 98: 99 - 0.0099 - 1.98 - 0.25 = 96.7601
        "b buy 1 limit 98.5\n s sell 1 stop 99 ro\n 100 100 98 98 5",
        "s sell 1 @ 96.76",
    ),
    (
        "a stop touched without volume fills at the next bar with some, though the price is back",
        # base min(95, 100), extreme 100: 95 - 0.0095 - 0.0095 - 0.25 x 5 = 93.731
        "s sell 1 stop 95 ro\n 100 100 94 96 0\n 100 101 100 100 1000",
        "seen 94\n s sell 1 @ 93.73 open",
    ),
    (
        "and from the open where that is worse",
        # base 90, extreme 90
        "s sell 1 stop 95 ro\n 94 94 94 94 0\n 90 90 90 90 1000",
        "seen 94\n s sell 1 @ 89.98 open",
    ),
    (
        "a target touched without volume is a market order at the next open",
        f"t sell 1 tp 105 ro\n 106 106 106 106 0\n {FLAT}",
        "seen 106\n t sell 1 @ 99.98 open",
    ),
    (
        "or at its trigger, where that open is better",
        # 105 - 0.0105 - 0.0105 = 104.979
        "t sell 1 tp 105 ro\n 106 106 106 106 0\n 110 110 110 110 0\n 110 110 110 110 1000",
        "seen 106\n seen 110\n t sell 1 @ 104.97 open",
    ),
    (
        "what a target that was filled in part leaves is a market order at the next open",
        # 0.5 of 5 at 105: 105 - 0.0105 - 1.05 = 103.9395; then 110 - 0.011 - 0.0055 = 109.9835
        "t sell 1 tp 105 ro\n 100 106 100 100 5\n 110 110 110 110 0\n 110 110 110 110 1000",
        "seen 100\n t sell 0.5 @ 103.93\n seen 110\n t sell 0.5 @ 109.98 open",
    ),
    (
        "a market close is cut to the share as well",
        "x sell 1 market ro\n 100 100 100 100 5\n 100 100 100 100 5",
        "x sell 0.5 @ 98.99 open\n seen 100\n x sell 0.5 @ 98.99 open",
    ),
)


@pytest.mark.parametrize(("script", "expected"), HELD)
def test_with_a_long(script: str, expected: list[str]) -> None:
    assert then(LONG, script) == expected
