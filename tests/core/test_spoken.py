"""What happened, in words: one place says it for the log, the screens and alerts."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

import pytest

from tradebot.core.model.effects import (
    Effect,
    FillBooked,
    FundingBooked,
    GhostClosed,
    Halted,
    Notify,
    Resumed,
    SignalJudged,
    TradeClosed,
    WakeAt,
)
from tradebot.core.model.spoken import dead_since, duration, price, said
from tradebot.core.model.values import Fill, Side

D = Decimal
NOON = 1_736_164_800_000
BTC = "BTC/USDT"

SIGNAL = SignalJudged(
    1, NOON, BTC, "long", 0.9, D("64000.5"), D(62000), None, "breakout", "approved"
)
FILL = FillBooked(
    NOON,
    Fill(BTC, 7, "tbxyz-a-1e", Side.BUY, D("0.0100"), D("64000.5"), D("0.32"), False, NOON),
    D("0.01"),
    D("64000.5"),
    D(0),
)
TRADE = TradeClosed(
    1, NOON, BTC, "long", D("0.01"), NOON - 240_000, D(64000), NOON, D(63000), D(1), D(0), D(-11),
    "stop",
)  # fmt: skip
GHOST = GhostClosed(3, NOON, BTC, "target", entry_time=NOON, pnl=D("240"))


@pytest.mark.parametrize(
    ("effect", "words"),
    [
        (SIGNAL, (BTC, "signal", "long   0.90 at 64000.5  approved: breakout")),
        (replace(SIGNAL, verdict="held"), None),
        (
            replace(SIGNAL, verdict="refused", refusals=("too much", "too soon")),
            (BTC, "signal", "long   0.90 at 64000.5  refused: too much; too soon"),
        ),
        (FILL, (BTC, "fill", "buy    0.01 @ 64000.5  fee 0.32")),
        (
            replace(FILL, fill=replace(FILL.fill, liquidation=True)),
            (BTC, "LIQUID.", "buy    0.01 @ 64000.5  fee 0.32"),
        ),
        (
            TRADE,
            (BTC, "closed", "long   64000.0 → 63000.0  PnL -11.00 ▼  stop after 4m00s"),
        ),
        (
            replace(TRADE, pnl=D(9)),
            (BTC, "closed", "long   64000.0 → 63000.0  PnL +9.00 ▲  stop after 4m00s"),
        ),
        (
            replace(TRADE, pnl=D(0)),
            (BTC, "closed", "long   64000.0 → 63000.0  PnL +0.00 =  stop after 4m00s"),
        ),
        (FundingBooked(NOON, BTC, D("-1.5"), D(0), D(0), D(0)), (BTC, "funding", "-1.50 USDT")),
        (FundingBooked(NOON, BTC, D("0.01"), D(0), D(0), D(0)), (BTC, "funding", "+0.0100 USDT")),
        (GHOST, (BTC, "ghost", "signal 3 would be +$240.00  target")),
        (replace(GHOST, pnl=D(-1)), (BTC, "ghost", "signal 3 would be -$1.00  target")),
        (GhostClosed(3, NOON, BTC, "never filled"), (BTC, "ghost", "signal 3 never filled")),
        (Halted(NOON, "day_loss", "too much", 2), ("", "HALTED", "day_loss: too much")),
        (Resumed(NOON, "user", "me", "seen", 3), ("", "RESUMED", "user, by me: seen")),
        (Notify(NOON, "warning", "the feed is silent"), ("", "WARNING", "the feed is silent")),
        (Notify(NOON, "critical", "HALT day_loss: too much"), None),
        (WakeAt("stop", NOON), None),
    ],
)
def test_what_happened_is_said_in_words(effect: Effect, words: tuple[str, str, str]) -> None:
    assert said(effect) == words


def test_a_price_has_the_decimals_of_its_tick() -> None:
    assert price(D("2.12345"), "XRP/USDT") == "2.1234"
    assert price("1.5") == "1.50000000"
    assert price(None, BTC) == "-"


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(45, "45s"), (240, "4m00s"), (7500, "2h05m"), (3 * 86_400 + 4 * 3600, "3d04h")],
)
def test_a_duration_has_its_two_largest_units(seconds: int, words: str) -> None:
    assert duration(seconds) == words


def test_a_dead_engine_is_said_to_be_dead_since_when_it_last_wrote() -> None:
    assert dead_since(None, 2, NOON) == "DEAD"
    assert dead_since(NOON, 0, NOON + 60_000) == "DEAD since 12:00Z"
    assert dead_since(NOON, 1, NOON + 60_000) == "DEAD since 12:00Z, 1 position unwatched"
    later = NOON + 86_400_000
    assert dead_since(NOON, 2, later) == "DEAD since 2025-01-06 12:00Z, 2 positions unwatched"
