"""Each fault on each path of a position, in virtual time: the real client before the venue, whose record is the oracle.

A path is what happens to a position: it is entered, trailed, turned, closed, stopped out, meddled with. A fault holds from the
first request until a minute before the end; then exchange and journal must agree, and nothing may be held bare.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Any

from kits import binance_scene as scene
from kits import live_kit as kit
from kits.disaster_oracle import Oracle, Rules
from kits.strategy_kit import write_strategy
from tradebot.core.model.values import MINUTE_MS, Bar
from tradebot.journal.reader import Reader

XRP, NAME = "XRP/USDT", "XRPUSDT"
START = kit.EPOCH + 3 * 3_600_000
"""Behind the blackout."""
MINUTES = 6
HOLDS_S = 210
"""So long a fault holds, from the run's start; the rest of the run is for agreeing."""
BLIND_S = 40.0
"""A position may be bare for so long where the bot is kept from knowing: until it has read the account twice."""
ORDER, ALGO = "/fapi/v1/order", "/fapi/v1/algoOrder"

BODY = """
word = {said!r}.get(bar.open_time // 60_000 % 60)
if word == "out":
    return Signal("exit", 0.9, reason=word)
if word is None:
    return None
way = -1 if word == "short" else 1
near = 0.98 if word == "up" else 0.97
stop = bar.close * (near if way > 0 else 2 - near)
return Signal("short" if way < 0 else "long", 0.9, stop=stop, target=bar.close * (1 + 0.03 * way), reason=word)
"""
"""Says at given minutes: long, short, up (the stop follows), out."""


@dataclass(frozen=True)
class Course:
    """What the strategy says by minute, how the price moves (a factor by minute), and what others do at a second."""

    said: dict[int, str]
    moves: dict[int, float] = field(default_factory=dict)
    acts: tuple[tuple[float, dict[str, Any]], ...] = ()


@dataclass(frozen=True)
class Fault:
    """Rules of the venue, and for how long the bot cannot know that a position is bare (s)."""

    rules: tuple[dict[str, Any], ...]
    naked_s: float = 5.0


LONG = {0: "long"}
SELL = {"act": "foreign_order", "symbol": NAME, "side": "SELL", "qty": "50", "reduce_only": True}

PATHS: dict[str, Course] = {
    "exit": Course({0: "long", 2: "out"}),
    "trail": Course({0: "long", 1: "up", 3: "out"}),
    "turn": Course({0: "long", 2: "short", 3: "out"}),
    "stop": Course(LONG, {2: 0.95}),
    "target": Course(LONG, {2: 1.05}),
    "by hand": Course(LONG, acts=((100, SELL),)),
    "adl": Course(LONG, acts=((100, {"act": "deleverage", "symbol": NAME, "qty": "50"}),)),
    "liquidated": Course(LONG, acts=((100, {"act": "liquidate", "symbol": NAME}),)),
}

POST = {"method": "POST", "path": ORDER}
STOP = {"method": "POST", "path": ALGO}
OUT = {"method": "DELETE", "path": ALGO}
PRIVATE = {"stream": "private", "event": "*"}


def _of(*rules: dict[str, Any], naked_s: float = 5.0) -> Fault:
    return Fault(rules, naked_s)


FAULTS: dict[str, Fault] = {
    "none": _of(),
    **{
        f"{name} {what}": _of({"do": do, **where, **words})
        for name, where in (("order", POST), ("stop", STOP), ("cancel", OUT))
        for what, do, words in (
            ("never answered", "accept_then_timeout", {"seconds": 30, "times": 2}),
            ("cut off", "accept_then_close", {"times": 2}),
            ("answered with a page", "accept_then_garbage", {"form": "html", "times": 2}),
            ("executed, -1007", "error", {"code": -1007, "executed": True, "times": 2}),
            ("throttled", "unavailable", {"meaning": "overload", "nth": 2}),
        )
    },
    "stop rejected later": _of({"do": "stop_rejected_later", "times": 1}),
    "stop rejected in silence": _of(
        {"do": "stop_rejected_later", "times": 1, "told": False}, naked_s=BLIND_S
    ),
    "stop vanishes": _of({"do": "stop_vanishes", "seconds": 8, "times": 1}, naked_s=BLIND_S),
    "stop unseen": _of({"do": "algo_blind", "seconds": 40, "times": 1}),
    "stop filled short": _of({"do": "stop_filled_short", "times": 1}),
    "stop's child expires": _of({"do": "stop_child_expires", "times": 1}),
    "filled in parts": _of(
        {"do": "fill_in_parts", "parts": ["10", "5"], "at_s": [0, 2], "times": 1}
    ),
    "nothing filled": _of({"do": "fill_nothing", "times": 1, "type": "MARKET"}, naked_s=BLIND_S),
    "stream mute": _of({"do": "drop", **PRIVATE}, naked_s=BLIND_S),
    "stream twice": _of({"do": "duplicate", **PRIVATE}),
    "stream late": _of({"do": "late", "ms": 100, "to_ms": 3000, **PRIVATE}, naked_s=9.0),
    "stream in any order": _of({"do": "reorder", "window_ms": 1500, **PRIVATE}),
    "stream cut": _of({"do": "disconnect", "nth": 3, **PRIVATE}),
    "key dies in silence": _of(
        {"do": "listen_key_dies", "at_s": 70, "told": False}, naked_s=BLIND_S
    ),
    "key dies": _of({"do": "listen_key_dies", "at_s": 70}),
    "banned": _of({"do": "ban", "seconds": 30, "times": 1, "from_s": 75}, naked_s=BLIND_S),
    "slowed": _of(
        {"do": "rate_limited", "method": "GET", "path": "/fapi/*", "times": 30, "from_s": 75}
    ),
    "refused": _of({"do": "refuse", "seconds": 15, "times": 1, "from_s": 75}, naked_s=BLIND_S),
    "reads fail": _of(
        {"do": "unavailable", "meaning": "not_executed", "method": "GET", "path": "/fapi/*"}
        | {"from_s": 75},
        naked_s=BLIND_S,
    ),
    "positions garbled": _of(
        {"do": "accept_then_garbage", "form": "cut", "method": "GET", "path": "*positionRisk"}
        | {"from_s": 75}
    ),
    "one in ten lost": _of({"do": "reset", "probability": 0.1}, naked_s=12.0),
    "clock off by 2 s": _of({"do": "skew", "ms": 2000, "at_s": 75}),
}

_STANDS = {"refuse", "ban", "skew", "listen_key_dies"}
"""Kinds that end by themselves, or happen at a moment."""


def bars(moves: dict[int, float]) -> list[list[Bar]]:
    """A price that stands nearly still, but for the given minutes' factors."""
    rows, price = [], 2.2
    for minute in range(MINUTES):
        close = price * moves.get(minute, 1.0003 if minute % 2 else 0.9997)
        digits = [f"{v:.4f}" for v in (price, max(price, close), min(price, close), close)]
        rows.append([Bar.of(XRP, START + minute * MINUTE_MS, MINUTE_MS, (*digits, "500"))])
        price = float(digits[3])
    return rows


def play(folder: Path, fault: Fault, path: Course) -> list[str]:
    """Play a path under a fault; return what must not have been."""
    folder.mkdir(parents=True, exist_ok=True)
    says = write_strategy(folder, BODY.format(said=path.said), "says.py")
    rules = [r if r["do"] in _STANDS else {**r, "to_s": HOLDS_S} for r in fault.rules]

    async def acts(live: scene.Live) -> None:
        for at_s, words in path.acts:
            await asyncio.sleep(max(0.0, at_s - (live.clock.wall_ms() - START) / 1000))
            if held := live.venue.desk.exchange.positions.get(XRP):
                most = min(Decimal(words.get("qty", 0)), abs(held.qty))
                words = {**words, "qty": str(most)} if "qty" in words else words
                rest = {name: value for name, value in words.items() if name != "act"}
                live.venue.acts.do(str(words["act"]), **rest)
        until = START + MINUTES * MINUTE_MS - 500
        await asyncio.sleep((until - live.clock.wall_ms()) / 1000)

    found = kit.play(
        lambda loop: scene.trade(
            *(loop, folder / "data", bars(path.moves)),
            faults=rules,
            strategy=says,
            meddle=acts,
            every=4,
        )
    )
    if not found.venue.ledger.of("fill"):
        return ["nothing was traded"]
    return _judge(found, folder / "data", fault)


def _judge(found: Any, data_dir: Path, fault: Fault) -> list[str]:
    engine, now = found.session.engine, found.session.engine.now
    with Reader(data_dir / "tradebot.db") as reader:
        blocked = _spans(reader.halts(reader.resolve_run(None).id))
    limits = Rules(Decimal(1000), fault.naked_s, Decimal(500), blocked=blocked)
    said = Oracle(limits).walk(found.venue.ledger.rows, now)
    sent = [
        row["params"].get("newClientOrderId") or row["params"].get("clientAlgoId")
        for row in (*found.requests("POST", ORDER), *found.requests("POST", ALGO))
        if row["params"]
    ]
    if twice := {name for name in sent if sent.count(name) > 1}:
        said.append(f"sent twice: {sorted(twice)}")
    held = {name: book.holding.qty for name, book in engine.books.items() if book.holding.qty}
    if (engine.portfolio.cash, held) != (found.cash, found.held):
        said.append(f"books differ: {engine.portfolio.cash} {held}, {found.cash} {found.held}")
    rest = [algo.client_id for algo in found.venue.algos.records.open(None)]
    if rest and not found.held:
        said.append(f"stops without a position: {rest}")
    return said


def _spans(rows: Sequence[Any]) -> list[tuple[int, int | None, str]]:
    spans: list[tuple[int, int | None, str]] = []
    since: dict[str, int] = {}
    for row in rows:
        if row.event == "halted":
            since.setdefault(row.reason, row.ts)
        elif row.reason in since:
            spans.append((since.pop(row.reason), row.ts, row.reason))
    return spans + [(at, None, reason) for reason, at in since.items()]


__all__ = ["FAULTS", "PATHS", "play"]
