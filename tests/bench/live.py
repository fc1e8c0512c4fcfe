# ruff: noqa: E402
"""A live run's two races: a mark price that ends a position, and a fill that wants its stop, each from the socket to the socket.

``python tests/bench/live.py [--rounds 300] [--minutes 0] [--json]``. A message's text goes in, is read, decided on, put on record
(the real journal, on the disk where that is asked for) and leaves through the real client; the clock stops when the
request's head has been written. Beside each stands raw ccxt, which is told the same order and decides nothing. The other side is a
process of its own. ``--minutes N`` watches a run on five symbols at recorded rates (memory, share of a core).
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE.parent), str(HERE)]

from kits.demo_kit import DemoVenue
from kits.disaster_kit import QUIET
from kits.engine_kit import XRP, Bare, a_config, long
from kits.journal_samples import KEY, new_run
from kits.live_run_kit import live_bot, start_live
from venue import cpu_s, rss_mb, venue, write_script
from wire import (
    KEYS,
    SYMBOLS,
    Mark,
    MarkedWire,
    Ours,
    Raw,
    begin_mark,
    fill_message,
    other_side,
    since,
)

from tradebot.broker import parameters
from tradebot.broker.user_events import UserEvents
from tradebot.core.model.effects import Effect, Place
from tradebot.core.model.events import Event, Filled, OrderUpdate
from tradebot.core.model.values import Order, Purpose, Quote
from tradebot.journal.rows import Batch
from tradebot.journal.writer import Journal
from tradebot.market.binance.messages import MarkPrice, read_message
from tradebot.wire.budget import Budget
from tradebot.wire.hosts import find_hosts

WARM_UP = 10
PAST_S = 140
VENUE = ("--clock", "2026-11-26T09:30:00Z")
ACCOUNT = 'wallet = "10000"\nmargin_type = "isolated"\nleverage = 20\n'
NAMES = {"XRPUSDT": XRP}
FALLEN = "1.7"
"""A mark price at which the position has lost more than a trade may."""


def marked(story: Bare) -> str:
    body = {"e": "markPriceUpdate", "E": story.now, "s": "XRPUSDT", "p": FALLEN, "i": FALLEN}
    return json.dumps({**body, "P": FALLEN, "r": "0.0001", "T": story.now + 3_600_000})


def priced(story: Bare, text: str) -> list[Event]:
    """Read a mark price as the feed does: with the touch it has."""
    told = read_message(text, NAMES, 60_000)
    assert isinstance(told, MarkPrice)
    prices = (told.price, told.price, "1000", "1000", told.price)
    return [Quote(XRP, story.now, story.now, prices, float(told.price))]


def filled(story: Bare, text: str) -> list[Event]:
    """Read a message of the private stream as the broker does."""
    found = UserEvents().read(json.loads(text), story.now).events
    return [event for event in found if isinstance(event, Filled | OrderUpdate)]


class Race:
    """One of the two: how a position stands before the message, its text, and what it must lead to."""

    def __init__(self, purpose: Purpose, read: Callable[[Bare, str], list[Event]]) -> None:
        self.purpose = purpose
        self._read = read

    def begin(self) -> tuple[Bare, str]:
        """Return an engine that waits for the message, and that."""
        story = Bare(a_config())
        if self.purpose is Purpose.EXIT:
            story.opened(long(1.9))
            return story, marked(story)
        story.say(long(1.9))
        story.bar()
        (entry,) = story.placed(Purpose.ENTRY)
        story.works(entry)
        return story, fill_message(entry.id, 1)

    def decide(self, story: Bare, text: str) -> tuple[list[Event], list[Effect], Place]:
        events, effects = self._read(story, text), list[Effect]()
        for event in events:
            effects += story.tell(event)
        (place,) = [
            effect
            for effect in effects
            if isinstance(effect, Place) and effect.approved.order.purpose is self.purpose
        ]
        return events, effects, place


RACES = {
    "mark_to_exit": Race(Purpose.EXIT, priced),
    "fill_to_stop": Race(Purpose.STOP, filled),
}


async def one(
    race: Race, ours: Ours, wire: MarkedWire, journal: Journal, run: str
) -> tuple[Mark, Order]:
    """Let a message come in; return the time until its request's head was written."""
    story, text = race.begin()
    ours.broker._sent.clear()
    wire.budget = Budget()
    begin = begin_mark()
    events, effects, place = race.decide(story, text)
    rows = [(story.now, effect) for effect in effects]
    await journal.commit(Batch(run, 0, events=events, effects=rows), full=True)
    ours.broker.send(place.approved, story.now)
    await asyncio.gather(*tuple(ours.broker._errands.tasks))
    assert wire.left_at > begin, "nothing left"
    return since(begin, wire.left_at), place.approved.order


def shares(found: list[Mark]) -> dict[str, float]:
    """Percentiles of wall time and the median of this thread's CPU time, milliseconds."""
    wall, cpu = zip(*found, strict=True)
    marks = statistics.quantiles(wall, n=100, method="inclusive")
    told = {"p50_ms": marks[49], "p99_ms": marks[98], "cpu_p50_ms": statistics.median(cpu)}
    return {name: round(value * 1000, 3) for name, value in told.items()}


async def race(name: str, rounds: int) -> dict[str, Any]:
    """Run a race so often, ours and raw ccxt in turn."""
    with other_side() as url, tempfile.TemporaryDirectory() as folder:
        raw = Raw(url)
        async with (
            MarkedWire(find_hosts("demo", url), api_key=KEYS) as wire,
            await Journal.open(Path(folder) / "tradebot.db", key=KEY) as journal,
        ):
            await wire.measure()
            ours, run = Ours(wire), await journal.begin_run(new_run())
            mine: list[Mark] = []
            theirs: list[Mark] = []
            for number in range(rounds + WARM_UP):
                taken, order = await one(RACES[name], ours, wire, journal, run)
                other = await raw.send(dict(parameters.place(order)[1]))
                if number >= WARM_UP:
                    mine.append(taken)
                    theirs.append(other)
        await raw.close()
    return {"rounds": rounds, "ours": shares(mine), "raw_ccxt": shares(theirs)}


def hour(seconds: int) -> dict[str, Any]:
    """Watch a live run on five symbols at recorded rates from outside, its ghost beside it."""
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        script, account = folder / "prices.csv", folder / "account.toml"
        write_script(script, seconds + PAST_S + 120)
        account.write_text(ACCOUNT)
        with venue(str(script), *VENUE, "--account", str(account)) as (opening, _, _):
            time.sleep(PAST_S)  # a script has no past: it has to become one
            there = DemoVenue(opening["url"], opening["key"], opening["secret"], folder)
            bot = live_bot(folder, there, TRADEBOT_MARKET__SYMBOLS=SYMBOLS)
            process = start_live(bot, bot.strategy(QUIET), "--set", f"risk.live.symbols={SYMBOLS}")
            try:
                bot.until(lambda: bot._beats() or process.poll() is not None)
                found = watch(process.pid, seconds)
                found["alive"] = process.poll() is None
                found["exit_code"] = bot.end(process).code
            finally:
                bot.clean_up()
    return found


def watch(pid: int, seconds: int) -> dict[str, Any]:
    """Return memory (MB: at the begin, the end and the most) and share of a core (%) of a process over some time."""
    begin, used, memory = time.perf_counter(), cpu_s(pid), [rss_mb(pid)]
    while time.perf_counter() - begin < seconds:
        time.sleep(1)
        memory.append(rss_mb(pid))
    share = (cpu_s(pid) - used) / (time.perf_counter() - begin)
    told = {"first_mb": memory[0], "last_mb": memory[-1], "most_mb": max(memory)}
    return {"seconds": seconds, "core_pct": round(share * 100, 1)} | {
        name: round(value, 1) for name, value in told.items()
    }


def measure(rounds: int, minutes: float) -> dict[str, Any]:
    found: dict[str, Any] = {"load": os.getloadavg()[0]}
    found |= {name: asyncio.run(race(name, rounds)) for name in RACES}
    return found | ({"hour": hour(round(minutes * 60))} if minutes else {})


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=300)
    parser.add_argument("--minutes", type=float, default=0)
    parser.add_argument("--json", action="store_true")
    asked = parser.parse_args()
    found = measure(asked.rounds, asked.minutes)
    if asked.json:
        sys.stdout.write(json.dumps(found, indent=2) + "\n")
        return
    for name, values in found.items():
        sys.stdout.write(f"{name}: {json.dumps(values)}\n")


if __name__ == "__main__":
    main()
