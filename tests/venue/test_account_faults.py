"""What can befall the account, once each, by a rule at its moment: the client sees it, the ledger has it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from decimal import Decimal
from pathlib import Path
from typing import Any

import ccxt
import pytest
from kits.venue_ear import Ear, ear, listen_key, names
from kits.venue_kit import Desk, row, running

from tradebot.core.model.errors import UsageError
from tradebot.venue.acts import Acts
from tradebot.venue.settings import AccountScript, Settings

PERP = "BTC/USDT:USDT"
ORDER = "/fapi/v1/order"
BUY = "symbol=BTCUSDT&side=BUY&type=MARKET&quantity=0.010"
SELL = BUY.replace("BUY", "SELL") + "&reduceOnly=true"
REST = "symbol=BTCUSDT&side=BUY&type=LIMIT&timeInForce=GTC&quantity=0.010&price=70000&newClientOrderId=ours"
ROWS = [row(s) for s in range(100)]
ACCOUNT = AccountScript(margin_type="isolated", wallet=Decimal(5000), leverage=10)


@asynccontextmanager
async def befallen(
    *acts: dict[str, Any], before: tuple[str, ...] = (), **options: Any
) -> AsyncIterator[tuple[Desk, Ear]]:
    """A desk whose account has orders of ours (``before``); each act happens a second after the other."""
    options = {"settings": Settings(account=ACCOUNT), **options}
    async with running(ROWS, **options) as desk:
        await desk.ccxt.load_markets()
        for text in before:
            status, body = await desk.raw.send("POST", ORDER, text)
            assert status == 200, body
        rules = [{"do": "act", "at_s": 1 + number, **act} for number, act in enumerate(acts)]
        async with ear(desk, f"/private/ws?listenKey={await listen_key(desk)}") as client:
            desk.venue.faults.set(rules)
            for _ in acts:
                desk.clock.advance(1000)
            yield desk, client
        done = [r["act"] for r in desk.venue.ledger.of("act")]
        assert done[: len(acts)] == [act["act"] for act in acts]
        assert all("failed" not in r for r in desk.venue.ledger.of("fault"))
        assert desk.venue.account.wallet == desk.venue.settings.account.wallet + sum(
            r["amount"] for r in desk.venue.ledger.of("income") if r["asset"] == "USDT"
        )


async def get(desk: Desk, path: str, text: str = "") -> Any:
    status, body = await desk.raw.send("GET", path, text)
    assert status == 200, body
    return body


async def income(desk: Desk) -> list[tuple[str, str]]:
    desk.clock.advance(3000)
    rows = await get(desk, "/fapi/v1/income")
    return [(r["incomeType"], r["income"]) for r in rows]


async def test_liquidation() -> None:
    async with befallen({"act": "liquidate", "symbol": "BTCUSDT"}, before=(BUY,)) as (desk, client):
        heard = await client.all()
        assert names(heard) == ["ORDER_TRADE_UPDATE/CALCULATED", "ACCOUNT_UPDATE"]
        order = heard[0]["o"]
        assert (order["c"].partition("-")[0], order["X"], order["z"]) == (
            "autoclose",
            "FILLED",
            "0.010",
        )
        assert order["t"] > 0
        assert Decimal(order["n"]) > 0
        assert await desk.ccxt.fetch_positions() == []
        (forced,) = await get(desk, "/fapi/v1/forceOrders", "autoCloseType=LIQUIDATION")
        assert forced["orderId"] == order["i"]
        kinds = [kind for kind, _ in await income(desk)]
        assert kinds == ["COMMISSION", "REALIZED_PNL", "INSURANCE_CLEAR"]


async def test_adl_takes_a_part_at_the_mark() -> None:
    act = {"act": "deleverage", "symbol": "BTCUSDT", "qty": "0.004"}
    async with befallen(act, before=(BUY,)) as (desk, client):
        heard = [body for body in await client.all() if body["e"] == "ORDER_TRADE_UPDATE"]
        (order,) = (body["o"] for body in heard)
        assert (order["x"], order["l"], order["L"]) == ("TRADE", "0.004", "76914.90")
        assert order["c"].startswith("adl_autoclose")
        assert (await desk.ccxt.fetch_positions())[0]["contracts"] == 0.006
        (forced,) = await get(desk, "/fapi/v1/forceOrders", "autoCloseType=ADL")
        assert forced["orderId"] == order["i"]


async def test_a_delisting_is_announced_then_settles() -> None:
    acts = (
        {"act": "announce_delisting", "symbol": "BTCUSDT"},
        {"act": "delist", "symbol": "BTCUSDT"},
    )
    async with befallen(*acts, before=(BUY, REST)) as (desk, client):
        heard = await client.all()
        told = [(b["o"]["x"], b["o"]["c"]) for b in heard if b["e"] == "ORDER_TRADE_UPDATE"]
        assert told[0] == ("EXPIRED", "ours")
        assert told[1][0] == "CALCULATED"
        assert told[1][1].startswith("settlement_autoclose-")
        price = next(row["price"] for row in desk.venue.ledger.of("fill")[::-1])
        last = [b["o"]["L"] for b in heard if b["e"] == "ORDER_TRADE_UPDATE"][-1]
        assert Decimal(last) == Decimal(
            str(price)
        )  # a settlement has more decimals than the symbol
        info = await get(desk, "/fapi/v1/exchangeInfo")
        assert {s["symbol"]: s["status"] for s in info["symbols"]}["BTCUSDT"] == "CLOSE"
        assert (await desk.raw.send("POST", ORDER, BUY))[1]["code"] in (-4108, -4141)
        assert await desk.ccxt.fetch_positions() == []
    async with befallen(acts[0], before=(BUY,)) as (desk, _):
        info = await get(desk, "/fapi/v1/exchangeInfo")
        assert {s["symbol"]: s["status"] for s in info["symbols"]}["BTCUSDT"] == "SETTLING"
        assert (await desk.raw.send("POST", ORDER, BUY))[1]["code"] == -4108
        assert (await desk.ccxt.fetch_positions())[0]["contracts"] == 0.01


async def test_a_halt_and_its_end() -> None:
    halted = {"act": "set_status", "symbol": "BTCUSDT", "status": "TRADING_HALT"}
    async with befallen(halted) as (desk, _):
        assert (await desk.raw.send("POST", ORDER, BUY))[1]["code"] == -4141
        desk.venue.acts.do("set_status", symbol="BTCUSDT", status="TRADING")
        assert (await desk.raw.send("POST", ORDER, BUY))[0] == 200


async def test_funding_moves_the_isolated_wallet() -> None:
    act = {"act": "fund", "symbol": "BTCUSDT", "rate": "0.001", "mark": "76000"}
    async with befallen(act, before=(BUY,)) as (desk, client):
        (told,) = await client.all()
        assert (told["e"], told["a"]["m"], told["a"]["S"]) == (
            "ACCOUNT_UPDATE",
            "FUNDING_FEE",
            "BTCUSDT",
        )
        assert told["a"]["P"][0]["iw"] == "76.15500000"  # 769.15 / 10 less 0.76
        assert (await income(desk))[-1] == ("FUNDING_FEE", "-0.76000000")


async def test_transfers_in_and_out() -> None:
    acts = ({"act": "transfer", "amount": "50"}, {"act": "transfer", "amount": "-20"})
    async with befallen(*acts) as (desk, client):
        heard = await client.all()
        assert [(b["a"]["m"], b["a"]["B"][0]["bc"]) for b in heard] == [
            ("DEPOSIT", "50.00000000"),
            ("WITHDRAW", "-20.00000000"),
        ]
        assert await income(desk) == [("TRANSFER", "50.00000000"), ("TRANSFER", "-20.00000000")]
        assert (await desk.ccxt.fetch_balance())["USDT"]["total"] == 5030


async def test_other_income_and_income_that_comes_late() -> None:
    acts = (
        {"act": "delay_income", "seconds": 60},
        {"act": "book_income", "kind": "REFERRAL_KICKBACK", "amount": "0.5"},
    )
    async with befallen(*acts) as (desk, client):
        assert [b["a"]["m"] for b in await client.all()] == ["ADJUSTMENT"]
        assert await income(desk) == []
        desk.clock.advance(57_000)
        assert await income(desk) == [("REFERRAL_KICKBACK", "0.50000000")]


async def test_margin_added_by_somebody_moves_the_liquidation() -> None:
    async with befallen(before=(BUY,)) as (desk, client):
        (old,) = await get(desk, "/fapi/v3/positionRisk")
        desk.venue.acts.do("add_margin", symbol="BTCUSDT", amount="10")
        (told,) = await client.all()
        assert (told["a"]["m"], told["a"]["P"][0]["iw"]) == ("MARGIN_TRANSFER", "86.91500000")
        (new,) = await get(desk, "/fapi/v3/positionRisk")
        assert Decimal(new["liquidationPrice"]) < Decimal(old["liquidationPrice"]) - 900
        assert (await get(desk, "/fapi/v1/income")) == []


async def test_margin_taken_away_brings_liquidation_near_and_then_about() -> None:
    act = {"act": "take_margin", "symbol": "BTCUSDT"}
    async with befallen({**act, "amount": "70"}, before=(BUY,)) as (desk, client):
        (told,) = await client.all()
        assert told["a"]["P"][0]["iw"] == "6.91500000"
        (row,) = await get(desk, "/fapi/v3/positionRisk")
        assert Decimal(row["liquidationPrice"]) > Decimal("76500")
        for amount in ("0", "-1", "6.915", "7"):
            with pytest.raises(UsageError, match="cannot be taken away"):
                desk.venue.acts.do("take_margin", symbol="BTCUSDT", amount=amount)
        desk.venue.acts.do("take_margin", symbol="BTCUSDT", amount="5")
        desk.clock.advance(1_000)
        assert await get(desk, "/fapi/v3/positionRisk") == []


async def test_leverage_and_margin_type_changed_by_somebody() -> None:
    acts = (
        {"act": "set_leverage", "symbol": "BTCUSDT", "leverage": 20},
        {"act": "set_margin_type", "symbol": "BTCUSDT", "margin_type": "cross"},
        {"act": "set_auto_add_margin", "on": True},
    )
    async with befallen(*acts) as (desk, client):
        (told,) = await client.all()
        assert (told["e"], told["ac"]) == ("ACCOUNT_CONFIG_UPDATE", {"s": "BTCUSDT", "l": 20})
        (config,) = await get(desk, "/fapi/v1/symbolConfig", "symbol=BTCUSDT")
        assert (config["leverage"], config["marginType"]) == (20, "CROSSED")
        assert config["isAutoAddMargin"] is True
        assert (await desk.ccxt.fetch_leverage(PERP))["longLeverage"] == 20


async def test_hedge_mode_switched_on_by_somebody() -> None:
    async with befallen({"act": "set_hedge"}) as (desk, _):
        assert (await desk.ccxt.fetch_position_mode())["hedged"] is True
        with pytest.raises(ccxt.OperationRejected, match="-4061"):
            await desk.ccxt.create_order(PERP, "market", "buy", 0.01)
        status, body = await desk.raw.send("POST", ORDER, SELL + "&positionSide=LONG")
        assert (status, body["code"]) == (400, -1106)


async def test_a_mode_that_coin_m_holds() -> None:
    async with befallen({"act": "set_coin_m_busy"}) as (desk, _):
        with pytest.raises(ccxt.ExchangeError, match="-4531"):
            await desk.ccxt.set_position_mode(True)


async def test_multi_assets_and_a_bnfcr_wallet() -> None:
    """As accounts in the EU are: cross only."""
    acts = (
        {"act": "set_margin_type", "symbol": "BTCUSDT", "margin_type": "cross"},
        {"act": "set_multi_assets"},
        {"act": "set_wallet", "asset": "BNFCR", "amount": "300"},
    )
    async with befallen(*acts) as (desk, client):
        heard = await client.all()
        assert heard[0]["ai"] == {"j": True}
        assert heard[1]["a"]["B"][0]["a"] == "BNFCR"
        assert (await get(desk, "/fapi/v1/multiAssetsMargin")) == {"multiAssetsMargin": True}
        assert (await desk.ccxt.fetch_balance())["BNFCR"]["total"] == 300
        with pytest.raises(ccxt.ExchangeError, match="-4168"):
            await desk.ccxt.set_margin_mode("isolated", PERP)


async def test_fees_are_taken_in_bnb() -> None:
    acts = ({"act": "set_wallet", "asset": "BNB", "amount": "1"}, {"act": "set_fee_burn"})
    async with befallen(*acts) as (desk, client):
        await client.all()
        assert (await desk.raw.send("POST", ORDER, BUY))[0] == 200
        (trade,) = await get(desk, "/fapi/v1/userTrades", "symbol=BTCUSDT")
        assert (trade["commissionAsset"], trade["commission"]) == ("BNB", "0.00057686")
        balances = {r["asset"]: r["balance"] for r in await get(desk, "/fapi/v3/balance")}
        assert balances == {"USDT": "5000.00000000", "BNB": "0.99942314"}
        (fill,) = (
            b["o"]
            for b in await client.all()
            if b["e"] == "ORDER_TRADE_UPDATE" and b["o"]["x"] == "TRADE"
        )
        assert (fill["N"], fill["n"]) == ("BNB", "0.00057686")


async def test_somebody_elses_order_and_its_fill() -> None:
    """By the web, or by another instance of ours: whose order it is, only its id says."""
    acts = (
        {
            "act": "foreign_order",
            "symbol": "BTCUSDT",
            "side": "buy",
            "qty": "0.01",
            "price": "70000",
            "client_id": "tb2-x",
        },
        {
            "act": "fill_order",
            "symbol": "BTCUSDT",
            "client_id": "tb2-x",
            "qty": "0.004",
            "maker": True,
        },
        {"act": "foreign_order", "symbol": "BTCUSDT", "side": "SELL", "qty": "0.002"},
    )
    async with befallen(*acts) as (desk, client):
        heard = [b for b in await client.all() if b["e"] == "ORDER_TRADE_UPDATE"]
        assert [(b["o"]["c"], b["o"]["x"]) for b in heard] == [
            ("tb2-x", "NEW"),
            ("tb2-x", "TRADE"),
            ("web_foreign", "NEW"),
            ("web_foreign", "TRADE"),
        ]
        assert heard[1]["o"]["m"] is True
        (working,) = await desk.ccxt.fetch_open_orders(PERP)
        assert (working["clientOrderId"], working["filled"]) == ("tb2-x", 0.004)
        assert (await desk.ccxt.fetch_positions())[0]["contracts"] == 0.002
        assert (await desk.ccxt.cancel_order(working["id"], PERP))["status"] == "canceled"


async def test_somebody_cancels_or_cuts_or_expires_our_order() -> None:
    for act, end in (
        ({"act": "cancel_order"}, "CANCELED"),
        ({"act": "expire_order"}, "EXPIRED"),
        ({"act": "cut_order", "left": "0.003"}, "NEW"),
    ):
        act = {**act, "symbol": "BTCUSDT", "client_id": "ours"}
        async with befallen(act, before=(REST,)) as (desk, client):
            (told,) = await client.all()
            assert (told["o"]["c"], told["o"]["X"]) == ("ours", end)
            shown = await get(desk, ORDER, "symbol=BTCUSDT&origClientOrderId=ours")
            assert shown["status"] == end
            assert shown["origQty"] == ("0.003" if end == "NEW" else "0.010")


async def test_a_margin_call_by_script() -> None:
    async with befallen({"act": "call_margin", "symbol": "BTCUSDT"}, before=(BUY,)) as (_, client):
        (told,) = await client.all()
        assert (told["e"], told["p"][0]["s"], told["p"][0]["pa"]) == (
            "MARGIN_CALL",
            "BTCUSDT",
            "0.010",
        )


async def test_a_cross_position_and_a_hedge_leg_can_be_seen_and_closed() -> None:
    put = {"act": "put_position", "symbol": "BTCUSDT", "qty": "0.02", "entry": "70000"}
    async with befallen(put) as (desk, _):
        (seen,) = await desk.ccxt.fetch_positions()
        assert (seen["contracts"], seen["marginMode"]) == (0.02, "cross")
        assert (await desk.raw.send("POST", ORDER, BUY))[1]["code"] == -4140
        await desk.raw.send("POST", ORDER, SELL.replace("0.010", "0.020"))
        assert await desk.ccxt.fetch_positions() == []
    leg = {**put, "side": "SHORT", "qty": "-0.02"}
    async with befallen({"act": "set_hedge"}, leg) as (desk, _):
        (seen,) = await get(desk, "/fapi/v3/positionRisk")
        assert (seen["positionSide"], seen["positionAmt"]) == ("SHORT", "-0.020")
        status, body = await desk.raw.send("POST", ORDER, BUY + "&positionSide=SHORT")
        assert status == 200, body
        (seen,) = await get(desk, "/fapi/v3/positionRisk")
        assert seen["positionAmt"] == "-0.010"


async def test_prices_jump_and_go_on_from_there() -> None:
    act = {"act": "move_price", "symbol": "BTCUSDT", "percent": "-20"}
    async with befallen(act, act, before=(BUY,)) as (desk, _):
        touch = await get(desk, "/fapi/v1/ticker/bookTicker", "symbol=BTCUSDT")
        assert (touch["bidPrice"], touch["askPrice"]) == ("49225.50", "49225.60")
        assert await get(desk, "/fapi/v3/positionRisk") == []  # at 10x it was liquidated on the way
        desk.clock.advance(1000)
        moved = await get(desk, "/fapi/v1/premiumIndex", "symbol=BTCUSDT")
        assert Decimal(moved["markPrice"]) == Decimal("76914.90") * Decimal("0.64")
        for percent in ("-100", "2000"):
            with pytest.raises(UsageError, match="cannot be moved"):
                desk.venue.acts.do("move_price", symbol="BTCUSDT", percent=percent)


def test_every_act_is_tried_here() -> None:
    text = Path(__file__).read_text(encoding="utf-8")
    assert [name for name in Acts.names() if f'"{name}"' not in text] == []
