"""The venue's payloads beside recordings of the real ones, field by field.

The recordings lie outside the project; what the most important payloads must have is written down here
too, so that this says something without them.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from kits.shapes import differences, form
from kits.venue_kit import BTC, QUIET, Desk, row, running

RECORDED = Path(__file__).parents[2].parent / "shared" / "recorded"
needs_recordings = pytest.mark.skipif(not RECORDED.is_dir(), reason=f"no recordings in {RECORDED}")

PERP = "BTC/USDT:USDT"


def recording(name: str) -> Any:
    return json.loads((RECORDED / name).read_text(encoding="utf-8"))


MARKET_CALLS = [
    "GET /fapi/v1/time",
    "GET /fapi/v1/premiumIndex?symbol=BTCUSDT",
    "GET /fapi/v1/openInterest?symbol=BTCUSDT",
    "GET /fapi/v1/klines?symbol=BTCUSDT&interval=1m&limit=3",
    "GET /fapi/v1/fundingRate?symbol=BTCUSDT&limit=2",
    "GET /fapi/v1/ticker/24hr?symbol=BTCUSDT",
    "GET /fapi/v1/ticker/bookTicker?symbol=BTCUSDT",
    "GET /fapi/v1/depth?symbol=BTCUSDT&limit=5",
    "GET /fapi/v1/aggTrades?symbol=BTCUSDT&limit=2",
]


async def get(desk: Desk, call: str) -> Any:
    path, _, query = call.removeprefix("GET ").partition("?")
    status, body = await desk.raw.plain("GET", path, query)
    assert status == 200, body
    return body


@needs_recordings
@pytest.mark.parametrize("call", MARKET_CALLS)
async def test_market_bodies_are_the_recorded_ones_in_all_but_numbers(call: str) -> None:
    recorded = recording("market_rest_2026-09-15.json")[call]
    rows = (*QUIET, row(1), row(60), row(120))
    async with running(rows) as desk:
        desk.clock.advance(12 * 3_600_000)
        made = await get(desk, call)
        found = [d for d in differences(recorded, made) if not d.startswith("count:")]
        if call.endswith("limit=3"):  # the number of trades in a minute
            found = [d for d in found if "[8]" not in d]
        assert found == []


@needs_recordings
async def test_exchange_info_is_btc_s_recorded_row_to_the_last_word() -> None:
    recorded = recording("exchangeInfo_BTCUSDT_2026-09-15.json")
    async with running() as desk:
        made = await get(desk, "GET /fapi/v1/exchangeInfo")
        assert {k: v for k, v in made.items() if k not in ("symbols", "serverTime")} == {
            k: v for k, v in recorded.items() if k not in ("symbols", "serverTime")
        }
        assert made["symbols"][0] == recorded["symbols"][0]


@needs_recordings
async def test_the_five_symbols_filters_are_the_assembled_ones() -> None:
    recorded = recording("exchangeInfo_five_symbols_ASSEMBLED.json")
    rows = [
        row(0, *prices, symbol=symbol)
        for symbol, prices in {
            BTC: ("76914.90", "76915.00"),
            "ETH/USDT": ("2500.00", "2500.01"),
            "SOL/USDT": ("150.00", "150.01"),
            "ADA/USDT": ("0.8000", "0.8001"),
            "XRP/USDT": ("2.0000", "2.0001"),
        }.items()
    ]
    async with running(rows) as desk:
        made = await get(desk, "GET /fapi/v1/exchangeInfo")
        by_name = {symbol["symbol"]: symbol for symbol in made["symbols"]}
        for symbol in recorded["symbols"]:
            if symbol["symbol"] == "ADAUSDT":  # a placeholder there, without its last decimal
                assert symbol["filters"][0]["minPrice"] == "0.0001"
                symbol["filters"][0]["minPrice"] = "0.00010"
            assert by_name[symbol["symbol"]] == symbol


@needs_recordings
async def test_leverage_brackets_are_the_recorded_ones() -> None:
    recorded = {row["symbol"]: row for row in recording("leverageBracket_2026-09.json")}
    async with running() as desk:
        _, made = await desk.raw.send("GET", "/fapi/v1/leverageBracket")
        for row_ in made:
            assert row_ == recorded[row_["symbol"]]


@needs_recordings
async def test_errors_are_the_recorded_ones_word_for_word() -> None:
    async with running() as desk:
        for case in recording("market_errors_2026-09-15.json"):
            request = case["request"]
            if "historicalTrades" in request:
                continue  # not served here
            if request.startswith("POST"):
                text = "symbol=BTCUSDT&side=BUY&type=STOP_MARKET&quantity=1"
                answer = await desk.raw.send("POST", "/fapi/v1/order", text)
            else:
                path, _, query = request.removeprefix("GET ").partition("?")
                answer = await desk.raw.plain("GET", path, query)
            assert answer == (case["http"], case["body"]), request


async def trade_once(desk: Desk) -> None:
    text = "symbol=BTCUSDT&side=BUY&type=MARKET&quantity=0.005"
    await desk.raw.send("POST", "/fapi/v1/order", text)
    await desk.raw.send("POST", "/fapi/v1/order", text.replace("BUY", "SELL"))


ACCOUNT_CALLS = {
    "/fapi/v1/userTrades": ("nautilus/http_futures_account_trades.json", "symbol=BTCUSDT"),
    "/fapi/v1/symbolConfig": ("nautilus/http_futures_account_symbol_config.json", ""),
    "/fapi/v1/commissionRate": (
        "nautilus/http_futures_wallet_commission_rate_btcusdt.json",
        "symbol=BTCUSDT",
    ),
    "/fapi/v2/account": ("nautilus/account_info_v2.json", ""),
    "/fapi/v2/positionRisk": ("nautilus/position_risk.json", ""),
    "/fapi/v1/allOrders": ("nautilus/http_futures_account_orders.json", "symbol=BTCUSDT"),
}

ACCOUNT_DIFFERENCES: dict[str, dict[str, str]] = {
    "/fapi/v1/userTrades": {
        "[].orderId": "19 digits, as ETHUSDT's ids were in 2024 (recorded in TRADE_LITE)",
    },
    "/fapi/v1/commissionRate": {
        "rpiCommissionRate: not in the recording": "documented since 2025, the recording is older",
    },
    "/fapi/v2/account": {
        "feeBurn: not in the recording": "documented since 2024, the recording is older",
        "positions[].breakEvenPrice: not in the recording": "as above",
        "positions[].notional: not in the recording": "as above",
        "positions[].isolatedWallet: not in the recording": "as above",
        "positions[].positionAmt: number.3, recorded number.0": "the docs' example is of another age",
        "positions[].entryPrice: number.0, recorded number.5": "as above; live ones are plain",
    },
    "/fapi/v2/positionRisk": {
        "[].isolated: not in the recording": "documented since 2024",
        "[].adlQuantile: not in the recording": "documented since 2024",
        "[].markPrice: number.8, recorded number.1": "premiumIndex of 2026 has 8 decimals",
        "[].liquidationPrice: number.0, recorded number.1": "flat here: 0",
        "[].notional: number.0, recorded number.1": "flat here: 0",
    },
    "/fapi/v1/allOrders": {
        "[].activatePrice: missing": "the recording is of a trailing stop, now an algo order",
        "[].priceRate: missing": "as above",
        "[].priceMatch: not in the recording": "documented since 2023, the recording is older",
        "[].selfTradePreventionMode: not in the recording": "as above",
        "[].goodTillDate: not in the recording": "as above",
        "[].price: number.2, recorded number.0": "the docs' example leaves zeros out",
        "[].stopPrice: number.2, recorded number.0": "as above",
        "[].cumQuote: number.5, recorded number.0": "as above",
        "[].executedQty: number.3, recorded number.0": "as above",
        "[].origQty: number.3, recorded number.2": "another symbol's decimals",
        "[].orderId": "19 digits, as ETHUSDT's ids are (recorded in TRADE_LITE)",
    },
}


@needs_recordings
@pytest.mark.parametrize("path", sorted(ACCOUNT_CALLS))
async def test_account_bodies_differ_from_the_recorded_ones_only_where_it_is_said(
    path: str,
) -> None:
    name, query = ACCOUNT_CALLS[path]
    async with running() as desk:
        await trade_once(desk)
        _, made = await desk.raw.send("GET", path, query)
        allowed = ACCOUNT_DIFFERENCES.get(path, {})
        found = [
            d
            for d in differences(recording(name), made)
            if not any(d.startswith(known) for known in allowed)
        ]
        assert found == []


FORMS: dict[str, dict[str, str]] = {
    "POST /fapi/v1/order": {
        "orderId": "int",
        "symbol": "str",
        "status": "str",
        "clientOrderId": "str",
        "price": "number.2",
        "origQty": "number.3",
        "executedQty": "number.3",
        "cumQty": "number.3",
        "timeInForce": "str",
        "type": "str",
        "reduceOnly": "bool",
        "closePosition": "bool",
        "side": "str",
        "positionSide": "str",
        "stopPrice": "number.2",
        "workingType": "str",
        "priceProtect": "bool",
        "origType": "str",
        "priceMatch": "str",
        "selfTradePreventionMode": "str",
        "goodTillDate": "int",
        "updateTime": "int",
    },
    "GET /fapi/v1/userTrades": {
        "symbol": "str",
        "id": "int",
        "orderId": "int",
        "side": "str",
        "price": "number.2",
        "qty": "number.3",
        "realizedPnl": "number.0",
        "marginAsset": "str",
        "quoteQty": "number.5",
        "commission": "number.8",
        "commissionAsset": "str",
        "time": "int",
        "positionSide": "str",
        "buyer": "bool",
        "maker": "bool",
    },
    "GET /fapi/v3/positionRisk": {
        "symbol": "str",
        "positionSide": "str",
        "positionAmt": "number.3",
        "entryPrice": "number.0",
        "breakEvenPrice": "number.4",
        "markPrice": "number.8",
        "unRealizedProfit": "number.8",
        "liquidationPrice": "number.8",
        "isolatedMargin": "number.8",
        "notional": "number.8",
        "marginAsset": "str",
        "isolatedWallet": "number.8",
        "initialMargin": "number.8",
        "maintMargin": "number.8",
        "positionInitialMargin": "number.8",
        "openOrderInitialMargin": "number.0",
        "adl": "int",
        "bidNotional": "number.0",
        "askNotional": "number.0",
        "updateTime": "int",
    },
    "GET /fapi/v1/income": {
        "symbol": "str",
        "incomeType": "str",
        "income": "number.8",
        "asset": "str",
        "info": "number.0",
        "time": "int",
        "tranId": "int",
        "tradeId": "number.0",
    },
    "POST /fapi/v1/algoOrder": {
        "algoId": "int",
        "clientAlgoId": "str",
        "algoType": "str",
        "orderType": "str",
        "symbol": "str",
        "side": "str",
        "positionSide": "str",
        "timeInForce": "str",
        "quantity": "number.3",
        "algoStatus": "str",
        "triggerPrice": "number.2",
        "price": "number.2",
        "icebergQuantity": "NoneType",
        "selfTradePreventionMode": "str",
        "workingType": "str",
        "priceMatch": "str",
        "closePosition": "bool",
        "priceProtect": "bool",
        "reduceOnly": "bool",
        "createTime": "int",
        "updateTime": "int",
        "triggerTime": "int",
        "goodTillDate": "int",
    },
}


async def test_the_most_important_bodies_have_exactly_these_fields() -> None:
    async with running() as desk:
        order = "symbol=BTCUSDT&side=BUY&type=MARKET&quantity=0.010&newOrderRespType=RESULT"
        stop = (
            "algoType=CONDITIONAL&symbol=BTCUSDT&side=SELL&type=STOP_MARKET"
            "&quantity=0.010&triggerPrice=76000"
        )
        made = {"POST /fapi/v1/order": (await desk.raw.send("POST", "/fapi/v1/order", order))[1]}
        algo = await desk.raw.send("POST", "/fapi/v1/algoOrder", stop)
        made["POST /fapi/v1/algoOrder"] = algo[1]
        desk.clock.advance(3000)
        for path, query in {
            "/fapi/v1/userTrades": "symbol=BTCUSDT",
            "/fapi/v3/positionRisk": "",
            "/fapi/v1/income": "",
        }.items():
            _, rows = await desk.raw.send("GET", path, query)
            made[f"GET {path}"] = rows[0]
        for call, fields in FORMS.items():
            assert {name: form(value) for name, value in made[call].items()} == fields, call
