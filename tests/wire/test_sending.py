"""What ccxt signs is what ccxt would have signed, to the byte."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tradebot.wire import endpoints
from tradebot.wire.endpoints import Endpoint
from tradebot.wire.library import load_class
from tradebot.wire.sending import _wired, as_it_is

ENDPOINTS = [one for one in vars(endpoints).values() if isinstance(one, Endpoint)]
NOW = 1_795_000_000_000
ORDER = {
    "symbol": "XRPUSDT",
    "quantity": "24.9",
    "price": "2.004",
    "newClientOrderId": "tbabcdef-n1-1e",
    "clientAlgoId": "tbabcdef-n1-1s",
}

names = st.text("abcXYZ_09", min_size=1, max_size=6)
simple = st.text("abcXYZ019.-_~", max_size=8)
values = st.one_of(simple, st.text(max_size=8), st.integers(), st.booleans(), st.none())


def client(base: Any) -> Any:
    made = base({"apiKey": "k" * 64, "secret": "s" * 64, "options": {"timeDifference": 0}})
    made.milliseconds = lambda: NOW
    return made


@given(st.dictionaries(names, values, max_size=6))
def test_a_query_is_ccxt_s_own(params: dict[str, Any]) -> None:
    base = load_class()
    assert _wired(base).urlencode(params) == base.urlencode(params)


@given(st.dictionaries(names, simple, min_size=1, max_size=6))
def test_nothing_simple_is_left_to_the_slow_way(params: dict[str, str]) -> None:
    params = {name: value for name, value in params.items() if value not in ("True", "False")}
    assert not params or as_it_is(params)


def test_a_value_is_never_taken_for_another_parameter() -> None:
    params = {"newClientOrderId": "x&side=SELL", "side": "BUY"}
    base = load_class()
    assert as_it_is(params) == ""
    assert _wired(base).urlencode(params) == "newClientOrderId=x%26side%3DSELL&side=BUY"


@pytest.mark.parametrize("endpoint", ENDPOINTS, ids=lambda one: f"{one.method} {one.path}")
def test_every_call_is_signed_as_by_ccxt(endpoint: Endpoint) -> None:
    base = load_class()
    ours, theirs = client(_wired(base)), client(base)
    words = (endpoint.path, [endpoint.section], endpoint.method)
    for params in (ORDER, {**ORDER, "newClientOrderId": "ü &=", "reduceOnly": True}):
        assert ours.sign(*words, dict(params)) == theirs.sign(*words, dict(params))
