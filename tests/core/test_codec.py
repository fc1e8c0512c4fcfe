"""The codec loses nothing."""

from __future__ import annotations

import json
import math
from dataclasses import fields, is_dataclass
from decimal import Decimal
from typing import Any, get_args

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from kits.engine_kit import a_config

from tradebot.core.model import codec, effects, events
from tradebot.core.model.approved import SEAL, Approved
from tradebot.core.model.effects import Notify, Place, SignalJudged
from tradebot.core.model.values import (
    Bar,
    Fill,
    MarkBar,
    Order,
    OrderStatus,
    OrderType,
    Purpose,
    Quote,
    Side,
    TimeInForce,
)
from tradebot.core.trading.engine import EngineConfig

decimals = st.decimals(allow_nan=False, allow_infinity=False)
prices = st.decimals(min_value=0, max_value=10**9, places=8, allow_nan=False).map(str)
symbols = st.sampled_from(["BTC/USDT", "ETH/USDT"])
times = st.integers(0, 2**42)
st.register_type_strategy(Decimal, decimals)
st.register_type_strategy(float, st.floats(allow_nan=False))
orders = st.builds(
    Order,
    id=st.text(),
    symbol=symbols,
    side=st.sampled_from(Side),
    type=st.sampled_from(OrderType),
    qty=decimals,
    price=st.none() | decimals,
    trigger=st.none() | decimals,
    tif=st.sampled_from(TimeInForce),
    reduce_only=st.booleans(),
    purpose=st.sampled_from(Purpose),
)
approved = st.builds(Approved, order=orders, epoch=st.integers(), seal=st.just(SEAL))
bars = st.builds(
    Bar.of, symbols, times, st.sampled_from([60_000, 3_600_000]), st.tuples(*[prices] * 5)
)
mark_bars = st.builds(MarkBar.of, symbols, times, st.just(60_000), st.tuples(*[prices] * 5))
quotes = st.builds(
    lambda symbol, exchange_time, lag, text: Quote(
        symbol, exchange_time, exchange_time + lag, text, float(text[4])
    ),
    symbols,
    times,
    st.integers(0, 5000),
    st.tuples(*[prices] * 5),
)


def of_kind(cls: type) -> st.SearchStrategy[Any]:
    special = {Bar: bars, MarkBar: mark_bars, Quote: quotes}
    if cls in special:
        return special[cls]
    if cls is Place:
        return st.builds(Place, approved, st.integers())
    return st.from_type(cls)


anything = st.sampled_from(sorted(codec.KINDS)).flatmap(lambda name: of_kind(codec.KINDS[name]))


def same(left: Any, right: Any) -> bool:
    if is_dataclass(left):
        return bool(left == right)
    names: Any = (Bar if isinstance(left, Bar) else Quote).__slots__
    return type(left) is type(right) and all(getattr(left, n) == getattr(right, n) for n in names)


@settings(suppress_health_check=[HealthCheck.too_slow], deadline=None)  # first draw builds tables
@given(anything)
def test_everything_survives_a_round_trip(obj: Any) -> None:
    text = codec.dumps(obj)
    back = codec.loads(type(obj).__name__, text)
    assert same(obj, back)
    assert codec.dumps(back) == text


@settings(suppress_health_check=[HealthCheck.too_slow], deadline=None)  # first draw builds tables
@given(anything)
def test_the_log_form_survives_too(obj: Any) -> None:
    if type(obj) not in {*get_args(events.Event), *get_args(events.MarketEvent)}:
        return
    payload = codec.event_payload(obj)
    back = codec.event_from_payload(
        type(obj).__name__, obj.at, codec.exchange_time_of(obj), payload
    )
    assert same(obj, back)
    assert "\n" not in payload
    assert "\t" not in payload


@pytest.mark.parametrize(
    "event",
    [
        Bar.of("S", 60_000, 60_000, ("1", "2", "0.5", "1.50", "3")),
        MarkBar.of("S", 60_000, 60_000, ("1", "2", "0.5", "1.50", "0")),
        Bar.of("S", 60_000, 60_000, ("1", "2", "0.5", "1.50", "3"), 120_357),
        Quote("S", 5, 9, ("1", "2", "3", "4", "1.50"), 1.5),
    ],
)
def test_market_events_are_kept_as_they_arrived(event: Bar | Quote) -> None:
    kind = type(event).__name__
    assert same(event, codec.loads(kind, codec.dumps(event)))
    payload = codec.event_payload(event)
    back = codec.event_from_payload(kind, event.at, codec.exchange_time_of(event), payload)
    assert same(event, back)


def test_every_event_and_effect_is_known() -> None:
    members = {*get_args(events.Event), *get_args(events.MarketEvent), *get_args(effects.Effect)}
    assert set(codec.KINDS.values()) == members


def test_canonical_text() -> None:
    assert codec.dumps(Notify(5, "info", "ü")) == r'{"at":5,"level":"info","text":"\u00fc"}'
    assert codec.canonical({"b": Decimal("1.10"), "a": Side.BUY}) == '{"a":"buy","b":"1.10"}'


def test_not_finite_floats_are_valid_json() -> None:
    signal = SignalJudged(
        1, 2, "S", "long", 1, Decimal(1), None, None, "", "held", (), {"x": math.nan, "y": math.inf}
    )
    text = codec.dumps(signal)
    assert json.loads(text, parse_constant=pytest.fail)["indicators"] == {"x": "nan", "y": "inf"}
    assert math.isnan(codec.loads("SignalJudged", text).indicators["x"])


def test_a_field_added_later_takes_its_default() -> None:
    data = codec.encode(events.RunStarted(1, "r", "i", "n", "h", resumed=True))
    del data["resumed"]
    assert codec.decode("RunStarted", data).resumed is False


@pytest.mark.parametrize(
    ("kind", "data"),
    [
        ("Nonsense", {}),
        ("Notify", {"at": 1}),
        ("Notify", {"at": "1", "level": "", "text": ""}),
        ("Notify", {"at": 1, "level": "", "text": "", "colour": "red"}),
        ("OrderUpdate", {"at": 1, "symbol": "", "order_id": "", "status": "x", "exchange_time": 1}),
        ("AccountSnapshot", {"at": 1, "wallet": "abc", "equity": "1"}),
        ("Quote", {"at": 1, "exchange_time": 1, "quote": "BTC/USDT,1"}),
        ("Quote", {"at": 1}),
        ("Bar", {"bar": "BTC/USDT,1"}),
        ("Filled", {"at": 1, "fill": None}),
    ],
)
def test_nonsense_is_a_value_error(kind: str, data: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"\w"):
        codec.decode(kind, data)


def test_what_has_no_json_form_is_refused() -> None:
    with pytest.raises(TypeError):
        codec.encode(object())
    with pytest.raises(TypeError):
        codec.canonical({"a": object()})


def test_exchange_times() -> None:
    fill = Fill("S", 1, "o", Side.BUY, Decimal(1), Decimal(1), Decimal(0), False, 77)
    assert codec.exchange_time_of(events.Filled(99, fill)) == 77
    update = events.OrderUpdate(99, "S", "o", OrderStatus.WORKING, 88)
    assert codec.exchange_time_of(update) == 88
    assert codec.exchange_time_of(events.WakeUp(99, "k")) == 99


def test_order_fields_are_all_written() -> None:
    order = Order("i", "S", Side.BUY, OrderType.MARKET, Decimal(1))
    assert set(codec.encode(order)) == {part.name for part in fields(Order)}


def test_what_an_engine_was_told_can_be_written_down_and_told_again() -> None:
    config = a_config()
    text = codec.dumps(config)
    assert codec.read(EngineConfig, text) == config
    assert codec.dumps(codec.read(EngineConfig, text)) == text
    for wrong in ("7", "{}", text.replace('"interval":60000', '"interval":"a minute"')):
        with pytest.raises(ValueError, match=r"\w"):
            codec.read(EngineConfig, wrong)
