"""Whatever is sent and whatever the market does: the account, the book and the state hold."""

from __future__ import annotations

import json
from collections import defaultdict
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from kits.sim_script import FLAT, RULES, T0, Script, instrument, order_of

from tradebot.core.model.events import Event, Filled, FundingPaid, FundingRate, OrderUpdate
from tradebot.core.model.money import exact
from tradebot.core.model.values import (
    MINUTE_MS,
    Bar,
    Fill,
    MarkBar,
    OrderStatus,
    OrderType,
    Quote,
    Side,
)
from tradebot.core.simulated import SimExchange, SimRules

D = Decimal
SYMBOLS = ("T/USDT", "U/USDT")
CONDITIONAL = (OrderType.STOP_MARKET, OrderType.TAKE_PROFIT_MARKET)

cents = st.integers(9_000, 11_000)
qty = st.sampled_from(["0.1", "0.5", "1", "2.5", "7", "30"])
level = cents.map(lambda c: str(D(c) / 100))
order = st.one_of(
    st.tuples(
        st.sampled_from(["buy", "sell"]), qty, st.just("market"), st.sampled_from(["", "ioc"])
    ),
    st.tuples(
        st.sampled_from(["buy", "sell"]),
        qty,
        st.just("limit"),
        st.tuples(level, st.sampled_from(["", "ioc", "gtx"])).map(" ".join),
    ),
    st.tuples(st.sampled_from(["buy", "sell"]), qty, st.sampled_from(["stop", "tp"]), level),
)
action = st.one_of(
    st.tuples(st.just("send"), st.sampled_from(SYMBOLS), order, st.booleans()),
    st.tuples(st.just("cancel"), st.sampled_from(SYMBOLS), st.integers(1, 20), st.just(0)),
)
four = st.lists(cents, min_size=4, max_size=4)
volume = st.sampled_from(["0", "0.5", "20", "1000"])
bar = st.tuples(four, st.none() | four, volume)
size = st.sampled_from(["0", "0.3", "4", "100"])
quote = st.tuples(cents, st.integers(1, 50), size, size, cents)
funding = st.tuples(
    st.sampled_from(SYMBOLS), st.sampled_from(["0.0001", "-0.02"]), st.none() | cents
)
plan = st.lists(
    st.tuples(
        st.lists(action, max_size=4),  # between the steps
        st.one_of(st.tuples(bar, bar), funding),
        st.lists(action, max_size=4),  # while the step runs, one per event
    ),
    min_size=2,
    max_size=12,
)
quote_plan = st.lists(
    st.tuples(
        st.lists(action, max_size=4),
        st.one_of(st.tuples(quote, quote), funding),
        st.lists(action, max_size=4),
    ),
    min_size=2,
    max_size=15,
)
rules = st.builds(
    lambda leverage, latency, model: replace(
        RULES, leverage=leverage, latency_ms=latency, model=model, start_equity=D(1500)
    ),
    st.sampled_from([1, 3, 20]),
    st.sampled_from([0, 900, 60_000]),
    st.sampled_from(["bars", "bars", "next_open"]),
)

pytestmark = pytest.mark.slow


class Checked:
    """An exchange whose every event is checked against what its fills and funding add up to."""

    def __init__(self, sim: SimRules, *, reload: bool = False) -> None:
        self.sim = sim
        self.instruments = {symbol: instrument(symbol[0]) for symbol in SYMBOLS}
        self.exchange = SimExchange(sim, self.instruments)
        self.reload = reload
        self.cash = sim.start_equity
        self.fees = self.funding = D(0)
        self.held: dict[str, Decimal] = defaultdict(D)
        self.now = T0 - 1
        self.opened = T0
        self.sent = 0
        self.events: list[Event] = []
        self.reducing: set[str] = set()

    def act(self, kind: str, symbol: str, what: Any, reduce: Any) -> None:
        if kind == "cancel":
            assert self.exchange.cancel(symbol, f"n-{what}", self.now) == []
            return
        self.sent += 1
        side, amount, order_type, rest = what
        flag = "ro" if reduce else ""
        if reduce:
            self.reducing.add(f"n-{self.sent}")
        made = order_of(f"n-{self.sent} {side} {amount} {order_type} {rest} {flag}", symbol)
        (update,) = self.exchange.submit(made, self.now)
        assert isinstance(update, OrderUpdate)
        self.events.append(update)
        if update.status is OrderStatus.WORKING and reduce:
            assert self.held[symbol] * made.side.sign < 0
        self.check_book()

    def feed(self, events: list[Any], reactions: list[Any]) -> None:
        waiting = list(reactions)
        for event in self.exchange.step(events):
            self.take(event)
            if waiting:
                self.act(*waiting.pop())
        if self.reload:
            self.restart()

    def restart(self) -> None:
        state = json.loads(json.dumps(self.exchange.export_state()))
        self.exchange = SimExchange(self.sim, self.instruments)
        self.exchange.restore(state)
        assert self.exchange.export_state() == state

    def take(self, event: Event, *, check: bool = True) -> None:
        assert event.at >= self.now
        self.now = event.at
        self.events.append(event)
        if isinstance(event, Filled):
            self.take_fill(event.fill)
        elif isinstance(event, FundingPaid):
            assert event.amount == -self.held[event.symbol] * event.mark * event.rate
            self.cash += event.amount
            self.funding += event.amount
        if check:
            self.check_account()
            self.check_book()

    def take_fill(self, fill: Fill) -> None:
        before = self.held[fill.symbol]
        self.cash -= fill.side.sign * fill.qty * fill.price + fill.fee
        self.fees += fill.fee
        self.held[fill.symbol] += fill.side.sign * fill.qty
        assert fill.qty > 0
        assert fill.price > 0 or fill.liquidation
        if fill.liquidation:
            assert self.held[fill.symbol] == 0
        if fill.order_id in self.reducing:
            after = self.held[fill.symbol]
            assert abs(after) < abs(before)
            assert after * before >= 0

    def check_account(self) -> None:
        venue = self.exchange
        assert (venue.cash, venue.fees, venue.funding) == (self.cash, self.fees, self.funding)
        held = {symbol: amount for symbol, amount in self.held.items() if amount}
        assert {symbol: p.qty for symbol, p in venue.positions.items()} == held

    def check_book(self) -> None:
        joint: dict[str, Decimal] = defaultdict(D)
        for working, left in self.exchange.open_orders():
            assert left > 0
            if not working.reduce_only:
                continue
            held = self.held[working.symbol]
            assert held * working.side.sign < 0
            if working.type in CONDITIONAL:
                assert left <= abs(held)
            else:
                joint[working.symbol] += left
                assert joint[working.symbol] <= abs(held)


def bar_text(prices: list[int], volume: str) -> list[str]:
    numbers = [prices[0], max(prices), min(prices), prices[3]]
    return [*(str(D(n) / 100) for n in numbers), volume]


def bars_of(rows: tuple[Any, Any], open_time: int) -> list[Any]:
    marks, bars = [], []
    for symbol, (prices, mark, traded) in zip(SYMBOLS, rows, strict=True):
        bars.append(Bar.of(symbol, open_time, MINUTE_MS, bar_text(prices, traded)))
        if mark is not None:
            marks.append(MarkBar.of(symbol, open_time, MINUTE_MS, bar_text(mark, "0")))
    return [*marks, *bars]


def quotes_of(rows: tuple[Any, Any], at: int) -> list[Quote]:
    made = []
    for symbol, (bid, spread, bid_size, ask_size, mark) in zip(SYMBOLS, rows, strict=True):
        numbers = [str(D(n) / 100) for n in (bid, bid + spread, mark)]
        text = [numbers[0], numbers[1], bid_size, ask_size, numbers[2]]
        made.append(Quote(symbol, at, at, text, float(text[4])))
    return made


def play(sim: SimRules, steps: list[Any], *, on_quotes: bool, reload: bool = False) -> Checked:
    checked = Checked(sim, reload=reload)
    clock = T0
    with exact():
        for between, what, reactions in steps:
            for one in between:
                checked.act(*one)
            if len(what) == 3:
                symbol, rate, mark = what
                price = None if mark is None else D(mark) / 100
                checked.feed([FundingRate(clock, symbol, D(rate), price)], reactions)
            elif on_quotes:
                checked.feed(quotes_of(what, clock), reactions)
                clock += 1000
            else:
                checked.feed(bars_of(what, clock), reactions)
                clock += MINUTE_MS
        for event in checked.exchange.close_all_now(checked.now):
            checked.take(event, check=False)  # all of it has happened already
        checked.check_account()
        assert not checked.exchange.positions
        assert checked.exchange.open_orders() == []
        assert checked.exchange.equity() == checked.exchange.cash == checked.exchange.wallet
    return checked


@settings(max_examples=300, deadline=None)
@given(rules, plan)
def test_bars_the_account_is_what_its_events_add_up_to(sim: SimRules, steps: list[Any]) -> None:
    play(sim, steps, on_quotes=False)


@settings(max_examples=300, deadline=None)
@given(rules, quote_plan)
def test_quotes_the_account_is_what_its_events_add_up_to(sim: SimRules, steps: list[Any]) -> None:
    play(replace(sim, model="bars"), steps, on_quotes=True)


@settings(max_examples=150, deadline=None)
@given(rules, plan)
def test_bars_a_restart_after_every_step_changes_nothing(sim: SimRules, steps: list[Any]) -> None:
    once = [told(event) for event in play(sim, steps, on_quotes=False).events]
    again = [told(event) for event in play(sim, steps, on_quotes=False, reload=True).events]
    assert once == again


@settings(max_examples=150, deadline=None)
@given(rules, quote_plan)
def test_quotes_a_restart_after_every_step_changes_nothing(sim: SimRules, steps: list[Any]) -> None:
    sim = replace(sim, model="bars")
    once = [told(event) for event in play(sim, steps, on_quotes=True).events]
    again = [told(event) for event in play(sim, steps, on_quotes=True, reload=True).events]
    assert once == again


@settings(max_examples=200, deadline=None)
@given(rules, plan)
def test_looking_at_a_bar_or_skipping_it_is_the_same(sim: SimRules, steps: list[Any]) -> None:
    """The float shortcut: with it switched off every event must be the same."""
    fast = [told(event) for event in play(sim, steps, on_quotes=False).events]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("tradebot.core.simulated.bars.is_quiet", lambda *_, **__: False)
        slow = [told(event) for event in play(sim, steps, on_quotes=False).events]
    assert fast == slow


@settings(max_examples=200, deadline=None)
@given(rules, quote_plan)
def test_looking_at_a_quote_or_skipping_it_is_the_same(sim: SimRules, steps: list[Any]) -> None:
    sim = replace(sim, model="bars")
    fast = [told(event) for event in play(sim, steps, on_quotes=True).events]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("tradebot.core.simulated.quotes.is_quiet", lambda *_: False)
        slow = [told(event) for event in play(sim, steps, on_quotes=True).events]
    assert fast == slow


def told(event: Event) -> str:
    return repr(event)


def test_state_cannot_be_taken_in_the_middle_of_a_step() -> None:
    script = Script()
    script.run(f"{FLAT}\n a buy 1 market")
    venue = script.exchange
    bar = Bar.of("T/USDT", script.now + 1, MINUTE_MS, ["100", "100", "99", "100", "1000"])
    with exact():
        walking = iter(venue.step([bar]))
        next(walking)
        with pytest.raises(RuntimeError, match="middle of a step"):
            venue.export_state()
        walking.close()  # type: ignore[attr-defined]
        # an abandoned step leaves the exchange between steps, the bar known
        assert venue.export_state()["bars"]["T/USDT"][2][2] == "99"


def test_a_step_without_anything_to_do_gives_its_bars_back() -> None:
    script = Script()
    events = [Bar.of("T/USDT", T0, MINUTE_MS, FLAT.split())]
    assert script.exchange.step(events) is events
    mark = MarkBar.of("T/USDT", T0, MINUTE_MS, FLAT.split())
    assert script.exchange.step([mark, *events]) == events
    assert script.exchange.step([]) == []


def test_updates_carry_the_order_they_speak_of() -> None:
    script = Script()
    script.run(f"{FLAT}\n a buy 1 limit 99\n cancel a\n {FLAT}")
    first, last = (e for e in script.events if isinstance(e, OrderUpdate))
    assert (first.status, first.at, first.exchange_time) == (
        OrderStatus.WORKING,
        T0 + 59_999,
        T0 + 59_999,
    )
    assert (last.status, last.at) == (OrderStatus.CANCELLED, T0 + 60_000)


def test_a_buy_and_a_sell_differ_by_sign_only() -> None:
    assert Side.BUY.sign == -Side.SELL.sign == 1
