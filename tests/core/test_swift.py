"""A swift dataclass is a frozen dataclass in everything but the time it takes to make one."""

from __future__ import annotations

import pickle
from dataclasses import FrozenInstanceError, InitVar, dataclass, field, replace
from inspect import signature

import pytest

from tradebot.core.model.effects import SignalJudged
from tradebot.core.model.money import ZERO
from tradebot.core.model.swift import swift


@swift
@dataclass(frozen=True, slots=True)
class Swift:
    one: int
    two: str = "two"
    three: list[int] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Plain:
    one: int
    two: str = "two"
    three: list[int] = field(default_factory=list)


def test_arguments_and_defaults_are_those_of_the_dataclass() -> None:
    assert list(signature(Swift).parameters) == list(signature(Plain).parameters)
    for args, named in (
        ((1,), {}),
        ((1, "x"), {}),
        ((1, "x", [3]), {}),
        ((), {"two": "y", "one": 4}),
    ):
        made, meant = Swift(*args, **named), Plain(*args, **named)  # type: ignore[arg-type]
        assert (made.one, made.two, made.three) == (meant.one, meant.two, meant.three)
    with pytest.raises(TypeError, match="one"):
        Swift()  # type: ignore[call-arg]


def test_a_default_made_by_a_factory_is_shared_by_nobody() -> None:
    Swift(1).three.append(7)
    assert Swift(1).three == []


def test_it_stays_frozen_equal_and_can_be_pickled_and_replaced() -> None:
    value = Swift(1, "x", [2])
    with pytest.raises(FrozenInstanceError):
        value.one = 2  # type: ignore[misc]
    assert value == Swift(1, "x", [2]) != Swift(2, "x", [2])
    assert repr(value).endswith("Swift(one=1, two='x', three=[2])")
    assert pickle.loads(pickle.dumps(value)) == value
    assert replace(value, two="z") == Swift(1, "z", [2])


def test_an_effect_is_one() -> None:
    signal = SignalJudged(1, 2, "BTC/USDT", "long", 1.0, ZERO, None, None, "why", "held")
    assert (signal.refusals, signal.indicators) == ((), {})
    with pytest.raises(FrozenInstanceError):
        signal.at = 3  # type: ignore[misc]


def test_what_is_no_frozen_slotted_dataclass_is_refused() -> None:
    class NoDataclass:
        __slots__ = ("one",)

    @dataclass(slots=True)
    class Mutable:
        one: int

    @dataclass(frozen=True)
    class Dictionary:
        one: int

    for kind in (NoDataclass, Mutable, Dictionary):
        with pytest.raises(TypeError, match="frozen, slotted"):
            swift(kind)


def test_what_does_more_than_set_fields_is_refused() -> None:
    @dataclass(frozen=True, slots=True)
    class Sealed:
        one: int
        seal: InitVar[int]

        def __post_init__(self, seal: int) -> None:
            assert seal

    @dataclass(frozen=True, slots=True)
    class Derived:
        one: int
        two: int = field(init=False, default=2)

    for kind in (Sealed, Derived):
        with pytest.raises(TypeError, match="does more"):
            swift(kind)
