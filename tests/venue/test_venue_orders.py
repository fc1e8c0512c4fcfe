"""What becomes of orders: expiry, countdown, price match, triggers of every kind, children, batches."""

from __future__ import annotations

import json
from dataclasses import replace
from decimal import Decimal
from typing import Any
from urllib.parse import quote

from kits.venue_kit import START, Desk, row, running

from tradebot.venue.bus import MarginCalled
from tradebot.venue.settings import AccountScript, Settings

LIMIT = "symbol=BTCUSDT&side=BUY&type=LIMIT&timeInForce=GTC&quantity=0.010&price=76000"
MARKET = "symbol=BTCUSDT&side=BUY&type=MARKET&quantity=0.010"
STOP = (
    "algoType=CONDITIONAL&symbol=BTCUSDT&side=SELL&type=STOP_MARKET&quantity=0.010"
    "&triggerPrice=76000&reduceOnly=true&workingType=MARK_PRICE"
)
CLOSER = (
    "algoType=CONDITIONAL&symbol=BTCUSDT&side=SELL&type=STOP_MARKET&closePosition=true"
    "&triggerPrice=76000&workingType=MARK_PRICE"
)
BASE = Settings(account=AccountScript(margin_type="isolated"))


async def post(desk: Desk, text: str, path: str = "/fapi/v1/order") -> Any:
    status, body = await desk.raw.send("POST", path, text)
    assert status == 200, body
    return body


async def algo(desk: Desk, text: str) -> Any:
    return await post(desk, text, "/fapi/v1/algoOrder")


async def order_of(desk: Desk, body: Any) -> Any:
    query = f"symbol=BTCUSDT&orderId={body['orderId']}"
    return (await desk.raw.send("GET", "/fapi/v1/order", query))[1]


async def algo_of(desk: Desk, body: Any) -> Any:
    query = f"algoId={body['algoId']}"
    return (await desk.raw.send("GET", "/fapi/v1/algoOrder", query))[1]


def states(desk: Desk) -> list[str]:
    return [r["status"] for r in desk.venue.ledger.of("algo")]


async def test_good_till_date_expires_at_its_time() -> None:
    async with running() as desk:
        text = LIMIT.replace("GTC", "GTD") + f"&goodTillDate={START + 601_000}"
        order = await post(desk, text)
        desk.clock.advance(600_999)
        assert (await order_of(desk, order))["status"] == "NEW"
        desk.clock.advance(1)
        assert (await order_of(desk, order))["status"] == "EXPIRED"


async def test_countdown_cancels_regular_orders_and_no_algo_order() -> None:
    async with running() as desk:
        order, stop = await post(desk, LIMIT), await algo(desk, STOP)
        down = "symbol=BTCUSDT&countdownTime="
        await post(desk, down + "5000", "/fapi/v1/countdownCancelAll")
        desk.clock.advance(4000)
        await post(desk, down + "5000", "/fapi/v1/countdownCancelAll")
        desk.clock.advance(4999)
        assert (await order_of(desk, order))["status"] == "NEW"
        desk.clock.advance(1)
        assert (await order_of(desk, order))["status"] == "CANCELED"
        assert (await algo_of(desk, stop))["algoStatus"] == "NEW"
        again = await post(desk, LIMIT)
        await post(desk, down + "5000", "/fapi/v1/countdownCancelAll")
        await post(desk, down + "0", "/fapi/v1/countdownCancelAll")
        desk.clock.advance(10_000)
        assert (await order_of(desk, again))["status"] == "NEW"


async def test_cancelling_all_orders_leaves_algo_orders_and_the_other_way_round() -> None:
    async with running() as desk:
        order, stop = await post(desk, LIMIT), await algo(desk, STOP)
        await desk.raw.send("DELETE", "/fapi/v1/allOpenOrders", "symbol=BTCUSDT")
        assert (await order_of(desk, order))["status"] == "CANCELED"
        assert (await algo_of(desk, stop))["algoStatus"] == "NEW"
        await desk.raw.send("DELETE", "/fapi/v1/algoOpenOrders", "symbol=BTCUSDT")
        assert (await algo_of(desk, stop))["algoStatus"] == "CANCELED"


async def test_price_match_takes_the_opponent_s_or_queues_at_the_own_touch() -> None:
    async with running() as desk:
        text = LIMIT.replace("&price=76000", "&newOrderRespType=RESULT&priceMatch=")
        assert (await post(desk, text + "QUEUE"))["price"] == "76914.90"
        assert (await post(desk, text + "QUEUE_5"))["price"] == "76914.50"
        taken = await post(desk, text + "OPPONENT")
        assert (taken["price"], taken["status"]) == ("76915.00", "FILLED")


async def test_immediate_or_cancel_ends_at_once() -> None:
    async with running((row(0, qty="0.004"),)) as desk:
        text = LIMIT.replace("GTC", "IOC").replace("76000", "76915") + "&newOrderRespType=RESULT"
        body = await post(desk, text)
        assert (body["status"], body["executedQty"]) == ("EXPIRED", "0.004")


async def test_an_acknowledgement_says_new_whatever_happened() -> None:
    async with running() as desk:
        body = await post(desk, MARKET)
        assert (body["status"], body["executedQty"]) == ("NEW", "0.000")
        assert (await order_of(desk, body))["status"] == "FILLED"


async def test_a_reduce_only_order_is_cut_to_the_position() -> None:
    async with running() as desk:
        await post(desk, MARKET)
        text = MARKET.replace("BUY", "SELL").replace("0.010", "0.500")
        body = await post(desk, text + "&reduceOnly=true&newOrderRespType=RESULT")
        assert (body["origQty"], body["executedQty"], body["status"]) == (
            "0.010",
            "0.010",
            "FILLED",
        )


async def test_a_batch_answers_each_order_by_itself() -> None:
    async with running() as desk:
        good = {
            "symbol": "BTCUSDT",
            "side": "BUY",
            "type": "LIMIT",
            "timeInForce": "GTC",
            "quantity": "0.010",
            "price": "76000",
        }
        rows = [good, {**good, "quantity": "0"}, {**good, "type": "STOP_MARKET"}]
        text = "batchOrders=" + quote(json.dumps(rows))
        answers = await post(desk, text, "/fapi/v1/batchOrders")
        assert [a.get("code", a.get("status")) for a in answers] == ["NEW", -4003, -4120]
        assert desk.raw.headers["X-MBX-ORDER-COUNT-1M"] == "3"
        ids = quote(json.dumps([answers[0]["orderId"], 1]))
        query = f"symbol=BTCUSDT&orderIdList={ids}"
        _, ended = await desk.raw.send("DELETE", "/fapi/v1/batchOrders", query)
        assert [a.get("code", a.get("status")) for a in ended] == ["CANCELED", -2011]


async def test_triggers_watch_the_price_they_were_told_to() -> None:
    """The mark falls through the trigger, the last price does not: only MARK_PRICE triggers."""
    rows = (row(0), row(5, "76500.00", "76500.10", "75999.00"))
    async with running(rows) as desk:
        await post(desk, MARKET)
        marked = await algo(desk, STOP)
        traded = await algo(desk, STOP.replace("MARK_PRICE", "CONTRACT_PRICE"))
        desk.clock.advance(6000)
        assert (await algo_of(desk, marked))["algoStatus"] == "FINISHED"
        assert (await algo_of(desk, traded))["algoStatus"] == "NEW"


async def test_the_mark_is_cut_to_the_price_s_decimals_before_the_trigger_is_tested() -> None:
    rows = (row(0), row(5, "76500.00", "76500.10", "76000.009"))
    async with running(rows) as desk:
        await post(desk, MARKET)
        stop = await algo(desk, STOP)
        desk.clock.advance(6000)
        assert (await algo_of(desk, stop))["algoStatus"] == "FINISHED"


async def test_price_protect_holds_a_trigger_back_while_mark_and_last_are_apart() -> None:
    rows = (
        row(0),
        row(5, "76500.00", "76500.10", "72000.00"),
        row(9, "72500.00", "72500.10", "72000.00"),
    )
    account = AccountScript(margin_type="isolated", leverage=2)
    async with running(rows, account=account) as desk:
        await post(desk, MARKET)
        stop = await algo(desk, STOP + "&priceProtect=true")
        desk.clock.advance(6000)
        assert (await algo_of(desk, stop))["algoStatus"] == "NEW"
        desk.clock.advance(6000)
        assert (await algo_of(desk, stop))["algoStatus"] == "FINISHED"


async def test_a_trailing_stop_follows_and_turns() -> None:
    rows = (
        row(0),
        row(2, "78000.00", "78000.10"),
        row(4, "77300.00", "77300.10"),
        row(6, "77100.00", "77100.10"),
    )
    async with running(rows) as desk:
        await post(desk, MARKET)
        text = STOP.replace("STOP_MARKET", "TRAILING_STOP_MARKET")
        stop = await algo(desk, text.replace("&triggerPrice=76000", "") + "&callbackRate=1")
        desk.clock.advance(5000)
        assert (await algo_of(desk, stop))["algoStatus"] == "NEW"  # 1 % under 78000 is 77220
        desk.clock.advance(2000)
        found = await algo_of(desk, stop)
        assert (found["algoStatus"], found["actualPrice"]) == ("FINISHED", "77100.00000")


async def test_a_stop_limit_s_child_rests_at_its_price() -> None:
    rows = (row(0), row(5, "75990.00", "75990.10"))
    async with running(rows) as desk:
        await post(desk, MARKET)
        text = STOP.replace("STOP_MARKET", "STOP") + "&price=76500&timeInForce=GTC"
        stop = await algo(desk, text)
        desk.clock.advance(6000)
        found = await algo_of(desk, stop)
        assert (found["algoStatus"], found["actualType"]) == ("TRIGGERED", "LIMIT")
        _, (child,) = await desk.raw.send("GET", "/fapi/v1/openOrders", "symbol=BTCUSDT")
        assert (str(child["orderId"]), child["price"]) == (found["actualOrderId"], "76500.00")
        assert child["clientOrderId"] == stop["clientAlgoId"]


async def test_a_child_can_have_an_id_of_its_own() -> None:
    rows = (row(0), row(5, "75990.00", "75990.10"))
    async with running(rows, settings=replace(BASE, child_own_id=True)) as desk:
        await post(desk, MARKET)
        stop = await algo(desk, STOP)
        desk.clock.advance(6000)
        found = await algo_of(desk, stop)
        child = await order_of(desk, {"orderId": found["actualOrderId"]})
        assert child["clientOrderId"] != stop["clientAlgoId"]


async def test_a_reduce_only_stop_without_a_position_is_taken_or_refused_by_option() -> None:
    rows = (row(0), row(5, "75990.00", "75990.10"))
    async with running(rows) as desk:
        stop = await algo(desk, STOP)
        desk.clock.advance(6000)
        found = await algo_of(desk, stop)
        assert (found["algoStatus"], found["actualOrderId"]) == ("REJECTED", "")
        assert desk.venue.desk.records.by_id == {}
    async with running(settings=replace(BASE, stop_needs_position=True)) as desk:
        status, body = await desk.raw.send("POST", "/fapi/v1/algoOrder", STOP)
        assert (status, body["code"]) == (400, -2022)


async def test_close_position_closes_what_is_there_and_expires_with_it() -> None:
    rows = (row(0), row(5, "75990.00", "75990.10"))
    async with running(rows) as desk:
        await post(desk, MARKET)
        await post(desk, MARKET)
        closer = await algo(desk, CLOSER)
        take = await algo(
            desk, CLOSER.replace("STOP_MARKET", "TAKE_PROFIT_MARKET").replace("76000", "79000")
        )
        desk.clock.advance(6000)
        found = await algo_of(desk, closer)
        assert (found["algoStatus"], found["actualQty"]) == ("FINISHED", "0.020")
        assert (await algo_of(desk, take))["algoStatus"] == "EXPIRED"
        assert (await desk.raw.send("GET", "/fapi/v3/positionRisk"))[1] == []


async def test_every_state_of_an_algo_order_is_reached_by_a_cause() -> None:
    async with running() as desk:
        first = await algo(desk, STOP)
        await desk.raw.send("DELETE", "/fapi/v1/algoOrder", f"algoId={first['algoId']}")
        dated = STOP + f"&timeInForce=GTD&goodTillDate={START + 601_000}"
        await algo(desk, dated)
        desk.clock.advance(601_000)
        assert states(desk) == ["NEW", "CANCELED", "NEW", "EXPIRED"]


async def test_margin_added_moves_the_liquidation_price_and_no_money() -> None:
    async with running() as desk:
        await post(desk, MARKET)
        _, (before,) = await desk.raw.send("GET", "/fapi/v3/positionRisk")
        wallet = desk.venue.account.wallet
        answer = await post(desk, "symbol=BTCUSDT&amount=10&type=1", "/fapi/v1/positionMargin")
        assert answer["type"] == 1
        _, (after,) = await desk.raw.send("GET", "/fapi/v3/positionRisk")
        moved = Decimal(after["isolatedWallet"]) - Decimal(before["isolatedWallet"])
        assert moved == 10
        assert Decimal(after["liquidationPrice"]) < Decimal(before["liquidationPrice"])
        assert desk.venue.account.wallet == wallet


async def test_leverage_is_raised_with_a_position_and_told() -> None:
    async with running() as desk:
        await post(desk, MARKET)
        body = await post(desk, "symbol=BTCUSDT&leverage=50", "/fapi/v1/leverage")
        assert body == {"symbol": "BTCUSDT", "leverage": 50, "maxNotionalValue": "12000000"}
        _, rows = await desk.raw.send("GET", "/fapi/v1/symbolConfig", "symbol=BTCUSDT")
        assert rows[0]["leverage"] == 50


async def test_a_liquidation_is_found_everywhere_and_to_the_last_digit() -> None:
    rows = (row(0), row(5, "70000.00", "70000.10"))
    async with running(rows) as desk:
        await post(desk, MARKET)
        desk.clock.advance(8000)
        _, (forced,) = await desk.raw.send("GET", "/fapi/v1/forceOrders")
        assert forced["clientOrderId"].startswith("autoclose-")
        _, trades = await desk.raw.send("GET", "/fapi/v1/userTrades", "symbol=BTCUSDT")
        last = trades[-1]
        assert last["orderId"] == forced["orderId"]
        assert Decimal(last["price"]) * Decimal(last["qty"]) == Decimal(last["quoteQty"])
        _, income = await desk.raw.send("GET", "/fapi/v1/income")
        kinds = [r["incomeType"] for r in income]
        assert kinds == ["COMMISSION", "REALIZED_PNL", "INSURANCE_CLEAR"]
        total = sum(Decimal(r["income"]) for r in income)
        assert desk.venue.account.wallet == 1000 + total


async def test_a_margin_call_comes_once_each_time_the_ratio_is_reached() -> None:
    """At 20x from 76915: the ratio passes 80 % just above the liquidation at about 73360."""
    prices = (76914, 73500, 73410, 76000, 73410)
    rows = [row(i, f"{p}.00", f"{p}.10") for i, p in enumerate(prices)]
    async with running(rows) as desk:
        calls: list[MarginCalled] = []
        desk.venue.bus.subscribe(
            lambda event: calls.append(event) if isinstance(event, MarginCalled) else None
        )
        await post(desk, MARKET)
        seen = []
        for _ in prices[1:]:
            desk.clock.advance(1000)
            seen.append(len(calls))
        assert seen == [0, 1, 1, 2]
        assert calls[0].holdings[0].qty == Decimal("0.010")


async def test_working_orders_lock_margin_and_show_a_row_of_their_own() -> None:
    """One-way: the larger of what buys and what sells would make the position; reduce-only locks nothing."""
    account = AccountScript(margin_type="isolated", wallet=Decimal(5000), leverage=10)
    async with running(settings=replace(BASE, account=account)) as desk:

        async def risk() -> Any:
            rows = (await desk.raw.send("GET", "/fapi/v3/positionRisk"))[1]
            return [(r["positionAmt"], r["openOrderInitialMargin"], r["bidNotional"]) for r in rows]

        async def account_now() -> Any:
            body = (await desk.raw.send("GET", "/fapi/v3/account"))[1]
            fields = ("totalOpenOrderInitialMargin", "totalInitialMargin", "availableBalance")
            return tuple(body[name] for name in fields)

        assert await risk() == []
        buy = await post(desk, LIMIT)  # 0.010 at 76000
        assert await risk() == [("0.000", "76.00000000", "760.00000000")]
        assert await account_now() == ("76.00000000", "76.00000000", "4924.00000000")
        await desk.raw.send("DELETE", "/fapi/v1/order", f"symbol=BTCUSDT&orderId={buy['orderId']}")
        assert await risk() == []
        await post(desk, MARKET)  # 0.010 at 76915, mark 76914.90
        sells = LIMIT.replace("side=BUY", "side=SELL").replace("76000", "78000")
        await post(desk, sells + "&reduceOnly=true")
        await post(desk, sells.replace("0.010", "0.005"))
        assert await risk() == [("0.010", "0", "0")]  # it would make it smaller
        await post(desk, sells.replace("0.010", "0.015"))
        locked = (Decimal("0.020") * 78000 - 2 * Decimal("769.149")) / 10
        assert await risk() == [("0.010", f"{locked:.8f}", "0")]
        open_margin, initial, _ = await account_now()
        assert open_margin == f"{locked:.8f}"
        assert Decimal(initial) == locked + Decimal("76.9149")


async def test_a_market_order_that_waits_is_worth_the_mark() -> None:
    """Only a fault lets one wait; found by the walk of test_books: it had no price, and so no row."""
    async with running() as desk:
        desk.venue.faults.set([{"do": "fill_in_parts", "parts": ["0.010"], "at_s": [30]}])
        await post(desk, MARKET)
        (waiting,) = (await desk.raw.send("GET", "/fapi/v3/positionRisk"))[1]
        assert (waiting["positionAmt"], waiting["bidNotional"]) == ("0.000", "769.14900000")
        desk.clock.advance(30_000)
        (held,) = (await desk.raw.send("GET", "/fapi/v3/positionRisk"))[1]
        assert (held["positionAmt"], held["bidNotional"]) == ("0.010", "0")
