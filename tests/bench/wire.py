# ruff: noqa: E402
"""The bot on Binance's wire: from a signal to the socket beside raw ccxt, five symbols at recorded rates, a burst.

``python tests/bench/wire.py [--rounds 5] [--orders 200] [--minutes 10] [--json]``. The other side is a process of its own: one that
does nothing (orders), one that sends a burst, the venue (rates). Wall and CPU time stand beside each other: on a
machine that others work on, the second is what counts.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import aiohttp
from aiohttp import web

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE.parent), str(HERE)]

from kits.engine_kit import XRP, Bare, Scripted, a_config, long
from kits.journal_samples import KEY, new_run
from venue import cpu_s, rss_mb, venue, write_script

from tradebot.broker.binance import BinanceBroker
from tradebot.broker.private_stream import PrivateStream
from tradebot.broker.user_events import UserEvents
from tradebot.core.model.effects import Place
from tradebot.core.model.events import Filled
from tradebot.core.model.money import exact
from tradebot.core.model.values import Bar, Order, OrderStatus, Purpose
from tradebot.core.strategy.protocol import Signal
from tradebot.core.trading.engine import Engine
from tradebot.core.trading.session import Session
from tradebot.journal.rows import Batch
from tradebot.journal.writer import Journal
from tradebot.wire.api_key import ApiKey
from tradebot.wire.budget import Budget
from tradebot.wire.client import Wire
from tradebot.wire.hosts import find_hosts
from tradebot.wire.reply import Reply

KEYS = ApiKey("k" * 64, "s" * 64)
BURST = 20_000
WARM_UP_S = 30
WARM_UP = 10
SYMBOLS = "ADA/USDT,BTC/USDT,ETH/USDT,SOL/USDT,XRP/USDT"

ORDER_ANSWER = {
    "orderId": 839, "symbol": "XRPUSDT", "status": "NEW", "clientOrderId": "tbabcdef-n1-1e", "price": "2.004",
    "avgPrice": "0.00", "origQty": "24.9", "executedQty": "0", "cumQty": "0", "cumQuote": "0", "timeInForce": "IOC",
    "type": "LIMIT", "reduceOnly": False, "closePosition": False, "side": "BUY", "positionSide": "BOTH",
    "stopPrice": "0", "workingType": "CONTRACT_PRICE", "priceProtect": False, "origType": "LIMIT",
    "priceMatch": "NONE", "selfTradePreventionMode": "EXPIRE_MAKER", "goodTillDate": 0, "updateTime": 1795000000000,
}  # fmt: skip
"""What the exchange says to an order that it takes."""

Mark = tuple[float, float]
Figures = dict[str, float]


def begin_mark() -> Mark:
    """Wall and this thread's CPU time, seconds; asking for the second, a call of the system, is not in what follows."""
    cpu = time.thread_time()
    return time.perf_counter(), cpu


def mark() -> Mark:
    """Wall and this thread's CPU time, seconds, at the end of something."""
    return time.perf_counter(), time.thread_time()


def since(begin: Mark, end: Mark) -> Mark:
    return end[0] - begin[0], end[1] - begin[1]


def milliseconds(found: list[Mark]) -> Figures:
    """Medians of wall and CPU time."""
    wall, cpu = zip(*found, strict=True)
    return {
        "wall_ms": round(statistics.median(wall) * 1000, 3),
        "cpu_ms": round(statistics.median(cpu) * 1000, 3),
    }


def wall_ms(found: list[float]) -> float:
    """The median of seconds, in milliseconds."""
    return round(statistics.median(found) * 1000, 3)


UNITS = ("wall_ms", "cpu_ms")

# -- the other side ---------------------------------------------------------------------------------


async def idle(request: web.Request) -> web.Response:
    if request.path.endswith("/time"):
        return web.json_response({"serverTime": round(time.time() * 1000)})
    if request.path.endswith("/order"):
        return web.json_response(ORDER_ANSWER)
    return web.json_response({"listenKey": "abc"} if request.path.endswith("listenKey") else {})


async def burst_socket(request: web.Request) -> web.WebSocketResponse:
    """Send fills of one order, as many as there are, as fast as the socket takes them."""
    socket = web.WebSocketResponse()
    await socket.prepare(request)
    order_id = os.environ["BURST_ORDER"]
    for number in range(1, BURST + 1):
        await socket.send_str(fill_message(order_id, number))
    await socket.receive()
    return socket


def fill_message(order_id: str, number: int) -> str:
    done = f"{number / 10:.1f}"
    now = round(time.time() * 1000)
    body = {
        "s": "XRPUSDT", "c": order_id, "S": "BUY", "o": "LIMIT", "f": "IOC", "q": f"{BURST / 10 + 1:.1f}", "p": "2",
        "ap": "2", "sp": "0", "x": "TRADE", "X": "PARTIALLY_FILLED", "i": 839, "l": "0.1", "z": done, "L": "2",
        "n": "0.0001", "N": "USDT", "T": now, "t": number, "b": "0", "a": "0", "m": False, "R": False,
        "wt": "CONTRACT_PRICE", "ot": "LIMIT", "ps": "BOTH", "cp": False, "rp": "0", "pP": False, "si": 0, "ss": 0,
        "V": "EXPIRE_MAKER", "pm": "NONE", "gtd": 0,
    }  # fmt: skip
    return json.dumps({"e": "ORDER_TRADE_UPDATE", "T": now, "E": now, "o": body})


def serve() -> None:
    """Be the other side: say the port, and answer until killed."""

    async def main() -> None:
        app = web.Application()
        app.router.add_get("/private/ws", burst_socket)
        app.router.add_route("*", "/{path:.*}", idle)
        runner = web.AppRunner(app)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        sys.stdout.write(f"{runner.addresses[0][1]}\n")
        sys.stdout.flush()
        await asyncio.Event().wait()

    asyncio.run(main())


@contextmanager
def other_side(**env: str) -> Iterator[str]:
    command = [sys.executable, str(Path(__file__)), "--serve"]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, text=True, env={**os.environ, **env}
    ) as process:
        assert process.stdout is not None
        try:
            yield f"http://127.0.0.1:{process.stdout.readline().strip()}"
        finally:
            process.kill()


# -- from a signal to the socket -----------------------------------------------------------------------


class MarkedWire(Wire):
    """Notes when it was asked for a request, and when the request's head has been written."""

    asked_at = 0.0
    left_at: Mark = (0.0, 0.0)

    async def ask(self, *args: Any) -> Reply:
        self.asked_at = time.perf_counter()
        return await super().ask(*args)

    async def _on_leaving(self, *args: object) -> None:
        await super()._on_leaving(*args)
        self.left_at = mark()


class MarkedStrategy(Scripted):
    """Notes when it has said what it says."""

    said_at: Mark = (0.0, 0.0)

    def on_bar(self, bar: Bar) -> Any:
        said = super().on_bar(bar)
        self.said_at = begin_mark()
        return said


class Entering(Bare):
    """An engine that can be told to enter; what it takes to build has emptied the caches, for both sides."""

    def __init__(self) -> None:
        super().__init__(a_config())
        for _ in range(10):
            self.bar()

    def next_bar(self) -> Bar:
        """The bar of the next minute."""
        bar = self.a_bar()
        self.time += self.config.interval
        return bar

    def _new(self) -> Engine:
        return Engine(self.config, lambda symbol: MarkedStrategy(self.script, symbol))

    @property
    def said_at(self) -> Mark:
        strategy = self.engine.books[XRP].strategy
        assert isinstance(strategy, MarkedStrategy)
        return strategy.said_at


@dataclass(frozen=True)
class Way:
    """What one order of ours took on its way: from the bar, from the signal, and the parts of the latter (wall only)."""

    from_bar: Mark
    from_signal: Mark
    decision: float
    broker: float
    wire: float


Ready = tuple[Entering, Session, list[Bar]]


class Ours:
    """Session, engine and broker: a bar goes in, a request comes out. The record between them is measured apart."""

    def __init__(self, wire: MarkedWire) -> None:
        self.wire = wire
        self.broker = BinanceBroker(wire, [XRP])
        self.broker._stream.connected = self.broker._is_set = True
        self.broker._rules.known = self.broker._baselines.known = True
        self.broker._answer = lambda _: None
        self.broker._errands.ready.set()

    def make_ready(self) -> Ready:
        """An engine whose next bar has a signal, in a session."""
        story = Entering()
        session = Session(story.engine, self.broker)
        with exact():
            session.advance([story.next_bar()])  # what is looked at once an hour
        story.say(long(1.9))
        return story, session, [story.next_bar()]

    def again(self, ready: Ready, order: Order) -> Ready:
        """The same engine a minute later: its order has ended without a fill, and the next bar has a signal."""
        story, session, _ = ready
        story.update(order, OrderStatus.EXPIRED)
        session.outbox.clear()
        story.say(long(1.9))
        return story, session, [story.next_bar()]

    async def order(self, ready: Ready) -> tuple[Way, Order]:
        story, session, step = ready
        self.broker._obstacle = lambda approved: session.obstacle(approved, story.now)
        self.broker._sent.clear()
        self.wire.budget = Budget()
        with exact():
            begin = begin_mark()
            session.advance(step)
            decided = time.perf_counter()
            place = session.outbox[0]
            session.hand_over(place)
        (task,) = self.broker._errands.tasks
        await task
        assert isinstance(place, Place)
        said, asked, left = story.said_at, self.wire.asked_at, self.wire.left_at
        assert begin[0] < said[0] < decided < asked < left[0], "nothing left"
        parts = (decided - said[0], asked - decided, left[0] - asked)
        return Way(since(begin, left), since(said, left), *parts), place.approved.order


class Raw:
    """ccxt as it comes, told the same order; ``markets`` are ccxt's own, as it has read them: ``create_order`` needs them."""

    def __init__(self, url: str, markets: Any = None) -> None:
        import ccxt.async_support as ccxt

        self.left_at: Mark = (0.0, 0.0)
        trace = aiohttp.TraceConfig()
        trace.on_request_headers_sent.append(self._on_leaving)
        self.session = aiohttp.ClientSession(trace_configs=[trace])
        self.client = ccxt.binanceusdm(
            {
                "apiKey": KEYS.key,
                "secret": KEYS.secret,
                "enableRateLimit": False,
                "session": self.session,
            }
        )
        self.client.urls["api"]["fapiPrivate"] = f"{url}/fapi/v1"
        if markets is not None:
            self.client.set_markets(markets)

    async def _on_leaving(self, *_: object) -> None:
        self.left_at = mark()

    async def send(self, params: dict[str, str]) -> Mark:
        """Only have the finished parameters signed and sent: until the request leaves."""
        begin = begin_mark()
        await self.client.fapiPrivatePostOrder(params)
        return since(begin, self.left_at)

    async def create_order(self, params: dict[str, str]) -> tuple[Mark, Mark]:
        """What anybody calls who trades with ccxt: until the request leaves, and whole."""
        amount, price = float(params["quantity"]), float(params["price"])
        more = {
            "timeInForce": params["timeInForce"],
            "newClientOrderId": params["newClientOrderId"],
        }
        begin = begin_mark()
        await self.client.create_order("XRP/USDT:USDT", "limit", "buy", amount, price, more)
        end = mark()
        return since(begin, self.left_at), since(begin, end)

    async def close(self) -> None:
        await self.client.close()
        await self.session.close()


async def read_markets() -> Any:
    """ccxt's markets, read from a venue as ccxt reads them anywhere."""
    import ccxt.async_support as ccxt

    only_linear = {"fetchMarkets": {"types": ["linear"]}, "fetchCurrencies": False}
    with venue() as (opening, _, _):
        client = ccxt.binanceusdm({"options": only_linear})
        for name, url in client.urls["api"].items():
            if isinstance(url, str) and "/fapi/" in url:
                client.urls["api"][name] = opening["url"] + url[url.index("/fapi/") :]
        try:
            return await client.load_markets()
        finally:
            await client.close()


Found = tuple[Way, Mark, tuple[Mark, Mark]]


async def orders(count: int) -> dict[str, Any]:
    """Orders of ours and of raw ccxt: one kind after the other in a row, and in turn with the caches emptied between."""
    markets = await read_markets()
    with other_side() as url:
        raw = Raw(url, markets)
        async with MarkedWire(find_hosts("demo", url), api_key=KEYS) as wire:
            await wire.measure()
            ours = Ours(wire)
            warm = await in_a_row(ours, raw, count)
            cold = await in_turn(ours, raw, count)
        await raw.close()
    return {"in_a_row": table(warm), "in_turn": table(cold)}


async def in_a_row(ours: Ours, raw: Raw, count: int) -> list[Found]:
    """As BINANCE.md has measured ``create_order``: many of one kind, of one engine or client, nothing between them."""
    ready, mine = ours.make_ready(), []
    for _ in range(count + WARM_UP):
        way, order = await ours.order(ready)
        ready = ours.again(ready, order)
        mine.append(way)
    params = finished(order)
    sent = [await raw.send(params) for _ in mine]
    created = [await raw.create_order(params) for _ in mine]
    return list(zip(mine, sent, created, strict=True))[WARM_UP:]


async def in_turn(ours: Ours, raw: Raw, count: int) -> list[Found]:
    """One of each kind, and before each the building of an engine, which empties the caches for all."""
    found: list[Found] = []
    for _ in range(count + WARM_UP):
        way, order = await ours.order(ours.make_ready())
        params = finished(order)
        Entering()
        sent = await raw.send(params)
        Entering()
        found.append((way, sent, await raw.create_order(params)))
    return found[WARM_UP:]


def finished(order: Order) -> dict[str, str]:
    """An order's parameters as they are sent."""
    from tradebot.broker import parameters

    return dict(parameters.place(order)[1])


def table(found: list[Found]) -> dict[str, Any]:
    """The medians, and what is ours of them."""
    mine, sent, created = zip(*found, strict=True)
    whole = {name: milliseconds([getattr(way, name) for way in mine]) for name in WHOLE}
    parts = {name: wall_ms([getattr(way, name) for way in mine]) for name in PARTS}
    left, answered = zip(*created, strict=True)
    ccxt = {
        "send": milliseconds(list(sent)),
        "create_order_until_it_leaves": milliseconds(list(left)),
        "create_order": milliseconds(list(answered)),
    }
    return beside(whole, parts, ccxt)


WHOLE = ("from_bar", "from_signal")
PARTS = ("decision", "broker", "wire")


def beside(
    whole: dict[str, Figures], parts: dict[str, float], ccxt: dict[str, Figures]
) -> dict[str, Any]:
    """What is ours of the way from the signal to the socket, in ms and as a share of what raw ccxt takes for the order.

    Ours is by how much it is longer than ccxt's sending of finished parameters: the decision, the broker, and what the
    wire does beyond that, less what it does quicker. The share is of ``create_order``, the call by which anybody sends an order with ccxt (BINANCE.md
    section 8 measured the same); that of the sending alone stands beside it.
    """
    own = {unit: round(whole["from_signal"][unit] - ccxt["send"][unit], 3) for unit in UNITS}
    share = {
        name: {unit: round(100 * own[unit] / values[unit], 1) for unit in UNITS}
        for name, values in ccxt.items()
    }
    return {"ours": whole, "parts_wall_ms": parts, "ccxt": ccxt, "own": own, "own_pct_of": share}


async def commits(count: int) -> dict[str, Any]:
    """What a commit of an entry's bar and effects takes: asked by the loop, done on the journal's thread."""
    story = Bare(a_config())
    story.say(long(1.9))
    bar = story.a_bar()
    effects = [(story.now, effect) for effect in story.tell(bar)]
    found: dict[str, list[Mark]] = {"without_fsync": [], "on_the_disk": []}
    with tempfile.TemporaryDirectory() as folder:
        async with await Journal.open(Path(folder) / "tradebot.db", key=KEY) as journal:
            run = await journal.begin_run(new_run())
            for _ in range(count):
                for name, taken in found.items():
                    begin = mark()
                    batch = Batch(run, 0, events=[bar], effects=effects)
                    await journal.commit(batch, full=name == "on_the_disk")
                    taken.append(since(begin, mark()))
    return {name: milliseconds(taken)["wall_ms"] for name, taken in found.items()}


# -- a burst -----------------------------------------------------------------------------------------------


async def burst() -> dict[str, Any]:
    """Fills in one go through stream, parser and engine; the journal is not in it."""
    story = Bare(a_config())
    story.say(Signal("long", 1.0, 1.9, None, "up"))
    story.bar()
    entry = story.placed(Purpose.ENTRY)[-1]
    story.works(entry)
    events = UserEvents()
    booked: list[int] = []
    done = asyncio.Event()
    begin: list[Mark] = []

    def take(message: Any) -> None:
        begin[:] = begin or [mark()]
        for event in events.read(message, story.now).events:
            story.engine.process(event)
            if isinstance(event, Filled):
                booked.append(event.fill.trade_id)
        if len(booked) == BURST:
            done.set()

    with other_side(BURST_ORDER=entry.id) as url:
        async with Wire(find_hosts("demo", url), api_key=KEYS) as wire:
            stream = PrivateStream(wire, take, lambda _: None, lambda _: None)
            task = asyncio.create_task(stream.listen())
            await asyncio.wait_for(done.wait(), 300)
            wall, cpu = since(begin[0], mark())
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
    return {
        "events": BURST,
        "in_order": booked == list(range(1, BURST + 1)),
        "held": str(story.held),
        "wall_s": round(wall, 2),
        "cpu_s": round(cpu, 2),
    }


# -- recorded rates ------------------------------------------------------------------------------------------


def rates(seconds: int) -> dict[str, Any]:
    """A paper run on five symbols at recorded rates, watched from outside once it has started."""
    with tempfile.TemporaryDirectory() as folder:
        script = Path(folder) / "prices.csv"
        write_script(script, seconds + WARM_UP_S)
        with venue(str(script), "--clock", "2026-11-26T09:30:00Z") as (opening, _, _):
            words = ["paper", "--market", "binance", "--symbols", SYMBOLS, "--headless", "--json"]
            at = ["--set", f"exchange.url={opening['url']}", "--data-dir", f"{folder}/data"]
            delays = Path(folder) / "delays.json"
            command = [sys.executable, str(Path(__file__)), "--host", str(delays), *words, *at]
            with open(f"{folder}/out", "wb") as out:
                process = subprocess.Popen(command, stdout=out, stderr=out)
            time.sleep(WARM_UP_S)
            begin, used, most = time.perf_counter(), cpu_s(process.pid), 0.0
            while time.perf_counter() - begin < seconds and process.poll() is None:
                time.sleep(1)
                most = max(most, rss_mb(process.pid))
            share = (cpu_s(process.pid) - used) / (time.perf_counter() - begin)
            alive = process.poll() is None
            process.terminate()
            process.wait(60)
        delay = json.loads(delays.read_text())
    return {
        "seconds": seconds,
        "engine_delay_ms": delay,
        "alive": alive,
        "core_pct": round(share * 100, 1),
        "most_memory_mb": round(most, 1),
    }


def host(delays: Path, words: list[str]) -> int:
    """Be the installed command, and note how long after a price was taken from the wire the engine was through with it."""
    from tradebot.__main__ import main as tradebot
    from tradebot.app.queued import QueueRunner

    taken: list[float] = []
    put = QueueRunner._on_market

    def on_market(runner: QueueRunner, step: Any, begin: float) -> None:
        put(runner, step)
        taken.append(time.perf_counter() - begin)

    def timed(runner: QueueRunner, step: Any) -> None:
        runner._queue.put_nowait(partial(on_market, runner, step, time.perf_counter()))

    QueueRunner.put = timed  # type: ignore[assignment,method-assign]
    code = tradebot(words)
    marks = statistics.quantiles(taken, n=1000, method="inclusive")
    shares = {"p50": marks[499], "p99": marks[989], "p99.9": marks[998], "most": max(taken)}
    found = {name: round(value * 1000, 3) for name, value in shares.items()}
    delays.write_text(json.dumps({"steps": len(taken)} | found))
    return code


def median_round(found: list[dict[str, Any]]) -> dict[str, Any]:
    """The round whose own CPU share is the median."""
    return sorted(found, key=own_cpu_pct)[len(found) // 2]


def own_cpu_pct(found: dict[str, Any]) -> float:
    share: float = found["in_a_row"]["own_pct_of"]["create_order"]["cpu_ms"]
    return share


def measure(rounds: int, count: int, minutes: float) -> dict[str, Any]:
    found = [asyncio.run(orders(count)) for _ in range(rounds)]
    return {
        "load": os.getloadavg()[0],
        "orders": median_round(found),
        "own_cpu_pct_of_each_round": list(map(own_cpu_pct, found)),
        "commit_wall_ms": asyncio.run(commits(count)),
        "burst": asyncio.run(burst()),
        "rates": rates(round(minutes * 60)) if minutes else None,
    }


def main() -> None:
    """Measure and print."""
    if sys.argv[1:2] == ["--host"]:
        sys.exit(host(Path(sys.argv[2]), sys.argv[3:]))
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--orders", type=int, default=200)
    parser.add_argument("--minutes", type=float, default=10)
    parser.add_argument("--serve", action="store_true", help=argparse.SUPPRESS)
    parser.add_argument("--json", action="store_true")
    asked = parser.parse_args()
    if asked.serve:
        serve()
        return
    found = measure(asked.rounds, asked.orders, asked.minutes)
    if asked.json:
        sys.stdout.write(json.dumps(found, indent=2) + "\n")
        return
    for name, values in found.items():
        sys.stdout.write(f"{name}: {json.dumps(values)}\n")


if __name__ == "__main__":
    main()
