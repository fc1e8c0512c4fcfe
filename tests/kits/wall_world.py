"""A random world: prices with gaps, a strategy that says anything, commands, restarts, silent feeds."""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any

from kits.wall_checker import Checker, Record
from tradebot.broker.simulated import SimulatedBroker
from tradebot.core.model.events import Command, FeedStatus, FundingRate, MarketEvent, RunStarted
from tradebot.core.model.facts import FEES, INSTRUMENTS
from tradebot.core.model.values import MINUTE_MS, Bar, MarkBar, Quote
from tradebot.core.risk.limits import Limits
from tradebot.core.simulated import SimExchange, SimRules
from tradebot.core.strategy.protocol import Signal, Strategy
from tradebot.core.trading.engine import Engine, EngineConfig
from tradebot.core.trading.session import Session
from tradebot.core.trading.shared import Execution

D = Decimal
SYMBOLS = ("ADA/USDT", "SOL/USDT", "XRP/USDT")
PRICES = {"ADA/USDT": 0.7, "SOL/USDT": 150.0, "XRP/USDT": 2.2}
START = 1_748_844_000_000  # 2025-06-02T06:00Z, a Monday
REVIEW = "what happened and what changes"


class Anything:
    """A strategy that says whatever comes to its mind; ``sane`` is how often it makes sense."""

    warmup = 0

    def __init__(self, draw: random.Random, often: float, sane: float) -> None:
        self._draw = draw
        self._often = often
        self._sane = sane

    def on_bar(self, bar: Bar) -> Signal | None:
        draw = self._draw
        if draw.random() > self._often:
            return None
        if draw.random() < 0.001:
            raise RuntimeError("a bug in the strategy")
        side: Any = draw.choice(("long", "short", "long", "short", "exit"))
        sign = -1 if side == "short" else 1
        away = bar.close * draw.choice((0.0005, 0.003, 0.01, 0.03, 0.08))
        stop: Any = bar.close - sign * away
        target: Any = bar.close + sign * away * 2 if draw.random() < 0.5 else None
        confidence: Any = draw.choice((0.2, 0.6, 1.0))
        if draw.random() > self._sane:
            stop = draw.choice(
                (None, bar.close + sign * away, float("nan"), float("-inf"), -1.0, 0.0, 1e300)
            )
            target = draw.choice((None, stop, float("nan"), -3.0, 1e-300, bar.close - sign * away))
            confidence = draw.choice((1e9, -1.0, float("nan"), 1.0))
        return Signal(side, confidence, stop, target, "anything", {"x": float("inf")})


@dataclass(frozen=True)
class Setup:
    """What one world is like; drawn from its seed, or given."""

    symbols: tuple[str, ...]
    limits: Limits
    entry: Any
    equity: Decimal
    interval: int
    quotes: bool
    leverage: int
    auto_resume: bool
    signoff: bool
    marks: bool
    latency_ms: int


def drawn(draw: random.Random) -> Setup:
    """Draw a world: mostly the live limits as they are, else variations that let other rules bind."""
    limits = draw.choice((Limits.live(), Limits.live(), Limits.paper()))
    leverage = 1
    if draw.random() < 0.35:
        leverage = draw.choice((3, 10, 40))
        limits = replace(limits, leverage=draw.choice((None, leverage, 2)))
        if draw.random() < 0.6:  # far stops, so that liquidation comes first
            limits = replace(limits, trade_loss=None, day_loss=None)
    if draw.random() < 0.15:
        limits = replace(limits, stop_required=False)
    if draw.random() < 0.2:
        limits = replace(limits, blackout_hours=())
    if draw.random() < 0.4:  # tighter caps, which a few losing trades reach
        limits = replace(limits, day_loss=D(3), week_loss=D(7), since_signoff_loss=D(8))
    quotes = draw.random() < 0.3
    return Setup(
        symbols=SYMBOLS[: draw.choice((1, 2, 3, 3))],
        limits=limits,
        entry=draw.choice(("ioc", "ioc", "market", "limit")),
        equity=D(draw.choice((150, 10_000, 10_000))),
        interval=MINUTE_MS * (1 if quotes else draw.choice((1, 1, 5, 60))),
        quotes=quotes,
        leverage=leverage,
        auto_resume=draw.random() < 0.5,
        signoff=draw.random() < 0.3,
        marks=draw.random() < 0.2,
        latency_ms=draw.choice((0, 250, 250, 3000, 61_000)),
    )


class World:
    """One run of a session under a checker. ``step`` does one thing; the same seed does the same."""

    def __init__(
        self,
        seed: int | str,
        setup: Setup | None = None,
        make: Callable[[str], Strategy] | None = None,
    ) -> None:
        self.draw = random.Random(seed)
        self.make = make or (lambda _: Anything(self.draw, self.often, self.sane))
        self.setup = setup = setup or drawn(self.draw)
        self.config = EngineConfig(
            symbols=setup.symbols,
            instruments={symbol: INSTRUMENTS[symbol] for symbol in setup.symbols},
            limits=setup.limits,
            fees=FEES,
            execution=Execution(setup.entry, D(self.draw.choice((5, 20, 100))), 60),
            start_equity=setup.equity,
            interval=setup.interval,
            timeframe=setup.interval,
            quotes=setup.quotes,
            leverage=setup.leverage,
            auto_resume=setup.auto_resume,
            signoff_equity=setup.equity if setup.signoff else None,
        )
        self.rules = SimRules(
            start_equity=setup.equity,
            fees=FEES,
            spread_bps=D(2),
            impact=D("0.1"),
            latency_ms=setup.latency_ms,
            volume_share=D("0.1"),
            leverage=setup.leverage,
        )
        self.often = self.draw.choice((0.05, 0.3, 0.9))
        self.sane = self.draw.choice((0.6, 0.9, 1.0))
        self.wild = self.draw.choice((0.0003, 0.002, 0.01))
        self.checker = Checker(self.config)
        self.prices = {symbol: PRICES[symbol] for symbol in setup.symbols}
        self.time = START + self.draw.randrange(24 * 7) * 3_600_000
        self.second = 0
        self.starts = 0
        self.funded: set[tuple[str, int]] = set()
        self.commands = 0
        self.session = self._session()
        self._start()

    # -- sessions -------------------------------------------------------------------------------------

    def _session(self) -> Session:
        engine = Engine(self.config, self.make)
        self.exchange = SimExchange(self.rules, self.config.instruments)
        session = Session(engine, SimulatedBroker(self.exchange))
        self.checker.watch(session)
        return session

    def _start(self) -> None:
        self.starts += 1
        at = (
            max(self.time, self.session.engine.now) if self.starts == 1 else self.session.engine.now
        )
        nonce = f"n{self.starts}"
        self.session.deliver(RunStarted(at, "run", "abcdef", nonce, "hash", self.starts > 1))

    def restart(self) -> None:
        """Write the state down, forget everything, and go on from what was written."""
        text = json.dumps(self.session.export_state())
        self.session = self._session()
        self.session.restore(json.loads(text))
        assert json.dumps(self.session.export_state()) == text
        self._start()
        self.checker.record.restarts += 1

    # -- one step -------------------------------------------------------------------------------------

    def step(self) -> None:
        chance = self.draw.random()
        if chance < 0.965:
            self.market()
        elif chance < 0.968:
            self.command(self.draw.choice(("halt", "close-all", "dance")))
        elif chance < 0.98:
            self.command("resume", self.draw.choice(("", REVIEW)))
        elif chance < 0.985:
            self.feed(live=self.draw.random() < 0.6)
        elif chance < 0.99:
            self.funding()
        elif chance < 0.995:
            self.jump(self.draw.randrange(1, 60 * 30))
        else:
            self.restart()
        if self.session.stopped is not None:
            self.session.stopped = None
        self.checker.record.steps += 1
        self.checker.settle(self.session)

    def market(self) -> None:
        """Show the next prices: one bar a symbol, or one second of quotes (bars after each minute)."""
        if self.setup.quotes and self.second < 60:
            self._quotes()
            return
        self.second = 0
        self._bars()

    def command(self, name: str, review: str = "") -> None:
        self.commands += 1
        now = self.session.engine.now
        self.session.deliver(Command(now, self.commands, name, "person", "because", review))

    def feed(self, *, live: bool) -> None:
        symbol = self.draw.choice(("", *self.setup.symbols))
        self.session.deliver(FeedStatus(self.session.engine.now, symbol, live))

    def funding(self) -> None:
        symbol = self.draw.choice(self.setup.symbols)
        if self.exchange.positions.get(symbol) is None:
            return
        at = max(self.time, self.session.engine.now)
        minute = (symbol, at // 60_000)
        if minute in self.funded:  # one payment a minute: the ledger books it once
            return
        self.funded.add(minute)
        rate = D(self.draw.choice(("0.0001", "-0.02", "0.02")))
        self.session.advance([FundingRate(at, symbol, rate)])

    def jump(self, minutes: int) -> None:
        """Nothing is shown for a while."""
        self.time += minutes * max(MINUTE_MS, self.setup.interval)
        self.second = 0

    # -- prices ---------------------------------------------------------------------------------------

    def _moved(self, symbol: str, scale: float) -> float:
        draw = self.draw
        price = self.prices[symbol]
        if draw.random() < 0.003 * scale + 0.001:
            price *= 1 + draw.choice((-1, 1)) * draw.uniform(0.02, 0.35)
        return price

    def _bars(self) -> None:
        marks: list[MarketEvent] = []
        bars: list[MarketEvent] = []
        for symbol in self.setup.symbols:
            if self.draw.random() < 0.02:
                continue  # a gap in the data
            bar = self._bar(symbol, Bar, self._moved(symbol, 1.0))
            bars.append(bar)
            if self.setup.marks and not self.setup.quotes:
                marks.append(self._bar(symbol, MarkBar, bar.open))
            self.prices[symbol] = self._tame(symbol, bar.close)
        self.time += self.setup.interval
        if bars:
            self.session.advance([*marks, *bars])

    def _bar(self, symbol: str, kind: type[Bar], opened: float) -> Bar:
        draw = self.draw
        path = [opened]
        for _ in range(3):
            path.append(path[-1] * (1 + draw.gauss(0, self.wild)))
        volume = draw.choice((0, 60, 5000, 10**5, 10**6, 10**6))
        numbers = [self._text(symbol, x) for x in (path[0], max(path), min(path), path[-1])]
        return kind.of(symbol, self.time, self.setup.interval, (*numbers, str(volume)))

    def _text(self, symbol: str, price: float) -> str:
        tick = INSTRUMENTS[symbol].tick
        return str(max(tick, round(price / float(tick)) * tick))

    def _tame(self, symbol: str, price: float) -> float:
        start = PRICES[symbol]
        return min(max(price, start / 4), start * 4)

    def _quotes(self) -> None:
        draw = self.draw
        shown: list[Quote] = []
        for symbol in self.setup.symbols:
            if draw.random() < 0.1:
                continue
            price = self._moved(symbol, 0.1) * (1 + draw.gauss(0, self.wild / 3))
            self.prices[symbol] = price = self._tame(symbol, price)
            tick = INSTRUMENTS[symbol].tick
            bid = D(self._text(symbol, price))
            ask = bid + tick * draw.choice((1, 1, 3, 20))
            mark = max(tick, bid + tick * draw.choice((-2, 0, 1, 5)))
            sizes = [str(draw.choice((50, 2000, 10**5, 10**6))) for _ in range(2)]
            at = self.time + self.second * 1000
            text = (str(bid), str(ask), *sizes, str(mark))
            shown.append(Quote(symbol, at - draw.choice((0, 0, 30)), at, text, float(mark)))
        self.second += draw.choice((1, 1, 1, 7))
        if shown:
            self.session.advance(shown)


def live_through(seeds: Sequence[int], steps: int) -> Record:
    """Live through several worlds; return what happened in all of them."""
    total = Record()
    for seed in seeds:
        world = World(seed)
        for _ in range(steps):
            world.step()
        total.add(world.checker.record)
    return total
