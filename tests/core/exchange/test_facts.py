"""The facts of the five symbols agree with themselves and with the recordings they came from."""

from __future__ import annotations

import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from tradebot.core.model.facts import FEES, INSTRUMENTS
from tradebot.core.model.money import exact
from tradebot.core.state.margin import maintenance

RECORDED = Path(__file__).parents[3].parent / "shared" / "recorded"
SYMBOLS = ["BTC/USDT", "ETH/USDT", "ADA/USDT", "SOL/USDT", "XRP/USDT"]


def recorded(name: str) -> Any:
    path = RECORDED / name
    if not path.exists():
        pytest.skip(f"{name} was not recorded on this machine")
    return json.loads(path.read_text())


def test_the_five_symbols_and_the_fees() -> None:
    assert list(INSTRUMENTS) == SYMBOLS
    assert all(name == traded.symbol for name, traded in INSTRUMENTS.items())
    assert (FEES.maker, FEES.taker) == (Decimal("0.0002"), Decimal("0.0005"))


@pytest.mark.parametrize("symbol", SYMBOLS)
def test_tiers_join_without_a_jump(symbol: str) -> None:
    traded = INSTRUMENTS[symbol]
    with exact():
        for lower, upper in zip(traded.tiers, traded.tiers[1:], strict=False):
            assert upper.floor == lower.cap
            assert upper.rate > lower.rate
            assert maintenance(traded, lower.cap) == lower.cap * upper.rate - upper.cum


@pytest.mark.parametrize("symbol", SYMBOLS)
def test_filters_as_recorded(symbol: str) -> None:
    traded = INSTRUMENTS[symbol]
    rows = recorded("exchangeInfo_five_symbols_ASSEMBLED.json")["symbols"]
    (row,) = (row for row in rows if row["symbol"] == symbol.replace("/", ""))
    found = {one["filterType"]: one for one in row["filters"]}
    price, lot = found["PRICE_FILTER"], found["LOT_SIZE"]
    assert traded.tick == Decimal(price["tickSize"])
    assert traded.min_price == Decimal(price["minPrice"])
    assert traded.max_price == Decimal(price["maxPrice"])
    assert traded.step == Decimal(lot["stepSize"])
    assert traded.min_qty == Decimal(lot["minQty"])
    assert traded.max_qty == Decimal(lot["maxQty"])
    assert traded.market_max_qty == Decimal(found["MARKET_LOT_SIZE"]["maxQty"])
    assert traded.min_notional == Decimal(found["MIN_NOTIONAL"]["notional"])
    assert traded.max_orders == found["MAX_NUM_ORDERS"]["limit"]
    assert traded.percent_up == Decimal(found["PERCENT_PRICE"]["multiplierUp"])
    assert traded.percent_down == Decimal(found["PERCENT_PRICE"]["multiplierDown"])


@pytest.mark.parametrize("symbol", SYMBOLS)
def test_tiers_as_recorded(symbol: str) -> None:
    rows = recorded("leverageBracket_2026-09.json")
    (row,) = (row for row in rows if row["symbol"] == symbol.replace("/", ""))
    tiers = INSTRUMENTS[symbol].tiers
    assert len(tiers) == len(row["brackets"])
    for tier, bracket in zip(tiers, row["brackets"], strict=True):
        assert tier.floor == bracket["notionalFloor"]
        assert tier.cap == bracket["notionalCap"]
        assert tier.max_leverage == bracket["initialLeverage"]
        assert tier.rate == Decimal(str(bracket["maintMarginRatio"]))
        assert tier.cum == Decimal(str(bracket["cum"]))
