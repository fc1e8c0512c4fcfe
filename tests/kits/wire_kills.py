"""An engine before a venue of its own process, with a death wish: SIGKILL at the k-th passing of a point.

The real client over real sockets, the real journal; time is shared (``shared_time``). Points are numbered: before and
after each request of the client, when its first byte is about to leave, each message of the private stream, each
commit, and each turn of the event loop, which is every await there is. The venue's own ledger is the oracle.

Called as ``wire_kills.py FOLDER PLAN [SCENE]``: PLAN is a JSON list of kills ``[point, k]``; each starts from a fresh venue and
an empty journal, is killed there, goes on, and is played to its end. One line of JSON comes out for each. SCENE is a disaster
that happens meanwhile, of ``SCENES``.
"""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import sys
import tempfile
import traceback
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from decimal import Decimal
from functools import partial
from pathlib import Path
from random import Random
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))

from kits import binance_scene as scene
from kits import live_kit as kit
from kits.crash_harness import Fate
from kits.shared_time import EngineLoop, TimeAsked, VenueLoop
from kits.strategy_kit import write_strategy
from tradebot.app.host import opened
from tradebot.broker.binance import BinanceBroker
from tradebot.core.model.errors import TradebotError
from tradebot.journal.reader import Reader
from tradebot.venue.core import Venue
from tradebot.venue.server import Server
from tradebot.venue.settings import AccountScript, Settings
from tradebot.wire.api_key import ApiKey
from tradebot.wire.client import Wire
from tradebot.wire.hosts import find_hosts

XRP = "XRP/USDT"
START = kit.EPOCH + 3 * 3_600_000
MINUTES = 7
AWAY_S = 2.0
"""Seconds from a death to the next start."""
LOOK_S = 0.2
"""Seconds between two looks at whether positions have a stop."""

ORDER, ALGO = "/fapi/v1/order", "/fapi/v1/algoOrder"
FAULTS: list[dict[str, Any]] = [
    {"do": "accept_then_close", "method": "POST", "path": ORDER, "nth": 2},
    {"do": "error", "code": -1007, "executed": True, "method": "POST", "path": ALGO, "nth": 2},
    {"do": "accept_then_garbage", "form": "cut", "method": "DELETE", "path": ALGO, "nth": 2},
    {"do": "disconnect", "stream": "private", "event": "ORDER_TRADE_UPDATE", "nth": 6},
    {"do": "drop", "stream": "private", "event": "ORDER_TRADE_UPDATE/TRADE", "nth": 3},
]
"""What makes it look orders up, send cancels again and catch up."""


@dataclass(frozen=True)
class Disaster:
    """The venue's rules, the halts that may stand at the end, and for how long a position may be bare (s)."""

    rules: list[dict[str, Any]]
    halts: frozenset[str] = frozenset()
    bare_s: float = 5.0


AWAY = {"method": "*", "from_s": 80, "to_s": 110}
SCENES: dict[str, Disaster] = {
    "": Disaster(FAULTS),
    "stream_silent": Disaster(
        [{"do": "drop", "stream": "private", "event": "*", "from_s": 70, "to_s": 170}]
    ),
    "listen_key_dies": Disaster([{"do": "listen_key_dies", "at_s": 75, "told": False}]),
    "exchange_down": Disaster(
        [{"do": "refuse", "seconds": 25, "times": 1, "from_s": 80}], bare_s=35.0
    ),
    "maintenance": Disaster(
        [{"do": "unavailable", "meaning": "not_executed", "path": "/fapi/*", **AWAY}], bare_s=40.0
    ),
    "ban": Disaster(
        [{"do": "ban", "seconds": 25, "times": 1, "from_s": 80}], frozenset({"ban"}), bare_s=35.0
    ),
    "rate_limit_storm": Disaster(
        [{"do": "rate_limited", **AWAY, "method": "GET", "path": "/fapi/*"}]
    ),
    "adl": Disaster(
        [{"do": "act", "act": "deleverage", "symbol": "XRPUSDT", "qty": "20", "at_s": 90}],
        frozenset({"adl"}),
    ),
    "liquidated": Disaster(
        [{"do": "act", "act": "liquidate", "symbol": "XRPUSDT", "at_s": 90}],
        frozenset({"liquidated", "day_loss", "week_loss"}),
    ),
    "closed_by_hand": Disaster(
        [
            {
                "do": "act",
                "act": "foreign_order",
                "symbol": "XRPUSDT",
                "side": "SELL",
                "qty": "9999",
            }
            | {"reduce_only": True, "at_s": 90}
        ],
        frozenset({"foreign"}),
    ),
}
"""Disasters by name; without one it is what is wrong on any day."""

BODY = """
up = dict(stop=bar.close * 0.97, target=bar.close * 1.2, reason="up")
down = dict(stop=bar.close * 1.03, target=bar.close * 0.8, reason="down")
minute = bar.open_time // 60_000 % 60
said = {
    0: Signal("long", 0.9, **up),
    1: Signal("long", 0.9, **{**up, "stop": bar.close * 0.98}),
    2: Signal("short", 0.9, **down),
    3: Signal("exit", 0.9, reason="out"),
    4: Signal("long", 0.9, **up),
}
return said.get(minute)
"""
"""Long, trailed, turned, left, long again."""


def bars() -> list[list[Any]]:
    return [[bar] for bar in kit.swinging(XRP, 2.2, 1, MINUTES, START)]


# -- the venue's process -----------------------------------------------------------------------------------


class Watcher:
    """Looks at the venue as nobody else can: how long a position had no stop while an engine was there."""

    def __init__(self, venue: Venue, loop: VenueLoop) -> None:
        self.longest = 0.0
        self._venue, self._loop = venue, loop
        self._since: float | None = None

    async def watch(self) -> None:
        while True:
            await asyncio.sleep(LOOK_S)
            self.look()

    def look(self) -> None:
        now, alive = self._loop.virtual, self._loop.alive_since
        stops = [a for a in self._venue.algos.records.open(None) if a.type == "STOP_MARKET"]
        if stops or alive is None or not self._venue.desk.exchange.positions:
            self._since = None
            return
        self._since = max(alive, now if self._since is None else self._since)
        self.longest = max(self.longest, now - self._since)


def venue_process(folder: Path, ready: int, rules: list[dict[str, Any]]) -> None:
    loop = VenueLoop()

    async def main() -> None:
        account = AccountScript(wallet=scene.WALLET, margin_type="isolated", leverage=1)
        clock = scene.LoopVenueClock(loop, START)
        venue = Venue(scene.GivenFeed([XRP]), clock, Settings(account=account, seed=1), keep=True)
        server = Server(venue)
        await server.start()
        venue.start()
        venue.faults.set(rules)
        watcher = Watcher(venue, loop)
        ended = asyncio.Event()

        async def grant(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await loop.grant(reader, writer)

        async def end(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            ended.set()
            writer.close()

        await asyncio.start_unix_server(grant, str(folder / "time"))
        await asyncio.start_unix_server(end, str(folder / "end"))
        ours = kit.VirtualClock(loop, START)
        prices = kit.LateFeed(ours, scene.Street(venue), [XRP], bars(), 1, 2)
        tasks = [
            asyncio.create_task(prices.feed(lambda _: None, None)),
            asyncio.create_task(watcher.watch()),
        ]
        key = venue.credentials
        os.write(ready, json.dumps([server.url, key.key, key.secret]).encode() + b"\n")
        os.close(ready)
        await ended.wait()
        facts = told(venue, watcher)
        (folder / "venue.json").write_text(json.dumps(facts))
        for task in tasks:
            task.cancel()
        await server.stop()

    with asyncio.Runner(loop_factory=lambda: loop) as runner:
        runner.run(main())


def told(venue: Venue, watcher: Watcher) -> dict[str, Any]:
    exchange = venue.desk.exchange
    sent = [
        row["params"].get("newClientOrderId") or row["params"].get("clientAlgoId")
        for row in venue.ledger.of("request")
        if (row["method"], row["path"]) in (("POST", ORDER), ("POST", ALGO)) and row["params"]
    ]
    return {
        "sent": sent,
        "cash": str(exchange.cash),
        "held": {symbol: str(held.qty) for symbol, held in exchange.positions.items()},
        "stops": [algo.client_id for algo in venue.algos.records.open(None)],
        "fills": len(venue.ledger.of("fill")),
        "longest": watcher.longest,
        "at": watcher._loop.virtual,
    }


# -- the engine's process ------------------------------------------------------------------------------------


def engine_process(folder: Path, access: list[str], fate: Fate) -> None:
    url, key, secret = access
    arm(fate)
    time = TimeAsked(folder / "time", "engine")
    loop = EngineLoop(time, lambda: fate.pass_by("turn"))

    async def main(_: Any) -> None:
        clock = kit.VirtualClock(loop, START)
        feed = kit.LateFeed(clock, None, [XRP], bars(), 1, 2)
        hosts = find_hosts("demo", url)
        async with Wire(hosts, clock=clock, api_key=ApiKey(key, secret), draw=Random(1)) as wire:
            broker = BinanceBroker(wire, [XRP])
            strategy = f"{folder / 'turning.py'}:Own"
            setup = kit.late_setup(folder / "data", feed, broker, clock, strategy)
            loop.busy += 1  # opening a journal takes real time only
            async with opened(setup) as (runner, cursor):
                loop.busy -= 1
                fate.pass_by("opened")
                ending = await runner.main(cursor)
                (folder / "engine.json").write_text(json.dumps(seen(runner, ending, fate)))

    kit.play(main, loop)


def seen(runner: Any, ending: Any, fate: Fate) -> dict[str, Any]:
    engine = runner.session.engine
    return {
        "state": ending.state,
        "why": ending.why,
        "cash": str(engine.portfolio.cash),
        "held": {s: str(b.holding.qty) for s, b in engine.books.items() if b.holding.qty},
        "halts": {name: halt.detail for name, halt in engine.halts.reasons.items()},
        "live": list(engine.table.live),
        "passed": dict(fate.passed),
    }


def arm(fate: Fate) -> None:
    """Put the points into the program: the client's requests, the stream, the journal, the loop's turns."""
    from tradebot.app import queued
    from tradebot.broker import binance
    from tradebot.journal import store
    from tradebot.wire import client

    for name, seconds in (("POLL_S", 5.0), ("COMMIT_S", 2.0), ("IDLE_COMMIT_S", 20.0)):
        setattr(queued, name, seconds)
    ask = client.Wire.ask

    async def asked(self: Any, endpoint: Any, *args: Any, **named: Any) -> Any:
        name = KINDS.get((endpoint.method, endpoint.path), "read")
        fate.pass_by(f"{name}.before")
        reply = await ask(self, endpoint, *args, **named)
        fate.pass_by(f"{name}.after")
        return reply

    client.Wire.ask = asked  # type: ignore[method-assign]
    leaving = client.Wire._on_leaving

    async def left(self: Any, *args: Any) -> None:
        await leaving(self, *args)
        fate.pass_by("leaving")

    client.Wire._on_leaving = left  # type: ignore[method-assign]
    fate.around(binance.BinanceBroker, "_hear", before="stream.before", after="stream.after")
    fate.around(queued.QueueRunner, "_on_answer", before="answer")
    fate.around(store.Store, "commit", before="commit.before", after="commit.after")


KINDS = {
    ("POST", "order"): "send",
    ("POST", "algoOrder"): "stop",
    ("DELETE", "order"): "cancel",
    ("DELETE", "algoOrder"): "cancel",
    ("GET", "order"): "look-up",
    ("GET", "algoOrder"): "look-up",
    ("GET", "userTrades"): "catch-up",
    ("GET", "income"): "catch-up",
    ("GET", "openOrders"): "catch-up",
    ("GET", "openAlgoOrders"): "catch-up",
    ("GET", "positionRisk"): "catch-up",
}


# -- one story after the other ---------------------------------------------------------------------------------


def forked(work: Callable[[], None]) -> int:
    """Have a process of its own do something; return its number."""
    child = os.fork()
    if child:
        return child
    code = 1
    try:
        work()
        code = 0
    except BaseException:
        traceback.print_exc()
    finally:
        os._exit(code)


def story(folder: Path, point: str, k: int, disaster: Disaster) -> dict[str, Any]:
    """Play a run that dies at a point and goes on; return what venue and engine say in the end."""
    write_strategy(folder, BODY, "turning.py")
    reading, writing = os.pipe()
    venue = forked(lambda: venue_process(folder, writing, disaster.rules))
    os.close(writing)
    with os.fdopen(reading) as ready:
        access = json.loads(ready.readline())
    deaths = 0
    for fate in (Fate(point, k), Fate("none", 0)):
        _, status = os.waitpid(forked(partial(engine_process, folder, access, fate)), 0)
        if not os.WIFSIGNALED(status):
            assert os.WEXITSTATUS(status) == 0, "the engine failed"
            break
        deaths += 1
        if (over := ended_in_order(folder)) is not None:
            (folder / "engine.json").write_text(json.dumps(over))
            break
        away = TimeAsked(folder / "time", "away")
        until = away.begun + AWAY_S
        while away.until(until) < until:
            pass
        away.end()
    _end(folder)
    os.waitpid(venue, 0)
    found = {"deaths": deaths, "venue": json.loads((folder / "venue.json").read_text())}
    return {**found, "engine": json.loads((folder / "engine.json").read_text())}


def ended_in_order(folder: Path) -> dict[str, Any] | None:
    """What the journal says of a run that was over when it was killed: nobody starts it again. None for any other."""
    with suppress(TradebotError), Reader(folder / "data" / "tradebot.db") as reader:
        run = reader.resolve_run(None)
        shown = reader.snapshot(run.id)
        if run.state == "ended" and shown is not None:
            signs = {"long": 1, "short": -1}
            held = {row.symbol: str(signs[row.side] * row.qty) for row in shown.positions}
            return {"state": run.state, "cash": str(shown.cash), "held": held, "halts": shown.halts}
    return None


def _end(folder: Path) -> None:
    import socket

    with socket.socket(socket.AF_UNIX) as end:
        end.connect(str(folder / "end"))
        end.recv(1)


def wrong(folder: Path, found: dict[str, Any], disaster: Disaster) -> list[str]:
    """Return what must not be: an order lost or twice, books that differ, a position bare for too long."""
    from kits.sender_kit import on_record

    venue, engine = found["venue"], found["engine"]
    said = []
    if engine["state"] != "ended":
        said.append(f"it ended {engine['state']}: {engine['why']}")
    twice = {name for name in venue["sent"] if venue["sent"].count(name) > 1}
    if twice:
        said.append(f"sent twice: {sorted(twice)}")
    if lost := set(venue["sent"]) - on_record(folder):
        said.append(f"on no record: {sorted(lost)}")
    if (Decimal(engine["cash"]), engine["held"]) != (Decimal(venue["cash"]), venue["held"]):
        said.append(f"books differ: {engine['cash']} {engine['held']}")
    if venue["longest"] > disaster.bare_s + LOOK_S:
        said.append(f"a position was bare for {venue['longest']:.1f} s")
    if venue["stops"] and not venue["held"]:
        said.append(f"stops without a position: {venue['stops']}")
    if set(engine["halts"]) - disaster.halts:
        said.append(f"halted: {engine['halts']}")
    return said


def main(folder: Path, plan: list[tuple[str, int]], name: str = "") -> None:
    disaster = SCENES[name]
    for point, k in plan:
        place = Path(tempfile.mkdtemp(prefix="k", dir=folder))
        os.environ["XDG_STATE_HOME"] = str(place / "state")
        found = story(place, point, k, disaster)
        said = wrong(place, found, disaster)
        row = {"point": point, "k": k, "deaths": found["deaths"], "wrong": said}
        if point == "none":
            row |= {"passed": found["engine"]["passed"], "fills": found["venue"]["fills"]}
        print(json.dumps(row), flush=True)  # noqa: T201 - the harness's answer
        if not said:
            shutil.rmtree(place)


if __name__ == "__main__":
    main(Path(sys.argv[1]), json.loads(sys.argv[2]), *sys.argv[3:])
