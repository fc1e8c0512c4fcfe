"""Rule 8: reduce-only orders never exceed the position."""

from __future__ import annotations

import pytest
from kits.sim_script import FLAT, LONG, SHORT, Script, table, then

HELD = table(
    ("refused on the position's own side", "x buy 1 market ro", "x rejected -2022"),
    ("cut when sent", f"x sell 3 market ro\n {FLAT}", "x working 1\n x sell 1 @ 99.98 open"),
    (
        "a resting target blocks a market close until it is cancelled",
        f"t sell 1 limit 105 ro\n x sell 1 market ro\n cancel t\n {FLAT}\n y sell 1 market ro\n {FLAT}",
        "x rejected -4118\n t cancelled\n seen 100\n y sell 1 @ 99.98 open",
    ),
    (
        "limits and markets share the room that is left",
        "t sell 0.4 limit 105 ro\n u sell 1 limit 106 ro\n x sell 1 market ro",
        "u working 0.6\n x rejected -4118",
    ),
    (
        "each stop and each take-profit-market may be the whole position",
        "s sell 1 stop 95 ro\n u sell 2 stop 94 ro\n t sell 1 tp 105 ro\n v sell 1 limit 106 ro",
        "u working 1",
    ),
    (
        "after a fill the excess expires, newest first",
        # room is 0.6 - 0.8: u, the newer one, is cut to 0.2; s by itself to 0.6; x is gone
        """t sell 0.4 limit 105 ro
        u sell 0.4 limit 106 ro
        s sell 1 stop 95 ro
        v sell 0.4 tp 101 ro
        100 102 99 100 1000""",
        # 101 - 0.0101 - 0.00404 = 100.98586
        "seen 99\n v sell 0.4 @ 100.98\n s expired 0.6\n u expired 0.2",
    ),
    (
        "an order with nothing left is gone",
        # half goes: t keeps all of its 0.5, u and w, both newer, go
        """t sell 0.5 limit 105 ro
        u sell 0.25 limit 106 ro
        w sell 0.25 limit 107 ro
        v sell 0.5 tp 101 ro
        100 102 99 100 1000
        cancel u""",
        "seen 99\n v sell 0.5 @ 100.98\n w expired 0\n u expired 0",
    ),
    (
        "turned round by another order, nothing of it is left to reduce",
        f"t sell 1 limit 105 ro\n s sell 1 stop 95 ro\n f sell 2 market\n {FLAT}",
        "f sell 2 @ 99.97 open\n s expired 0\n t expired 0\n seen 100",
    ),
    (
        "two stops at one level close once",
        "s sell 1 stop 95 ro\n u sell 1 stop 95 ro\n 100 100 95 95 1000",
        # base and extreme 95: 94.981
        "s sell 1 @ 94.98\n u expired 0",
    ),
    (
        "what cut it is told after the fill, and the exchange is already up to date then",
        "s sell 1 stop 95 ro\n x sell 1 market ro\n on x: cancel s\n on x: y sell 1 market ro\n 100 100 94 94 1000",
        "x sell 1 @ 99.98 open\n y rejected -2022\n s expired 0",
    ),
)


@pytest.mark.parametrize(("script", "expected"), HELD)
def test_with_a_long(script: str, expected: list[str]) -> None:
    assert then(LONG, script) == expected


def test_refused_when_flat() -> None:
    assert then(FLAT, "x sell 1 market ro\n s sell 1 stop 95 ro") == [
        "x rejected -2022",
        "s rejected -2022",
    ]


def test_a_short_is_closed_by_buys() -> None:
    told = then(SHORT, f"x sell 1 market ro\n y buy 2 market ro\n {FLAT}")
    assert told == ["x rejected -2022", "y working 1", "y buy 1 @ 100.02 open"]


def test_each_part_fill_of_an_entry_needs_its_own_stop() -> None:
    script = Script()
    told = script.run(f"""{FLAT}
        b buy 1 market
        on b: s sell 0.5 stop 95 ro
        100 100 100 100 5
        on b: u sell 0.5 stop 95 ro
        100 100 100 100 5
        100 100 95 95 1000""")
    assert [line for line in told if line.startswith(("s ", "u "))] == [
        "s sell 0.5 @ 94.98",
        "u sell 0.5 @ 94.98",
    ]
    assert not script.exchange.positions
