"""REST rows as core values: what the venue and the recordings say comes out exactly, anything else is refused."""

from __future__ import annotations

import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tradebot.broker import figures, rows
from tradebot.broker.figures import MALFORMED
from tradebot.core.model.events import CashMoved, Filled, FundingPaid, VenueNote
from tradebot.core.model.values import OrderStatus, Side

D = Decimal
TEXTS = st.decimals(-(10**9), 10**9, allow_nan=False, allow_infinity=False, places=8).map(str)
JUNK = (
    st.none()
    | st.booleans()
    | st.floats()
    | st.lists(st.text())
    | st.sampled_from(["", "x", "NaN", "Infinity"])
)


@given(TEXTS | st.integers(-(10**18), 10**18))
def test_a_number_keeps_every_digit(value: str | int) -> None:
    assert str(figures.number(value)) == str(Decimal(value))


@given(JUNK)
def test_what_is_no_number_is_refused(value: Any) -> None:
    with pytest.raises(MALFORMED):
        figures.number(value)


def test_names_of_symbols() -> None:
    assert figures.symbol("BTCUSDT") == "BTC/USDT"
    assert figures.symbol("ETHBTC") == "ETHBTC"
    assert figures.symbol("USDT") == "USDT"


def income(kind: str, amount: str = "-0.1", **more: Any) -> dict[str, Any]:
    return {
        "symbol": "BTCUSDT", "incomeType": kind, "income": amount, "asset": "USDT", "info": "",
        "time": 1_789_478_299_000, "tranId": 968, "tradeId": "", **more,
    }  # fmt: skip


LINES = [
    ("COMMISSION", "commission"), ("REALIZED_PNL", "realized"), ("TRANSFER", "transfer"),
    ("INTERNAL_TRANSFER", "transfer"), ("STRATEGY_UMFUTURES_TRANSFER", "transfer"),
    ("INSURANCE_CLEAR", "insurance"), ("REFERRAL_KICKBACK", "rebate"), ("FEE_RETURN", "rebate"),
    ("AUTO_EXCHANGE", "auto_exchange"),
]  # fmt: skip


@pytest.mark.parametrize(("kind", "word"), LINES)
def test_each_kind_of_cash_line(kind: str, word: str) -> None:
    line = rows.cash_line(income(kind, tradeId="51"), 7)
    assert isinstance(line, CashMoved)
    assert (line.kind, line.id, line.trade_id) == (word, f"{kind}:968", 51)
    assert (line.amount, line.symbol, line.at) == (D("-0.1"), "BTC/USDT", 7)


def test_funding_is_named_by_its_number() -> None:
    line = rows.cash_line(income("FUNDING_FEE"), 7)
    assert isinstance(line, FundingPaid)
    assert (line.id, line.amount) == ("FUNDING_FEE:968", D("-0.1"))


def test_an_amount_in_another_asset_is_not_taken_for_usdt() -> None:
    with pytest.raises(ValueError, match="BNB"):
        rows.cash_line(income("COMMISSION", asset="BNB"), 7)


TRADE = {
    "symbol": "BTCUSDT", "id": 51, "orderId": 839, "side": "BUY", "qty": "0.002", "price": "77000.10",
    "commission": "0.0616", "commissionAsset": "USDT", "maker": False, "time": 5,
}  # fmt: skip


@pytest.mark.parametrize("odd", [{"commissionAsset": "BNB"}, {"commission": "x"}])
def test_a_fill_with_a_strange_fee_is_booked_without_it_and_said(odd: dict[str, str]) -> None:
    note, told = rows.filled({**TRADE, **odd}, "tba-1-1e", 7)
    assert isinstance(note, VenueNote)
    assert isinstance(told, Filled)
    assert (note.what, note.halt) == ("asset", "unexplained")
    assert (told.fill.qty, told.fill.fee, told.fill.order_id) == (D("0.002"), D(0), "tba-1-1e")


ORDER = {
    "orderId": 839, "symbol": "BTCUSDT", "status": "PARTIALLY_FILLED", "clientOrderId": "tba-1-1e",
    "price": "77000.10", "origQty": "0.003", "executedQty": "0.001", "type": "LIMIT", "side": "BUY",
    "reduceOnly": False, "stopPrice": "0.00", "updateTime": 5, "time": 4,
}  # fmt: skip
ALGO = {
    "algoId": 71, "clientAlgoId": "tba-1-2s", "orderType": "STOP_MARKET", "symbol": "BTCUSDT",
    "side": "SELL", "quantity": "0.003", "algoStatus": "NEW", "triggerPrice": "76000.00",
    "price": "0.00", "reduceOnly": True, "updateTime": 6, "actualOrderId": "", "actualQty": "0.000",
}  # fmt: skip


def test_an_order_and_a_stop() -> None:
    read = rows.read_order(ORDER)
    assert (read.order_id, read.qty, read.filled, read.side) == (
        "tba-1-1e",
        D("0.003"),
        D("0.001"),
        Side.BUY,
    )
    assert (read.price, read.trigger, read.reduce_only) == (D("77000.10"), None, False)
    stop = rows.read_algo(ALGO)
    assert (stop.order_id, stop.trigger, stop.venue_id) == ("tba-1-2s", D("76000"), "algo:71")
    seen = rows.seen_order(ORDER, 9)
    assert (seen.status, seen.filled, seen.asked) == (OrderStatus.PARTIAL, D("0.001"), 9)
    done = rows.seen_algo(
        {**ALGO, "algoStatus": "FINISHED", "actualOrderId": "88", "actualQty": "0.003"}, 9
    )
    assert (done.status, done.child_id) == (OrderStatus.FILLED, "88")
    short = rows.seen_algo({**ALGO, "algoStatus": "FINISHED", "actualOrderId": "88"}, 9)
    assert (short.status, short.filled) == (OrderStatus.EXPIRED, D(0))


@given(st.sampled_from(sorted(ORDER)), JUNK)
def test_a_malformed_order_is_an_error_and_never_another_order(name: str, value: Any) -> None:
    try:
        read = rows.read_order({**ORDER, name: value})
    except MALFORMED:
        return
    assert (read.qty, read.filled) == (D("0.003"), D("0.001"))
    assert read.reduce_only == (name == "reduceOnly" and value is True)


RECORDED = Path(__file__).resolve().parents[3] / "shared" / "recorded" / "nautilus"


def recorded(name: str) -> Any:
    path = RECORDED / name
    if not path.exists():
        pytest.skip("needs ../shared/recorded")
    return json.loads(path.read_text(encoding="utf-8"))


def test_recorded_trades_and_settings() -> None:
    for row in recorded("http_futures_account_trades.json"):
        (told,) = rows.filled(row, "", 1)
        assert isinstance(told, Filled)
        fill = told.fill
        assert (str(fill.price), str(fill.fee)) == (row["price"], row["commission"])
        assert fill.trade_id == row["id"]
    for row in recorded("http_futures_account_symbol_config.json"):
        config = rows.symbol_config(row)
        assert config.leverage == row["leverage"]
        assert config.isolated == (row["marginType"] == "ISOLATED")
