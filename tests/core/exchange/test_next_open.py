"""The textbook model: fills at the open, nothing of the market's friction."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

import pytest
from kits.sim_script import FLAT, RULES, Script, table, then

D = Decimal
ODD = "100.005 107 93 100 0"

TEXTBOOK = table(
    (
        "the open as it is, in a bar of any volume",
        f"b buy 50 market\n {ODD}",
        "b buy 50 @ 100.005 open",
    ),
    ("a sell too", f"b sell 50 market\n {ODD}", "b sell 50 @ 100.005 open"),
    ("a marketable limit", f"b buy 1 limit 100.01\n {ODD}", "b buy 1 @ 100.005 open"),
    ("at the open exactly", f"b buy 1 limit 100\n {FLAT}", "b buy 1 @ 100 open"),
    ("post-only there expires", f"b buy 1 limit 100 gtx\n {FLAT}", "b expired"),
    (
        "a resting limit needs to be passed",
        "b buy 1 limit 99\n 100 100 99 99 1\n 100 100 98 99 1",
        "b buy 1 @ 99 maker",
    ),
    (
        "a stop fills at the worse of trigger and open",
        f"b buy 1 market\n {FLAT}\n s sell 0.5 stop 95 ro\n u sell 0.5 stop 94 ro\n 94.5 94.5 93 93 1",
        "b buy 1 @ 100 open\n s sell 0.5 @ 94.5 open\n u sell 0.5 @ 94",
    ),
    (
        "a target at its trigger",
        f"b buy 1 market\n {FLAT}\n t sell 1 tp 105 ro\n 100 106 99 100 1",
        "b buy 1 @ 100 open\n t sell 1 @ 105",
    ),
    ("no price events", f"b buy 1 market\n {FLAT}\n 100 105 95 100 1", "b buy 1 @ 100 open"),
)


@pytest.mark.parametrize(("script", "expected"), TEXTBOOK)
def test_textbook(script: str, expected: list[str]) -> None:
    assert then(FLAT, script, model="next_open") == expected


def test_no_latency_and_no_liquidation() -> None:
    rules = {"model": "next_open", "latency_ms": 600_000, "leverage": 10}
    assert then(FLAT, f"b buy 1 market\n {FLAT}\n 1 1 1 1 1", **rules) == ["b buy 1 @ 100 open"]


def test_fees_are_charged_and_funding_paid() -> None:
    script = Script(rules=replace(RULES, model="next_open"))
    script.run(f"{FLAT}\n b buy 1 market\n {FLAT}\n funding 0.001 100")
    assert script.exchange.fees == D("0.05")
    assert script.exchange.funding == D("-0.1")


def test_close_all_now_at_the_last_close() -> None:
    script = Script(rules=replace(RULES, model="next_open"))
    script.run(f"{FLAT}\n b buy 1 market\n 100 103 99 102 1000")
    assert script.close_all() == ["close-1 sell 1 @ 102"]
