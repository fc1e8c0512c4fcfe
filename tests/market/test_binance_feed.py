"""Binance's feed on the loopback venue, its clock by hand: bars once each, prices at once, REST for the rest."""

from __future__ import annotations

import asyncio
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Any

import pytest
from kits.binance_kit import Scene, scene

from tradebot.app.venue import simulated_feed
from tradebot.core.model.events import FeedStatus
from tradebot.core.model.values import MINUTE_MS, Bar
from tradebot.venue.rules import make_rule

BTC, ETH = "BTC/USDT", "ETH/USDT"
START = 1_789_486_500_000  # 2026-09-15T15:35Z, 25 minutes before a funding
RECORDED = Path(__file__).parents[2] / "../shared/data/um"


def market(
    symbols: tuple[str, ...] = (BTC, ETH), start: int = START, **named: Any
) -> AbstractAsyncContextManager[Scene]:
    return scene(lambda now: simulated_feed(symbols, 3, now), start, symbols, **named)


def told(made: Scene, symbol: str) -> list[Bar]:
    return made.ear.of(Bar, symbol)


def truth(made: Scene, symbol: str, first: int, last: int) -> list[tuple[str, ...]]:
    """What the venue's klines say, by open time from one to another."""
    board = made.venue.market.past(symbol)
    found = []
    for candle in board.candles.of("1m", first, last, 1500):
        listing = board.listing
        prices = (candle.open, candle.high, candle.low, candle.close)
        found.append((*(listing.price(price) for price in prices), listing.qty(candle.volume)))
    return found


def check(made: Scene, first: int, until: int, symbols: tuple[str, ...] = (BTC, ETH)) -> None:
    """Every bar up to a time at least is there, once and in order, as the venue has it."""
    for symbol in symbols:
        bars = told(made, symbol)
        until = max(until, bars[-1].open_time + MINUTE_MS)
        times = list(range(first, until, MINUTE_MS))
        assert [bar.open_time for bar in bars] == times
        assert [bar.text for bar in bars] == truth(made, symbol, first, until - MINUTE_MS)


async def minutes(made: Scene, count: int, pace: int = 1000) -> None:
    await made.pass_time(count * MINUTE_MS, pace)


async def test_bars_marks_and_touches_as_they_happen() -> None:
    async with market() as made:
        await made.listen()
        assert [bar.symbol for bar in made.source.history()] == []  # they were handed over
        await minutes(made, 3, 250)
        await made.until(lambda: len(made.ear.bars) == 6)
        check(made, START, START + 3 * MINUTE_MS)
        for symbol in (BTC, ETH):
            marks = [quote.text[4] for quote in made.ear.quotes if quote.symbol == symbol]
            assert len(marks) >= 150
            ats = [quote.exchange_time for quote in made.ear.quotes if quote.symbol == symbol]
            assert ats == sorted(ats)
        assert not made.ear.said
        assert not [word for word in made.ear.words if isinstance(word, FeedStatus)]
        assert not made.ear.marks


async def test_the_past_is_there_before_the_start() -> None:
    async with market(warmup=1600) as made:
        await made.source.open(made.ear, None)
        past = list(made.source.history())
        await made.source.close()
        for symbol in (BTC, ETH):
            opens = [bar.open_time for bar in past if bar.symbol == symbol]
            assert opens == list(range(opens[0], START, MINUTE_MS))
            assert len(opens) == 500  # all that the venue knows
        assert [bar.open_time for bar in past] == sorted(bar.open_time for bar in past)


async def test_a_start_says_that_it_waits_for_another_minute() -> None:
    """Others have used this one up: for up to a minute nothing would be heard of it."""
    async with market() as made:
        made.clock.advance(59_800)
        made.venue.limits.charge(1500)
        opening = asyncio.ensure_future(made.source.open(made.ear, None))
        await made.until(lambda: made.ear.said)
        await asyncio.sleep(0.3)
        made.clock.advance(1_000)
        await opening
        (said,) = made.ear.said
        assert "request weight is used: the past is read on in 0 s" in said
        await made.source.close()


async def test_what_keeps_coming_is_said_once_a_minute() -> None:
    """A ban's seconds differ at every try, and so does nonsense in each of its messages."""
    async with market() as made:
        await made.listen()
        rules: list[dict[str, Any]] = [
            {"do": "garble", "event": "kline", "form": "nan", "times": 20},
            {"do": "garble", "event": "markPriceUpdate", "form": "text", "times": 20},
        ]
        made.venue.faults.set(rules)
        await made.pass_time(15_000)
        made.venue.faults.set(
            [{"do": "ban", "seconds": 40}, {"do": "freeze", "event": "*", "seconds": 40}]
        )
        end = made.clock.now() + 35_000
        await made.until(lambda: made.clock.now() >= end, pace=100)
        assert sum("makes no sense" in text for text in made.ear.said) == 1
        assert sum("is no JSON" in text for text in made.ear.said) == 1
        assert sum("was not asked for: the exchange has" in text for text in made.ear.said) == 1


FAULTS: dict[str, list[dict[str, Any]]] = {
    "cut": [{"do": "disconnect_all", "at_s": 70, "every_s": 60}],
    "silence": [{"do": "freeze", "event": "*", "from_s": 65, "seconds": 50, "times": 1}],
    "dropped": [{"do": "drop", "event": "kline", "probability": 0.4}],
    "doubled": [{"do": "duplicate", "event": "*"}],
    "late": [{"do": "late", "event": "kline", "ms": 1500, "probability": 0.5}],
    "reordered": [{"do": "reorder", "event": "*", "window_ms": 2500}],
    "banned": [
        {"do": "ban", "from_s": 90, "times": 1, "seconds": 60},
        {"do": "disconnect_all", "at_s": 80},
    ],
    "away": [
        {"do": "unavailable", "meaning": "unknown", "probability": 0.3},
        {"do": "drop", "event": "kline", "probability": 0.4},
    ],
}


ALWAYS = ("late",)
"""What is played outside the whole sweep, too."""


@pytest.mark.parametrize(
    "name",
    [name if name in ALWAYS else pytest.param(name, marks=pytest.mark.full) for name in FAULTS],
)
async def test_whatever_goes_wrong_each_bar_comes_once(name: str) -> None:
    async with market() as made:
        await made.listen()
        for row in FAULTS[name]:
            made.venue.faults.add(make_rule(row, made.venue.reach))
        await minutes(made, 5)
        made.venue.faults.set([])
        await made.until(lambda: min(len(told(made, s)) for s in (BTC, ETH)) >= 7, pace=50)
        check(made, START, START + 7 * MINUTE_MS)
        prices = [quote.exchange_time for quote in made.ear.quotes if quote.symbol == BTC]
        assert prices == sorted(prices)
