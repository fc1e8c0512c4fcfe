"""Rule 10: what is accepted, and what the account says."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

import pytest
from kits.sim_script import FLAT, LONG, RULES, SHORT, T0, Script, instrument, order_of, table, then

from tradebot.core.model.events import OrderUpdate
from tradebot.core.model.money import exact
from tradebot.core.model.values import Order, OrderStatus

D = Decimal


def sent(script: Script, order: Order, at: int) -> OrderUpdate:
    (update,) = script.exchange.submit(order, at)
    assert isinstance(update, OrderUpdate)
    return update


def refused(order: str, before: str = FLAT, **rules: object) -> OrderUpdate:
    script = Script(rules=replace(RULES, **rules))  # type: ignore[arg-type]
    script.run(before)
    with exact():
        update = sent(script, order_of(order), script.now)
        assert script.exchange.open_orders() == []
    assert update.status is OrderStatus.REJECTED
    return update


@pytest.mark.parametrize(
    ("order", "code", "reason"),
    [
        ("a buy 0 market", -4003, "quantity 0 is not above 0"),
        ("a buy -1 market", -4003, "quantity -1 is not above 0"),
        ("a buy NaN market", -4003, "quantity NaN is not above 0"),
        ("a buy 0.0009 market", -4004, "quantity 0.0009 is below the minimum 0.001"),
        ("a buy 501 market", -4005, "quantity 501 is above the maximum 500"),
        ("a buy 501 stop 101", -4005, "quantity 501 is above the maximum 500"),
        ("a buy 1001 limit 99", -4005, "quantity 1001 is above the maximum 1000"),
        ("a buy 1.0001 market", -4023, "quantity 1.0001 is no multiple of the step 0.001"),
        ("a buy 1 limit 0.001", -4013, "price 0.001 is below the minimum 0.01"),
        ("a buy 1 stop NaN", -4013, "trigger NaN is below the minimum 0.01"),
        ("a buy 1 limit 100001", -4002, "price 100001 is above the maximum 100000"),
        ("a buy 1 limit 99.005", -4014, "price 99.005 is no multiple of the tick 0.01"),
        ("a buy 1 stop 101.001", -4014, "trigger 101.001 is no multiple of the tick 0.01"),
        ("a buy 1 limit 1000.01", -4016, "price 1000.01 is above 1000, 10 of 100"),
        ("a sell 1 limit 9.99", -4024, "price 9.99 is below 10, 0.1 of 100"),
        ("a buy 0.049 market", -4164, "notional 4.9 is below the minimum 5"),
        ("a buy 0.05 limit 99", -4164, "notional 4.95 is below the minimum 5"),
        ("a sell 0.05 stop 99", -4164, "notional 4.95 is below the minimum 5"),
        ("a buy 1 limit", -1102, "a limit order needs a price"),
        ("a buy 1 stop", -1102, "a stop_market order needs a trigger"),
        ("a buy 1 market 99", -1106, "a market order takes no trigger, got 99"),
        ("a buy 1 market gtx", -1115, "a market order cannot be gtx"),
        ("a buy 1 stop 101 ioc", -1115, "a stop_market order cannot be ioc"),
        ("a buy 1 tp 99 gtx", -1115, "a take_profit_market order cannot be gtx"),
        ("a buy 1 stop 100", -2021, "the order would trigger at once: trigger 100, last price 100"),
        (
            "a buy 100 market",
            -2019,
            "opening 10000 at 1x does not fit into free cash of 10000 with its fee",
        ),
        ("a sell 1 market ro", -2022, "reduce-only sell has nothing to close: the position is 0"),
    ],
)
def test_refused_with_code_and_numbers(order: str, code: int, reason: str) -> None:
    update = refused(order)
    assert (update.code, update.reason) == (code, reason)


def test_a_limit_takes_no_trigger() -> None:
    script = Script()
    script.run(FLAT)
    both = replace(order_of("a buy 1 limit 99"), trigger=D(98))
    with exact():
        update = sent(script, both, script.now)
    assert update.code == -1106


def test_unknown_symbols_and_symbols_without_a_price() -> None:
    script = Script()
    with exact():
        update = sent(script, order_of("a buy 1 market", "X/USDT"), T0)
        assert (update.code, update.reason) == (-1121, "X/USDT is not traded here")
        update = sent(script, order_of("a buy 1 market"), T0)
        assert (update.code, update.reason) == (-4131, "T/USDT has shown no price yet")


def test_used_ids_are_refused_for_good_but_a_refused_order_uses_none() -> None:
    told = then(
        FLAT,
        f"""run-1 buy 0 market
        run-1 buy 1 market
        run-1 buy 1 market
        {FLAT}
        run-1 buy 1 market
        run-2 buy 1 limit 90
        other-1 buy 1 limit 90
        plain buy 1 limit 90
        plain buy 1 limit 90""",
    )
    assert [line for line in told if "rejected" in line] == [
        "run-1 rejected -4003",
        "run-1 rejected -4116",
        "run-1 rejected -4116",
        "plain rejected -4116",
    ]


ACCEPTED = table(
    (
        "reduce-only needs no minimum notional",
        f"x sell 0.001 market ro\n {FLAT}",
        "x sell 0.001 @ 99.98 open\n seen 100",
    ),
    ("a sell limit far above is no percent-price matter", "t sell 1 limit 5000 ro", ""),
    ("nor is a buy limit far below", "b buy 10 limit 1", ""),
    (
        "at most so many regular orders per symbol",
        "b buy 1 limit 91\n c buy 1 limit 92\n d buy 1 limit 93\n e buy 1 limit 94\n s sell 1 stop 95",
        "e rejected -2025",
    ),
)


@pytest.mark.parametrize(("script", "expected"), ACCEPTED)
def test_with_a_long(script: str, expected: list[str]) -> None:
    assert then(LONG, script) == expected


def test_at_most_200_conditional_orders_per_account() -> None:
    script = "\n".join(f"s{n} sell 1 stop 95 ro" for n in range(201))
    assert then(LONG, script) == ["s200 rejected -4045"]
    update = refused_last(script)
    assert update.reason == "200 conditional orders are open, the limit is 200"


def refused_last(text: str) -> OrderUpdate:
    script = Script()
    script.run(f"{LONG}\n{text}")
    update = script.events[-1]
    assert isinstance(update, OrderUpdate)
    return update


def test_free_cash_covers_margin_and_fee_exactly() -> None:
    # 1 at 100 with 0.05 % costs 100.05
    assert then(FLAT, "a buy 1 market", start_equity=D("100.05")) == []
    assert then(FLAT, "a buy 1 market", start_equity=D("100.04")) == ["a rejected -2019"]
    # a post-only order is measured at the maker's fee: 99 x 1.0002 = 99.0198
    assert then(FLAT, "a buy 1 limit 99 gtx", start_equity=D("99.0198")) == []
    # at 10x a tenth of the margin and the same fee: 10 + 0.05
    assert then(FLAT, "a buy 1 market", start_equity=D("10.05"), leverage=10) == []
    assert then(FLAT, "a buy 1 market", start_equity=D("10.04"), leverage=10) == [
        "a rejected -2019"
    ]


def test_open_orders_lock_no_cash_so_the_second_one_is_cut_at_its_fill() -> None:
    # after a: 250 - 99 - 0.0198 = 150.9802 free; b may open 150.9802 / (98 x 1.0002) = 1.540..
    told = then(
        FLAT,
        "a buy 1 limit 99\n b buy 2 limit 98\n 100 100 97 97 1000",
        start_equity=D(250),
    )
    assert told == ["a buy 1 @ 99 maker", "b buy 1.54 @ 98 maker", "b expired", "seen 97"]


def test_nothing_fits_any_more() -> None:
    told = then(
        FLAT,
        "a buy 1 limit 99\n b buy 1 limit 98\n 100 100 97 97 1000",
        start_equity=D("99.1"),
    )
    assert told == ["a buy 1 @ 99 maker", "b expired", "seen 97"]


def test_a_market_order_cut_for_cash_is_priced_for_what_it_fills() -> None:
    # sent at 100 against 1010 of cash; the bar opens at 200. 10 of 1000 would cost 200.22, of which
    # 1010 / (200.22 x 1.0005) = 5.041.. fit; 5.041 cost 200 + 0.02 + 0.10082
    told = then(FLAT, "a buy 10 market\n 200 200 200 200 1000", start_equity=D(1010))
    assert told == ["a buy 5.041 @ 200.13 open", "a expired", "seen 200"]


def test_turning_round_is_cut_to_the_cash_that_closing_frees() -> None:
    # short 4 at 99.95 of 1000: 600.0001 free, enough to ask for a long of 5 at 100
    script = Script(rules=replace(RULES, start_equity=D(1000)))
    script.run(f"{FLAT}\n a sell 4 market\n {FLAT}\n g buy 9 market")
    # 9 would cost 180 + 0.018 + 0.162 = 180.18; closing 4 leaves 600.0001 + 4 x (99.95 + 99.95 -
    # 180.18 x 1.0005) = 678.51974, and that over 180.27009 is 3.763; 7.763 cost 180 + 0.157734
    assert script.run("180 180 180 180 1000") == [
        "g buy 7.763 @ 180.16 open",
        "g expired",
        "seen 180",
    ]
    assert script.exchange.positions["T/USDT"].qty == D("3.763")
    with exact():
        assert script.exchange.free() >= 0


def test_the_account_read_side() -> None:
    script = Script(rules=replace(RULES, leverage=5))
    script.run(f"{LONG} & U {FLAT}")
    venue = script.exchange
    with exact():
        fee = D("100.02") * D("0.0005")
        assert venue.cash == 10_000 - D("100.02") - fee
        assert venue.wallet == 10_000 - fee
        assert venue.fees == fee
        assert venue.funding == 0
        assert venue.margin("T/USDT") == D("20.004")
        assert venue.margin("U/USDT") == 0
        assert venue.free() == venue.wallet - D("20.004")
        assert venue.positions["T/USDT"].entry == D("100.02")
        assert venue.equity() == venue.cash + 100
        script.run("100 100 100 101 1000 | 100 100 100 102")
        assert venue.equity() == venue.cash + 102
        script.run("100 100 100 103 1000")
        assert venue.equity() == venue.cash + 103  # the mark bar is older than the bar


def test_a_short_account() -> None:
    script = Script()
    script.run(SHORT)
    with exact():
        assert script.exchange.equity() == script.exchange.cash - 100
        assert script.exchange.margin("T/USDT") == D("99.98")


@pytest.mark.parametrize(
    "changes",
    [
        {"leverage": 0},
        {"spread_bps": D(-1)},
        {"impact": D(-1)},
        {"latency_ms": -1},
        {"volume_share": D(0)},
        {"volume_share": D("1.1")},
    ],
)
def test_rules_that_make_no_sense(changes: dict[str, object]) -> None:
    with pytest.raises(ValueError, match=r"below 1|negative|volume_share"):
        replace(RULES, **changes)  # type: ignore[arg-type]


def test_instruments_of_the_script_differ_by_name_only() -> None:
    assert replace(instrument("U"), symbol="T/USDT") == instrument("T")


def test_regular_orders_do_not_count_as_conditional_ones() -> None:
    stops = "\n".join(f"s{n} sell 1 stop 95 ro" for n in range(199))
    limits = "b buy 1 limit 91\n c buy 1 limit 92\n d buy 1 limit 93"
    assert then(LONG, f"{limits}\n{stops}\nlast sell 1 stop 95 ro") == []
    assert then(LONG, f"{limits}\n{stops}\nlast sell 1 stop 95 ro\nmore sell 1 stop 95 ro") == [
        "more rejected -4045"
    ]
