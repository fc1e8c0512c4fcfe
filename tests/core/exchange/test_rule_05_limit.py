"""Rule 5: limits, post-only, immediate-or-cancel and take-profit-market."""

from __future__ import annotations

from decimal import Decimal

import pytest
from kits.sim_script import FLAT, LONG, SHORT, table, then

D = Decimal

LIMITS = table(
    ("touched is not enough", "b buy 1 limit 99\n 100 100 99 99 1000", ""),
    (
        "passed by a tick fills",
        "b buy 1 limit 99\n 100 100 98.99 99 1000",
        "b buy 1 @ 99 maker\n seen 98.99",
    ),
    (
        "no improvement, however far the price goes",
        "b buy 1 limit 99\n 100 100 90 95 1000",
        "b buy 1 @ 99 maker\n seen 90",
    ),
    (
        "a sell the same",
        "b sell 1 limit 101\n 100 101 100 100 1000\n 100 101.01 100 100 1000",
        "b sell 1 @ 101 maker\n seen 101.01",
    ),
    (
        "marketable on arrival: rule 3",
        # 100 + 0.01 + 0.01
        f"b buy 1 limit 101\n {FLAT}",
        "b buy 1 @ 100.02 open\n seen 100",
    ),
    (
        "at the open plus half a spread it is marketable, and capped by the limit",
        f"b buy 1 limit 100.01\n {FLAT}",
        "b buy 1 @ 100.01 open\n seen 100",
    ),
    ("a tick below that it rests", f"b buy 1 limit 100\n {FLAT}", ""),
    (
        "a sell at the open minus half a spread is marketable",
        f"b sell 1 limit 99.99\n {FLAT}",
        "b sell 1 @ 99.99 open\n seen 100",
    ),
    ("a tick above that it rests", f"b sell 1 limit 100\n {FLAT}", ""),
    (
        "what is left rests and fills as a maker",
        # 10 % of a volume of 5, impact 1: capped; then the low passes 101 on the adverse leg
        "b buy 1 limit 101\n 100 100 100 100 5\n 102 102 100.99 101 1000",
        "b buy 0.5 @ 101 open\n seen 100\n b buy 0.5 @ 101 maker\n seen 100.99",
    ),
    ("post-only expires where it would take", f"b buy 1 limit 100.01 gtx\n {FLAT}", "b expired"),
    (
        "post-only rests otherwise",
        "b buy 1 limit 99 gtx\n 100 100 98 98 1000",
        "b buy 1 @ 99 maker\n seen 98",
    ),
    (
        "an immediate limit that finds nothing expires",
        f"b buy 1 limit 99 ioc\n {FLAT}",
        "b expired",
    ),
    (
        "an immediate limit fills what it can, the rest expires",
        # 10 % of 5; impact 100 x 0.1 x 0.5 / 5 = 1: capped at 101
        "b buy 1 limit 101 ioc\n 100 100 100 100 5",
        "b buy 0.5 @ 101 open\n b expired\n seen 100",
    ),
    (
        "an immediate market order too",
        "b buy 1 market ioc\n 100 100 100 100 5",
        "b buy 0.5 @ 101.01 open\n b expired\n seen 100",
    ),
    (
        "a filled immediate order just fills",
        f"b buy 1 market ioc\n {FLAT}",
        "b buy 1 @ 100.02 open\n seen 100",
    ),
)


@pytest.mark.parametrize(("script", "expected"), LIMITS)
def test_entries(script: str, expected: list[str]) -> None:
    assert then(FLAT, script) == expected


@pytest.mark.parametrize(
    ("order", "expected"),
    [
        # a spread of 1 %: 100.5 is asked, 99.5 bid
        ("b buy 1 limit 100.4 gtx", "b buy 1 @ 100.4 maker"),
        ("b buy 1 limit 100.01", "b buy 1 @ 100.01 maker"),
        ("b sell 1 limit 99.6", "b sell 1 @ 99.6 maker"),
        ("b buy 1 limit 100.5", "b buy 1 @ 100.5 open"),  # at it: a taker, capped by the limit
    ],
)
def test_a_limit_inside_the_half_spread_that_the_open_passes_is_no_taker(
    order: str, expected: str
) -> None:
    assert then(FLAT, f"{order}\n {FLAT}", spread_bps=D(100))[0] == expected


TARGETS = table(
    (
        "touched exactly is enough, the trigger is the base",
        # 105 - 0.0105 - 0.0105 = 104.979
        "t sell 1 tp 105 ro\n 100 105 100 100 1000",
        "seen 100\n t sell 1 @ 104.97",
    ),
    ("missed by a tick", "t sell 1 tp 105 ro\n 100 104.99 100 100 1000", "seen 100"),
    (
        "the trigger is the base even when the open is beyond",
        "t sell 1 tp 105 ro\n 110 111 109 110 1000",
        "t sell 1 @ 104.97 open",
    ),
    (
        "the mark does not touch it",
        "t sell 1 tp 105 ro\n 100 104 100 100 1000 | 100 110 100 100",
        "seen 100",
    ),
    (
        "what is left is a market order at the next open",
        # 10 % of 5 at 105: impact 105 x 0.1 x 0.5/5 = 1.05: 105 - 0.0105 - 1.05 = 103.9395
        # then 0.5 at 90: 90 - 0.009 - 0.0045 = 89.9865
        "t sell 1 tp 105 ro\n 100 106 100 105 5\n 90 90 90 90 1000",
        "seen 100\n t sell 0.5 @ 103.93\n t sell 0.5 @ 89.98 open",
    ),
)


@pytest.mark.parametrize(("script", "expected"), TARGETS)
def test_take_profit_market(script: str, expected: list[str]) -> None:
    assert then(LONG, script) == expected


def test_take_profit_of_a_short() -> None:
    # 95 + 0.0095 + 0.0095 = 95.019
    assert then(SHORT, "t buy 1 tp 95 ro\n 100 100 94 96 1000") == ["seen 100", "t buy 1 @ 95.02"]
