"""Rule 3: the price of a market fill, fees and the average entry."""

from __future__ import annotations

from decimal import Decimal

import pytest
from kits.sim_script import FLAT, LONG, RULES, SHORT, Script, instrument, then

from tradebot.core.model.events import Filled
from tradebot.core.model.money import exact
from tradebot.core.model.values import Side
from tradebot.core.simulated.account import Account
from tradebot.core.simulated.pricing import Pricing, slipped

D = Decimal


@pytest.mark.parametrize(
    ("side", "qty", "bar", "price"),
    [
        # half spread 100 x 2 / 20000 = 0.01; impact 100 x 0.1 x qty / volume
        pytest.param("buy", "1", FLAT, "100.02", id="0.01 + 0.01"),
        pytest.param("sell", "1", FLAT, "99.98", id="the same for a sell"),
        pytest.param("buy", "50", FLAT, "100.51", id="0.01 + 0.50"),
        pytest.param("buy", "0.25", FLAT, "100.02", id="0.01 + 0.0025, up to the tick"),
        pytest.param("sell", "0.25", FLAT, "99.98", id="0.01 + 0.0025, down to the tick"),
        pytest.param("buy", "30", "100 100 100 100 300", "101.01", id="0.01 + 1: above the high"),
        pytest.param(
            "buy", "1", "100 100 100 100 300", "100.05", id="0.01 + 0.0333.., rounded once"
        ),
        pytest.param("buy", "1", "50.005 51 50 50 1000", "50.02", id="off-tick open + 0.0100.."),
    ],
)
def test_price(side: str, qty: str, bar: str, price: str) -> None:
    assert then(FLAT, f"b {side} {qty} market\n {bar}")[0] == f"b {side} {qty} @ {price} open"


@pytest.mark.parametrize(("side", "price"), [("buy", "100.01"), ("sell", "99.99")])
def test_at_least_one_tick(side: str, price: str) -> None:
    free = {"spread_bps": D(0), "impact": D(0)}
    assert then(FLAT, f"b {side} 1 market\n {FLAT}", **free)[0] == f"b {side} 1 @ {price} open"


def test_slippage_is_not_capped_and_a_sell_ends_at_one_tick() -> None:
    with exact():
        assert slipped(Side.BUY, D(100), D(900), D(1), D("0.01")) == 1000
        assert slipped(Side.SELL, D(100), D(900), D(1), D("0.01")) == D("0.01")
    # at an impact of 1 a stop that is the whole volume pays all of the price
    script = "s sell 1 stop 99 ro\n 100 100 98 98 1"
    assert then(LONG, script, impact=D(1)) == ["s sell 1 @ 0.01"]


@pytest.mark.parametrize("volume", ["1", "0.1", "0.001"])
def test_impact_is_at_most_that_of_the_whole_volume(volume: str) -> None:
    # 99 - 0.0099 - 99 x 0.1 x 1 - 0.25 x 1 = 88.8401, however little traded
    script = f"s sell 1 stop 99 ro\n 100 100 98 98 {volume}"
    assert then(LONG, script) == ["s sell 1 @ 88.84"]
    # 101 + 0.0101 + 10.1 + 0.25 = 111.3601
    script = f"s buy 1 stop 101 ro\n 100 102 100 100 {volume}"
    assert then(SHORT, script) == ["s buy 1 @ 111.37"]


def test_no_volume_counts_as_the_own_quantity() -> None:
    with exact():
        price = Pricing(RULES).market(Side.BUY, D(100), D(1), D(0), D("0.01"))
    assert price == D("110.01")  # impact 100 x 0.1 x 1


def test_fees_are_exact_and_a_market_order_is_a_taker() -> None:
    script = Script()
    script.run(f"{FLAT}\n b buy 0.333 market\n {FLAT}")
    fill = next(event.fill for event in script.events if isinstance(event, Filled))
    assert not fill.maker
    assert fill.fee == D("0.333") * fill.price * D("0.0005")
    assert script.exchange.fees == fill.fee
    assert script.exchange.cash == 10_000 - D("0.333") * fill.price - fill.fee


def held(account: Account) -> tuple[Decimal, Decimal]:
    position = account.positions["T/USDT"]
    return position.qty, position.entry


def test_average_entry_is_half_even_at_8_decimals_and_unchanged_by_reductions() -> None:
    account = Account(D(1000), 1, {"T/USDT": instrument()})
    with exact():
        account.trade("T/USDT", D(2), D("10"), D(0))
        account.trade("T/USDT", D(1), D("10.00000001"), D(0))
        assert account.positions["T/USDT"].entry == D("10.00000000")  # + 1/3 of the last digit
        account.trade("T/USDT", D(3), D("10.00000001"), D(0))
        assert account.positions["T/USDT"].entry == D("10.00000000")  # + 1/2: to the even digit
        account.trade("T/USDT", D(2), D("10.00000002"), D(0))
        entry = account.positions["T/USDT"].entry
        account.trade("T/USDT", D(-7), D(12), D(0))
        assert held(account) == (D(1), entry)
        account.trade("T/USDT", D(-3), D(12), D(0))
        assert held(account) == (D(-2), D(12))
        account.trade("T/USDT", D(2), D(12), D(0))
        assert account.positions == {}
