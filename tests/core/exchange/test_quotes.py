"""The same rules with the visible book in place of the bar."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

import pytest
from kits.sim_script import RULES, T0, Script, table, then

from tradebot.core.model.events import Filled
from tradebot.core.model.money import exact
from tradebot.core.model.values import MINUTE_MS, Bar, Quote
from tradebot.core.simulated.quotes import minute_volume

D = Decimal

# bid 99.99, ask 100.01, 5 on each side, mark 100
Q = "q 99.99 100.01 5 5 100"
MINUTE = "100 100 100 100 20"
"""The last closed minute: 20 traded. Half a spread at 100.01 is 0.010001, impact 10.001 x rest / 20."""
START = f"{MINUTE}\n {Q}"
LONG = f"{START}\n a buy 1 market\n {Q}"
SHORT = f"{START}\n a sell 1 market\n {Q}"

FROM_FLAT = table(
    ("a market order takes the touch", f"b buy 2 market\n {Q}", "b buy 2 @ 100.01"),
    ("a sell takes the bid", f"b sell 2 market\n {Q}", "b sell 2 @ 99.99"),
    (
        "beyond the visible size it pays impact, a fill per level",
        # 100.01 + 0.010001 + 10.001 x 2/20 = 101.020101
        f"b buy 7 market\n {Q}",
        "b buy 5 @ 100.01\n b buy 2 @ 101.03",
    ),
    (
        "what a deep touch shows costs nothing more, a thin one's rest does",
        "b buy 5.001 market\n q 99.99 100.01 5 5000 100\n c sell 0.06 market\n q 100 100.01 0.05 5 100",
        # c: 100 - 0.01 - 10 x 0.01/20 = 99.985
        "b buy 5.001 @ 100.01\n c sell 0.05 @ 100\n c sell 0.01 @ 99.98",
    ),
    (
        "two orders share what is visible",
        # c takes the last 1, its other 1 pays 100.01 + 0.010001 + 10.001 x 1/20 = 100.520051
        f"b buy 4 market\n c buy 2 market\n {Q}",
        "b buy 4 @ 100.01\n c buy 1 @ 100.01\n c buy 1 @ 100.53",
    ),
    (
        "an empty touch is beyond at once",
        "b buy 1 market\n q 99.99 100.01 5 0 100",
        "b buy 1 @ 100.53",
    ),
    (
        "more than the minute's volume is impact in full",
        # 100.01 + 0.010001 + 10.001 = 110.021001
        "b buy 30 market\n q 99.99 100.01 5 0 100",
        "b buy 30 @ 110.03",
    ),
    (
        "a limit through the ask takes what is visible",
        f"b buy 6 limit 100.01\n {Q}",
        "b buy 5 @ 100.01",
    ),
    (
        "an immediate limit: the rest expires",
        f"b buy 6 limit 100.01 ioc\n {Q}",
        "b buy 5 @ 100.01\n b expired",
    ),
    ("an immediate limit that finds nothing", f"b buy 1 limit 100 ioc\n {Q}", "b expired"),
    ("an immediate limit that fills whole", f"b buy 1 limit 100.5 ioc\n {Q}", "b buy 1 @ 100.01"),
    ("post-only through the touch expires", f"b buy 1 limit 100.01 gtx\n {Q}", "b expired"),
    ("a sell through the bid too", f"b sell 1 limit 99.99 gtx\n {Q}", "b expired"),
    (
        "a limit waits until the opposite touch is a tick past it",
        f"b buy 1 limit 100 gtx\n {Q}\n q 99.98 100 5 5 100\n q 99.98 99.99 5 5 100",
        "b buy 1 @ 100 maker",
    ),
    (
        "behind the displayed size: the queue goes first",
        # 5 ahead at 99.99: 3 of 4 gone, then 2 and 2 of ours
        f"""b buy 3 limit 99.99
        {Q}
        q 99.97 99.98 5 3 100
        q 99.97 99.98 5 4 100
        q 99.97 99.98 5 4 100""",
        "b buy 2 @ 99.99 maker\n b buy 1 @ 99.99 maker",
    ),
    (
        "a limit that improves the touch has nothing ahead",
        f"b sell 1 limit 100\n {Q}\n q 100.01 100.02 5 5 100",
        "b sell 1 @ 100 maker",
    ),
    (
        "a sell behind the ask",
        f"b sell 1 limit 100.01\n {Q}\n q 100.02 100.03 5 5 100\n q 100.02 100.03 5 5 100",
        "b sell 1 @ 100.01 maker",
    ),
    (
        "deeper than the touch: behind as much as the touch shows",
        f"b buy 1 limit 99\n {Q}\n q 98.9 98.99 5 6 98.95",
        "b buy 1 @ 99 maker",
    ),
    (
        "what a taker leaves becomes the new touch",
        f"b buy 6 limit 100.01\n {Q}\n q 99.99 100 5 5 100",
        "b buy 5 @ 100.01\n b buy 1 @ 100.01 maker",
    ),
    ("a stop waits for the mark", "b buy 1 stop 101\n q 101.5 101.6 5 5 100.99", ""),
    ("and then takes the touch", "b buy 1 stop 101\n q 101.5 101.6 5 5 101", "b buy 1 @ 101.6"),
    (
        "a target fills at its trigger, though the touch is better",
        f"b buy 1 tp 99\n {Q}\n q 98.9 98.95 5 5 99",
        "b buy 1 @ 99",
    ),
    (
        "and at the touch where that is worse",
        f"b buy 1 tp 99\n {Q}\n q 98.9 99.2 5 5 99",
        "b buy 1 @ 99.2",
    ),
    (
        "what a target finds beyond the touch is capped as well",
        # 98.9 + 0.00989 + 9.89 x 0.5/20 = 99.15714; of 0.1 only: 98.95934, not better than 99
        f"""b buy 0.6 tp 99\n c buy 0.2 tp 99\n {Q}\n q 98.8 98.9 0.1 0.1 98.9""",
        "b buy 0.1 @ 99\n b buy 0.5 @ 99.16\n c buy 0.2 @ 99.01",
    ),
    ("a stop the mark has reached is refused", "b buy 1 stop 100", "b rejected -2021"),
    (
        "a cancel takes effect at the next quote, before it fills anything",
        f"b buy 1 limit 100\n {Q}\n cancel b\n q 99 99.5 5 5 99",
        "b cancelled",
    ),
    (
        "what is sent on a fill waits for the next quote",
        f"b buy 1 market\n on b: x sell 1 market ro\n {Q}\n {Q}",
        "b buy 1 @ 100.01\n x sell 1 @ 99.99",
    ),
    (
        "free cash counts on quotes",
        f"b buy 99 limit 100\n c buy 99 limit 99.99\n {Q}\n q 99.9 99.95 5 200 99.9",
        # b takes 99 x 100 with 0.0002: 98.02 left; c has its queue of 5 to wait, and 96 to take
        "b buy 99 @ 100 maker\n c buy 0.98 @ 99.99 maker\n c expired",
    ),
)


@pytest.mark.parametrize(("script", "expected"), FROM_FLAT)
def test_from_flat(script: str, expected: list[str]) -> None:
    assert then(START, script) == expected


HELD = table(
    (
        "a gap through a stop fills at the book, not at 95",
        "s sell 1 stop 95 ro\n q 79.9 80.1 5 5 80",
        "s sell 1 @ 79.9",
    ),
    (
        "by submission, and what is left over expires",
        "s sell 1 stop 95 ro\n x sell 1 market ro\n q 89.9 90.1 5 5 90",
        "s sell 1 @ 89.9\n x expired 0",
    ),
    (
        "a sweep whose first level closes all is done",
        "s sell 1 stop 95 ro\n u sell 1 tp 105 ro\n q 104.9 105 5 5 105",
        "u sell 1 @ 104.9\n s expired 0",
    ),
    ("refused on its own side", "x buy 1 market ro", "x rejected -2022"),
    ("cut when sent", f"x sell 2 market ro\n {Q}", "x working 1\n x sell 1 @ 99.99"),
    (
        "cut by another fill in the middle of a sweep",
        # x: 0.5 visible at 99.99, then 99.99 - 0.009999 - 9.999 x 0.5/20 = 99.730026
        "s sell 1 stop 95 ro\n x sell 1 market ro\n q 99.99 100.01 0.5 5 100",
        "x sell 0.5 @ 99.99\n s expired 0.5\n x sell 0.5 @ 99.73\n s expired 0",
    ),
)


@pytest.mark.parametrize(("script", "expected"), HELD)
def test_with_a_long(script: str, expected: list[str]) -> None:
    assert then(LONG, script) == expected


def test_a_short_is_stopped_at_the_ask() -> None:
    assert then(SHORT, "s buy 1 stop 105 ro\n q 104.9 105.2 5 5 105") == ["s buy 1 @ 105.2"]


def test_liquidation_comes_first_and_goes_by_the_mark() -> None:
    # entry 100.01, bankruptcy 90.009; gone at 90.9181.. or below
    script = "s sell 1 stop 95 ro\n q 80 80.1 5 5 {mark}"
    assert then(LONG, script.format(mark="90.91"), leverage=10) == [
        "liquidation-1 sell 1 @ 90.009",
        "s expired",
    ]
    assert then(LONG, script.format(mark="90.92"), leverage=10) == ["s sell 1 @ 80"]


def test_a_cut_in_the_middle_of_a_sweep_ends_it() -> None:
    # 8 at 100.01 and the free cash is gone: the first level takes what fits and the rest expires
    told = then(Q, f"b buy 9.9 market\n {Q}", start_equity=D(1000))
    # 5 x 100.01 x 1.0005 = 500.3; 4.9 beyond cost 100.01 + 9.80098: 499.69 / 109.87 = 4.548
    assert told[0] == "b buy 5 @ 100.01"
    assert told[-1] == "b expired"
    assert told[1].startswith("b buy 4.5")
    assert then(Q, "b buy 4 market\n q 299 300 5 5 300", start_equity=D(500)) == [
        "b buy 1.665 @ 300",
        "b expired",
    ]


@pytest.mark.parametrize(("latency", "quotes"), [(0, 1), (1000, 1), (1001, 2), (2500, 3)])
def test_latency_counts_in_milliseconds(latency: int, quotes: int) -> None:
    script = "b buy 1 market" + f"\n {Q}" * (quotes - 1)
    assert then(Q, script, latency_ms=latency) == []
    assert then(Q, f"{script}\n {Q}", latency_ms=latency) == ["b buy 1 @ 100.01"]


def test_symbols_go_by_name_and_quotes_follow_the_fills() -> None:
    script = Script()
    script.run(f"{Q} & U {Q[2:]}")
    told = script.run(
        f"U b buy 1 market\n a buy 1 market\n on a: U c buy 1 market\n {Q} & U {Q[2:]}"
    )
    assert told == ["a buy 1 @ 100.01", "b buy 1 @ 100.01"]
    assert [type(event) for event in script.events[-4:]][-2:] == [Quote, Quote]
    assert script.run(f"{Q} & U {Q[2:]}") == ["c buy 1 @ 100.01"]


def test_bars_of_a_symbol_on_quotes_only_pass_through() -> None:
    script = Script()
    script.run(f"{Q}\n b buy 1 limit 99")
    assert script.run("100 100 90 95 1000") == []
    assert script.exchange.open_orders()[0][0].id == "b"
    assert script.run("q 98 98.5 5 10 98.2") == ["b buy 1 @ 98.5"]
    # funding is paid on the last mark, after the bar that has been told
    assert script.run("funding 0.001") == ["funding -0.0982"]


def test_fill_times_are_the_exchanges_and_at_is_the_engines() -> None:
    script = Script()
    script.run(f"{Q}\n b buy 1 market")
    late = Quote("T/USDT", script.now + 1000, script.now + 1300, Q[2:].split(), 100.0)
    with exact():
        script.consume(script.exchange.step([late]))
    filled = next(event for event in script.events if isinstance(event, Filled))
    assert (filled.at, filled.fill.time) == (late.at, late.exchange_time)


def test_close_all_now_walks_the_last_quote() -> None:
    script = Script()
    script.run(f"{LONG}\n t sell 1 limit 105 ro")
    assert script.close_all() == ["t cancelled", "close-1 sell 1 @ 99.99"]
    script = Script(rules=replace(RULES, leverage=2))
    script.run(f"{START}\n a sell 7 market\n {Q}")
    assert script.close_all() == ["close-1 buy 5 @ 100.01", "close-2 buy 2 @ 101.03"]
    assert not script.exchange.positions


@pytest.mark.parametrize(
    ("minutes", "volume"),
    [(1, "100"), (5, "20"), (7, "14.28571428")],  # rounded down
)
def test_a_longer_bar_is_taken_evenly_for_the_minute(minutes: int, volume: str) -> None:
    bar = Bar.of("T/USDT", T0, minutes * MINUTE_MS, ["100", "100", "100", "100", "100"])
    with exact():
        assert minute_volume(bar) == D(volume)
        assert minute_volume(None) == 0


def test_nothing_visible_is_never_cheaper_than_little_and_more_never_cheaper_than_less() -> None:
    paid = []
    for shown in ("0", "0.001", "0.05", "0.5", "1", "5"):
        script = Script()
        script.run(f"{START}\n a buy 1 market\n q 99.99 100.01 5 {shown} 100")
        fills = [event.fill for event in script.events if isinstance(event, Filled)]
        paid.append(sum(fill.qty * fill.price for fill in fills))
    assert paid == sorted(paid, reverse=True)
    averages = []
    for qty in ("0.1", "1", "5", "5.001", "6", "10", "20", "30", "50"):
        script = Script()
        script.run(f"{START}\n a buy {qty} market\n q 99.99 100.01 5 5 100")
        fills = [event.fill for event in script.events if isinstance(event, Filled)]
        averages.append(sum(f.qty * f.price for f in fills) / sum(f.qty for f in fills))
    assert averages == sorted(averages)


def test_a_stop_on_a_thin_touch_costs_no_absurd_price() -> None:
    told = then(
        LONG,
        "s sell 1 stop 99 ro\n q 98.99 99.01 0.05 5 99",
        # 98.99 - 0.009899 - 9.899 x 0.95/20 = 98.50989...
    )
    assert told == ["s sell 0.05 @ 98.99", "s sell 0.95 @ 98.5"]


def test_close_all_now_on_an_empty_touch() -> None:
    script = Script()
    script.run(f"{LONG}\n q 99.99 100.01 0 0 100")
    assert script.close_all() == ["close-1 sell 1 @ 99.48"]  # 99.99 - 0.009999 - 9.999 / 20
