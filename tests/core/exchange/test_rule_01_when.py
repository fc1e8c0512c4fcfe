"""Rule 1: when an order is judged, and funding's place between bars."""

from __future__ import annotations

from decimal import Decimal

import pytest
from kits.sim_script import T0, Script, played, table

from tradebot.core.model.events import FundingPaid
from tradebot.core.model.values import MINUTE_MS

# At 100 and volume 1000 a market order of 1 pays 0.01 spread and 0.01 impact: 100.02 and 99.98.
FLAT = "100 100 100 100 1000"

AT_THE_CLOSE = table(
    (
        "a market order fills at the next bar's open",
        f"{FLAT}\n a buy 1 market\n 101 101 101 101 1000",
        # 101 x 2 / 20000 = 0.0101, 101 x 0.1 / 1000 = 0.0101: 101.0202, up to 101.03
        "a buy 1 @ 101.03 open\n seen 101",
    ),
    (
        "a limit is resting from the next open and may fill in that bar",
        f"{FLAT}\n a buy 1 limit 99\n 100 100 98 100 1000",
        "a buy 1 @ 99 maker\n seen 98",
    ),
    (
        "a stop sent at the close waits for the next bar",
        f"""{FLAT}\n a buy 1 market\n {FLAT}
        s sell 1 stop 99 ro
        100 100 100 100 1000""",
        "a buy 1 @ 100.02 open\n seen 100\n seen 100",
    ),
    (
        "a cancel takes effect at the next open, before that bar can fill the order",
        f"{FLAT}\n a buy 1 limit 99\n {FLAT}\n cancel a\n 100 100 98 100 1000",
        "a cancelled",
    ),
    (
        "cancelling twice, or an unknown order, says nothing",
        f"{FLAT}\n a buy 1 limit 99\n cancel a\n cancel a\n cancel b\n {FLAT}\n cancel a",
        "a cancelled",
    ),
    (
        "a cancelled market order does not fill: the cancel counts first",
        f"{FLAT}\n a buy 1 market\n cancel a\n {FLAT}",
        "a cancelled",
    ),
    (
        "a symbol without a bar in the next step waits for its own",
        f"{FLAT} & U {FLAT}\n U a buy 1 market\n {FLAT}\n {FLAT} & U {FLAT}",
        "a buy 1 @ 100.02 open\n seen 100",
    ),
)


@pytest.mark.parametrize(("script", "expected"), AT_THE_CLOSE)
def test_decided_at_the_close(script: str, expected: list[str]) -> None:
    assert played(script) == expected


@pytest.mark.parametrize(
    ("latency", "bars_later"), [(0, 1), (59_999, 1), (60_000, 2), (119_999, 2), (125_000, 3)]
)
def test_latency_counts_in_whole_intervals(latency: int, bars_later: int) -> None:
    script = f"{FLAT}\n a buy 1 market" + f"\n {FLAT}" * (bars_later - 1)
    assert played(script, latency_ms=latency) == []
    assert played(f"{script}\n {FLAT}", latency_ms=latency)[0] == "a buy 1 @ 100.02 open"


def test_latency_delays_a_cancel_as_well() -> None:
    script = f"{FLAT}\n a buy 1 limit 99\n {FLAT}\n {FLAT}\n cancel a\n 100 100 98 100 1000"
    assert played(script, latency_ms=60_000) == ["a buy 1 @ 99 maker", "seen 98"]


ON_A_FILL = table(
    (
        "a stop sent on a fill at the open is live in that bar",
        # base 99, extreme 97: 99 - (0.0099 + 0.0099 + 0.25 x 2) = 98.4802
        f"{FLAT}\n a buy 1 market\n on a: s sell 1 stop 99 ro\n 100 100 97 98 1000",
        "a buy 1 @ 100.02 open\n s sell 1 @ 98.48",
    ),
    (
        "anything else rests from then and fills from the next bar",
        f"""{FLAT}\n a buy 1 market\n on a: t sell 1 limit 101 ro
        100 105 100 100 1000
        100 105 100 100 1000""",
        "a buy 1 @ 100.02 open\n seen 100\n seen 100\n t sell 1 @ 101 maker",
    ),
    (
        "a take-profit-market sent on a fill waits for the next bar",
        f"""{FLAT}\n a buy 1 market\n on a: t sell 1 tp 101 ro
        100 105 100 100 1000
        100 105 100 100 1000""",
        # 101 - 0.0101 - 0.0101 = 100.9798
        "a buy 1 @ 100.02 open\n seen 100\n seen 100\n t sell 1 @ 100.97",
    ),
    (
        "a market close sent on a fill fills at the next open",
        f"{FLAT}\n a buy 1 market\n on a: x sell 1 market ro\n {FLAT}\n {FLAT}",
        "a buy 1 @ 100.02 open\n seen 100\n x sell 1 @ 99.98 open",
    ),
    (
        "a limit sent on a fill rests from then: passed by the next open it fills at its price",
        f"{FLAT}\n a buy 1 market\n on a: t sell 1 limit 105 ro\n {FLAT}\n 110 111 109 110 1000",
        "a buy 1 @ 100.02 open\n seen 100\n t sell 1 @ 105 maker open",
    ),
    (
        "post-only as well: nothing of it takes",
        f"{FLAT}\n a buy 1 market\n on a: t sell 1 limit 105 gtx ro\n {FLAT}\n 110 111 109 110 1000",
        "a buy 1 @ 100.02 open\n seen 100\n t sell 1 @ 105 maker open",
    ),
    (
        "an immediate one is judged at that open",
        # 110 - 0.011 - 0.011 = 109.978
        f"{FLAT}\n a buy 1 market\n on a: t sell 1 limit 105 ioc ro\n {FLAT}\n 110 111 109 110 1000",
        "a buy 1 @ 100.02 open\n seen 100\n t sell 1 @ 109.97 open",
    ),
    (
        "on another symbol too",
        f"""{FLAT} & U {FLAT}\n a buy 1 market\n on a: U b buy 1 limit 101
        {FLAT} & U {FLAT}\n {FLAT} & U {FLAT}""",
        "a buy 1 @ 100.02 open\n seen 100\n b buy 1 @ 101 maker open\n seen 100\n seen 100",
    ),
    (
        "one sent on a price event counts as sent at the close: it arrives at the next open",
        f"""{FLAT}\n a buy 1 market\n on seen: t sell 1 limit 105 ro
        {FLAT}\n 110 111 109 110 1000""",
        "a buy 1 @ 100.02 open\n seen 100\n t sell 1 @ 109.97 open",
    ),
    (
        "a cancel sent on a fill takes effect at the next open",
        f"""{FLAT}\n a buy 1 market\n b buy 1 limit 99\n on a: cancel b
        100 100 98.99 100 1000
        {FLAT}""",
        "a buy 1 @ 100.02 open\n b buy 1 @ 99 maker\n seen 98.99\n seen 100",
    ),
    (
        "a stop on another symbol waits for that symbol's next bar",
        f"""{FLAT} & U {FLAT}\n a buy 1 market\n on a: U s sell 1 stop 99
        100 100 97 98 1000 & U 100 100 97 98 1000""",
        "a buy 1 @ 100.02 open\n seen 97",
    ),
    (
        "a stop sent on a limit fill inside the bar is live from there",
        # its level is 99; the stop at 98.50: base 98.5, extreme 98
        # 98.5 - (0.00985 + 0.00985 + 0.125) = 98.3553
        f"{FLAT}\n a buy 1 limit 99\n on a: s sell 1 stop 98.5 ro\n 100 101 98 100 1000",
        "a buy 1 @ 99 maker\n s sell 1 @ 98.35",
    ),
)


@pytest.mark.parametrize(("script", "expected"), ON_A_FILL)
def test_decided_on_a_fill(script: str, expected: list[str]) -> None:
    assert played(script) == expected


def test_a_stop_sent_on_a_fill_waits_when_latency_is_an_interval() -> None:
    script = f"""{FLAT}\n a buy 1 market\n {FLAT}\n on a: s sell 1 stop 99 ro
    100 100 97 99.5 1000
    99.5 99.5 97 98 1000"""
    # filled at the open, so one interval later is the next open: base 99, extreme 97
    assert played(script, latency_ms=60_000) == [
        "a buy 1 @ 100.02 open",
        "seen 97",
        "s sell 1 @ 98.48",
    ]


def test_funding_is_paid_on_the_position_at_the_mark_given() -> None:
    script = Script()
    told = script.run(f"{FLAT}\n a buy 2 market\n {FLAT}\n funding 0.0001 101\n {FLAT}")
    # 2 x 101 x 0.0001; before the open of the bar at the same moment
    assert told == ["a buy 2 @ 100.03 open", "seen 100", "funding -0.0202", "seen 100"]
    paid = next(event for event in script.events if isinstance(event, FundingPaid))
    due = T0 + 2 * MINUTE_MS
    assert (paid.exchange_time, paid.at) == (due, due + 7)
    assert script.exchange.funding == Decimal("-0.0202")


@pytest.mark.parametrize(
    ("script", "expected"),
    table(
        ("a short receives", f"{FLAT}\n a sell 2 market\n {FLAT}\n funding 0.0001 101", "0.0202"),
        (
            "a negative rate pays a long",
            f"{FLAT}\n a buy 2 market\n {FLAT}\n funding -0.001 100",
            "0.2",
        ),
        (
            "without a mark: the last mark bar",
            f"{FLAT}\n a buy 1 market\n {FLAT} | 100 100 100 102\n funding 0.01",
            "-1.02",
        ),
        (
            "without any mark: the last close",
            f"{FLAT}\n a buy 1 market\n {FLAT}\n funding 0.01",
            "-1",
        ),
    ),
)
def test_funding_amounts(script: str, expected: list[str]) -> None:
    assert played(script)[-1] == f"funding {expected[0]}"


def test_funding_touches_cash_not_the_margin_and_nobody_who_is_flat() -> None:
    script = Script()
    assert script.run(f"{FLAT}\n funding 0.01 100") == []
    script.run(f"a buy 1 market\n {FLAT}")
    margin, free = script.exchange.margin("T/USDT"), script.exchange.free()
    script.run("funding 0.01 100")
    assert script.exchange.margin("T/USDT") == margin
    assert script.exchange.free() == free - 1


def test_funding_inside_a_long_bar_is_told_after_the_bar() -> None:
    script = Script()
    script.run(f"{FLAT}\n a buy 1 market\n {FLAT}")
    last = script.now
    script.now -= 30_000
    script.run("funding 0.01 100")
    assert script.events[-1].at == last


def test_symbols_open_by_name_then_walk_by_name_and_time_never_falls() -> None:
    script = Script()
    told = script.run(f"""U {FLAT} & {FLAT}
        U b buy 1 limit 99
        a buy 1 market
        U c buy 1 market
        U 100 100 98 100 1000 & 100 101 99.5 100 1000""")
    # c, at 100, takes nothing from b's share; b adds to the long on the way to 98
    assert told == [
        "a buy 1 @ 100.02 open",
        "c buy 1 @ 100.02 open",
        "seen 99.5",
        "b buy 1 @ 99 maker",
        "seen 98",
    ]
    times = [event.at for event in script.events]
    assert times == sorted(times)
