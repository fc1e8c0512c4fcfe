"""What a venue turns on and asks for: answers on the last quote, leverage, look-up, forced events."""

from __future__ import annotations

import json
from dataclasses import replace
from decimal import Context, Decimal, localcontext
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from kits.sim_script import FLAT, LONG, RULES, T0, Script, instrument, order_of, played

from tradebot.core.model.events import Event, Filled, FundingPaid, FundingRate, OrderUpdate
from tradebot.core.model.money import exact, to_eight
from tradebot.core.model.values import Fill, Order, OrderStatus, OrderType, Quote, Side
from tradebot.core.simulated import SimExchange
from tradebot.core.simulated.account import Account

D = Decimal
T = "T/USDT"
# bid 99.99, ask 100.01, 5 on each side, mark 100
Q = "q 99.99 100.01 5 5 100"


def venue(text: str = "", **rules: Any) -> Script:
    small = {T: instrument(min_notional=D(0)), "U/USDT": instrument("U")}
    script = Script(replace(RULES, **{"at_once": True, "history": True, **rules}), small)
    if text:
        script.run(text)
    return script


def forced(script: Script, act: str, *args: Any, **named: Any) -> list[str]:
    """Force an event of the first symbol now and return what it told."""
    start = len(script.told)
    with exact():
        script.consume(getattr(script.exchange.force, act)(T, *args, script.now, **named))
    return script.told[start:]


# Answered on the last quote


@pytest.mark.parametrize(
    ("orders", "expected"),
    [
        pytest.param("b buy 2 market", ["b buy 2 @ 100.01"], id="a market order fills at once"),
        pytest.param(
            "b buy 3 market\n c buy 2 limit 100.01\n d buy 1 limit 100.01 ioc",
            ["b buy 3 @ 100.01", "c buy 2 @ 100.01", "d expired"],
            id="what was taken is gone",
        ),
        pytest.param("b buy 1 limit 100.01 gtx", ["b expired"], id="post-only"),
        pytest.param("b buy 1 limit 99", [], id="a limit away from the touch rests"),
        pytest.param(
            "b buy 4 market\n x sell 9 market ro",
            ["b buy 4 @ 100.01", "x working 4", "x sell 4 @ 99.99"],
            id="cut, then filled",
        ),
        pytest.param("b buy 1 limit 99\n cancel b", ["b cancelled"], id="cancelled at once"),
        pytest.param("cancel b", [], id="nothing to cancel"),
        pytest.param("b buy 1 stop 101\n c buy 1 tp 99", [], id="triggers wait for the mark"),
        pytest.param("b buy 0 market", ["b rejected -4003"], id="refused"),
    ],
)
def test_the_last_quote_answers(orders: str, expected: list[str]) -> None:
    script = venue(Q)
    assert script.run(orders) == expected


def test_the_next_quote_is_whole_again_and_resting_orders_meet_it() -> None:
    script = venue(f"{Q}\n b buy 6 limit 100.01")
    assert script.told == ["b buy 5 @ 100.01"]
    assert script.run("c buy 1 limit 100.01 ioc") == ["c expired"]
    assert script.run("q 99.98 100 5 5 99.99") == ["b buy 1 @ 100.01 maker"]
    # that one is gone as well: 4 are left of this quote
    assert script.run("d buy 5 limit 100 ioc") == ["d buy 4 @ 100", "d expired"]


def test_an_answer_bears_the_time_it_was_asked_for() -> None:
    script = venue(f"{Q}\n cancel nothing")
    with exact():
        working, filled = script.exchange.submit(order_of("b buy 1 market"), T0 + 700)
    assert isinstance(working, OrderUpdate)
    assert working.status is OrderStatus.WORKING
    assert isinstance(filled, Filled)
    assert (filled.at, filled.fill.time) == (T0 + 700, T0 + 700)


def test_without_a_quote_orders_wait_for_the_next_bar() -> None:
    assert played(f"{FLAT}\n a buy 1 market\n {FLAT}", at_once=True) == [
        "a buy 1 @ 100.02 open",
        "seen 100",
    ]


def test_by_default_orders_wait_for_the_next_quote() -> None:
    script = Script()
    assert script.run(f"{Q}\n b buy 5 market\n c buy 1 limit 99") == []
    assert script.run(Q) == ["b buy 5 @ 100.01"]


def test_what_was_taken_survives_a_restart() -> None:
    script = venue(f"{Q}\n b buy 3 market")
    state = json.loads(json.dumps(script.exchange.export_state()))
    script.exchange = SimExchange(script.rules, script.instruments)
    with exact():
        script.exchange.restore(state)
    assert script.exchange.export_state() == state
    assert script.run("c buy 5 limit 100.01 ioc") == ["c buy 2 @ 100.01", "c expired"]


def test_the_final_close_finds_what_others_left() -> None:
    script = venue(f"{Q}\n b buy 4 market\n U b buy 1 market", start_equity=D(100_000))
    script.run("c sell 3 market ro")
    # 2 of the bid's 5 are left for the 1 that is held
    assert script.close_all() == ["close-1 sell 1 @ 99.99"]


# Ids, look-up, history


def test_an_id_is_used_for_good_unless_ids_come_back() -> None:
    text = f"{Q}\n b buy 1 limit 99\n cancel b\n b buy 1 limit 98"
    assert venue(text).told == ["b cancelled", "b rejected -4116"]
    script = venue(text, reuse_ids=True)
    assert script.told == ["b cancelled"]
    assert script.run("b buy 1 limit 97") == ["b rejected -4116"]  # it works
    found = script.exchange.look_up(T, "b")
    assert found is not None
    assert (found.number, found.order.price) == (2, D(98))  # the newest
    assert [r.status for r in script.exchange.history.of(T)] == [
        OrderStatus.CANCELLED,
        OrderStatus.WORKING,
    ]


def test_look_up_tells_the_life_of_an_order() -> None:
    script = venue(f"{Q}\n b buy 7 limit 100.01")
    found = script.exchange.look_up(T, "b")
    assert found is not None
    assert (found.status, found.filled, found.left) == (OrderStatus.PARTIAL, D(5), D(2))
    assert (found.cost, found.average, found.fees) == (D("500.05"), D("100.01"), D("0.250025"))
    script.run("q 99.97 99.98 5 5 100")
    assert (found.status, found.filled, found.left) == (OrderStatus.FILLED, D(7), D(0))
    assert found.fees == D("0.250025") + D("200.02") * D("0.0002")
    assert script.exchange.look_up(T, "c") is None
    assert script.exchange.look_up("U/USDT", "b") is None


def test_look_up_tells_what_ended_an_order() -> None:
    script = venue(f"{Q}\n b buy 4 market\n s sell 4 stop 95 ro\n x sell 3 market ro")
    stop = script.exchange.look_up(T, "s")
    assert stop is not None
    assert (stop.status, stop.left) == (OrderStatus.WORKING, D(1))  # cut, works on
    script.run("y sell 1 market ro")
    assert (stop.status, stop.left, stop.average) == (OrderStatus.EXPIRED, D(0), D(0))
    assert stop.reason == "reduce-only: 0 left, the position is 0"
    assert script.exchange.look_up(T, "z") is None


def test_without_history_working_orders_are_known() -> None:
    script = venue(f"{Q}\n b buy 7 limit 100.01\n c buy 1 market", history=False)
    found = script.exchange.look_up(T, "b")
    assert found is not None
    assert (found.status, found.filled, found.left) == (OrderStatus.PARTIAL, D(5), D(2))
    assert script.exchange.look_up(T, "c") is None
    with pytest.raises(RuntimeError, match="keeps no history"):
        _ = script.exchange.history
    script.run("d buy 1 limit 99")
    fresh = script.exchange.look_up(T, "d")
    assert fresh is not None
    assert (fresh.status, fresh.filled) == (OrderStatus.WORKING, D(0))


def test_history_holds_every_fill_the_exchanges_own_too() -> None:
    script = venue(f"{Q}\n b buy 2 market\n s sell 1 limit 105 ro")
    assert forced(script, "liquidate", order_id="autoclose-1")
    history = script.exchange.history
    assert [fill.order_id for fill in history.fills] == ["b", "autoclose-1"]
    own = history.find(T, "autoclose-1")
    assert own is not None
    assert (own.status, own.filled, own.order.reduce_only) == (OrderStatus.FILLED, D(2), True)
    assert [r.number for r in history.of(T)] == [1, 2, 3]
    assert history.numbered(T, 3) is own
    assert history.numbered(T, 4) is None
    assert history.of("U/USDT") == ()


# Leverage


def test_leverage_is_a_symbols_own() -> None:
    script = venue(Q)
    venue_of = script.exchange
    assert venue_of.set_leverage(T, 5) is None
    assert (venue_of.leverage(T), venue_of.leverage("U/USDT")) == (5, 1)
    script.run("b buy 2 market")
    assert venue_of.margin(T) == D("40.004")  # 200.02 / 5
    assert venue_of.set_leverage(T, 10) is None
    assert venue_of.margin(T) == D("20.002")
    assert venue_of.set_leverage(T, 9) == (
        -4161,
        "leverage cannot be lowered from 10 to 9 with a position open",
    )
    script.run("x sell 2 market ro")
    assert venue_of.set_leverage(T, 2) is None
    assert venue_of.set_leverage("X/USDT", 2) == (-1121, "X/USDT is not traded here")
    assert venue_of.set_leverage(T, 51) == (-4028, "leverage 51 is not from 1 to 50")
    assert venue_of.set_leverage(T, 0) == (-4028, "leverage 0 is not from 1 to 50")


def test_leverage_decides_what_fits_and_survives_a_restart() -> None:
    script = venue(f"{Q}\n b buy 150 limit 100", start_equity=D(3_010))
    assert script.told == ["b rejected -2019"]
    script.exchange.set_leverage(T, 5)
    state = script.exchange.export_state()
    script.exchange = SimExchange(script.rules, script.instruments)
    script.exchange.restore(state)
    assert script.exchange.leverage(T) == 5
    assert script.run("c buy 150 limit 100\n q 99.9 99.98 5 200 99.9") == ["c buy 150 @ 100 maker"]


# Forced events


def test_a_forced_liquidation() -> None:
    script = venue(f"{Q}\n b buy 1 market\n s sell 1 stop 95 ro\n c buy 1 limit 99", leverage=10)
    wallet = script.exchange.wallet
    assert forced(script, "liquidate") == [
        "liquidation-1 sell 1 @ 90.009",  # 100.01 x 0.9
        "s expired",
        "c expired",
    ]
    assert script.exchange.wallet == wallet - D("10.001")
    with pytest.raises(ValueError, match=r"no position in T/USDT"):
        forced(script, "liquidate")


def test_a_liquidation_fee_comes_on_top() -> None:
    script = venue(f"{Q}\n b buy 1 market", leverage=10, liquidation_fee=D("0.0125"))
    wallet = script.exchange.wallet
    assert forced(script, "liquidate", price=D(92)) == ["liquidation-1 sell 1 @ 92"]
    assert script.exchange.wallet == wallet - D("8.01") - D("1.15")


def test_deleveraging_closes_a_part_and_cuts_what_is_too_large() -> None:
    script = venue(f"{Q}\n b buy 2 market\n s sell 2 stop 95 ro")
    fees = script.exchange.fees
    assert forced(script, "deleverage", D("1.5"), D(101)) == [
        "adl_autoclose sell 1.5 @ 101",
        "s expired 0.5",
    ]
    assert script.exchange.positions[T].qty == D("0.5")
    assert script.exchange.fees == fees
    with pytest.raises(ValueError, match=r"0\.6 cannot be closed: T/USDT holds 0\.5"):
        forced(script, "deleverage", D("0.6"), D(101))


def test_delisting_settles_and_refuses_from_then_on() -> None:
    script = venue(f"{Q}\n b buy 2 market\n s sell 2 stop 95 ro")
    assert forced(script, "delist") == ["s expired", "settlement_autoclose sell 2 @ 100"]
    assert script.run("c buy 1 market") == ["c rejected -4141"]
    state = script.exchange.export_state()
    script.exchange = SimExchange(script.rules, script.instruments)
    script.exchange.restore(state)
    assert script.run("d buy 1 market") == ["d rejected -4141"]
    flat = venue(f"{Q}\n c buy 1 limit 99")
    assert forced(flat, "delist", price=D(1)) == ["c expired"]
    named = venue(f"{Q}\n b sell 1 market")
    assert forced(named, "delist", price=D(98), order_id="x-1") == ["x-1 buy 1 @ 98"]


def test_a_cut_leaves_less_of_an_order() -> None:
    script = venue(f"{Q}\n b buy 2 limit 99")
    assert forced(script, "cut", "b", D("0.5")) == ["b expired 0.5"]
    assert script.exchange.open_orders()[0][1] == D("0.5")
    with pytest.raises(ValueError, match=r"b cannot be cut to 0\.5: 0\.5 is left of it"):
        forced(script, "cut", "b", D("0.5"))
    assert forced(script, "cut", "b", D(0)) == ["b expired 0"]
    with pytest.raises(ValueError, match="no order b works"):
        forced(script, "cut", "b", D(0))


def test_a_forced_fill_of_a_working_and_of_a_cancelled_order() -> None:
    script = venue(f"{Q}\n b buy 2 limit 99")
    assert forced(script, "fill", "b", D("0.5"), D(99), maker=True) == ["b buy 0.5 @ 99 maker"]
    script.run("cancel b")
    assert forced(script, "fill", "b", D("1"), D(99)) == ["b buy 1 @ 99"]
    found = script.exchange.look_up(T, "b")
    assert found is not None
    assert (found.status, found.filled) == (OrderStatus.CANCELLED, D("1.5"))
    assert script.exchange.positions[T].qty == D("1.5")
    with pytest.raises(ValueError, match=r"1 of b cannot be filled: 0\.5 is left of it"):
        forced(script, "fill", "b", D(1), D(99))
    with pytest.raises(ValueError, match="no order z works on T/USDT, and none is remembered"):
        forced(script, "fill", "z", D(1), D(99))
    without = venue(f"{Q}\n b buy 2 limit 99\n cancel b", history=False)
    with pytest.raises(ValueError, match="none is remembered"):
        forced(without, "fill", "b", D(1), D(99))


def test_a_part_of_an_order_may_be_smaller_than_any_order() -> None:
    script = Script(replace(RULES, at_once=True), {T: instrument(min_notional=D(50))})
    script.run(Q)
    order = Order("a", T, Side.BUY, OrderType.MARKET, D("0.1"))
    with exact():
        (refused,) = script.exchange.submit(order, script.now)
        _, filled = script.exchange.submit(order, script.now, is_part=True)
    assert (refused.status, refused.code) == (OrderStatus.REJECTED, -4164)  # type: ignore[union-attr]
    assert filled.fill.qty == D("0.1")  # type: ignore[union-attr]


def test_margin_and_money_are_moved() -> None:
    script = venue(f"{Q}\n b buy 1 market", leverage=10)
    force, account = script.exchange.force, script.exchange
    free = account.free()
    with exact():
        force.add_margin(T, D("2.5"))
        assert (account.margin(T), account.free()) == (D("12.501"), free - D("2.5"))
        assert account.positions[T].bankruptcy == D("87.509")  # 90.009 - 2.5
        force.add_margin(T, D("-2.5"))
        assert account.margin(T) == D("10.001")
        with pytest.raises(ValueError, match=r"0 was added"):
            force.add_margin(T, D("-0.1"))
        force.take_margin(T, D("1"))
        assert (account.margin(T), account.free()) == (D("9.001"), free + 1)
        for amount in ("0", "-1", "9.001"):
            with pytest.raises(ValueError, match="cannot be taken away"):
                force.take_margin(T, D(amount))
        force.add_margin(T, D("1"))
        with pytest.raises(ValueError, match=r"cannot be moved"):
            force.add_margin(T, free + 1)
        force.transfer(D(100))
        assert account.free() == free + 100
        force.transfer(-account.free())
        assert account.free() == 0
        with pytest.raises(ValueError, match=r"1 cannot be taken: 0 is free"):
            force.transfer(D(-1))


def test_nothing_to_settle_at() -> None:
    script = venue()
    with exact():
        script.exchange._desk.account.place(T, D(1), D(100))
    with pytest.raises(ValueError, match="has shown no price"):
        forced(script, "delist")


# Funding into the margin


def test_funding_moves_the_margin_and_the_bankruptcy_price() -> None:
    script = venue(f"{Q}\n b buy 2 market", leverage=10, isolated_funding=True)
    account = script.exchange
    free = account.free()
    script.run("funding 0.001")
    # 2 x 100 x 0.001 = 0.2 off a margin of 20.002
    assert (account.margin(T), account.free()) == (D("19.802"), free)
    assert account.positions[T].bankruptcy == D("90.109")  # 90.009 + 0.2 / 2
    script.run("x sell 0.5 market ro")
    # a quarter of it goes with a quarter of the position: 1.5 x 10.001 - 0.15
    assert account.margin(T) == D("14.8515")
    assert account.positions[T].bankruptcy == D("90.109")
    state = account.export_state()
    again = SimExchange(script.rules, script.instruments)
    with exact():
        again.restore(state)
    assert again.margin(T) == D("14.8515")
    wallet = account.wallet
    assert forced(script, "liquidate") == ["liquidation-1 sell 1.5 @ 90.109"]
    assert account.wallet == wallet - D("14.8515")  # the margin, not more


def test_funding_received_by_a_short_and_an_add_on() -> None:
    script = venue(f"{Q}\n b sell 1 market", leverage=10, isolated_funding=True)
    script.run("funding 0.03\n c sell 1 market")
    position = script.exchange.positions[T]
    # 2 x 9.999 + 3; the price: 99.99 x 1.1 + 3 / 2
    assert (position.margin, position.bankruptcy) == (D("22.998"), D("111.489"))
    script.run("x buy 3 market")  # turned round: what was added is gone with the short
    assert script.exchange.positions[T].added == 0


def test_bankruptcy_with_an_addition_is_rounded_against_us_and_never_below_zero() -> None:
    account = Account(D(1000), 1, {T: instrument()})
    with exact():
        account.place(T, D(3), D(100), D(1))
        assert account.positions[T].bankruptcy == 0
        account.place(T, D(3), D(100), D(-1))
        assert account.positions[T].bankruptcy == D("0.33333333")
        account.place(T, D(-3), D(100), D(1))
        assert account.positions[T].bankruptcy == D("200.33333334")


def test_what_was_added_counts_for_what_fits_when_a_position_turns() -> None:
    account = Account(D(100), 1, {T: instrument()})
    with exact():
        account.trade(T, D(1), D(50), D(0))
        account.add_margin(T, D(20))
        assert account.free == 30
        # closing at 50 frees 50 + 20 and costs nothing: 100 at 1x is 2
        assert account.affordable(T, D(1), D(9), D(50), D(0)) == 2


@pytest.mark.parametrize("sign", [1, -1])
@pytest.mark.parametrize("leverage", [1, 2, 10, 20])
@pytest.mark.parametrize("added", ["-3.7", "0.01", "55", "900"])
def test_the_cheap_look_never_misses_one_with_an_addition(
    sign: int, leverage: int, added: str
) -> None:
    account = Account(D(10**9), leverage, {T: instrument()})
    with exact():
        account.place(T, sign * D(7), D("99.99"), D(added))
        position = account.positions[T]
        for cents in range(100, 35_000, 7):
            mark = D(cents) / 100
            if account.liquidates(T, mark):
                assert not position.within_safety(float(mark), float(mark))


# Money at 8 decimals


def test_commission_funding_and_realised_are_rounded_half_even() -> None:
    rules = {"rounded": True, "start_equity": D(1000)}
    script = venue("q 33.32 33.33 5 5 33.327777777", **rules)
    script.run("b buy 0.003 market")
    # 0.003 x 33.33 x 0.0005 = 0.000049995
    assert script.exchange.fees == D("0.00005000")
    script.run("q 33.33 33.34 5 5 33.3277777\n c buy 0.004 market")
    position = script.exchange.positions[T]
    assert position.entry == D("33.33571429")  # 0.23335 / 7, rounded up by 1.43e-9
    # the fee: 0.004 x 33.34 x 0.0005 = 0.00006668
    assert script.exchange.wallet == 1000 - D("0.00011668")
    script.run("q 33.39 33.40 5 5 33.3277777\n x sell 0.003 market ro")
    # realised 0.003 x 0.05428571 = 0.00016285713 -> 0.00016286; fee 0.000050085 -> 0.00005008
    assert script.exchange.wallet == 1000 - D("0.00011668") + D("0.00016286") - D("0.00005008")
    before = script.exchange.wallet
    script.run("funding 0.0001")
    # 0.004 x 33.3277777 x 0.0001 = 0.00001333111 -> 0.00001333
    assert script.exchange.wallet == before - D("0.00001333")


price = st.integers(2_000, 4_000).map(lambda c: str(D(c) / 100))
amount = st.sampled_from(["0.003", "0.007", "0.011", "1.999"])
move = st.one_of(
    st.tuples(st.just("trade"), st.sampled_from(["buy", "sell"]), amount, price),
    st.tuples(st.just("fund"), st.sampled_from(["0.00013", "-0.00277"])),
)


@settings(max_examples=200, deadline=None)
@given(st.lists(move, min_size=3, max_size=25), st.integers(1, 20), st.booleans())
def test_the_rounded_wallet_is_the_sum_of_rounded_lines(
    moves: list[tuple[str, ...]], leverage: int, isolated: bool
) -> None:
    script = venue("q 30 30.01 5 5 30", rounded=True, leverage=leverage, isolated_funding=isolated)
    books = Books(script.rules.start_equity)
    for number, (kind, *what) in enumerate(moves):
        start = len(script.events)
        if kind == "fund":
            script.run(f"funding {what[0]}")
        else:
            side, qty, at = what
            script.run(f"q {at} {D(at) + D('0.01')} 5 5 {at}\n n{number} {side} {qty} market")
        with exact():
            books.take(script.events[start:])
            assert script.exchange.wallet == books.wallet
            assert script.exchange.cash == books.wallet - books.held * books.entry


class Books:
    """Average cost by the book, with every line rounded to 8 decimals."""

    def __init__(self, start: Decimal) -> None:
        self.wallet = start
        self.held = self.entry = D(0)

    def take(self, events: list[Event]) -> None:
        for event in events:
            if isinstance(event, FundingPaid):
                assert event.amount == to_eight(-event.qty * event.mark * event.rate)
                self.wallet += event.amount
            elif isinstance(event, Filled):
                self.fill(event.fill)

    def fill(self, fill: Fill) -> None:
        signed = fill.side.sign * fill.qty
        assert fill.fee == to_eight(fill.fee)
        self.wallet -= fill.fee
        if self.held * signed < 0:
            closed = min(abs(signed), abs(self.held)).copy_sign(self.held)
            self.wallet += to_eight(closed * (fill.price - self.entry))
            self.held -= closed
            signed += closed
            if not signed:
                return
            self.entry = fill.price
            self.held += signed
            return
        cost = self.held * self.entry + signed * fill.price
        self.held += signed
        with localcontext(Context(prec=60)):
            self.entry = to_eight(cost / self.held)


def test_the_state_holds_all_of_it_and_old_states_are_read() -> None:
    script = venue(f"{Q}\n b buy 3 market\n c buy 9 limit 100.01\n s sell 1 stop 95 ro")
    forced(script, "liquidate")
    state = json.loads(json.dumps(script.exchange.export_state()))
    again = SimExchange(script.rules, script.instruments)
    with exact():
        again.restore(state)
        assert again.export_state() == state
        for name in ("leverages", "delisted", "taken", "history"):
            del state[name]
        old = Script()
        old.run(LONG)
        plain = old.exchange.export_state()
        plain["positions"] = {s: numbers[:2] for s, numbers in plain["positions"].items()}
        for name in ("leverages", "delisted", "taken"):
            del plain[name]
        restored = SimExchange(RULES, old.instruments)
        restored.restore(plain)
        assert restored.export_state() == old.exchange.export_state()
        bare = SimExchange(script.rules, script.instruments)
        bare.restore(state)
        assert bare.history.fills == []


def test_funding_of_a_market_event_is_told_rounded() -> None:
    script = venue(f"{Q}\n b buy 0.003 market", rounded=True)
    with exact():
        (paid,) = script.exchange.step([FundingRate(script.now, T, D("0.000137"), D("33.333"))])
    assert isinstance(paid, FundingPaid)
    assert paid.amount == D("-0.00001370")  # 0.003 x 33.333 x 0.000137 = 0.00001369986


def test_quotes_are_named_by_identity_not_by_price() -> None:
    script = venue(f"{Q}\n b buy 5 market")
    assert script.run(f"{Q}\n c buy 5 market") == ["c buy 5 @ 100.01"]
    quote = Quote(T, T0, T0, Q[2:].split(), 100.0)
    with exact():
        assert list(script.exchange.step([quote])) == [quote]


@pytest.mark.parametrize("fee", ["-0.01", "1"])
def test_a_liquidation_fee_that_makes_no_sense(fee: str) -> None:
    with pytest.raises(ValueError, match="liquidation_fee"):
        replace(RULES, liquidation_fee=D(fee))
