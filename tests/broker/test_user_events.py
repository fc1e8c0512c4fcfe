"""Messages of the private stream: each kind, the recorded ones, and whatever else may come."""

from __future__ import annotations

import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tradebot.broker.user_events import Follow, UserEvents
from tradebot.core.model.events import CashAnnounced, Filled, OrderUpdate, VenueNote
from tradebot.core.model.values import OrderStatus, Side

D = Decimal
NOW = 1_789_478_299_000
OURS = "tbabcdef-12345678-7e"
STOP = "tbabcdef-12345678-8s"


def order(**changes: Any) -> dict[str, Any]:
    body = {
        "s": "BTCUSDT", "c": OURS, "S": "BUY", "o": "LIMIT", "f": "IOC", "q": "0.003", "p": "77000",
        "ap": "0", "sp": "0", "x": "NEW", "X": "NEW", "i": 839, "l": "0", "z": "0", "L": "0", "T": NOW - 5,
        "t": 0, "b": "0", "a": "0", "m": False, "R": False, "wt": "CONTRACT_PRICE", "ot": "LIMIT",
        "ps": "BOTH", "cp": False, "rp": "0", "pP": False, "si": 0, "ss": 0, "V": "EXPIRE_MAKER",
        "pm": "NONE", "gtd": 0,
    }  # fmt: skip
    return {"e": "ORDER_TRADE_UPDATE", "T": NOW - 5, "E": NOW, "o": {**body, **changes}}


FILL = {
    "x": "TRADE", "X": "PARTIALLY_FILLED", "l": "0.001", "z": "0.001", "L": "76915.00", "t": 51,
    "n": "0.03845750", "N": "USDT",
}  # fmt: skip


def algo(status: str, **changes: Any) -> dict[str, Any]:
    body = {
        "caid": STOP, "aid": 1000000033225453, "at": "CONDITIONAL", "o": "STOP_MARKET", "s": "BTCUSDT",
        "S": "SELL", "ps": "BOTH", "f": "GTC", "q": "0.003", "X": status, "ai": "", "ap": "0.00000",
        "aq": "0.00000", "act": "0", "tp": "76000", "p": "0", "V": "EXPIRE_MAKER", "wt": "MARK_PRICE",
        "pm": "NONE", "cp": False, "pP": False, "R": True, "tt": 0, "gtd": 0,
    }  # fmt: skip
    return {"e": "ALGO_UPDATE", "T": NOW - 5, "E": NOW, "o": {**body, **changes}}


def read(message: Any) -> list[Any]:
    return list(UserEvents().read(message, NOW).events)


def update(message: Any) -> OrderUpdate:
    (found,) = (event for event in read(message) if isinstance(event, OrderUpdate))
    return found


STATES = [
    ("NEW", "NEW", OrderStatus.WORKING),
    ("CANCELED", "CANCELED", OrderStatus.CANCELLED),
    ("EXPIRED", "EXPIRED", OrderStatus.EXPIRED),
    ("EXPIRED", "EXPIRED_IN_MATCH", OrderStatus.EXPIRED),
    ("EXPIRED_IN_MATCH", "EXPIRED_IN_MATCH", OrderStatus.EXPIRED),
    ("REJECTED", "REJECTED", OrderStatus.REJECTED),
    ("NEW", "NEW_INSURANCE", OrderStatus.WORKING),
    ("NEW", "NEW_ADL", OrderStatus.WORKING),
]


@pytest.mark.parametrize(("what", "said", "means"), STATES)
def test_each_state(what: str, said: str, means: OrderStatus) -> None:
    word = update(order(x=what, X=said, z="0.001"))
    assert (word.order_id, word.venue_id, word.status, word.filled) == (
        OURS,
        "839",
        means,
        D("0.001"),
    )
    assert word.symbol == "BTC/USDT"
    assert word.exchange_time == NOW - 5


def test_a_trade_is_a_fill_and_then_a_word_on_the_order() -> None:
    fill, word = read(order(**FILL))
    assert isinstance(fill, Filled)
    assert (fill.fill.trade_id, fill.fill.qty, fill.fill.price) == (51, D("0.001"), D("76915.00"))
    assert (fill.fill.order_id, fill.fill.venue_id, fill.fill.side) == (OURS, "839", Side.BUY)
    assert (fill.fill.fee, fill.fill.maker, fill.fill.liquidation) == (
        D("0.03845750"),
        False,
        False,
    )
    assert (word.status, word.filled) == (OrderStatus.PARTIAL, D("0.001"))


def test_a_liquidation_is_a_fill_too() -> None:
    fill, word = read(order(**FILL | {"x": "CALCULATED", "X": "FILLED", "c": "autoclose-1"}))
    assert fill.fill.liquidation
    assert (fill.fill.order_id, word.status) == ("autoclose-1", OrderStatus.FILLED)


def test_the_order_that_a_stop_has_become_speaks_for_the_stop() -> None:
    fill, word = read(order(**FILL | {"c": STOP, "o": "MARKET", "S": "SELL"}))
    assert (word.order_id, word.venue_id, word.child_id) == (STOP, "", "839")
    assert (fill.fill.order_id, fill.fill.venue_id) == (STOP, "839")


def test_an_amendment_tells_what_is_left() -> None:
    assert update(order(x="AMENDMENT", q="0.002", z="0.0005")).qty == D("0.0015")


ALGO = [
    ("NEW", {}, OrderStatus.WORKING, "", "0"),
    ("TRIGGERING", {}, OrderStatus.WORKING, "", "0"),
    ("TRIGGERED", {"ai": "889"}, OrderStatus.WORKING, "889", "0"),
    ("FINISHED", {"ai": "889", "aq": "0.003"}, OrderStatus.FILLED, "889", "0.003"),
    ("FINISHED", {"ai": "889", "aq": "0.001"}, OrderStatus.EXPIRED, "889", "0.001"),
    ("FINISHED", {"ai": "889", "aq": "0"}, OrderStatus.EXPIRED, "889", "0"),
    ("CANCELED", {}, OrderStatus.CANCELLED, "", "0"),
    ("EXPIRED", {}, OrderStatus.EXPIRED, "", "0"),
    ("REJECTED", {"rm": "no margin"}, OrderStatus.REJECTED, "", "0"),
]


@pytest.mark.parametrize(("said", "more", "means", "child", "done"), ALGO)
def test_each_state_of_a_stop(
    said: str, more: dict[str, str], means: OrderStatus, child: str, done: str
) -> None:
    word = update(algo(said, **more))
    assert (word.order_id, word.status, word.child_id) == (STOP, means, child)
    assert word.filled == D(done)
    assert word.venue_id == "algo:1000000033225453"
    assert word.reason == more.get("rm", "")


def test_triggering_has_no_word_on_its_child() -> None:
    message = algo("TRIGGERING")
    for name in ("ai", "ap", "aq", "act"):
        del message["o"][name]
    assert update(message).status is OrderStatus.WORKING


FOLLOWED: dict[str, tuple[dict[str, Any], tuple[Follow, ...]]] = {
    "order": ({"e": "ACCOUNT_UPDATE", "T": 1, "E": 1, "a": {"m": "ORDER", "B": [], "P": []}}, ()),
    "funding": (
        {"e": "ACCOUNT_UPDATE", "T": 1, "E": 1, "a": {"m": "FUNDING_FEE", "B": [], "P": []}},
        (Follow.INCOME,),
    ),
    "leverage": (
        {"e": "ACCOUNT_CONFIG_UPDATE", "E": 1, "T": 1, "ac": {"s": "BTCUSDT", "l": 7}},
        (Follow.SETTINGS,),
    ),
    "multi-assets": (
        {"e": "ACCOUNT_CONFIG_UPDATE", "E": 1, "T": 1, "ai": {"j": True}},
        (Follow.SETTINGS,),
    ),
    "margin call": (
        {"e": "MARGIN_CALL", "E": 1, "cw": "3", "p": [{"s": "BTCUSDT"}]},
        (Follow.ACCOUNT,),
    ),
    "key": ({"e": "listenKeyExpired", "E": 1, "listenKey": "x"}, (Follow.KEY,)),
    "hint": ({"e": "TRADE_LITE", "E": 1, "T": 1, "s": "BTCUSDT"}, ()),
    "wrapped": ({"stream": "x", "data": {"e": "listenKeyExpired", "E": 1}}, (Follow.KEY,)),
}


@pytest.mark.parametrize(("message", "follow"), FOLLOWED.values(), ids=FOLLOWED)
def test_what_is_read_because_of_it(message: dict[str, Any], follow: tuple[Follow, ...]) -> None:
    heard = UserEvents().read(message, NOW)
    assert heard.follow == follow
    assert not any(isinstance(e, VenueNote) and e.halt for e in heard.events)


STRANGE: dict[str, Any] = {
    "event": {"e": "STRATEGY_UPDATE", "E": 1},
    "no event": {"result": 1},
    "a list": [1],
    "a text": "<html>",
    "execution type": order(x="FROZEN"),
    "status": order(X="FROZEN"),
    "algo status": algo("FROZEN"),
    "algo type": algo("NEW", at="VP"),
    "fee asset": order(**FILL | {"N": "BNB"}),
    "NaN": order(**FILL | {"L": "NaN"}),
    "a float": order(**FILL | {"L": 1.5}),
    "no symbol": order(s=""),
    "no id": order(i=None),
    "nothing in it": {"e": "ORDER_TRADE_UPDATE"},
    "null in it": {"e": "ORDER_TRADE_UPDATE", "o": None},
    "asset": {
        "e": "ACCOUNT_UPDATE", "T": 1, "E": 1,
        "a": {"m": "ORDER", "B": [{"a": "BNFCR", "wb": "5", "cw": "5", "bc": "0"}], "P": []},
    },
    "config of nothing": {"e": "ACCOUNT_CONFIG_UPDATE", "E": 1, "T": 1},
}  # fmt: skip


@pytest.mark.parametrize("message", STRANGE.values(), ids=STRANGE)
def test_what_nobody_understands_halts_entries(message: Any) -> None:
    notes = [event for event in read(message) if isinstance(event, VenueNote)]
    assert [note.halt for note in notes] == ["unexplained"]
    assert notes[0].detail


def test_what_is_understood_of_it_is_told_all_the_same() -> None:
    _, fill, word = read(order(**FILL | {"N": "BNB"}))
    assert (fill.fill.fee, word.filled) == (0, D("0.001"))
    assert update(order(x="FROZEN", z="0.002")).filled == D("0.002")


def test_a_new_field_is_told_once_and_halts_nothing() -> None:
    events = UserEvents()
    first = events.read(order(zz="1"), NOW).events
    assert [(e.what, e.detail, e.halt) for e in first if isinstance(e, VenueNote)] == [
        ("field", "ORDER_TRADE_UPDATE.o.zz is new", "")
    ]
    assert len(first) == 2
    assert len(events.read(order(zz="2"), NOW).events) == 1


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=6),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner),
    max_leaves=8,
)
_FIELD = st.sampled_from(sorted(order(**FILL)["o"]))


@given(st.dictionaries(_FIELD, _JSON, min_size=1, max_size=3) | _JSON)
def test_no_message_breaks_it_and_none_vanishes(changed: Any) -> None:
    message = order(**FILL | changed) if isinstance(changed, dict) else changed
    heard = UserEvents().read(message, NOW)
    assert heard.events or heard.follow


RECORDED = Path(__file__).resolve().parents[3] / "shared" / "recorded"


def test_recorded_messages_are_understood() -> None:
    if not RECORDED.exists():
        pytest.skip("needs ../shared/recorded")
    events, count = UserEvents(), 0
    for path in sorted(RECORDED.glob("nautilus/*.json")):
        message = json.loads(path.read_text(encoding="utf-8"))
        if not isinstance(message, dict):
            continue
        name = message.get("data", message).get("e")
        if name not in ("ORDER_TRADE_UPDATE", "ALGO_UPDATE", "ACCOUNT_UPDATE", "TRADE_LITE"):
            continue
        heard = events.read(message, NOW)
        halts = [e.detail for e in heard.events if isinstance(e, VenueNote) and e.halt]
        wanted = 1 if path.name == "account_update_bnfcr.json" else 0
        assert len(halts) == wanted, (path.name, halts)
        fields = [e.detail for e in heard.events if isinstance(e, VenueNote) and not e.halt]
        assert not fields, (path.name, fields)
        count += 1
    assert count >= 12


def test_the_position_says_whose_funding_it_was() -> None:
    message = balance_changed("FUNDING_FEE", "-1")
    message["a"]["P"] = [{"s": "XRPUSDT", "pa": "5"}]
    assert [e.symbol for e in read(message) if isinstance(e, CashAnnounced)] == ["XRP/USDT"]
    message["a"]["S"] = "ADAUSDT"
    assert [e.symbol for e in read(message) if isinstance(e, CashAnnounced)] == ["ADA/USDT"]


def balance_changed(reason: str, change: str, asset: str = "USDT") -> dict[str, Any]:
    row = {"a": asset, "wb": "0", "cw": "0", "bc": change}
    return {"e": "ACCOUNT_UPDATE", "T": 6, "E": 7, "a": {"m": reason, "B": [row], "P": []}}


@pytest.mark.parametrize(
    ("message", "amounts"),
    [
        (balance_changed("FUNDING_FEE", "-0.5"), ["-0.5"]),
        (balance_changed("INSURANCE_CLEAR", "-7"), ["-7"]),
        (balance_changed("FUNDING_FEE", "0"), []),
        (balance_changed("ORDER", "-0.5"), []),
        (balance_changed("WITHDRAW", "-5"), []),
        (balance_changed("MARGIN_TRANSFER", "-5"), []),
    ],
)
def test_a_balance_that_changed_is_announced_until_its_line_is_read(
    message: dict[str, Any], amounts: list[str]
) -> None:
    found = [event for event in read(message) if isinstance(event, CashAnnounced)]
    assert [str(event.amount) for event in found] == amounts
    assert all(event.exchange_time == 6 for event in found)
