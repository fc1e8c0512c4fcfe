"""Guarantee 7: nothing the exchange's filters would reject leaves; a residual is closed or said once."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

from hypothesis import assume, given
from hypothesis import strategies as st
from kits.engine_kit import NOON, XRP, Bare, Played, a_config

from tradebot.core.model.effects import OrderChanged
from tradebot.core.model.events import Filled
from tradebot.core.model.facts import INSTRUMENTS
from tradebot.core.model.values import OrderStatus, Purpose
from tradebot.core.risk.limits import Limits
from tradebot.core.strategy.protocol import Signal
from tradebot.core.trading.shared import Execution

D = Decimal
RANGES = {"BTC/USDT": 90_000, "ETH/USDT": 3_000, "SOL/USDT": 150, "XRP/USDT": 2, "ADA/USDT": 0.7}


@given(
    symbol=st.sampled_from(sorted(RANGES)),
    scale=st.floats(0.3, 3.0),
    side=st.sampled_from(["long", "short"]),
    away=st.floats(0.0001, 0.3),
    far=st.floats(0.0001, 0.9),
    confidence=st.floats(0, 1),
    entry=st.sampled_from(["ioc", "market", "limit"]),
    slip=st.integers(0, 300),
)
def test_the_exchange_refuses_nothing_for_its_form(
    symbol: str,
    scale: float,
    side: str,
    away: float,
    far: float,
    confidence: float,
    entry: str,
    slip: int,
) -> None:
    tick = INSTRUMENTS[symbol].tick
    price = round(RANGES[symbol] * scale / float(tick)) * tick
    sign = 1 if side == "long" else -1
    stop, target = float(price) * (1 - sign * away), float(price) * (1 + sign * far)
    config = a_config(
        (symbol,),
        limits=Limits.paper(),
        execution=Execution(entry, D(slip), 60),  # type: ignore[arg-type]
    )
    story = Played(config, NOON)
    story.say(Signal(side, confidence, stop, target), symbol=symbol)  # type: ignore[arg-type]
    for _ in range(4):
        story.bar(f"{price} {price} {price} {price}", symbol)
    assume(story.placed())
    refused = [e for e in story.found(OrderChanged) if e.status is OrderStatus.REJECTED]
    # a stop or target nearer than the fill's own slippage would trigger at once: -2021, and it is closed
    assert all("would trigger at once" in e.reason for e in refused), refused


def test_a_residual_below_the_minimum_notional_is_closed() -> None:
    story = Bare(a_config())
    entry = story.opened()
    story.say(Signal("exit", 1.0))
    story.bar()
    first = story.placed(Purpose.EXIT)[0]
    story.fill(first, str(entry.qty - D("0.1")))
    story.update(first, OrderStatus.EXPIRED)
    story.later(1000)
    rest = story.placed(Purpose.EXIT)[1]  # worth 20 cents
    assert (str(rest.qty), rest.reduce_only) == ("0.1", True)


def test_a_residual_below_the_smallest_quantity_is_said_once_and_the_rest_goes_on() -> None:
    story = Bare(a_config(("ADA/USDT", XRP)))
    story.bar()
    story.tell(Filled(story.now, replace(story.lost(), qty=D("0.05"))))
    story.say(Signal("long", 1.0, 0.65), symbol="ADA/USDT")
    for _ in range(5):
        story.bar()
    story.bar("0.7 0.7 0.7 0.7", "ADA/USDT")
    assert story.told().count("exit refused") == 1
    assert story.verdicts() == ["approved"]
