from __future__ import annotations

import json
from decimal import Decimal
from itertools import pairwise

from hypothesis import given, settings
from hypothesis import strategies as st

from tradebot.core.model.money import exact
from tradebot.core.model.values import Fill, Side
from tradebot.core.state.fills import MOST_SPANS, SeenIds
from tradebot.core.state.portfolio import WINDOW, Portfolio

D = Decimal
BTC = "BTC/USDT"


def a_fill(number: int, side: str, qty: str, price: str, *, time: int | None = None) -> Fill:
    return Fill(
        symbol=BTC,
        trade_id=number,
        order_id=f"o{number}",
        side=Side(side),
        qty=D(qty),
        price=D(price),
        fee=D(qty) * D(price) * D("0.0005"),
        maker=False,
        time=number * 1000 if time is None else time,
    )


def booked(fills: list[Fill]) -> Portfolio:
    portfolio = Portfolio(D(10_000), (BTC,))
    for fill in fills:
        portfolio.book(fill, "exit", 1)
    return portfolio


def test_a_round_trip_by_hand() -> None:
    with exact():
        portfolio = Portfolio(D(10_000), (BTC,))
        portfolio.book(a_fill(1, "buy", "1", "100"), "e", 7)
        portfolio.book(a_fill(2, "buy", "2", "103"), "e", 8)
        holding = portfolio.holding(BTC)
        assert (holding.qty, holding.entry) == (D(3), D(102))
        part = portfolio.book(a_fill(3, "sell", "1", "110"), "target", 0)
        assert part is not None
        assert (part.realised, part.trips) == (D(8), ())
        assert holding.entry == D(102)
        portfolio.fund(BTC, 3500, D("-0.25"), "f1")
        done = portfolio.book(a_fill(4, "sell", "2", "99"), "stop", 0)
        assert done is not None
        assert done.realised == D(-6)
        (trip,) = done.trips
        # bought 1 x 100 + 2 x 103 = 306, sold 110 + 2 x 99 = 308; fees 0.05 + 0.103 + 0.055 + 0.099
        assert trip.fees == D("0.307")
        assert trip.pnl == D(2) - D("0.307") - D("0.25")
        assert (trip.side, trip.qty, trip.exit_reason, trip.signal) == ("long", D(3), "stop", 7)
        assert trip.entry_price == D(102)
        assert trip.exit_price == D("102.66666667")
        assert portfolio.cash == D(10_000) + trip.pnl


def test_average_entry_is_rounded_half_even_at_8_decimals() -> None:
    with exact():
        portfolio = booked([a_fill(1, "buy", "1", "100"), a_fill(2, "buy", "2", "100.1")])
        assert portfolio.holding(BTC).entry == D("100.06666667")


def test_a_fill_through_zero_closes_one_trip_and_opens_another() -> None:
    with exact():
        portfolio = Portfolio(D(10_000), (BTC,))
        portfolio.book(a_fill(1, "sell", "1", "100"), "e", 1)
        done = portfolio.book(a_fill(2, "buy", "3", "90"), "external", 0)
        assert done is not None
        assert done.trips[0].side == "short"
        assert done.trips[0].pnl == D(10) - D("0.05") - D("0.135")
        holding = portfolio.holding(BTC)
        assert (holding.qty, holding.entry, holding.trip_fees) == (D(2), D(90), D(0))


def test_a_fill_counts_once() -> None:
    with exact():
        portfolio = booked([a_fill(1, "buy", "1", "100")])
        assert portfolio.book(a_fill(1, "buy", "1", "100"), "e", 1) is None
        assert portfolio.holding(BTC).qty == D(1)


def test_fills_beyond_the_window_are_still_known_as_seen() -> None:
    with exact():
        sides = ["buy", "sell"] * (2 * WINDOW)
        fills = [a_fill(n + 1, side, "1", "100") for n, side in enumerate(sides)]
        portfolio = booked(fills)
        cash = portfolio.cash
        assert portfolio.book(fills[0], "e", 1) is None
        assert portfolio.cash == cash
        assert portfolio.holding(BTC).trades == 2 * WINDOW


def test_the_window_moves_on_without_a_flat_moment_too() -> None:
    with exact():
        fills = [a_fill(n + 1, "buy", "1", str(100 + n)) for n in range(5 * WINDOW)]
        portfolio = booked(fills)
        account = portfolio.accounts[BTC]
        assert WINDOW <= len(account.lines) <= 2 * WINDOW
        assert account.holding.qty == 5 * WINDOW
        again = Portfolio(D(1), ())
        again.restore(json.loads(json.dumps(portfolio.export_state())))
        assert again.export_state() == portfolio.export_state()
        late = a_fill(4 * WINDOW + 200, "buy", "1", "1", time=(5 * WINDOW) * 1000 - 500)
        assert portfolio.book(late, "e", 1) is not None
        assert portfolio.holding(BTC) == again_with(again, late)


def again_with(portfolio: Portfolio, fill: Fill) -> object:
    portfolio.book(fill, "e", 1)
    return portfolio.holding(BTC)


fills_strategy = st.lists(
    st.tuples(
        st.sampled_from(["buy", "sell"]),
        st.integers(1, 50),
        st.decimals("1", "1000", places=2, allow_nan=False, allow_infinity=False),
    ),
    min_size=1,
    max_size=12,
)


@settings(max_examples=200)
@given(fills_strategy, st.data())
def test_any_arrival_order_with_duplicates_ends_in_the_same_state(
    rows: list[tuple[str, int, Decimal]], data: st.DataObject
) -> None:
    fills = [
        a_fill(n + 1, side, str(D(qty) / 1000), str(price), time=1000 + n // 3)
        for n, (side, qty, price) in enumerate(rows)
    ]
    order = data.draw(st.permutations(fills))
    again = data.draw(st.lists(st.sampled_from(fills), max_size=5))
    with exact():
        straight = booked(fills)
        shuffled = booked([*order, *again])
        assert shuffled.export_state() == straight.export_state()
        assert shuffled.holding(BTC) == straight.holding(BTC)
        assert shuffled.accounts[BTC].trips == straight.accounts[BTC].trips


@given(fills_strategy)
def test_trip_pnls_add_up_to_the_change_of_equity(rows: list[tuple[str, int, Decimal]]) -> None:
    with exact():
        portfolio = Portfolio(D(10_000), (BTC,))
        pnl = D(0)
        for n, (side, qty, price) in enumerate(rows):
            done = portfolio.book(a_fill(n + 1, side, str(qty), str(price)), "exit", 0)
            assert done is not None
            pnl += sum((trip.pnl for trip in done.trips), D(0))
        qty_left = portfolio.holding(BTC).qty
        if qty_left:
            done = portfolio.book(
                a_fill(99, "sell" if qty_left > 0 else "buy", str(abs(qty_left)), "50"), "exit", 0
            )
            assert done is not None
            pnl += done.trips[0].pnl
        assert portfolio.equity({}) == D(10_000) + pnl


@given(fills_strategy, st.integers(0, 12))
def test_a_restart_changes_nothing(rows: list[tuple[str, int, Decimal]], cut: int) -> None:
    fills = [a_fill(n + 1, s, str(q), str(p)) for n, (s, q, p) in enumerate(rows)]
    with exact():
        whole = booked(fills)
        first = booked(fills[:cut])
        second = Portfolio(D(1), ())
        second.restore(json.loads(json.dumps(first.export_state())))
        for fill in fills:  # replayed from the start: the known ones count once
            second.book(fill, "exit", 1)
        assert second.export_state() == whole.export_state()
        assert second.equity({BTC: D(70)}) == whole.equity({BTC: D(70)})


@given(st.lists(st.integers(1, 40), unique=True))
def test_seen_ids_are_a_set_in_spans(numbers: list[int]) -> None:
    seen = SeenIds()
    for number in numbers:
        assert number not in seen
        seen.add(number)
    assert [n for n in range(50) if n in seen] == sorted(numbers)
    again = SeenIds.restored(json.loads(json.dumps(seen.export_state())))
    assert again.export_state() == seen.export_state()
    spans = seen.export_state()[1:]
    assert all(left[1] + 1 < right[0] for left, right in pairwise(spans))


def test_of_ids_too_many_apart_the_oldest_are_forgotten() -> None:
    seen = SeenIds()
    for number in range(MOST_SPANS + 1):
        seen.add(2 * number + 1)
    assert seen.floor == 1
    assert 1 not in seen
    assert 3 in seen


def test_a_cash_line_that_belongs_to_no_position_is_booked_once() -> None:
    portfolio = Portfolio(D(100), (BTC,))
    assert portfolio.move("insurance 7", 1000, D("-3"))
    assert not portfolio.move("insurance 7", 1000, D("-3"))
    assert (portfolio.cash, portfolio.moved) == (D(97), D(-3))
