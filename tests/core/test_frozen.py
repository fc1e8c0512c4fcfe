"""A frozen value is a frozen dataclass in everything but the time that it takes."""

from __future__ import annotations

import pickle
from copy import deepcopy
from dataclasses import FrozenInstanceError, asdict, dataclass, field, fields, replace
from inspect import signature

import pytest

from tradebot.core.model.effects import SignalJudged
from tradebot.core.model.frozen import frozen
from tradebot.core.model.money import ZERO


@frozen
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


def test_fields_hashes_and_patterns_are_those_of_the_dataclass() -> None:
    @frozen
    class Pair:
        one: int
        two: int = field(default=2, compare=False, repr=False)

    @frozen
    class Single:
        one: int

    @frozen
    class Empty:
        """Nothing."""

    assert [item.name for item in fields(Pair)] == ["one", "two"]
    assert Pair(1, 2) == Pair(1, 3)
    assert hash(Pair(1, 2)) == hash(Pair(1, 3))
    assert repr(Pair(1)).endswith("Pair(one=1)")
    match Pair(1, 5):
        case Pair(one, two):
            assert (one, two) == (1, 5)
    assert Single(1) == Single(1) != Single(2)
    others: tuple[object, ...] = (Pair(1), (1,))
    assert Single(1) not in others
    assert {Single(1), Single(1), Empty(), Empty()} == {Single(1), Empty()}
    assert asdict(Pair(1)) == {"one": 1, "two": 2}


def test_a_field_may_have_any_name() -> None:
    @frozen
    class Odd:
        cls: int
        self: int
        draft: list[int] = field(default_factory=list)

    assert (Odd(1, 2).cls, Odd(self=2, cls=1).self, Odd(1, 2).draft) == (1, 2, [])


def test_a_first_value_may_be_made_by_names_like_those_of_python() -> None:
    @frozen
    class Kind:
        cls: int
        args: int
        kwargs: int

    assert Kind(cls=1, args=2, kwargs=3) == Kind(1, 2, 3)


def test_its_signature_is_known_before_its_first_value_is_made() -> None:
    @frozen
    class Pair:
        one: int
        two: int = 2

    assert str(signature(Pair)) == "(one: 'int', two: 'int' = 2)"
    assert Pair(1).two == 2


def test_nothing_about_it_can_be_changed() -> None:
    made = Swift(1)
    with pytest.raises(FrozenInstanceError):
        del made.two
    with pytest.raises(FrozenInstanceError):
        made.four = 4  # type: ignore[attr-defined]
    copied = deepcopy(made)
    assert copied == made
    assert copied.three is not made.three
    with pytest.raises(TypeError, match="nothing derives"):
        type("Child", (Swift,), {})


def test_what_is_no_plain_class_is_refused() -> None:
    @dataclass(slots=True)
    class Mutable:
        one: int

    class Child(Mutable):
        two: int

    for kind in (Mutable, Child):
        with pytest.raises(TypeError, match="a class of its own"):
            frozen(kind)


def test_what_does_more_than_set_fields_is_refused() -> None:
    class Sealed:
        one: int

        def __post_init__(self) -> None:
            assert self.one

    class Derived:
        one: int
        two: int = field(init=False, default=2)

    for kind in (Sealed, Derived):
        with pytest.raises(TypeError, match="does more"):
            frozen(kind)
