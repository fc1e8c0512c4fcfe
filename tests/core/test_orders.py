from __future__ import annotations

import json
from dataclasses import replace
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tradebot.core.model.events import OrderUpdate
from tradebot.core.model.money import exact
from tradebot.core.model.values import (
    Fill,
    Order,
    OrderStatus,
    OrderType,
    Purpose,
    Side,
    TimeInForce,
)
from tradebot.core.state.orders import CLOSED, TRANSITIONS, TrackedOrder

D = Decimal
S = OrderStatus


def an_order(qty: str = "1") -> TrackedOrder:
    order = Order(
        id="tbx-1e",
        symbol="BTC/USDT",
        side=Side.BUY,
        type=OrderType.LIMIT,
        qty=D(qty),
        price=D("100.1"),
        tif=TimeInForce.IOC,
        purpose=Purpose.ENTRY,
    )
    return TrackedOrder.sent(order, 3)


def a_fill(qty: str, price: str = "100") -> Fill:
    return Fill("BTC/USDT", 1, "tbx-1e", Side.BUY, D(qty), D(price), D(0), False, 5)


def test_every_state_has_its_transitions_and_ends_are_ends() -> None:
    assert set(TRANSITIONS) == set(S)
    for status, nexts in TRANSITIONS.items():
        assert bool(nexts) != status.terminal
        assert S.PENDING not in nexts


@pytest.mark.parametrize(
    ("path", "end"),
    [
        ([S.WORKING], S.WORKING),
        ([S.REJECTED], S.REJECTED),
        ([S.WORKING, S.CANCELLING, S.CANCELLED], S.CANCELLED),
        ([S.WORKING, S.CANCELLING, S.WORKING], S.CANCELLING),
        ([S.CANCELLED, S.WORKING], S.CANCELLED),
        ([S.UNKNOWN, S.WORKING], S.WORKING),
        ([S.UNKNOWN, S.EXPIRED], S.EXPIRED),
        ([S.WORKING, S.UNKNOWN], S.UNKNOWN),
    ],
)
def test_the_venues_word_moves_the_order(path: list[OrderStatus], end: OrderStatus) -> None:
    with exact():
        tracked = an_order()
        for status in path:
            tracked.move(status)
        assert tracked.status is end
        assert tracked.live is not end.terminal


def test_a_working_report_twice_is_no_change() -> None:
    tracked = an_order()
    assert tracked.move(S.WORKING) is True
    assert tracked.move(S.WORKING) is False


def test_fills_make_it_partial_then_filled() -> None:
    with exact():
        tracked = an_order("2")
        assert tracked.average is None
        tracked.move(S.WORKING)
        tracked.fill(a_fill("0.5", "100"))
        assert (tracked.status, tracked.left) == (S.PARTIAL, D("1.5"))
        tracked.fill(a_fill("1.5", "101"))
        assert (tracked.status, tracked.left) == (S.FILLED, D(0))
        assert str(tracked.average) == "100.75000000"


def test_a_fill_does_not_undo_a_cancel_nor_revive_a_dead_order() -> None:
    with exact():
        tracked = an_order("2")
        tracked.move(S.CANCELLING)
        tracked.fill(a_fill("1"))
        assert tracked.status is S.CANCELLING
        tracked.move(S.CANCELLED)
        tracked.fill(a_fill("1"))
        assert (tracked.status, tracked.filled, tracked.left) == (S.CANCELLED, D(2), D(0))


def test_an_expiry_that_leaves_something_is_a_cut() -> None:
    with exact():
        tracked = an_order("3")
        tracked.move(S.WORKING)
        assert tracked.move(S.EXPIRED, D(1)) is True
        assert (tracked.live, tracked.qty, tracked.left) == (True, D(1), D(1))
        assert tracked.move(S.EXPIRED, D(0)) is True
        assert (tracked.status, tracked.qty) == (S.EXPIRED, D(0))


def test_an_acknowledgement_with_less_counts_even_when_the_state_does_not_move() -> None:
    with exact():
        tracked = an_order("3")
        tracked.move(S.CANCELLING)
        assert tracked.move(S.WORKING, D(2)) is True
        assert (tracked.status, tracked.qty) == (S.CANCELLING, D(2))


@given(st.lists(st.sampled_from(list(S)), max_size=6), st.integers(0, 3))
def test_state_survives_json(path: list[OrderStatus], fills: int) -> None:
    with exact():
        tracked = an_order("5")
        for status in path:
            tracked.move(status)
        for _ in range(fills):
            tracked.fill(a_fill("0.5"))
        again = TrackedOrder.restored(json.loads(json.dumps(tracked.export_state())))
        assert again == tracked


def test_an_order_that_its_closed_position_made_needless_keeps_its_quantity() -> None:
    sent = an_order().order
    for held, reduces, left, end in (
        (D(0), True, D(0), (S.CANCELLED, None, CLOSED)),
        (D(1), True, D(0), (S.EXPIRED, D(0), "cut")),
        (D(0), False, D(0), (S.EXPIRED, D(0), "cut")),
        (D(0), True, D("0.5"), (S.EXPIRED, D("0.5"), "cut")),
    ):
        tracked = TrackedOrder.sent(replace(sent, reduce_only=reduces), 3)
        update = OrderUpdate(1, sent.symbol, sent.id, S.EXPIRED, 1, 0, "cut", left)
        told = tracked.understood(update, held)
        assert (told.status, told.qty, told.reason) == end
        tracked.move(S.WORKING)
        assert tracked.move(told.status, told.qty)
        if held == 0 and reduces and not left:
            assert (tracked.status, tracked.qty) == (S.CANCELLED, D(1))
