"""Every call ccxt makes, by the real client, against the venue; and what the client makes of the answers."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from decimal import Decimal
from typing import Any

import ccxt
import pytest
from kits.venue_kit import BTC, Desk, row, running

PERP = "BTC/USDT:USDT"
MARKET_BUY = (PERP, "market", "buy", 0.01)
Calls = list[tuple[str, str]]


async def opened(desk: Desk) -> Any:
    return await desk.ccxt.create_order(*MARKET_BUY)


async def resting(desk: Desk) -> Any:
    return await desk.ccxt.create_order(PERP, "limit", "buy", 0.01, 76000)


async def stopped(desk: Desk, **params: Any) -> Any:
    await opened(desk)
    extra = {"triggerPrice": 76000, "reduceOnly": True, "workingType": "MARK_PRICE", **params}
    return await desk.ccxt.create_order(PERP, "STOP_MARKET", "sell", 0.01, None, extra)


def asked(desk: Desk, since: int = 0) -> Calls:
    return [(r["method"], r["path"]) for r in desk.venue.ledger.of("request")[since:]]


SENT: list[tuple[str, Callable[[Any], Awaitable[Any]], Calls]] = [
    ("fetch_time", lambda x: x.fetch_time(), [("GET", "/fapi/v1/time")]),
    ("fetch_balance", lambda x: x.fetch_balance(), [("GET", "/fapi/v3/account")]),
    (
        "fetch_positions",
        lambda x: x.fetch_positions(),
        [("GET", "/fapi/v1/leverageBracket"), ("GET", "/fapi/v3/positionRisk")],
    ),
    (
        "fetch_leverage_tiers",
        lambda x: x.fetch_leverage_tiers(),
        [("GET", "/fapi/v1/leverageBracket")],
    ),
    (
        "fetch_leverage",
        lambda x: x.fetch_leverage(PERP),
        [("GET", "/fapi/v1/leverageBracket"), ("GET", "/fapi/v1/symbolConfig")],
    ),
    ("set_leverage", lambda x: x.set_leverage(5, PERP), [("POST", "/fapi/v1/leverage")]),
    (
        "set_margin_mode",
        lambda x: x.set_margin_mode("cross", PERP),
        [("POST", "/fapi/v1/marginType")],
    ),
    (
        "fetch_position_mode",
        lambda x: x.fetch_position_mode(),
        [("GET", "/fapi/v1/positionSide/dual")],
    ),
    (
        "set_position_mode",
        lambda x: x.set_position_mode(True),
        [("POST", "/fapi/v1/positionSide/dual")],
    ),
    (
        "fetch_trading_fee",
        lambda x: x.fetch_trading_fee(PERP),
        [("GET", "/fapi/v1/commissionRate")],
    ),
    ("fetch_ohlcv", lambda x: x.fetch_ohlcv(PERP), [("GET", "/fapi/v1/klines")]),
    (
        "fetch_ohlcv of the mark",
        lambda x: x.fetch_ohlcv(PERP, params={"price": "mark"}),
        [("GET", "/fapi/v1/markPriceKlines")],
    ),
    ("fetch_ticker", lambda x: x.fetch_ticker(PERP), [("GET", "/fapi/v1/ticker/24hr")]),
    (
        "fetch_bids_asks",
        lambda x: x.fetch_bids_asks([PERP]),
        [("GET", "/fapi/v1/ticker/bookTicker")],
    ),
    ("fetch_mark_price", lambda x: x.fetch_mark_price(PERP), [("GET", "/fapi/v1/premiumIndex")]),
    (
        "fetch_funding_rate",
        lambda x: x.fetch_funding_rate(PERP),
        [("GET", "/fapi/v1/premiumIndex")],
    ),
    ("fetch_order_book", lambda x: x.fetch_order_book(PERP, 5), [("GET", "/fapi/v1/depth")]),
    ("fetch_trades", lambda x: x.fetch_trades(PERP), [("GET", "/fapi/v1/aggTrades")]),
    (
        "fetch_funding_history",
        lambda x: x.fetch_funding_history(PERP),
        [("GET", "/fapi/v1/income")],
    ),
    ("fetch_my_trades", lambda x: x.fetch_my_trades(PERP), [("GET", "/fapi/v1/userTrades")]),
    (
        "api restrictions",
        lambda x: x.sapiGetAccountApiRestrictions(),
        [("GET", "/sapi/v1/account/apiRestrictions")],
    ),
    (
        "countdown",
        lambda x: x.fapiPrivatePostCountdownCancelAll(
            {"symbol": "BTCUSDT", "countdownTime": 120000}
        ),
        [("POST", "/fapi/v1/countdownCancelAll")],
    ),
    ("create market", lambda x: x.create_order(*MARKET_BUY), [("POST", "/fapi/v1/order")]),
    (
        "create limit",
        lambda x: x.create_order(PERP, "limit", "buy", 0.01, 76000),
        [("POST", "/fapi/v1/order")],
    ),
    (
        "create post-only",
        lambda x: x.create_order(PERP, "limit", "buy", 0.01, 76000, {"postOnly": True}),
        [("POST", "/fapi/v1/order")],
    ),
    (
        "create stop",
        lambda x: x.create_order(
            PERP, "STOP_MARKET", "sell", 0.01, None, {"triggerPrice": 76000, "reduceOnly": True}
        ),
        [("POST", "/fapi/v1/algoOrder")],
    ),
    (
        "create_orders",
        lambda x: x.create_orders(
            [
                {"symbol": PERP, "type": "limit", "side": "buy", "amount": 0.01, "price": 76000},
                {"symbol": PERP, "type": "limit", "side": "sell", "amount": 0.01, "price": 77000},
            ]
        ),
        [("POST", "/fapi/v1/batchOrders")],
    ),
    ("fetch_open_orders", lambda x: x.fetch_open_orders(), [("GET", "/fapi/v1/openOrders")]),
    (
        "fetch_open_orders of algo orders",
        lambda x: x.fetch_open_orders(PERP, params={"trigger": True}),
        [("GET", "/fapi/v1/openAlgoOrders")],
    ),
    (
        "cancel_all_orders",
        lambda x: x.cancel_all_orders(PERP),
        [("DELETE", "/fapi/v1/allOpenOrders")],
    ),
    (
        "cancel_all_orders of algo orders",
        lambda x: x.cancel_all_orders(PERP, {"trigger": True}),
        [("DELETE", "/fapi/v1/algoOpenOrders")],
    ),
    (
        "fetch_orders of algo orders",
        lambda x: x.fetch_orders(PERP, params={"trigger": True}),
        [("GET", "/fapi/v1/allAlgoOrders")],
    ),
    (
        "listenKey",
        lambda x: x.fapiPrivatePostListenKey(),
        [("POST", "/fapi/v1/listenKey")],
    ),
]


@pytest.mark.parametrize(("call", "expected"), [s[1:] for s in SENT], ids=[s[0] for s in SENT])
async def test_what_ccxt_sends_is_answered(
    call: Callable[[Any], Awaitable[Any]], expected: Calls
) -> None:
    async with running() as desk:
        await desk.ccxt.load_markets()
        assert asked(desk) == [("GET", "/fapi/v1/exchangeInfo")]
        await call(desk.ccxt)
        assert asked(desk, 1) == expected
        assert all(r["status"] == 200 for r in desk.venue.ledger.of("request"))


async def test_an_order_is_looked_up_changed_and_cancelled() -> None:
    async with running() as desk:
        order = await resting(desk)
        found = await desk.ccxt.fetch_order(order["id"], PERP)
        assert (found["status"], found["price"], found["amount"]) == ("open", 76000.0, 0.01)
        by_client = await desk.ccxt.fetch_order(
            None, PERP, {"clientOrderId": order["clientOrderId"]}
        )
        assert by_client["id"] == order["id"]
        changed = await desk.ccxt.edit_order(order["id"], PERP, "limit", "buy", 0.02, 76100)
        assert (changed["id"], changed["price"], changed["amount"]) == (order["id"], 76100.0, 0.02)
        await desk.ccxt.cancel_order(order["id"], PERP)
        with pytest.raises(ccxt.OrderNotFound):
            await desk.ccxt.cancel_order(order["id"], PERP)
        assert (await desk.ccxt.fetch_order(order["id"], PERP))["status"] == "canceled"


async def test_position_and_money_after_a_round_trip() -> None:
    async with running() as desk:
        await desk.ccxt.set_leverage(1, PERP)
        await opened(desk)
        (position,) = await desk.ccxt.fetch_positions()
        assert (position["side"], position["contracts"]) == ("long", 0.01)
        assert position["entryPrice"] == 76915.0
        await desk.ccxt.create_order(PERP, "market", "sell", 0.01, None, {"reduceOnly": True})
        assert await desk.ccxt.fetch_positions() == []
        desk.clock.advance(2000)
        rows = await desk.ccxt.fapiPrivateGetIncome({})
        total = sum(Decimal(r["income"]) for r in rows)
        balance = await desk.ccxt.fetch_balance()
        assert Decimal(balance["info"]["totalWalletBalance"]) == 1000 + total
        trades = await desk.ccxt.fetch_my_trades(PERP)
        paid = sum(Decimal(t["info"]["commission"]) for t in trades)
        assert total == sum(Decimal(t["info"]["realizedPnl"]) for t in trades) - paid


async def test_a_stop_lives_through_all_its_states() -> None:
    falls = row(5, "75990.00", "75990.10")
    rows = (row(0), falls)
    async with running(rows) as desk:
        stop = await stopped(desk)
        asks = {"trigger": True}
        found = await desk.ccxt.fetch_order(stop["id"], PERP, asks)
        assert (found["info"]["algoStatus"], found["info"]["actualOrderId"]) == ("NEW", "")
        desk.clock.advance(5000)
        states = [r["status"] for r in desk.venue.ledger.of("algo")]
        assert states == ["NEW", "TRIGGERING"]
        desk.clock.advance(11)
        states = [r["status"] for r in desk.venue.ledger.of("algo")]
        assert states == ["NEW", "TRIGGERING", "TRIGGERED", "FINISHED"]
        info = (await desk.ccxt.fetch_order(stop["id"], PERP, asks))["info"]
        assert (info["actualQty"], info["actualPrice"]) == ("0.010", "75990.00000")
        child = await desk.ccxt.fetch_order(info["actualOrderId"], PERP)
        assert child["clientOrderId"] == stop["clientOrderId"]
        assert child["info"]["origType"] == "STOP_MARKET"
        assert await desk.ccxt.fetch_positions() == []
        desk.clock.advance(10 * 60_000)
        with pytest.raises(ccxt.OrderNotFound):
            await desk.ccxt.fetch_order(stop["id"], PERP, asks)
        (kept,) = await desk.ccxt.fetch_orders(PERP, params=asks)
        assert kept["info"]["algoStatus"] == "FINISHED"


# The numbered traps that REST shows; those of the streams and faults are with them.


async def test_trap_07_positions_lack_leverage_and_margin_mode_is_guessed() -> None:
    async with running() as desk:
        await opened(desk)
        (position,) = await desk.ccxt.fetch_positions()
        assert position["leverage"] is None
        assert position["marginMode"] == "isolated"
        config = await desk.ccxt.fapiPrivateGetSymbolConfig({"symbol": "BTCUSDT"})
        assert (config[0]["leverage"], config[0]["marginType"]) == (20, "ISOLATED")


async def test_trap_08_a_filled_market_order_has_no_price_and_no_cost() -> None:
    async with running() as desk:
        order = await opened(desk)
        assert order["status"] == "closed"
        assert (order["average"], order["price"], order["cost"]) == (None, None, None)
        found = await desk.ccxt.fetch_order(order["id"], PERP)
        assert (found["average"], found["cost"]) == (76915.0, 769.15)


async def test_trap_09_minimum_notional_is_not_checked_by_the_client() -> None:
    async with running(account=None) as desk:
        await desk.ccxt.load_markets()
        desk.venue.market.take(_quote("30000.00", "30000.10"))
        with pytest.raises(ccxt.InvalidOrder, match="-4164"):
            await desk.ccxt.create_order(PERP, "market", "buy", 0.001)
        with pytest.raises(ccxt.InvalidOrder, match="minimum amount precision"):
            await desk.ccxt.create_order(PERP, "market", "buy", 0.0001)
        sent = [r["params"].get("quantity") for r in desk.venue.ledger.of("request")[1:]]
        assert sent == ["0.001"]


def _quote(bid: str, ask: str) -> Any:
    from tradebot.core.model.values import Quote

    return Quote(BTC, 0, 0, (bid, ask, "5", "5", bid), float(bid))


async def test_trap_10_fees_in_markets_are_the_client_s_own() -> None:
    from tradebot.core.model.values import Fees
    from tradebot.venue.settings import Settings

    cheap = Settings(fees=Fees(Decimal("0.0001"), Decimal("0.0003")))
    async with running(settings=cheap) as desk:
        markets = await desk.ccxt.load_markets()
        assert markets[PERP]["taker"] == 0.0005
        assert (await desk.ccxt.fetch_trading_fee(PERP))["taker"] == 0.0003


async def test_stop_types_on_the_regular_endpoint_are_refused() -> None:
    async with running() as desk:
        with pytest.raises(ccxt.InvalidOrder, match="-4120"):
            await desk.ccxt.fapiPrivatePostOrder(
                {"symbol": "BTCUSDT", "side": "SELL", "type": "STOP_MARKET", "quantity": "0.01"}
            )


async def test_the_client_calls_an_algo_order_closed_whatever_became_of_its_child() -> None:
    """ccxt reads TRIGGERED and FINISHED as closed, filled 0 by REST: only ``actualQty`` tells."""
    rows = (row(0), row(5, "75990.00", "75990.10"))
    async with running(rows) as desk:
        stop = await desk.ccxt.create_order(
            PERP, "STOP", "sell", 0.01, 76200, {"triggerPrice": 76000}
        )
        desk.clock.advance(6000)
        asks = {"trigger": True}
        info = (await desk.ccxt.fetch_order(stop["id"], PERP, asks))["info"]
        assert info["algoStatus"] == "TRIGGERED"
        await desk.ccxt.cancel_order(info["actualOrderId"], PERP)
        ended = await desk.ccxt.fetch_order(stop["id"], PERP, asks)
        assert (ended["info"]["algoStatus"], ended["info"]["actualQty"]) == ("FINISHED", "0.000")
        assert (ended["status"], ended["filled"]) == ("closed", 0.0)
