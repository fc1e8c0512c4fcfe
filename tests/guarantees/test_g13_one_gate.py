"""Guarantee 13: a broker takes only what the gate made; fuzzed strategies get past no rule.

The large sweep is ``tests/walls``; here a strategy written to cheat tries everything on every symbol.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from kits.engine_kit import ADA, SOL, XRP, Played, a_config, long, short
from kits.wall_world import live_through

from tradebot.core.model.approved import Approved, Seal
from tradebot.core.model.effects import Place
from tradebot.core.model.money import exact
from tradebot.core.model.values import Order, OrderType, Side
from tradebot.core.strategy.protocol import Signal

NAN = float("nan")


def test_an_approval_cannot_be_made_by_hand() -> None:
    order = Order("x", XRP, Side.BUY, OrderType.MARKET, 1)  # type: ignore[arg-type]
    for seal in (Seal(), None, object()):
        with pytest.raises(TypeError, match=r"gate\.check and gate\.close"):
            Approved(order, 0, seal)  # type: ignore[arg-type]


def test_random_strategies_in_random_worlds_pass_no_order_that_breaks_a_rule() -> None:
    with exact():
        record = live_through(range(7_000_000, 7_000_008), 250)
    assert record.steps == 2000
    assert record.approved > 20


CHEATS: list[Any] = [
    Signal("long", 1e9, 1.9),
    Signal("long", 1.0),
    Signal("long", 1.0, 2.5),
    Signal("short", 1.0, 1.5),
    Signal("long", NAN, NAN, NAN),
    Signal("long", 1.0, 1e-9),
    Signal("long", 1.0, 1.9999999999),
    Signal("long", 1.0, 1e300, -1e300),
]


def test_a_cheat_gets_nowhere() -> None:
    """Side flips on three symbols at every bar, nonsense between them: one small entry a minute at most."""
    story = Played(a_config((ADA, SOL, XRP)))
    prices = {ADA: 0.7, SOL: 150.0, XRP: 2.0}
    for n in range(240):
        for symbol, price in prices.items():
            away = 0.1 * price
            sound = long(price - away) if n % 2 else short(price + away)
            story.say(CHEATS[n % len(CHEATS)] if n % 3 == 0 else sound, symbol=symbol)
    for _ in range(240):
        story.bar("2 2 2 2", ada="0.7 0.7 0.7 0.7", sol="150 150 150 150")
    entries = [e for e in story.found(Place) if not e.approved.order.reduce_only]
    assert 0 < len(entries) <= 240
    assert all(e.approved.order.qty * 2 <= 50 for e in entries if e.approved.order.symbol == XRP)
    refused = story.engine.entries.refused
    assert min(refused[rule] for rule in ("entry_interval", "confidence", "no_stop")) > 0


def test_a_signal_while_halted_and_a_symbol_off_the_list_get_nowhere() -> None:
    story = Played(a_config())
    story.command("halt")
    story.say(long(), short(), long())
    story.bars(3)
    assert story.placed() == []
    config = a_config((ADA, XRP))
    off = Played(replace(config, limits=replace(config.limits, symbols=(ADA,))))
    off.say(long())
    off.bar()
    assert "XRP/USDT is not on the allow-list (ADA/USDT)" in off.refusals()
