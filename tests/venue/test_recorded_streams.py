"""Stream messages beside recordings of the real ones, and a recorded stream played whole.

Where a message differs from its recording, the table says in what and why.
"""

from __future__ import annotations

import asyncio
import gzip
import json
import os
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from kits.shapes import differences
from kits.venue_ear import ear, listen_key
from kits.venue_kit import START, make_venue, row, running

from tradebot.core.model.values import MINUTE_MS
from tradebot.venue.clock import HandClock
from tradebot.venue.core import Venue
from tradebot.venue.recording import RecordingFeed
from tradebot.venue.server import Server

SHARED = Path(__file__).parents[2].parent / "shared"
RECORDED = SHARED / "recorded"
STREAM = SHARED / "data" / "um" / "BTCUSDT-ws-2024-08-08.jsonl.gz"
needs_recordings = pytest.mark.skipif(not RECORDED.is_dir(), reason=f"no recordings in {RECORDED}")
needs_stream = pytest.mark.skipif(not STREAM.is_file(), reason=f"no recording {STREAM}")
FULL = os.environ.get("TRADEBOT_FULL") == "1"

ROWS = [row(s, f"{76914 + s % 7}.90", f"{76915 + s % 7}.00") for s in range(20)] + [
    row(s, "75900.00", "75900.10") for s in range(20, 90)
]
STOP = "algoType=CONDITIONAL&symbol=BTCUSDT&side=SELL&type=STOP_MARKET&quantity=0.002&triggerPrice=76000.0&reduceOnly=true&workingType=MARK_PRICE&clientAlgoId=stop1"


async def told() -> dict[str, Any]:
    """One message of every kind by its name: market kinds by ``e``, user kinds with what they tell."""
    async with running(ROWS) as desk:
        key = await listen_key(desk)
        kinds = [
            "kline_1m",
            "markPrice@1s",
            "bookTicker",
            "aggTrade",
            "trade",
            "depth",
            "forceOrder",
        ]
        async with ear(desk, f"/private/ws?listenKey={key}") as user, ear(desk, "/ws") as market:
            await market.say("SUBSCRIBE", *(f"btcusdt@{kind}" for kind in kinds))
            await desk.raw.send(
                "POST", "/fapi/v1/order", "symbol=BTCUSDT&side=BUY&type=MARKET&quantity=0.004"
            )
            await desk.raw.send("POST", "/fapi/v1/algoOrder", STOP)
            await desk.raw.send(
                "POST",
                "/fapi/v1/algoOrder",
                STOP.replace("stop1", "stop2").replace("76000", "70000"),
            )
            await desk.raw.send("DELETE", "/fapi/v1/algoOrder", "clientAlgoId=stop2")
            for _ in range(90):
                desk.clock.advance(1000)
            desk.venue.acts.do("call_margin", symbol="BTCUSDT")
            desk.venue.acts.do("transfer", amount="5")
            desk.venue.acts.do("liquidate", symbol="BTCUSDT")
            desk.clock.advance(2 * 3_600_000)
            found: dict[str, Any] = {}
            for body in [*await user.all(), *await market.all()]:
                if not isinstance(body, dict):
                    continue
                what = body.get("o", {}) if body["e"] != "forceOrder" else {}
                name = body["e"]
                if name == "ORDER_TRADE_UPDATE":
                    name += f"/{what['x']}"
                elif name == "ALGO_UPDATE":
                    name += f"/{what['X']}"
                elif name == "ACCOUNT_UPDATE":
                    name += f"/{body['a']['m']}"
                elif name == "kline" and body["k"]["x"]:
                    name += "/closed"
                found.setdefault(name, body)
            return found


def recorded(name: str) -> Any:
    body = json.loads((RECORDED / name).read_text(encoding="utf-8"))
    return body.get("data", body)


IDS = ("o.aid", "o.i", "o.t")
"""Examples of the documentation have ids of a few digits."""

PAIRS = [
    ("kline", "ws_kline_2026-09-30.json", ()),
    ("markPriceUpdate", "nautilus/mark_price_stream.json", ("ap", "st")),
    ("bookTicker", "nautilus/book_ticker_stream.json", ("st", "ps", "u", "b", "B", "a", "A")),
    ("aggTrade", "nautilus/agg_trade_stream.json", ("st", "nq", "p", "q", "f", "l")),
    # documentation's example: another symbol's decimals, trailing fields by order type
    (
        "ORDER_TRADE_UPDATE/TRADE",
        "nautilus/order_update_trade_partial.json",
        ("o.AP", "o.cr", "o.si", "o.ss", "o.pm", "o.gtd", "o.rp", "o.p"),
    ),
    ("ALGO_UPDATE/TRIGGERING", "nautilus/ws_futures_algo_update_triggering.json", ("o.q", "o.tp")),
    ("ALGO_UPDATE/TRIGGERED", "nautilus/ws_futures_algo_update_triggered.json", ("o.q", "o.tp")),
    (
        "ALGO_UPDATE/FINISHED",
        "nautilus/ws_futures_algo_update_finished.json",
        ("o.q", "o.tp", "o.ap", "o.aq"),
    ),
    ("ALGO_UPDATE/NEW", "nautilus/algo_update_new.json", ("o.rm", "o.q", "o.tp", "o.p")),
    (
        "ACCOUNT_UPDATE/ORDER",
        "nautilus/account_update.json",
        ("a.P[].ma", "a.B[].bc", "a.P[].pa", "a.P[].ep", "a.P[].bep", "a.P[].cr", "a.P[].up"),
    ),
]
"""Our message, its recording, and the fields that may differ: the symbol's decimals, optional or newer fields."""


@needs_recordings
async def test_messages_are_the_recorded_ones_in_all_but_numbers() -> None:
    made = await told()
    wrong = []
    for name, file, allowed in PAIRS:
        for line in differences(recorded(file), made[name]):
            path = line.split(":")[0]
            if path not in (*allowed, *IDS) and not line.startswith(("E:", "T:")):
                wrong.append(f"{name}: {line}")
    assert wrong == []


async def test_every_kind_of_message_with_its_fields() -> None:
    """Names of the fields, written down here: true without the recordings too."""
    made = await told()
    order = "s c S o f q p ap sp x X i l z L T t b a m R wt ot ps cp rp pP si ss V pm gtd"
    assert set(made["ORDER_TRADE_UPDATE/NEW"]["o"]) == set(order.split())
    assert set(made["ORDER_TRADE_UPDATE/TRADE"]["o"]) == {*order.split(), "n", "N"}
    assert made["ORDER_TRADE_UPDATE/CALCULATED"]["o"]["c"].startswith("autoclose-")
    assert set(made["TRADE_LITE"]) == {
        "e",
        "E",
        "T",
        "s",
        "q",
        "p",
        "m",
        "c",
        "S",
        "L",
        "l",
        "t",
        "i",
    }
    algo = "caid aid at o s S ps f q X ai ap aq act tp p V wt pm cp pP R tt gtd"
    assert set(made["ALGO_UPDATE/NEW"]["o"]) == set(algo.split())
    assert made["ALGO_UPDATE/NEW"]["o"]["ai"] == ""
    assert "aq" not in made["ALGO_UPDATE/TRIGGERING"]["o"]
    assert made["ALGO_UPDATE/TRIGGERED"]["o"]["aq"] == "0"
    assert made["ALGO_UPDATE/FINISHED"]["o"]["aq"] == "0.002"
    assert "ALGO_UPDATE/CANCELED" in made
    assert set(made["ACCOUNT_UPDATE/ORDER"]["a"]["B"][0]) == {"a", "wb", "cw", "bc"}
    position = "s pa ep bep cr up mt iw ps ma"
    assert set(made["ACCOUNT_UPDATE/ORDER"]["a"]["P"][0]) == set(position.split())
    assert made["ACCOUNT_UPDATE/DEPOSIT"]["a"]["B"][0]["bc"] == "5.00000000"
    assert set(made["MARGIN_CALL"]["p"][0]) == {"s", "ps", "pa", "mt", "iw", "mp", "up", "mm"}
    assert set(made["listenKeyExpired"]) == {"e", "E", "listenKey"}
    assert set(made["kline/closed"]["k"]) == {
        "t",
        "T",
        "s",
        "i",
        "f",
        "L",
        "o",
        "c",
        "h",
        "l",
        "v",
        "n",
        "x",
        "q",
        "V",
        "Q",
        "B",
    }
    assert set(made["depthUpdate"]) == {"e", "E", "T", "s", "U", "u", "pu", "b", "a"}
    assert set(made["forceOrder"]["o"]) == {"s", "S", "o", "f", "q", "p", "ap", "X", "l", "z", "T"}
    assert set(made["trade"]) == {"e", "E", "T", "s", "t", "p", "q", "X", "m"}


# The recorded stream


def messages() -> Iterator[dict[str, Any]]:
    with gzip.open(STREAM, "rt", encoding="utf-8") as lines:
        for line in lines:
            yield json.loads(line.split(" ", 1)[1])


def bars_of(trades: list[tuple[int, Decimal, Decimal]]) -> dict[int, list[Decimal]]:
    """Open, high, low, close and volume by minute, from trades in their order."""
    bars: dict[int, list[Decimal]] = {}
    for at, price, qty in trades:
        bar = bars.setdefault(at - at % MINUTE_MS, [price, price, price, price, Decimal(0)])
        bar[1], bar[2], bar[3] = max(bar[1], price), min(bar[2], price), price
        bar[4] += qty
    return bars


async def hear_all(socket: aiohttp.ClientWebSocketResponse, heard: list[Any]) -> None:
    async for message in socket:
        heard.append(json.loads(message.data))


@needs_stream
async def test_the_recorded_stream_gives_the_bars_of_its_file() -> None:
    """Trades, touches and klines as a client received them, beside what the file says."""
    seconds = 345 if FULL else 70
    first: int | None = None
    file_trades: list[tuple[int, Decimal, Decimal]] = []
    touches = 0
    for message in messages():
        data = message.get("data", {})
        if "T" not in data:
            continue
        first = first or int(data["T"])
        if int(data["T"]) - first > seconds * 1000:
            continue
        if data["e"] == "trade":
            file_trades.append((int(data["T"]), Decimal(data["p"]), Decimal(data["q"])))
        touches += data["e"] == "bookTicker"
    assert first is not None
    clock = HandClock(first)
    venue = Venue(RecordingFeed(STREAM, first), clock)
    server = Server(venue)
    await server.start()
    heard: list[Any] = []
    try:
        async with aiohttp.ClientSession() as session:
            names = "btcusdt@trade/btcusdt@bookTicker/btcusdt@kline_1m"
            async with session.ws_connect(f"{server.url}/stream?streams={names}") as socket:
                listener = asyncio.create_task(hear_all(socket, heard))
                await asyncio.sleep(0.05)
                venue.start()
                for _ in range(seconds * 10):
                    clock.advance(100)
                    await asyncio.sleep(0)
                await asyncio.sleep(1)
                listener.cancel()
    finally:
        await server.stop()
        venue.stop()
    got = [body["data"] for body in heard]
    trades = [(b["T"], Decimal(b["p"]), Decimal(b["q"])) for b in got if b["e"] == "trade"]
    assert trades == file_trades
    assert sum(b["e"] == "bookTicker" for b in got) == touches
    expected = bars_of(file_trades)
    closed = {
        b["k"]["t"]: [Decimal(b["k"][name]) for name in "ohlcv"]
        for b in got
        if b["e"] == "kline" and b["k"]["x"]
    }
    whole = sorted(expected)[:-1]
    assert sorted(closed) == whole
    assert {at: closed[at] for at in whole} == {at: expected[at] for at in whole}


def test_a_venue_without_a_loop_needs_none() -> None:
    """What is driven by hand is driven without a server: a day passes in the caller's thread."""
    venue = make_venue(
        [row(s * 60, f"{76000 + s % 50}.00", f"{76000 + s % 50}.10") for s in range(1441)]
    )
    venue.start()
    clock = venue.clock
    assert isinstance(clock, HandClock)
    clock.advance(86_400_000)
    assert clock.now() == START + 86_400_000
    assert len(list(venue.market.board("BTC/USDT").candles.minutes())) == 1441
    venue.stop()
