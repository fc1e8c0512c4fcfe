"""The same script on the simulated exchange directly and through HTTP: equal fills to the last digit."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from random import Random

import pytest
from kits.venue_kit import BTC, ETH, START, make_client, row, running

from tradebot.core.model.events import Event, Filled
from tradebot.core.model.facts import FEES, INSTRUMENTS
from tradebot.core.model.money import ONE, ZERO, exact
from tradebot.core.model.values import Fill, Order, OrderType, Quote, Side, TimeInForce
from tradebot.core.simulated import SimExchange, SimRules
from tradebot.venue.script import ScriptRow
from tradebot.venue.settings import AccountScript, Settings

WALLET = Decimal(20_000)
LEVERAGE = 10
IMPACT = Decimal("0.001")
"""Small, so that no market order reaches the bound of 5 % that the venue has and the exchange has not."""

Numbers = tuple[str, str, Decimal, Decimal, Decimal, bool]


@dataclass(frozen=True)
class Wish:
    """An order sent right after the quote of a second."""

    at_s: int
    symbol: str
    side: Side
    type: OrderType
    qty: Decimal
    price: Decimal | None = None
    tif: TimeInForce = TimeInForce.GTC
    reduce_only: bool = False


def script(seed: int) -> tuple[list[ScriptRow], list[Wish]]:
    """Two minutes of two symbols' prices, and thirty orders on the way."""
    draw = Random(seed)
    rows: list[ScriptRow] = []
    wishes: list[Wish] = []
    mids = {BTC: Decimal("76900.0"), ETH: Decimal("2500.00")}
    for second in range(120):
        for symbol, tick in ((BTC, Decimal("0.1")), (ETH, Decimal("0.01"))):
            mids[symbol] += tick * draw.randint(-400, 400)
            spread = tick * draw.randint(1, 5)
            unit = 1000 if symbol == BTC else 50
            sizes = [str(Decimal(draw.randint(1, 60)) / unit) for _ in range(2)]
            bid, ask = mids[symbol], mids[symbol] + spread
            mark = mids[symbol] + tick * draw.randint(-3, 3)
            rows.append(ScriptRow(second, symbol, f"{bid}", f"{ask}", f"{mark}", *sizes))
            if draw.random() < 0.15:
                wishes.append(_wish(draw, second, symbol, mids[symbol], tick))
    return rows, wishes


def _wish(draw: Random, second: int, symbol: str, mid: Decimal, tick: Decimal) -> Wish:
    side = draw.choice([Side.BUY, Side.SELL])
    qty = Decimal(draw.randint(5, 40)) / (1000 if symbol == BTC else 50)
    reduces = draw.random() < 0.3
    if draw.random() < 0.5:
        return Wish(second, symbol, side, OrderType.MARKET, qty, reduce_only=reduces)
    tif = draw.choice([TimeInForce.GTC, TimeInForce.IOC])
    price = mid + tick * draw.randint(-200, 200)
    return Wish(second, symbol, side, OrderType.LIMIT, qty, price, tif, reduces)


def directly(rows: list[ScriptRow], wishes: list[Wish]) -> tuple[list[Numbers], Decimal]:
    rules = SimRules(
        start_equity=WALLET,
        fees=FEES,
        spread_bps=ZERO,
        impact=IMPACT,
        latency_ms=0,
        volume_share=ONE,
        leverage=LEVERAGE,
        at_once=True,
        isolated_funding=True,
        liquidation_fee=Settings().liquidation_fee,
        rounded=True,
        history=True,
    )
    instruments = {symbol: INSTRUMENTS[symbol] for symbol in (BTC, ETH)}
    exchange = SimExchange(rules, instruments)
    events: list[Event] = []
    with exact():
        for index, tick in enumerate(rows):
            at = START + round(tick.at_s * 1000)
            text = (tick.bid, tick.ask, tick.bid_qty, tick.ask_qty, tick.mark)
            events += exchange.step((Quote(tick.symbol, at, at, text, float(tick.mark)),))
            if index % 2:
                for number, wish in enumerate(wishes):
                    if wish.at_s == tick.at_s:
                        events += exchange.submit(_order(number, wish), at)
    fills = [event.fill for event in events if isinstance(event, Filled)]
    return [_numbers(fill) for fill in fills], exchange.wallet


def _order(number: int, wish: Wish) -> Order:
    return Order(
        f"w-{number}",
        wish.symbol,
        wish.side,
        wish.type,
        wish.qty,
        wish.price,
        None,
        wish.tif,
        wish.reduce_only,
    )


def _numbers(fill: Fill) -> Numbers:
    return fill.symbol, fill.side.value, fill.qty, fill.price, fill.fee, fill.maker


async def over_http(
    rows: list[ScriptRow], wishes: list[Wish]
) -> tuple[list[Numbers], Decimal, Decimal]:
    account = AccountScript(margin_type="isolated", wallet=WALLET, leverage=LEVERAGE)
    async with running(rows, settings=Settings(impact=IMPACT, account=account)) as desk:
        desk.ccxt = make_client(desk.server.url, desk.venue)
        for wish in wishes:
            desk.clock.move_to(START + wish.at_s * 1000)
            text = (
                f"symbol={wish.symbol.replace('/', '')}&side={wish.side.value.upper()}"
                f"&type={wish.type.value.upper()}&quantity={wish.qty}"
            )
            if wish.price is not None:
                text += f"&price={wish.price}&timeInForce={wish.tif.value.upper()}"
            if wish.reduce_only:
                text += "&reduceOnly=true"
            await desk.raw.send("POST", "/fapi/v1/order", text)
        desk.clock.move_to(START + 120_000)
        trades: list[Numbers] = []
        for symbol in (BTC, ETH):
            name = symbol.replace("/", "")
            query = f"symbol={name}&fromId=0&limit=1000"
            _, found = await desk.raw.send("GET", "/fapi/v1/userTrades", query)
            trades += [
                (
                    symbol,
                    trade["side"].lower(),
                    Decimal(trade["qty"]),
                    Decimal(trade["price"]),
                    Decimal(trade["commission"]),
                    trade["maker"],
                )
                for trade in found
            ]
        _, body = await desk.raw.send("GET", "/fapi/v3/account")
        wallet = Decimal(body["totalWalletBalance"])
        return trades, wallet, desk.venue.desk.exchange.wallet


@pytest.mark.parametrize("seed", range(8))
async def test_fills_are_the_simulated_exchange_s(seed: int) -> None:
    rows, wishes = script(seed)
    fills, wallet = directly(rows, wishes)
    served, told, kept = await over_http(rows, wishes)
    assert len(fills) >= 8
    for symbol in (BTC, ETH):
        assert [f for f in served if f[0] == symbol] == [f for f in fills if f[0] == symbol]
    assert told == kept == wallet


async def test_a_stop_fills_as_the_exchange_s_own_stop_would() -> None:
    """The algo service's child, without its delay, costs what the exchange's stop costs."""
    rows = [row(0), row(5, "75950.00", "75950.10", "75990.00", qty="0.004")]
    settings = Settings(
        algo_forward_ms=0,
        impact=IMPACT,
        account=AccountScript(margin_type="isolated", wallet=WALLET, leverage=LEVERAGE),
    )
    entry = Order("e-1", BTC, Side.BUY, OrderType.MARKET, Decimal("0.010"))
    stop = Order(
        "s-1",
        BTC,
        Side.SELL,
        OrderType.STOP_MARKET,
        Decimal("0.010"),
        trigger=Decimal("76000"),
        reduce_only=True,
    )
    rules = SimRules(
        WALLET, FEES, ZERO, settings.impact, 0, ONE, LEVERAGE, at_once=True, rounded=True
    )
    exchange = SimExchange(rules, {BTC: INSTRUMENTS[BTC]})
    expected: list[Numbers] = []
    with exact():
        for tick in rows:
            at = START + round(tick.at_s * 1000)
            text = (tick.bid, tick.ask, tick.bid_qty, tick.ask_qty, tick.mark)
            told = list(exchange.step((Quote(BTC, at, at, text, float(tick.mark)),)))
            if tick.at_s == 0:
                told += exchange.submit(entry, at) + exchange.submit(stop, at)
            expected += [_numbers(e.fill) for e in told if isinstance(e, Filled)]
    async with running(rows, settings=settings) as desk:
        await desk.raw.send(
            "POST", "/fapi/v1/order", "symbol=BTCUSDT&side=BUY&type=MARKET&quantity=0.010"
        )
        await desk.raw.send(
            "POST",
            "/fapi/v1/algoOrder",
            "algoType=CONDITIONAL&symbol=BTCUSDT&side=SELL&type=STOP_MARKET&quantity=0.010"
            "&triggerPrice=76000&reduceOnly=true&workingType=MARK_PRICE",
        )
        desk.clock.advance(6000)
        made = [
            (BTC, t.side.lower(), t.qty, t.price, t.fee, t.maker)
            for t in desk.venue.desk.records.trades
        ]
    assert made == expected
    assert len(made) == 3
