"""A bar cannot be changed: everyone looks at the same one."""

from __future__ import annotations

import copy
import pickle

import pytest

from tradebot.core.model.values import Bar, BarDraft, MarkBar

FIELDS = BarDraft.__slots__


def a_bar(kind: type[Bar] = Bar) -> Bar:
    return kind.of("BTC/USDT", 60_000, 60_000, ["1", "3", "0.5", "2", "7"])


@pytest.mark.parametrize("kind", [Bar, MarkBar])
@pytest.mark.parametrize("name", [*FIELDS, "__class__", "mine"])
def test_nothing_of_a_bar_can_be_set_or_deleted(kind: type[Bar], name: str) -> None:
    bar = a_bar(kind)
    before = [getattr(bar, field) for field in FIELDS]
    with pytest.raises(AttributeError, match="a bar cannot be changed"):
        setattr(bar, name, BarDraft)
    with pytest.raises(AttributeError, match="a bar cannot be changed"):
        delattr(bar, name)
    assert type(bar) is kind
    assert [getattr(bar, field) for field in FIELDS] == before


def test_its_text_is_a_tuple_whatever_it_was_made_of() -> None:
    assert a_bar().text == ("1", "3", "0.5", "2", "7")


@pytest.mark.parametrize("kind", [Bar, MarkBar])
def test_a_bar_can_be_copied_and_sent_to_another_process(kind: type[Bar]) -> None:
    bar = a_bar(kind)
    for other in (copy.copy(bar), copy.deepcopy(bar), pickle.loads(pickle.dumps(bar))):
        assert type(other) is kind
        assert [getattr(other, f) for f in FIELDS] == [getattr(bar, f) for f in FIELDS]
