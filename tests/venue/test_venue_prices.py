"""Bars lived through second by second are the same bars again as klines; files, scripts, the past."""

from __future__ import annotations

import asyncio
import time
from decimal import Decimal
from pathlib import Path

import aiohttp
import pytest
from hypothesis import given
from hypothesis import strategies as st
from kits.venue_kit import BTC, ETH, START, row

from tradebot.app.venue import file_feed, simulated_feed
from tradebot.core.model.errors import DataError
from tradebot.core.model.facts import INSTRUMENTS
from tradebot.core.model.values import MINUTE_MS, Bar, Quote
from tradebot.market.embedded.market import SimulatedMarket
from tradebot.venue.bus import Depth, Trade
from tradebot.venue.candles import Candle
from tradebot.venue.clock import HandClock, WallClock
from tradebot.venue.core import Venue
from tradebot.venue.path import path, quotes_of, split, trade_prices
from tradebot.venue.prices import PriceFeed
from tradebot.venue.recording import RecordingFeed
from tradebot.venue.script import ScriptFeed, read_script
from tradebot.venue.server import Server

MINUTE = START - START % MINUTE_MS


def numbers(bar: Bar) -> list[Decimal]:
    return [Decimal(text) for text in bar.text]


def shown(candle: Candle) -> list[Decimal]:
    return [candle.open, candle.high, candle.low, candle.close, candle.volume]


def lived(feed: PriceFeed, minutes: int) -> Venue:
    clock = HandClock(MINUTE)
    venue = Venue(feed, clock)
    venue.start()
    clock.advance(minutes * MINUTE_MS)
    return venue


def test_klines_of_the_embedded_market_are_its_bars() -> None:
    market = SimulatedMarket((BTC, ETH), 3, start=MINUTE)
    bars: dict[str, list[Bar]] = {BTC: [], ETH: []}
    steps = market.steps()
    while len(bars[BTC]) < 20:
        for event in next(steps):
            if isinstance(event, Bar):
                bars[event.symbol].append(event)
    past = [e for step in market.history(500) for e in step if isinstance(e, Bar)]
    venue = lived(simulated_feed((BTC, ETH), 3, MINUTE), 20)
    for symbol in (BTC, ETH):
        board = venue.market.past(symbol)
        klines = board.candles.of("1m", None, None, 1500)
        expected = [bar for bar in past if bar.symbol == symbol] + bars[symbol]
        assert [k.opened for k in klines[:-1]] == [bar.open_time for bar in expected]
        assert [shown(k) for k in klines[:-1]] == [numbers(bar) for bar in expected]


@given(
    st.lists(st.integers(1, 4000), min_size=4, max_size=4),
    st.integers(0, 100_000),
)
def test_any_bar_s_path_makes_the_same_bar_again(prices: list[int], volume: int) -> None:
    low, high = min(prices), max(prices)
    tick = Decimal("0.1")
    text = [str(100 + p * tick) for p in (prices[0], high, low, prices[3])]
    bar = Bar.of(BTC, 0, MINUTE_MS, [*text, str(Decimal(volume) / 1000)])
    instrument = INSTRUMENTS[BTC]
    quotes = quotes_of(bar, None, instrument)
    traded = [Decimal(price) for price, _ in trade_prices(bar, quotes)]
    sizes = split(bar.exact_volume, len(quotes), instrument.step)
    assert [traded[0], max(traded), min(traded), traded[-1]] == numbers(bar)[:4]
    assert sum(sizes) == bar.exact_volume
    assert all(0 < q.exact_bid < q.exact_ask for q in quotes)
    assert all(bar.exact_low <= p <= bar.exact_high for p in path(bar, len(quotes)))


def bars_file(folder: Path, rows: int) -> Path:
    file = folder / "BTCUSDT-1m-x.csv"
    lines = ["open_time,open,high,low,close,volume"]
    for i in range(rows):
        lines.append(f"{MINUTE + (i - 5) * MINUTE_MS},{90000 + i},{90020 + i},{89990},{90010},1.5")
    file.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return file


def test_a_file_that_holds_the_venue_s_time_keeps_its_own_times(tmp_path: Path) -> None:
    feed = file_feed([bars_file(tmp_path, 15)], None, MINUTE, aligned=True)
    venue = lived(feed, 9)
    klines = venue.market.past(BTC).candles.of("1m", None, None, 100)
    assert [k.opened for k in klines] == [MINUTE + (i - 5) * MINUTE_MS for i in range(15)]
    assert [k.open for k in klines] == [Decimal(90000 + i) for i in range(15)]


def test_other_files_are_shifted_and_their_first_half_is_the_past(tmp_path: Path) -> None:
    feed = file_feed([bars_file(tmp_path, 10)], None, MINUTE, aligned=False)
    venue = lived(feed, 3)
    klines = venue.market.past(BTC).candles.of("1m", None, None, 100)
    assert [k.opened for k in klines] == [MINUTE + (i - 5) * MINUTE_MS for i in range(9)]


def test_longer_candles_are_put_together_from_minutes() -> None:
    venue = lived(simulated_feed((BTC,), 1, MINUTE), 30)
    board = venue.market.past(BTC)
    minutes = board.candles.of("1m", None, None, 1500)
    for interval, length in (("5m", 5), ("15m", 15), ("1h", 60)):
        for candle in board.candles.of(interval, None, None, 1500):
            inside = [
                m for m in minutes if candle.opened <= m.opened < candle.opened + length * MINUTE_MS
            ]
            assert candle.open == inside[0].open
            assert candle.close == inside[-1].close
            assert candle.high == max(m.high for m in inside)
            assert candle.low == min(m.low for m in inside)
            assert candle.volume == sum(m.volume for m in inside)


def test_a_price_script_is_read_and_played(tmp_path: Path) -> None:
    file = tmp_path / "script.csv"
    file.write_text(
        "at_s,symbol,bid,ask,mark\n0,BTC/USDT,100.0,100.1,100.0\n1.5,BTC/USDT,99.0,99.1,99.5\n",
        encoding="utf-8",
    )
    feed = ScriptFeed(read_script(file, INSTRUMENTS), START)
    ticks = list(feed.ticks())
    assert [tick.at - START for tick in ticks] == [0, 1500]
    assert isinstance(ticks[1], Quote)
    assert ticks[1].text[:2] == ("99.0", "99.1")


@pytest.mark.parametrize(
    ("text", "line", "says"),
    [
        ("symbol,bid,ask,mark\n", 1, "no column at_s"),
        ("at_s,symbol,bid,ask,mark\n", 1, "no rows"),
        ("at_s,symbol,bid,ask,mark\nx,BTC/USDT,1,2,1\n", 2, "no number"),
        ("at_s,symbol,bid,ask,mark\n0,BTC/USDT,1,NaN,1\n", 2, "no number"),
        ("at_s,symbol,bid,ask,mark\n0,BTC/USDT,2,1,1\n", 2, "bid < ask"),
        ("at_s,symbol,bid,ask,mark\n1,BTC/USDT,1,2,1\n0,BTC/USDT,1,2,1\n", 3, "before"),
        ("at_s,symbol,bid,ask,mark\n-1,BTC/USDT,1,2,1\n", 2, "before the start"),
        ("at_s,symbol,bid,ask,mark\n0,DOGE/USDT,1,2,1\n", 2, "'DOGE/USDT' is not listed"),
        ("at_s,symbol,bid,ask,mark\n0,BTCUSDT,1,2,1\n", 2, "'BTCUSDT' is not listed"),
        ("at_s,symbol,bid,ask,mark\n0,BTC/USDT,1.05,2,1\n", 2, "1.05 is no multiple of the tick"),
        ("at_s,symbol,bid,ask,mark,bid_qty\n0,BTC/USDT,1,2,1,0\n", 2, "0 is not above 0"),
        ("at_s,symbol,bid,ask,mark,ask_qty\n0,BTC/USDT,1,2,1,much\n", 2, "'much' is no number"),
    ],
)
def test_a_bad_script_is_said_with_its_line(
    tmp_path: Path, text: str, line: int, says: str
) -> None:
    file = tmp_path / "script.csv"
    file.write_text(text, encoding="utf-8")
    with pytest.raises(DataError, match=says) as caught:
        read_script(file, INSTRUMENTS)
    assert caught.value.line == line


LINES = (
    '1000000000 {"stream":"btcusdt@bookTicker","data":{"e":"bookTicker","u":7,"s":"BTCUSDT",'
    '"b":"61800.20","B":"2.507","a":"61800.30","A":"2.510","T":5000,"E":5000}}\n'
    '1000000001 {"lastUpdateId":9,"E":5001,"T":5001,"bids":[["61800.20","1"]],"asks":[["61800.30","2"]]}\n'
    '1000000002 {"stream":"btcusdt@depth@0ms","data":{"e":"depthUpdate","E":5002,"T":5002,"s":"BTCUSDT",'
    '"U":10,"u":12,"pu":9,"b":[["61800.20","0.000"],["61800.10","4"]],"a":[]}}\n'
    '1000000003 {"stream":"btcusdt@trade","data":{"e":"trade","E":5003,"T":5003,"s":"BTCUSDT",'
    '"t":11,"p":"61800.30","q":"0.006","X":"MARKET","m":false}}\n'
)


def test_a_recording_keeps_distances_and_its_mark_is_the_mid(tmp_path: Path) -> None:
    file = tmp_path / "r.jsonl"
    file.write_text(LINES, encoding="utf-8")
    feed = RecordingFeed(file, START)
    ticks = list(feed.ticks())
    assert [tick.at - START for tick in ticks] == [0, 1, 2, 3]
    assert [type(tick) for tick in ticks] == [Quote, Depth, Depth, Trade]
    assert feed.label == "recording r.jsonl (mark = mid)"
    assert isinstance(ticks[0], Quote)
    assert ticks[0].exact_mark == Decimal("61800.25")
    clock = HandClock(START)
    venue = Venue(feed, clock)
    venue.start()
    clock.advance(10)
    bids, asks = venue.market.board(BTC).levels(5)
    assert (bids, asks) == ([["61800.10", "4"]], [["61800.30", "2"]])
    assert venue.market.board(BTC).last is not None


async def test_a_market_that_runs_late_does_not_keep_requests_waiting() -> None:
    """More than the machine can play: what is due is played by and by, and the venue answers between."""
    prices = [76000 + number % 99 for number in range(60_000)]
    late = [row(0.2, f"{price}.00", f"{price}.10") for price in prices]
    clock = WallClock()
    venue = Venue(ScriptFeed([row(0), *late], clock.now()), clock)
    server = Server(venue)
    await server.start()
    try:
        begun = time.monotonic()
        venue.start()
        await asyncio.sleep(0.25)
        async with (
            aiohttp.ClientSession() as session,
            session.get(f"{server.url}/fapi/v1/ping") as answer,
        ):
            assert await answer.json() == {}
        assert not venue.played
        while not venue.played:
            assert time.monotonic() < begun + 120
            await asyncio.sleep(0.05)
        quote = venue.market.board(BTC).quote
        assert quote is not None
        assert quote.text[0] == late[-1].bid
    finally:
        await server.stop()
        venue.stop()
