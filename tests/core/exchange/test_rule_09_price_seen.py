"""Rule 9: what the monitor sees inside a bar, and what decisions on it mean."""

from __future__ import annotations

import pytest
from kits.sim_script import FLAT, LONG, SHORT, Script, table, then

HELD = table(
    ("a long sees the low", "100 105 95 100 1000", "seen 95"),
    ("of the mark bar, if there is one", "100 105 95 100 1000 | 100 104 94 100", "seen 94"),
    (
        "after the fills on that leg, before what follows",
        "b buy 1 limit 99\n x buy 1 stop 104\n 100 105 95 100 1000",
        # x: 104 + 0.0104 + 0.0104 + 0.25 = 104.2708
        "b buy 1 @ 99 maker\n seen 95\n x buy 1 @ 104.28\n seen 95",
    ),
    (
        "not once the position is closed",
        "s sell 1 stop 96 ro\n 100 105 95 100 1000",
        "s sell 1 @ 95.73",
    ),
    (
        "a stop decided on it is not live in that bar",
        f"on seen: s sell 1 stop 96 ro\n 100 105 95 100 1000\n {FLAT}\n 100 100 95 95 1000",
        # 96 - 0.0192 - 0.25 = 95.7308
        "seen 95\n seen 100\n s sell 1 @ 95.73",
    ),
    (
        "a market close decided on it fills at the next open",
        f"on seen: x sell 1 market ro\n 100 105 95 100 1000\n {FLAT}",
        "seen 95\n x sell 1 @ 99.98 open",
    ),
    (
        "a cancel decided on it comes too late for the rest of the path",
        "t sell 1 limit 104 ro\n on seen: cancel t\n 100 105 95 100 1000",
        "seen 95\n t sell 1 @ 104 maker",
    ),
)


@pytest.mark.parametrize(("script", "expected"), HELD)
def test_with_a_long(script: str, expected: list[str]) -> None:
    assert then(LONG, script) == expected


def test_a_short_sees_the_high() -> None:
    assert then(SHORT, "100 105 95 100 1000") == ["seen 105"]
    assert then(SHORT, "100 105 95 100 1000 | 100 106 95 100") == ["seen 106"]


def test_nobody_sees_anything_while_flat() -> None:
    assert then(FLAT, "b buy 1 limit 90\n 100 105 95 100 1000") == []


@pytest.mark.parametrize("noise", ["", "n buy 1 limit 94.99"])
def test_a_decision_on_it_knows_the_close(noise: str) -> None:
    # the stop at 101 is on the right side of the close of 102, whether or not the bar was walked
    script = Script()
    script.run(LONG)
    told = script.run(f"{noise or FLAT}\n on seen: s sell 1 stop 101 ro\n 100 103 95 102 1000")
    assert told[-1] == "seen 95"
    assert [order.id for order, _ in script.exchange.open_orders()][-1] == "s"


def test_among_symbols_a_decision_on_one_knows_only_its_own_close() -> None:
    script = Script()
    script.run(f"{FLAT} & U {FLAT}\n a buy 1 market\n U b buy 1 market\n {FLAT} & U {FLAT}")
    told = script.run("""c buy 1 limit 94
        on seen: U s sell 1 stop 101 ro
        100 103 93 102 1000 & U 100 103 95 102 1000""")
    # T's fill comes first, then its price; U still stands at its last close of 100
    assert told == ["c buy 1 @ 94 maker", "seen 93", "s rejected -2021", "seen 95"]
