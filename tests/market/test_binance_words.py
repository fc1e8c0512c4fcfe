"""Reading Binance's messages and rows: the recorded ones as they are, and nonsense in one line."""

from __future__ import annotations

import json
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tradebot.core.model.errors import ExchangeError
from tradebot.core.model.facts import INSTRUMENTS
from tradebot.core.model.values import MINUTE_MS, MarkBar
from tradebot.market.binance import rows
from tradebot.market.binance.messages import Kline, MarkPrice, StrangeError, Touch, read_message
from tradebot.wire.rules import read_rules

BTC = "BTC/USDT"
OURS = {"BTCUSDT": BTC}
T0 = 1_789_478_280_000

KLINE = {
    "e": "kline", "E": T0 + 60_003, "s": "BTCUSDT",
    "k": {"t": T0, "T": T0 + 59_999, "s": "BTCUSDT", "i": "1m", "f": 1, "L": 2, "o": "76953.60",
          "c": "76914.90", "h": "76957.30", "l": "76914.90", "v": "28.720", "n": 850, "x": True,
          "q": "2209840.15", "V": "13.799", "Q": "1061850.96", "B": "0"},
}  # fmt: skip
MARK = {
    "e": "markPriceUpdate", "E": T0, "s": "BTCUSDT", "p": "76916.95122464", "ap": "76916.9",
    "i": "76959.67", "P": "77018.7", "r": "0.00008972", "T": 1_789_488_000_000,
}  # fmt: skip
TOUCH = {
    "e": "bookTicker", "u": 400900217, "s": "BTCUSDT", "b": "76914.90", "B": "31.21",
    "a": "76915.00", "A": "40.66", "T": T0, "E": T0 + 1,
}  # fmt: skip
ROW = [T0, "76953.60", "76957.30", "76914.90", "76914.90", "28.720", T0 + 59_999,
       "2209840.15800", 850, "13.799", "1061850.96740", "0"]  # fmt: skip


def read(body: object) -> Any:
    return read_message(json.dumps(body), OURS, MINUTE_MS)


def test_the_three_messages() -> None:
    candle = read(KLINE)
    assert isinstance(candle, Kline)
    assert candle.closed
    assert candle.bar.text == ("76953.60", "76957.30", "76914.90", "76914.90", "28.720")
    assert read(MARK) == MarkPrice(BTC, T0, "76916.95122464", 1_789_488_000_000)
    prices = ("76914.90", "76915.00", "31.21", "40.66")
    assert read(TOUCH) == Touch(BTC, T0 + 1, 400900217, prices)
    assert read({"stream": "btcusdt@markPrice@1s", "data": MARK}) == read(MARK)
    assert read({"result": None, "id": 1}) is None


def changed(body: Any, **named: Any) -> Any:
    return {**body, **named}


def candle(**named: Any) -> Any:
    return changed(KLINE, k=changed(KLINE["k"], **named))


STRANGE: list[tuple[str, Any, str]] = [
    ("not JSON", "<html>", "no JSON"),
    ("a megabyte", "x" * 1_000_000, "no JSON"),
    ("deep", "[" * 100_000, "no JSON"),
    ("another event", json.dumps({"e": "aggTrade", "s": "BTCUSDT"}), "none that was asked for"),
    ("a list", "[1, 2]", "none that was asked for"),
    ("a refusal", json.dumps({"error": {"code": 2, "msg": "Invalid request"}, "id": 1}), "refused"),
    ("another symbol", json.dumps(changed(MARK, s="DOGEUSDT")), "DOGEUSDT"),
    ("NaN", json.dumps(candle(c="NaN")), "'NaN' is no price"),
    ("infinite", json.dumps(candle(h="Infinity")), "no price"),
    ("negative", json.dumps(candle(v="-1")), "no quantity"),
    ("a number", json.dumps(candle(o=7.5)), "no price"),
    ("no word", json.dumps(candle(o="abc")), "could not convert"),
    ("outside", json.dumps(candle(h="76914.90")), "outside"),
    ("another interval", json.dumps(candle(T=T0 + 299_999)), "none of 60000 ms"),
    ("neither", json.dumps(candle(x=1)), "neither true nor false"),
    ("crossed", json.dumps(changed(TOUCH, b="76916.00")), "above the ask"),
    ("no mark", json.dumps(changed(MARK, p="0")), "no price"),
    ("no time", json.dumps(changed(MARK, E="now")), "no time"),
    ("half", json.dumps({"e": "kline", "s": "BTCUSDT"}), "no 'k'"),
    ("null", json.dumps(changed(KLINE, k=None)), "makes no sense"),
]


@pytest.mark.parametrize(
    ("text", "said"), [row[1:] for row in STRANGE], ids=[r[0] for r in STRANGE]
)
def test_what_is_strange_is_said_in_one_line(text: str, said: str) -> None:
    with pytest.raises(StrangeError, match=said) as caught:
        read_message(text, OURS, MINUTE_MS)
    assert len(caught.value.message) < 500
    assert "\n" not in caught.value.message


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=4), inner, max_size=4),
    max_leaves=8,
)  # fmt: skip


@given(st.sampled_from([KLINE, MARK, TOUCH, KLINE["k"]]), st.data())
def test_no_message_makes_anything_but_a_value_or_a_line(
    body: dict[str, Any], data: st.DataObject
) -> None:
    spoiled = dict(body)
    for key in data.draw(st.lists(st.sampled_from(sorted(body)), max_size=4)):
        spoiled[key] = data.draw(JSON)
    if "t" in body and "e" not in body:
        spoiled = changed(KLINE, k=spoiled)
    try:
        found = read_message(json.dumps(spoiled), OURS, MINUTE_MS)
    except StrangeError:
        return
    assert found is None or found.symbol == BTC


# -- rows --------------------------------------------------------------------------------------------


def test_closed_rows_are_bars_and_the_open_one_ends_them() -> None:
    later = [T0 + MINUTE_MS, *ROW[1:6], T0 + 119_999, *ROW[7:]]
    found = rows.read_klines(BTC, [ROW, later], MINUTE_MS, T0 + 90_000)
    assert [bar.open_time for bar in found.bars] == [T0]
    assert found.until == T0 + MINUTE_MS
    assert rows.read_klines(BTC, [], MINUTE_MS, T0).until is None
    marks = rows.read_mark_klines(BTC, [[*ROW[:5], "0", *ROW[6:]]], MINUTE_MS, T0 + 60_000)
    assert isinstance(marks.bars[0], MarkBar)


def test_a_row_that_makes_no_sense_is_refused_or_left_out() -> None:
    spoiled = [*ROW[:4], "NaN", *ROW[5:]]
    later = [T0 + MINUTE_MS, *ROW[1:6], T0 + 119_999, *ROW[7:]]
    with pytest.raises(StrangeError, match=r"BTC/USDT: klines makes no sense .*'NaN' is no price"):
        rows.read_klines(BTC, [spoiled, later], MINUTE_MS, T0 + 200_000)
    left = rows.read_klines(BTC, [spoiled, later], MINUTE_MS, T0 + 200_000, strict=False)
    assert [bar.open_time for bar in left.bars] == [T0 + MINUTE_MS]
    with pytest.raises(StrangeError, match="out of order"):
        rows.read_klines(BTC, [later, ROW], MINUTE_MS, T0 + 200_000)


def test_funding_prices_and_time() -> None:
    first = {"symbol": "BTCUSDT", "fundingTime": T0 + 5, "fundingRate": "0.00006", "markPrice": ""}
    second = {**first, "fundingTime": T0, "markPrice": "76907.97"}
    told = rows.read_funding(BTC, [first, second])
    assert [(r.at, r.rate, r.mark) for r in told] == [
        (T0, Decimal("0.00006"), Decimal("76907.97")), (T0 + 5, Decimal("0.00006"), None)
    ]  # fmt: skip
    premium = {"markPrice": "76916.9", "nextFundingTime": T0 + 9, "time": T0}
    assert rows.read_premium(BTC, premium) == MarkPrice(BTC, T0, "76916.9", T0 + 9)
    book = {"bidPrice": "1.0", "askPrice": "1.1", "bidQty": "5", "askQty": "6", "time": T0}
    assert rows.read_book_ticker(BTC, book, 7) == Touch(BTC, T0, 7, ("1.0", "1.1", "5", "6"))


BAD: list[Callable[[], Any]] = [
    lambda: rows.read_klines(BTC, {"code": -1}, MINUTE_MS, T0),
    lambda: rows.read_klines(BTC, [[1, 2]], MINUTE_MS, T0),
    lambda: rows.read_klines(BTC, [7], MINUTE_MS, T0),
    lambda: rows.read_funding(BTC, [{}]),
    lambda: rows.read_funding(BTC, [{"fundingTime": T0, "fundingRate": "NaN"}]),
    lambda: rows.read_funding(BTC, [{"fundingTime": T0, "fundingRate": "x"}]),
    lambda: rows.read_premium(BTC, []),
    lambda: rows.read_book_ticker(BTC, {"bidPrice": "NaN"}, 0),
]


@pytest.mark.parametrize("ask", BAD)
def test_answers_that_make_no_sense_are_said(ask: Callable[[], Any]) -> None:
    with pytest.raises(StrangeError):
        ask()


# -- rules -------------------------------------------------------------------------------------------


def info() -> dict[str, Any]:
    filters = [
        {
            "filterType": "PRICE_FILTER",
            "minPrice": "556.80",
            "maxPrice": "4529764",
            "tickSize": "0.10",
        },
        {"filterType": "LOT_SIZE", "minQty": "0.002", "stepSize": "0.002", "maxQty": "1000"},
        {"filterType": "MARKET_LOT_SIZE", "minQty": "0.001", "stepSize": "0.001", "maxQty": "120"},
        {"filterType": "MAX_NUM_ORDERS", "limit": 200},
        {"filterType": "MIN_NOTIONAL", "notional": "50"},
        {"filterType": "PERCENT_PRICE", "multiplierUp": "1.05", "multiplierDown": "0.95"},
    ]
    return {"symbols": [{"symbol": "BTCUSDT", "status": "TRADING", "filters": filters}]}


def test_the_filters_of_the_exchange_are_the_rules() -> None:
    rules = read_rules(info(), [BTC], INSTRUMENTS)[BTC]
    assert (rules.step, rules.min_qty) == (Decimal("0.002"), Decimal("0.002"))
    assert rules.tiers == INSTRUMENTS[BTC].tiers
    assert rules.max_orders == 200


def test_the_recorded_exchange_info_gives_the_facts() -> None:
    path = Path(__file__).parents[2] / "../shared/recorded/exchangeInfo_five_symbols_ASSEMBLED.json"
    if not path.is_file():
        pytest.skip("the recorded exchangeInfo is not here")
    told = read_rules(json.loads(path.read_text()), sorted(INSTRUMENTS), INSTRUMENTS)
    assert told == {symbol: INSTRUMENTS[symbol] for symbol in sorted(INSTRUMENTS)}


def test_each_missing_filter_is_named() -> None:
    for number in range(6):
        body = info()
        gone = body["symbols"][0]["filters"].pop(number)["filterType"]
        with pytest.raises(ExchangeError, match=f"exchangeInfo lacks {gone} .* of BTC/USDT"):
            read_rules(body, [BTC], INSTRUMENTS)


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (lambda row: row.update(status="SETTLING"), "BTC/USDT does not trade: it is SETTLING"),
        (lambda row: row.update(symbol="OTHER"), "BTC/USDT is not listed"),
        (lambda row: row["filters"][0].update(tickSize="NaN"), r"tickSize.* is 'NaN'"),
        (lambda row: row["filters"][0].update(tickSize="x"), r"tickSize.* is 'x'"),
        (lambda row: row["filters"][0].update(tickSize="0"), r"tickSize.* is '0'"),
    ],
)
def test_a_symbol_that_cannot_be_traded_is_said(spoil: Callable[[Any], None], said: str) -> None:
    body = info()
    spoil(body["symbols"][0])
    with pytest.raises(ExchangeError, match=said) as caught:
        read_rules(body, [BTC], INSTRUMENTS)
    assert caught.value.hint
    with pytest.raises(ExchangeError, match="lists no symbols"):
        read_rules([], [BTC], INSTRUMENTS)
