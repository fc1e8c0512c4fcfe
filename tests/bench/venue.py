"""The loopback venue from outside: orders over ccxt, streams at recorded rates, a burst, the start.

The venue is the installed command in its own process. Beside order creation runs an aiohttp handler that
does nothing, asked by the same client in the same run. ``--minutes`` is the length of the rate test.

    python tests/bench/venue.py [--repeats 5] [--minutes 10] [--json]
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import aiohttp
from aiohttp import web

SYMBOLS = ("ADAUSDT", "BTCUSDT", "ETHUSDT", "SOLUSDT", "XRPUSDT")
ORDERS = 500
BURST = 20_000
RATES = {"bookTicker": 192, "trade": 62}
"""Messages a second of recorded BTC (2024-08-08)."""
TICK = os.sysconf("SC_CLK_TCK")


@contextmanager
def venue(*words: str) -> Iterator[tuple[dict[str, Any], subprocess.Popen[bytes], float]]:
    """Run the command; yield what it says first, the process, and the seconds to its first answer."""
    with tempfile.NamedTemporaryFile("r") as said:  # a pipe nobody reads would hold the venue up
        begun = time.perf_counter()
        command = [sys.executable, "-m", "tradebot", "venue", "--json", "--seed", "1", *words]
        with open(said.name, "wb") as out:
            process = subprocess.Popen(command, stdout=out)
        line = ""
        while not line.endswith("\n"):
            time.sleep(0.005)
            line += said.readline()
        try:
            yield json.loads(line), process, time.perf_counter() - begun
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait(timeout=10)


def cpu_s(pid: int) -> float:
    """CPU seconds a process has used."""
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / TICK


def rss_mb(pid: int) -> float:
    """Resident memory of a process, MB."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS"):
            return int(line.split()[1]) / 1024
    return 0.0


def client(opening: dict[str, Any]) -> Any:
    """Return the stock client pointed at the venue."""
    import ccxt.async_support as ccxt

    made = ccxt.binanceusdm(
        {
            "apiKey": opening["key"],
            "secret": opening["secret"],
            "enableRateLimit": False,
            "options": {"fetchCurrencies": False},
        }
    )
    for key in ("fapiPublic", "fapiPrivate"):
        made.urls["api"][key] = f"{opening['url']}/fapi/v1"
    for version in ("V2", "V3"):
        for side in ("Public", "Private"):
            made.urls["api"][f"fapi{side}{version}"] = f"{opening['url']}/fapi/{version.lower()}"
    return made


async def create_orders(made: Any, count: int) -> list[float]:
    """Milliseconds of each of ``count`` resting orders, each cancelled again outside the measurement."""
    taken = []
    for number in range(count):
        begun = time.perf_counter()
        order = await made.create_order("ADA/USDT:USDT", "limit", "buy", 50, 0.5)
        taken.append((time.perf_counter() - begun) * 1000)
        await made.cancel_order(order["id"], "ADA/USDT:USDT")
        if number % 100 == 99:
            await asyncio.sleep(10)  # 300 orders in ten seconds are the venue's limit
    return taken


async def idle_round_trips(count: int) -> list[float]:
    """Milliseconds of posts of the same size to a handler that does nothing."""

    async def nothing(request: web.Request) -> web.Response:
        await request.read()
        return web.json_response({"orderId": 1, "clientOrderId": "x"})

    app = web.Application()
    app.router.add_post("/fapi/v1/order", nothing)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    url = f"http://127.0.0.1:{runner.addresses[0][1]}/fapi/v1/order"
    taken = []
    async with aiohttp.ClientSession() as session:
        for _ in range(count):
            begun = time.perf_counter()
            async with session.post(url, data="x" * 250) as answer:
                await answer.json()
            taken.append((time.perf_counter() - begun) * 1000)
    await runner.cleanup()
    return taken


def spread(values: list[float]) -> dict[str, float]:
    """Median and 99th percentile."""
    ordered = sorted(values)
    return {
        "median": round(statistics.median(ordered), 3),
        "p99": round(ordered[int(len(ordered) * 0.99) - 1], 3),
    }


async def orders() -> dict[str, Any]:
    """Order creation: the client's view, the venue's own time from its ledger, and the idle handler."""
    with tempfile.TemporaryDirectory() as folder:
        ledger = Path(folder) / "ledger.jsonl"
        with venue("--market", "sim", "--ledger", str(ledger)) as (opening, _, start_s):
            made = client(opening)
            await made.load_markets()
            await made.set_leverage(1, "ADA/USDT:USDT")
            seen = await create_orders(made, ORDERS)
            idle = await idle_round_trips(ORDERS)
            await made.close()
            await asyncio.sleep(1)
        rows = (json.loads(line) for line in ledger.read_text().splitlines())
        own = [
            row["us"] / 1000
            for row in rows
            if row["kind"] == "request"
            and row["method"] == "POST"
            and row["path"].endswith("/order")
        ]
    return {
        "start_s": round(start_s, 2),
        "own_ms": spread(own),
        "client_ms": spread(seen),
        "idle_handler_ms": spread(idle),
    }


def write_script(path: Path, seconds: int) -> None:
    """A price script of five symbols at the recorded rate of touches."""
    gap = 1 / RATES["bookTicker"]
    with path.open("w") as out:
        out.write("at_s,symbol,bid,ask,mark\n")
        for number in range(seconds * RATES["bookTicker"]):
            at = 2 + number * gap
            for symbol, price in zip(
                ("ADA", "BTC", "ETH", "SOL", "XRP"), (0.8, 77000.0, 2500.0, 150.0, 2.0), strict=True
            ):
                tick = {"ADA": 4, "BTC": 1, "ETH": 2, "SOL": 2, "XRP": 4}[symbol]
                low = price * (1 + (number % 40) / 20_000)
                out.write(
                    f"{at:.4f},{symbol}/USDT,{low:.{tick}f},{low + 10**-tick:.{tick}f},{low:.{tick}f}\n"
                )


async def rates(seconds: int) -> dict[str, Any]:
    """Five symbols at recorded rates: messages lost, lag at the end, the venue's share of a core, memory."""
    with tempfile.TemporaryDirectory() as folder:
        script = Path(folder) / "prices.csv"
        write_script(script, seconds)
        with venue(str(script)) as (opening, process, _):
            names = [
                f"{s.lower()}@{kind}"
                for s in SYMBOLS
                for kind in ("bookTicker", "trade", "kline_1m", "markPrice@1s")
            ]
            url = f"{opening['url']}/stream?streams={'/'.join(names)}"
            heard: dict[str, int] = {}
            last: dict[tuple[str, str], int] = {}
            lost = 0
            lags: deque[float] = deque(maxlen=5 * len(SYMBOLS) * RATES["bookTicker"])
            memory: list[float] = []
            async with aiohttp.ClientSession() as session, session.ws_connect(url) as socket:
                begun, used = time.perf_counter(), cpu_s(process.pid)
                end = begun + seconds
                async for message in socket:
                    now = time.perf_counter()
                    body = json.loads(message.data)["data"]
                    event, symbol = body["e"], body["s"]
                    heard[event] = heard.get(event, 0) + 1
                    number = body["u"] if event == "bookTicker" else body.get("t")
                    if number is not None:  # touches and trades are numbered without a gap
                        lost += number - last.get((event, symbol), number - 1) - 1
                        last[event, symbol] = number
                    if event == "bookTicker":  # the last five seconds are kept
                        lags.append(time.time() * 1000 - body["T"])
                    if event == "markPriceUpdate" and now > begun + 15 * (1 + len(memory)):
                        memory.append(rss_mb(process.pid))
                    if now > end:
                        break
                share = (cpu_s(process.pid) - used) / (time.perf_counter() - begun)
    return {
        "seconds": seconds,
        "messages": heard,
        "messages_per_s": round(sum(heard.values()) / seconds),
        "lost": lost,
        "lag_at_the_end_ms": spread(list(lags)),
        "core_pct": round(share * 100, 1),
        "memory_mb": [round(memory[0], 1), round(max(memory), 1), round(memory[-1], 1)],
    }


async def burst() -> dict[str, Any]:
    """User events made in one go on one connection: all of them, in order."""
    sys.path.insert(0, str(Path(__file__).parents[1]))
    from kits.venue_ear import ear, listen_key
    from kits.venue_kit import running

    async with running() as desk:
        key = await listen_key(desk)
        async with ear(desk, f"/private/ws?listenKey={key}") as client_:
            begun = time.perf_counter()
            for number in range(BURST):
                desk.venue.acts.do("transfer", amount=str(1 + number))
            heard: list[Any] = []
            while len(heard) < BURST:
                heard.append(await client_.hear())
            taken = time.perf_counter() - begun
    changes = [int(float(body["a"]["B"][0]["bc"])) for body in heard]
    return {"events": BURST, "in_order": changes == list(range(1, BURST + 1)), "s": round(taken, 2)}


async def measure(repeats: int, minutes: float) -> dict[str, Any]:
    """All measurements; order creation ``repeats`` times, the median of its medians counts."""
    runs = [await orders() for _ in range(repeats)]
    runs.sort(key=lambda run: run["own_ms"]["median"])
    return {
        "orders": runs[len(runs) // 2],
        "own_medians_ms": [run["own_ms"]["median"] for run in runs],
        "rates": await rates(round(minutes * 60)),
        "burst": await burst(),
    }


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--minutes", type=float, default=10)
    parser.add_argument("--json", action="store_true")
    asked = parser.parse_args()
    found = asyncio.run(measure(asked.repeats, asked.minutes))
    if asked.json:
        sys.stdout.write(json.dumps(found, indent=2) + "\n")
        return
    for name, values in found.items():
        sys.stdout.write(f"{name}: {json.dumps(values)}\n")


if __name__ == "__main__":
    main()
