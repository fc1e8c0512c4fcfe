"""A start after a death: 30 days of five symbols in the journal, a position open, its stop lost on the way.

A journal of that size is made once (``--quotes`` a minute and symbol beside the bars), with a broker outside that
holds the position. Then new processes start on it; from their first instruction it takes so long until the position
is protected on the exchange, and until the strategies have seen all bars again and entries may be made.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import pickle
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT), str(ROOT / "tests")]

SYMBOLS = ("BTC/USDT", "ETH/USDT", "ADA/USDT", "SOL/USDT", "XRP/USDT")
PRICES = {
    "BTC/USDT": 98_000.0,
    "ETH/USDT": 3_600.0,
    "ADA/USDT": 0.7,
    "SOL/USDT": 150.0,
    "XRP/USDT": 2.2,
}
TARGETS = {"protected_s": 2.0, "trading_s": 20.0}
MINUTE = 60_000
HELD = "XRP/USDT"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--days", type=float, default=30)
    parser.add_argument("--quotes", type=int, default=1, help="per minute and symbol")
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--child", nargs=2, metavar=("FOLDER", "BEGAN"))
    options = parser.parse_args()
    if options.child:
        asyncio.run(start(Path(options.child[0]), float(options.child[1])))
        return 0
    with tempfile.TemporaryDirectory() as name:
        master = Path(name) / "master"
        events = asyncio.run(build(master, round(options.days * 1440), options.quotes))
        found = [measure(master, Path(name) / str(n)) for n in range(options.runs)]
        size = sum(f.stat().st_size for f in master.rglob("*") if f.is_file())
    middle = {key: sorted(one[key] for one in found)[len(found) // 2] for key in found[0]}
    answer = {
        "days": options.days,
        "events": events,
        "journal_mb": round(size / 2**20, 1),
        **middle,
    }
    answer["ok"] = all(answer[key] < most for key, most in TARGETS.items())
    print(json.dumps(answer))  # noqa: T201 - the answer
    return 0 if answer["ok"] else 1


def measure(master: Path, folder: Path) -> dict[str, Any]:
    """Start a process on a copy of the journal and return what it says."""
    shutil.copytree(master, folder)
    words = [sys.executable, __file__, "--child", str(folder), repr(time.time())]
    done = subprocess.run(words, capture_output=True, text=True, check=False, timeout=300)
    shutil.rmtree(folder)
    if done.returncode:
        raise SystemExit(done.stderr)
    answer = json.loads(done.stdout.splitlines()[-1])
    assert isinstance(answer, dict)
    return answer


# -- the journal -------------------------------------------------------------------------------------


async def build(folder: Path, minutes: int, quotes: int) -> int:
    """Write the journal of a run that was killed right after its entry had filled."""
    from kits import live_kit as kit

    from tradebot.app.host import opened
    from tradebot.core.model.effects import Place
    from tradebot.core.model.money import exact

    wall = time.time_ns() // 1_000_000
    opens = wall - wall % MINUTE - minutes * MINUTE
    clock = Now(opens)
    broker = kit.StubBroker(clock, SYMBOLS, 1, kit.Manners(0.0, 0.0, 0.0, 0.0))  # type: ignore[arg-type]
    bars = [kit.swinging(s, PRICES[s], i, minutes, opens) for i, s in enumerate(SYMBOLS)]
    events = 0
    with exact():
        async with opened(setup(folder, Feed([]), broker, clock)) as (runner, _):
            run, session = runner.runs[0], runner.session
            run.start(opens)
            for number, step in enumerate(zip(*bars, strict=True)):
                events += 5 * (quotes + 1)
                for i in range(quotes):
                    at = step[0].open_time + i * MINUTE // quotes
                    clock.at = at
                    shown = [kit._quote(bar, at, 60 * i // quotes) for bar in step]
                    session.advance(shown)
                    if number == minutes - 1:
                        list(broker.exchange.step(shown))
                clock.at = step[0].exchange_time
                session.advance(list(step))
                session.outbox.clear()
                if number % 500 == 0 or number == minutes - 2:
                    runner.record.save_state()  # the log's tail behind it is a minute long, as it would be
                    await runner.record.commit()
            run.session.engine.started = True
            entry = enter(session)
            await runner.record.commit()
            broker.exchange.submit(entry.approved.order, clock.at)
            for fill in broker.exchange.history.fills:
                session.deliver(told(fill, clock.at))
            assert [e for e in session.outbox if isinstance(e, Place)], "no stop was wanted"
            await runner.record.commit()
    (folder / "world").write_bytes(pickle.dumps(broker.exchange))
    return events


def enter(session: Any) -> Any:
    """Have the engine enter: a signal on one more bar, as its strategy would give it."""
    from tradebot.core.model.effects import Place
    from tradebot.core.model.values import Bar, Quote
    from tradebot.core.strategy.protocol import Signal

    book = session.engine.books[HELD]
    last = book.last
    assert isinstance(last, Quote)
    strategy, price = book.strategy, last.mark
    now = session.engine.now

    class Once:
        warmup = 0

        def on_bar(self, bar: Bar) -> Signal:
            return Signal("long", 1.0, round(price * 0.98, 4), None, "a benchmark")

    book.strategy, book.cold = Once(), 0
    session.advance([Quote(HELD, now, now, last.text, last.mark)])
    text = tuple(last.text[:1]) * 4 + ("9",)
    session.advance([Bar.of(HELD, now - MINUTE + 1, MINUTE, text, now)])
    book.strategy = strategy
    (place,) = (effect for effect in session.outbox if isinstance(effect, Place))
    session.outbox.clear()
    return place


def told(fill: Any, at: int) -> Any:
    from tradebot.core.model.events import Filled

    return Filled(at, fill)


def setup(folder: Path, feed: Any, broker: Any, clock: Any) -> Any:
    from kits import live_kit as kit

    return kit.late_setup(
        folder, feed, broker, clock, params={"fast": 12, "slow": 26},
        flags={"risk.paper.blackout_hours": "off", "data.dir": str(folder)},
    )  # fmt: skip


class Now:
    """A clock whose wall time is told; durations are real."""

    def __init__(self, at: int) -> None:
        self.at = at

    def wall_ms(self) -> int:
        return self.at

    def monotonic(self) -> float:
        return time.monotonic()

    def sleep(self, seconds: float) -> None:
        time.sleep(seconds)


class Feed:
    """Quotes of the last known prices, four a second."""

    label = "a benchmark"
    symbols = tuple(sorted(SYMBOLS))
    quotes = True
    funding_known = False
    interval = MINUTE
    wall = True

    def __init__(self, last: Sequence[Any]) -> None:
        self._last = last

    def history(self) -> Iterator[Any]:
        return iter(())

    def cursor(self) -> dict[str, Any]:
        return {}

    def progress(self) -> float | None:
        return None

    def warnings(self, positions: Sequence[Any] = ()) -> list[str]:
        return []

    async def feed(self, put: Any, since: int | None) -> None:
        from tradebot.core.model.values import Quote

        while True:
            at = time.time_ns() // 1_000_000
            put([Quote(q.symbol, at, at, q.text, q.mark) for q in self._last])
            await asyncio.sleep(0.25)


# -- the start ---------------------------------------------------------------------------------------


async def start(folder: Path, began: float) -> None:
    """Start on the journal, and say when the position was protected and when entries may be made."""
    from kits import live_kit as kit

    from tradebot.app.host import opened
    from tradebot.clock import SYSTEM
    from tradebot.core.model.money import exact

    found: dict[str, float] = {}
    cpu = 0.0
    broker = kit.StubBroker(SYSTEM, SYMBOLS, 2, kit.Manners(0.02, 0.06, 0.0, 0.0))  # type: ignore[arg-type]
    broker.exchange = pickle.loads((folder / "world").read_bytes())
    last = list(broker.exchange._quotes.values())
    with exact():
        async with opened(setup(folder, Feed(last), broker, SYSTEM)) as (runner, cursor):
            found["restored_s"] = time.time() - began
            running = asyncio.create_task(runner.main(cursor))
            while len(found) < 3:
                await asyncio.sleep(0.005)
                resting = [o for o, _ in broker.exchange.open_orders() if o.trigger is not None]
                if "protected_s" not in found and (resting or not broker.exchange.positions):
                    found["protected_s"] = time.time() - began
                    cpu = time.process_time()
                if "trading_s" not in found and runner.warm is None:  # type: ignore[attr-defined]
                    found["trading_s"] = time.time() - began
                assert not running.done(), running
            runner.request_stop("measured")
            await running
    found["protected_cpu_s"], found["trading_cpu_s"] = cpu, time.process_time()
    print(json.dumps({key: round(value, 2) for key, value in found.items()}))  # noqa: T201 - the answer


if __name__ == "__main__":
    sys.exit(main())
