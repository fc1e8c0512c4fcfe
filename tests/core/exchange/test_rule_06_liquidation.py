"""Rule 6: liquidation of an isolated position."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

import pytest
from kits.sim_script import FLAT, LONG, RULES, SHORT, Script, instrument, table, then

from tradebot.core.model.events import Filled
from tradebot.core.model.money import exact
from tradebot.core.model.values import Tier
from tradebot.core.simulated.account import Account
from tradebot.core.state.margin import maintenance

D = Decimal

# At 10x a long of 1 at 100.02 has a bankruptcy price of 90.018 and a margin of 10.002; with a rate
# of 1 % it is liquidated where p - 90.018 <= 0.01 p, at 90.9272.. or below.
LONGS = table(
    ("just above it stays", "100 100 90.93 100 1000", "seen 90.93"),
    (
        "just below it goes, at the bankruptcy price",
        "100 100 90.92 100 1000",
        "liquidation-1 sell 1 @ 90.018",
    ),
    (
        "a stop that comes first saves it",
        # 91 - 90.018 = 0.982 > 0.91; base 91, extreme 90: 91 - 0.0091 - 0.0091 - 0.25
        "s sell 1 stop 91 ro\n 100 100 90 100 1000",
        "s sell 1 @ 90.73",
    ),
    (
        "a stop below does not: all orders of the symbol expire, entries too",
        # 90.92 - 90.018 = 0.902 <= 0.9092
        "s sell 1 stop 90.92 ro\n b buy 1 limit 80\n 100 100 90 100 1000",
        "liquidation-1 sell 1 @ 90.018\n s expired\n b expired",
    ),
    (
        "at the open it comes before everything",
        "s sell 1 stop 95 ro\n x sell 1 market ro\n 90 100 90 100 1000",
        "liquidation-1 sell 1 @ 90.018 open\n s expired\n x expired",
    ),
    (
        "the mark decides, not the last price",
        "100 100 85 100 1000 | 100 100 95 100",
        "seen 95",
    ),
    (
        "a mark that falls alone liquidates",
        "100 100 100 100 1000 | 100 100 85 100",
        "liquidation-1 sell 1 @ 90.018",
    ),
    (
        "a mark that opens low liquidates at the open",
        "100 100 100 100 1000 | 85 100 85 100",
        "liquidation-1 sell 1 @ 90.018 open",
    ),
    (
        "an add-on above the level is filled first, and the whole is then judged",
        # average entry (100.02 + 95) / 2 = 97.51, bankruptcy 87.759, liquidated at 88.6454..
        "b buy 1 limit 95\n 100 100 88.65 100 1000\n 100 100 88.64 100 1000",
        "b buy 1 @ 95 maker\n seen 88.65\n liquidation-1 sell 2 @ 87.759",
    ),
    (
        "an add-on below the level is not reached",
        "b buy 1 limit 90.5\n 100 100 90 100 1000",
        "liquidation-1 sell 1 @ 90.018\n b expired",
    ),
    (
        "a bar without volume liquidates as well",
        "90 90 90 90 0",
        "liquidation-1 sell 1 @ 90.018 open",
    ),
    (
        "the second one has the next number",
        f"90 90 90 90 1000\n {FLAT}\n c buy 1 market\n {FLAT}\n 90 90 90 90 1000",
        """liquidation-1 sell 1 @ 90.018 open
        c buy 1 @ 100.02 open
        seen 100
        liquidation-2 sell 1 @ 90.018 open""",
    ),
)


@pytest.mark.parametrize(("script", "expected"), LONGS)
def test_long_at_10x(script: str, expected: list[str]) -> None:
    assert then(LONG, script, leverage=10) == expected


def test_short_at_10x() -> None:
    # entry 99.98, bankruptcy 109.978; gone where 109.978 - p <= 0.01 p, from 108.8891.. on
    assert then(SHORT, "100 108.88 100 100 1000", leverage=10) == ["seen 108.88"]
    assert then(SHORT, "100 108.89 100 100 1000", leverage=10) == ["liquidation-1 buy 1 @ 109.978"]


def test_at_1x_a_long_is_never_liquidated_and_a_short_just_below_twice_its_entry() -> None:
    assert then(LONG, "0.01 0.01 0.01 0.01 1000") == ["seen 0.01"]
    # bankruptcy 199.96; 199.96 - p <= 0.01 p from 197.9802 on
    assert then(SHORT, "100 197.98 100 100 1000") == ["seen 197.98"]
    assert then(SHORT, "100 197.99 100 100 1000") == ["liquidation-1 buy 1 @ 199.96"]


def test_a_tie_with_a_stop_is_liquidation() -> None:
    script = Script(rules=replace(RULES, leverage=2))
    # 100.02 at 2x: bankruptcy 50.01; p - 50.01 <= 0.01 p at 50.5151..: no price on a tick ties, so
    # the entry is made at 99: bankruptcy 49.5, liquidated at exactly 50
    script.run(f"{FLAT}\n a buy 1 limit 99\n 100 100 98 100 1000\n s sell 1 stop 50 ro")
    assert script.run("100 100 49 100 1000") == ["liquidation-1 sell 1 @ 49.5", "s expired"]


def test_the_loss_is_the_margin_and_there_is_no_fee() -> None:
    script = Script(rules=replace(RULES, leverage=10))
    script.run(LONG)
    wallet, fees = script.exchange.wallet, script.exchange.fees
    margin = script.exchange.margin("T/USDT")
    assert margin == D("10.002")
    script.run("50 50 50 50 1000")
    fill = next(event.fill for event in reversed(script.events) if isinstance(event, Filled))
    assert fill.liquidation
    assert (fill.fee, fill.maker) == (D(0), False)
    assert script.exchange.wallet == wallet - margin
    assert script.exchange.fees == fees
    assert script.exchange.margin("T/USDT") == 0


def test_bankruptcy_is_rounded_against_us_at_8_decimals() -> None:
    account = Account(D(1000), 3, {"T/USDT": instrument()})
    with exact():
        account.trade("T/USDT", D(1), D("100.01"), D(0))
        assert account.positions["T/USDT"].bankruptcy == D("66.67333333")  # 66.673333..
        account.trade("T/USDT", D(-2), D("100.01"), D(0))
        assert account.positions["T/USDT"].bankruptcy == D("133.34666667")  # 133.346666..


def test_maintenance_goes_by_tier() -> None:
    traded = instrument()
    with exact():
        assert maintenance(traded, D(50_000)) == 500
        assert maintenance(traded, D(60_000)) == 60_000 * D("0.05") - 2_000
        assert maintenance(traded, D(2_000_000)) == 2_000_000 * D("0.05") - 2_000


def test_an_extreme_rate_leaves_no_safe_price_for_a_long() -> None:
    wild = instrument(tiers=(Tier(D(0), D(10**9), 1, D("0.6"), D(0)),))
    account = Account(D(1000), 2, {"T/USDT": wild})
    with exact():
        account.trade("T/USDT", D(1), D(100), D(0))
        assert not account.positions["T/USDT"].within_safety(1e9, 1e9)
        assert not account.liquidates("T/USDT", D(130))
        assert account.liquidates("T/USDT", D(125))


@pytest.mark.parametrize("sign", [1, -1])
@pytest.mark.parametrize("leverage", [1, 2, 3, 7, 10, 20])
@pytest.mark.parametrize("qty", ["0.001", "10", "400", "5000"])
def test_the_cheap_look_never_misses_a_liquidation(sign: int, leverage: int, qty: str) -> None:
    account = Account(D(10**9), leverage, {"T/USDT": instrument()})
    with exact():
        account.trade("T/USDT", sign * D(qty), D("99.99"), D(0))
        position = account.positions["T/USDT"]
        for cents in range(100, 25_000, 7):
            mark = D(cents) / 100
            if account.liquidates("T/USDT", mark):
                assert not position.within_safety(float(mark), float(mark))
