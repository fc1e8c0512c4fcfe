"""Which way is tighter, rule by rule; and the gate never lets through what a wider set would refuse."""

from __future__ import annotations

from dataclasses import fields, replace
from decimal import Decimal
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from kits.gate_desk import a_desk, an_entry

from tradebot.core.model.approved import Approved
from tradebot.core.model.money import exact
from tradebot.core.model.values import Side
from tradebot.core.risk import ceilings, gate
from tradebot.core.risk.limits import Limits, is_looser, tighter

D = Decimal
NAMES = tuple(item.name for item in fields(Limits))
money = st.none() | st.integers(1, 3000).map(D)
whole = st.none() | st.integers(1, 100)
VALUES: dict[str, st.SearchStrategy[Any]] = {
    name: money if "loss" in name or "pct" in name or name == "position_value" else whole
    for name in NAMES
}
VALUES |= {
    "symbols": st.lists(st.sampled_from(ceilings.SYMBOLS), unique=True).map(
        lambda x: tuple(sorted(x))
    ),
    "blackout_hours": st.lists(st.integers(0, 23), unique=True).map(lambda x: tuple(sorted(x))),
    "stop_required": st.booleans(),
}
some_limits = st.builds(Limits, **VALUES)


@given(some_limits, some_limits)
def test_the_tighter_of_two_is_looser_than_neither(one: Limits, two: Limits) -> None:
    both = one.tightened(two)
    assert both.looser_than(one) == both.looser_than(two) == ()
    assert both.tightened(one) == both


@given(some_limits, some_limits)
def test_loose_and_tight_are_two_sides_of_one_order(one: Limits, two: Limits) -> None:
    for name in NAMES:
        mine, ceiling = getattr(one, name), getattr(two, name)
        fits = tighter(name, mine, ceiling) == mine
        assert is_looser(name, mine, ceiling) == (not fits)


def test_off_is_looser_than_everything_and_nothing_is_looser_than_off() -> None:
    assert is_looser("day_loss", None, D(5))
    assert not is_looser("day_loss", D(5), None)
    assert not is_looser("day_loss", None, None)
    assert tighter("day_loss", None, D(5)) == tighter("day_loss", D(5), None) == D(5)


@given(
    wide=some_limits,
    narrow=some_limits,
    qty=st.integers(1, 20),
    stop=st.integers(80_000, 120_000),
    side=st.sampled_from(list(Side)),
    hour=st.integers(0, 23),
    others=st.integers(0, 3),
    ago=st.integers(0, 120),
    age=st.integers(0, 10_000),
    leverage=st.integers(1, 5),
    halted=st.booleans(),
)
def test_what_tighter_limits_let_through_wider_ones_do_too(
    wide: Limits,
    narrow: Limits,
    qty: int,
    stop: int,
    side: Side,
    hour: int,
    others: int,
    ago: int,
    age: int,
    leverage: int,
    halted: bool,
) -> None:
    tight = replace(narrow.tightened(wide))
    price = "100100" if side is Side.BUY else "99900"
    order = an_entry(str(D(qty) / 1000), price, side)
    now = a_desk().now + hour * 3_600_000
    known: dict[str, Any] = {
        "now": now,
        "others": others,
        "last_entry": now - ago * 1000,
        "age_ms": age,
        "leverage": leverage,
        "halts": ("user",) if halted else (),
    }
    with exact():
        strict = gate.check(order, D(stop), a_desk(limits=tight, **known))
        loose = gate.check(order, D(stop), a_desk(limits=wide, **known))
    if isinstance(strict, Approved):
        assert isinstance(loose, Approved)
    if halted:
        assert not isinstance(loose, Approved)


def test_a_stage_holds_value_and_count_and_nothing_else() -> None:
    live = Limits.live()
    for stage, value, count in ((1, 50, 1), (2, 100, 2), (3, 100, 2)):
        limits = live.in_stage(stage)
        assert (limits.position_value, limits.max_positions) == (Decimal(value), count)
        assert replace(limits, position_value=live.position_value, max_positions=2) == live
        assert live.in_stage(stage, Decimal(7)).position_value == 7
