"""Weights, order counts, bans; what is remembered and for how long; the income history."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

from kits.venue_kit import START, Desk, row, running

from tradebot.core.model.events import FundingRate
from tradebot.core.model.values import DAY_MS, HOUR_MS
from tradebot.venue.settings import AccountScript, Settings

ORDER = "symbol=BTCUSDT&side=BUY&type=LIMIT&timeInForce=GTC&quantity=0.010&price=76000"
MARKET = "symbol=BTCUSDT&side=BUY&type=MARKET&quantity=0.010"


async def ask(desk: Desk, path: str, query: str = "") -> tuple[int, object]:
    return await desk.raw.send("GET", path, query)


async def test_weights_are_binance_s_and_told_in_the_header() -> None:
    weights = {
        "/fapi/v1/time": 1,
        "/fapi/v1/exchangeInfo": 1,
        "/fapi/v1/klines?symbol=BTCUSDT&interval=1m&limit=99": 1,
        "/fapi/v1/klines?symbol=BTCUSDT&interval=1m&limit=499": 2,
        "/fapi/v1/klines?symbol=BTCUSDT&interval=1m&limit=1000": 5,
        "/fapi/v1/klines?symbol=BTCUSDT&interval=1m&limit=1500": 10,
        "/fapi/v1/ticker/24hr?symbol=BTCUSDT": 1,
        "/fapi/v1/ticker/24hr": 40,
        "/fapi/v1/ticker/bookTicker?symbol=BTCUSDT": 2,
        "/fapi/v1/ticker/bookTicker": 5,
        "/fapi/v1/premiumIndex?symbol=BTCUSDT": 1,
        "/fapi/v1/premiumIndex": 10,
        "/fapi/v3/account": 5,
        "/fapi/v2/account": 5,
        "/fapi/v3/balance": 5,
        "/fapi/v3/positionRisk": 5,
        "/fapi/v1/leverageBracket": 1,
        "/fapi/v1/positionSide/dual": 30,
        "/fapi/v1/multiAssetsMargin": 30,
        "/fapi/v1/symbolConfig": 5,
        "/fapi/v1/accountConfig": 5,
        "/fapi/v1/commissionRate?symbol=BTCUSDT": 20,
        "/fapi/v1/openOrders?symbol=BTCUSDT": 1,
        "/fapi/v1/openOrders": 40,
        "/fapi/v1/openAlgoOrders?symbol=BTCUSDT": 1,
        "/fapi/v1/openAlgoOrders": 40,
        "/fapi/v1/allOrders?symbol=BTCUSDT": 5,
        "/fapi/v1/allAlgoOrders?symbol=BTCUSDT": 5,
        "/fapi/v1/userTrades?symbol=BTCUSDT": 5,
        "/fapi/v1/income": 30,
        "/sapi/v1/account/apiRestrictions": 1,
    }
    async with running() as desk:
        used = 0
        for call, weight in weights.items():
            path, _, query = call.partition("?")
            status, _ = await ask(desk, path, query)
            assert status == 200, call
            used += weight
            assert int(desk.raw.headers["X-MBX-USED-WEIGHT-1M"]) == used, call
        await desk.raw.send("POST", "/fapi/v1/countdownCancelAll", "symbol=BTCUSDT&countdownTime=0")
        assert int(desk.raw.headers["X-MBX-USED-WEIGHT-1M"]) == used + 10
        desk.clock.advance(60_000)
        await ask(desk, "/fapi/v1/time")
        assert desk.raw.headers["X-MBX-USED-WEIGHT-1M"] == "1"


async def test_orders_are_counted_by_account_and_not_by_weight() -> None:
    async with running() as desk:
        await desk.raw.send("POST", "/fapi/v1/order", ORDER)
        headers = desk.raw.headers
        assert headers["X-MBX-USED-WEIGHT-1M"] == "0"
        assert headers["X-MBX-ORDER-COUNT-10S"] == headers["X-MBX-ORDER-COUNT-1M"] == "1"
        stop = "algoType=CONDITIONAL&symbol=BTCUSDT&side=SELL&type=STOP_MARKET&quantity=0.01"
        await desk.raw.send("POST", "/fapi/v1/algoOrder", stop + "&triggerPrice=76000")
        assert desk.raw.headers["X-MBX-ORDER-COUNT-1M"] == "2"
        await ask(desk, "/fapi/v1/time")
        assert "X-MBX-ORDER-COUNT-1M" not in desk.raw.headers


async def test_the_301st_order_in_ten_seconds_is_one_too_many() -> None:
    async with running() as desk:
        for _ in range(300):
            assert (await desk.raw.send("POST", "/fapi/v1/order", MARKET))[0] in (200, 400)
        status, body = await desk.raw.send("POST", "/fapi/v1/order", MARKET)
        assert (status, body["code"]) == (429, -1015)
        assert body["msg"] == "Too many new orders; current limit is 300 orders per 10 SECONDS."
        desk.clock.advance(10_000)
        assert (await desk.raw.send("POST", "/fapi/v1/order", MARKET))[0] in (200, 400)


async def too_much(desk: Desk) -> list[tuple[int, object]]:
    return [await ask(desk, "/fapi/v1/ticker/24hr") for _ in range(71)]


async def test_too_much_weight_is_429_then_a_ban_that_covers_everything() -> None:
    async with running() as desk:
        answers = await too_much(desk)
        statuses = [status for status, _ in answers]
        assert statuses == [200] * 60 + [429] * 10 + [418]
        assert "Retry-After" not in desk.raw.headers
        until = desk.clock.now() + 2 * 60_000
        banned = {
            "code": -1003,
            "msg": f"Way too many requests; IP(127.0.0.1) banned until {until}. "
            "Please use the websocket for live updates to avoid bans.",
        }
        assert answers[-1][1] == banned
        assert await desk.raw.plain("GET", "/fapi/v1/nothing") == (418, banned)
        assert await desk.raw.send("POST", "/fapi/v1/order", ORDER) == (418, banned)
        desk.clock.advance(2 * 60_000)
        assert (await ask(desk, "/fapi/v1/time"))[0] == 200
        await too_much(desk)
        assert desk.venue.limits.banned_until == desk.clock.now() + 8 * 60_000


async def test_retry_after_is_an_option() -> None:
    settings = Settings(retry_after=True, account=AccountScript(margin_type="isolated"))
    async with running(settings=settings) as desk:
        await too_much(desk)
        assert desk.raw.headers["Retry-After"] == "120"


async def test_unfilled_orders_vanish_after_three_days_others_after_ninety() -> None:
    async with running() as desk:
        _, filled = await desk.raw.send("POST", "/fapi/v1/order", MARKET)
        _, unfilled = await desk.raw.send("POST", "/fapi/v1/order", ORDER)
        await desk.raw.send(
            "DELETE", "/fapi/v1/order", f"symbol=BTCUSDT&orderId={unfilled['orderId']}"
        )

        async def served() -> list[int]:
            ids = (filled["orderId"], unfilled["orderId"])
            answers = [
                await ask(desk, "/fapi/v1/order", f"symbol=BTCUSDT&orderId={i}") for i in ids
            ]
            return [status for status, _ in answers]

        desk.clock.advance(3 * DAY_MS)
        assert await served() == [200, 200]
        desk.clock.advance(1)
        assert await served() == [200, 400]
        desk.clock.advance(87 * DAY_MS)
        assert await served() == [400, 400]
        assert await ask(desk, "/fapi/v1/allOrders", "symbol=BTCUSDT") == (200, [])


async def test_an_id_can_be_used_again_and_a_look_up_finds_the_newest() -> None:
    async with running() as desk:
        text = ORDER + "&newClientOrderId=again"
        _, first = await desk.raw.send("POST", "/fapi/v1/order", text)
        await desk.raw.send("DELETE", "/fapi/v1/order", "symbol=BTCUSDT&origClientOrderId=again")
        _, second = await desk.raw.send("POST", "/fapi/v1/order", text)
        assert second["orderId"] != first["orderId"]
        _, found = await ask(desk, "/fapi/v1/order", "symbol=BTCUSDT&origClientOrderId=again")
        assert found["orderId"] == second["orderId"]  # type: ignore[index]


async def test_trades_by_order_by_id_and_by_windows_of_a_week() -> None:
    async with running() as desk:
        _, first = await desk.raw.send("POST", "/fapi/v1/order", MARKET)
        desk.clock.advance(8 * DAY_MS)
        await desk.raw.send("POST", "/fapi/v1/order", MARKET.replace("BUY", "SELL"))

        async def trades(query: str) -> list[dict[str, int]]:
            status, rows = await ask(desk, "/fapi/v1/userTrades", f"symbol=BTCUSDT&{query}")
            assert status == 200
            return rows  # type: ignore[return-value]

        assert len(await trades("")) == 1  # the last seven days
        assert len(await trades("fromId=1")) == 2
        assert len(await trades("fromId=1&limit=1")) == 1
        assert [t["orderId"] for t in await trades(f"orderId={first['orderId']}")] == [
            first["orderId"]
        ]
        week = f"startTime={START}&endTime={START + 7 * DAY_MS}"
        assert [t["time"] for t in await trades(week)] == [START]
        desk.clock.advance(83 * DAY_MS)
        assert len(await trades("fromId=1")) == 1


async def test_income_comes_late_and_ids_are_shared_by_types_of_one_trade() -> None:
    async with running() as desk:
        await desk.raw.send("POST", "/fapi/v1/order", MARKET)
        await desk.raw.send("POST", "/fapi/v1/order", MARKET.replace("BUY", "SELL"))
        assert await ask(desk, "/fapi/v1/income") == (200, [])
        desk.clock.advance(2000)
        _, rows = await ask(desk, "/fapi/v1/income")
        assert isinstance(rows, list)
        kinds = [row["incomeType"] for row in rows]
        assert kinds == ["COMMISSION", "REALIZED_PNL", "COMMISSION"]
        pnl, fee = rows[1], rows[2]
        assert (pnl["tranId"], pnl["tradeId"]) == (fee["tranId"], fee["tradeId"])
        assert rows[0]["tranId"] != fee["tranId"]
        _, only = await ask(desk, "/fapi/v1/income", "incomeType=REALIZED_PNL")
        assert only == [pnl]


async def test_income_pages_at_a_thousand_rows_and_is_kept_three_months() -> None:
    async with running() as desk:
        for number in range(1500):
            desk.venue.account.book("TRANSFER", Decimal(number + 1), START + number)
        desk.clock.advance(5000)
        _, newest = await ask(desk, "/fapi/v1/income")
        assert isinstance(newest, list)
        assert [newest[0]["income"], newest[-1]["income"]] == ["1401.00000000", "1500.00000000"]
        _, page = await ask(desk, "/fapi/v1/income", f"startTime={START}&limit=1000")
        assert isinstance(page, list)
        assert (len(page), page[-1]["income"]) == (1000, "1000.00000000")
        query = f"startTime={START}&limit=1000&page=2"
        _, rest = await ask(desk, "/fapi/v1/income", query)
        assert isinstance(rest, list)
        assert (len(rest), rest[0]["income"]) == (500, "1001.00000000")
        assert (await ask(desk, "/fapi/v1/income", "limit=1001"))[0] == 400
        desk.clock.advance(91 * DAY_MS)
        assert await ask(desk, "/fapi/v1/income", f"startTime={START}") == (200, [])


async def test_funding_moves_the_isolated_wallet_and_is_booked() -> None:
    async with running() as desk:
        await desk.raw.send("POST", "/fapi/v1/order", MARKET)
        _, before = await ask(desk, "/fapi/v3/positionRisk")
        due = START - START % (8 * HOUR_MS) + 8 * HOUR_MS
        desk.clock.move_to(due + 5000)
        _, rows = await ask(desk, "/fapi/v1/income", "incomeType=FUNDING_FEE")
        assert isinstance(rows, list)
        (funding,) = rows
        assert (funding["income"], funding["time"]) == ("-0.07691490", due)
        _, after = await ask(desk, "/fapi/v3/positionRisk")
        assert isinstance(before, list)
        assert isinstance(after, list)
        moved = Decimal(after[0]["isolatedWallet"]) - Decimal(before[0]["isolatedWallet"])
        assert moved == Decimal(funding["income"])
        assert Decimal(after[0]["liquidationPrice"]) > Decimal(before[0]["liquidationPrice"])


async def test_a_feed_s_own_funding_takes_the_place_of_the_venue_s() -> None:
    async with running() as desk:
        await desk.raw.send("POST", "/fapi/v1/order", MARKET)
        due = START - START % (8 * HOUR_MS) + 8 * HOUR_MS
        desk.clock.move_to(due)
        desk.venue.take(FundingRate(due, "BTC/USDT", Decimal("-0.0005"), Decimal("77000")))
        desk.clock.advance(10_000)
        _, rows = await ask(desk, "/fapi/v1/income", "incomeType=FUNDING_FEE")
        assert isinstance(rows, list)
        assert [r["income"] for r in rows] == ["0.38500000"]


async def test_bnb_pays_fees_where_it_is_burnt_and_the_wallet_does_not() -> None:
    account = AccountScript(margin_type="isolated", fee_burn=True, assets={"BNB": Decimal(1)})
    async with running(account=account) as desk:
        await desk.raw.send("POST", "/fapi/v1/order", MARKET)
        (trade,) = desk.venue.desk.records.trades
        assert (trade.fee_asset, trade.fee) == ("BNB", Decimal("0.00057686"))
        assert desk.venue.account.wallets["BNB"] == 1 - trade.fee
        assert desk.venue.account.wallet == desk.venue.desk.exchange.wallet == 1000


async def test_old_fields_are_an_option() -> None:
    base = Settings(account=AccountScript(margin_type="isolated"))
    for settings, there in ((base, False), (replace(base, old_fields=True), True)):
        async with running(settings=settings) as desk:
            text = MARKET + "&newOrderRespType=RESULT"
            _, body = await desk.raw.send("POST", "/fapi/v1/order", text)
            assert (("avgPrice" in body), ("cumQuote" in body)) == (there, there)


async def test_the_market_take_bound_expires_the_rest() -> None:
    thin = (row(0, "76914.90", "76915.00", qty="0.010"),)
    account = AccountScript(margin_type="isolated", wallet=Decimal(100_000))
    async with running(thin, account=account) as desk:
        text = MARKET.replace("0.010", "0.020") + "&newOrderRespType=RESULT"
        _, body = await desk.raw.send("POST", "/fapi/v1/order", text)
        # the second 0.010 costs 76915 x (1 + 0.1 x rest / 0.010): within 5 % up to a rest of 0.004
        assert (body["status"], body["executedQty"]) == ("EXPIRED", "0.014")
