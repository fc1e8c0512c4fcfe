"""A session (or a bare engine) to tell stories with: signals, bars and quotes in, effects out.

Prices are XRP's unless said otherwise: about 2 USDT, tick 0.0001, step 0.1, minimum notional 5.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from decimal import Decimal
from typing import Any, TypeVar

from tradebot.broker.simulated import SimulatedBroker
from tradebot.core.model.account import PositionRead
from tradebot.core.model.effects import (
    Cancel,
    Effect,
    Halted,
    Notify,
    Place,
    SignalJudged,
    WakeAt,
)
from tradebot.core.model.events import (
    AccountRead,
    Command,
    Event,
    Filled,
    OrderSeen,
    OrderUpdate,
    RunStarted,
    WakeUp,
)
from tradebot.core.model.facts import FEES, INSTRUMENTS
from tradebot.core.model.money import exact
from tradebot.core.model.values import (
    MINUTE_MS,
    Bar,
    Fill,
    Order,
    OrderStatus,
    Purpose,
    Quote,
    Side,
)
from tradebot.core.risk.limits import Limits
from tradebot.core.simulated import SimExchange, SimRules
from tradebot.core.strategy.protocol import Signal
from tradebot.core.trading.deadlines import ORDERS
from tradebot.core.trading.engine import Engine, EngineConfig
from tradebot.core.trading.session import Session
from tradebot.core.trading.shared import Execution

D = Decimal
XRP, ADA, SOL = "XRP/USDT", "ADA/USDT", "SOL/USDT"
NOON = 1_748_865_600_000
"""2025-06-02T12:00Z, a Monday."""
HOUR = 60 * MINUTE_MS
DAY = 24 * HOUR
LIVE, PAPER = Limits.live(), Limits.paper()
AnyEffect = TypeVar("AnyEffect", bound=Effect)
ENDS = (OrderStatus.CANCELLED, OrderStatus.EXPIRED, OrderStatus.REJECTED)


class Scripted:
    """Says what lies ready for its symbol; an exception that lies ready is raised."""

    warmup = 0

    def __init__(self, script: dict[str, list[Any]], symbol: str) -> None:
        self._script = script
        self._symbol = symbol
        self.seen: list[Bar] = []

    def on_bar(self, bar: Bar) -> Any:
        self.seen.append(bar)
        waiting = self._script.get(self._symbol)
        said = waiting.pop(0) if waiting else None
        if isinstance(said, BaseException):
            raise said
        return said


def a_config(symbols: Sequence[str] = (XRP,), **changes: Any) -> EngineConfig:
    config = EngineConfig(
        symbols=tuple(symbols),
        instruments={symbol: INSTRUMENTS[symbol] for symbol in symbols},
        limits=LIVE,
        fees=FEES,
        execution=Execution("ioc", D(20), 60),
        start_equity=D(10_000),
        interval=MINUTE_MS,
        timeframe=MINUTE_MS,
    )
    return replace(config, **changes)


def long(stop: float | None = 1.9, target: float | None = None, confidence: float = 1.0) -> Signal:
    return Signal("long", confidence, stop, target, "up")


def short(stop: float | None = 2.1, target: float | None = None) -> Signal:
    return Signal("short", 1.0, stop, target, "down")


OUT = Signal("exit", 1.0, reason="out")


class Story:
    """An engine and what it said. ``effects`` grow with every event."""

    def __init__(self, config: EngineConfig, at: int = NOON) -> None:
        self.config = config
        self.script: dict[str, list[Any]] = {}
        self.effects: list[Effect] = []
        self.time = at
        self.prices = {XRP: "2", ADA: "0.7", SOL: "150"}
        self.commands = 0

    def say(self, *signals: Any, symbol: str = XRP) -> None:
        """Lay signals ready, one for each of the symbol's next bars."""
        self.script.setdefault(symbol, []).extend(signals)

    def found(self, kind: type[AnyEffect]) -> list[AnyEffect]:
        return [effect for effect in self.effects if isinstance(effect, kind)]

    def placed(self, purpose: Purpose | None = None) -> list[Order]:
        orders = [effect.approved.order for effect in self.found(Place)]
        return [order for order in orders if purpose in (None, order.purpose)]

    def cancelled(self) -> list[str]:
        return [effect.why for effect in self.found(Cancel)]

    def halted(self) -> list[str]:
        return [effect.reason for effect in self.found(Halted)]

    def told(self) -> str:
        return "\n".join(effect.text for effect in self.found(Notify))

    def verdicts(self) -> list[str]:
        return [effect.verdict for effect in self.found(SignalJudged)]

    def refusals(self) -> str:
        return "\n".join(text for s in self.found(SignalJudged) for text in s.refusals)

    def a_bar(self, row: str = "", symbol: str = XRP) -> Bar:
        """``o h l c [v]``; empty: stand still at the last close."""
        words = row.split() or [self.prices[symbol]] * 4
        volume = words[4] if len(words) > 4 else "10000000"
        self.prices[symbol] = words[3]
        return Bar.of(symbol, self.time, self.config.interval, (*words[:4], volume))


class Played(Story):
    """A session: the simulated exchange answers."""

    def __init__(
        self, config: EngineConfig, at: int = NOON, *, latency_ms: int = 0, latched: Any = None
    ) -> None:
        super().__init__(config, at)
        self.latched = latched
        self.rules = SimRules(
            config.start_equity,
            FEES,
            D(1),
            D("0.1"),
            latency_ms,
            D("0.1"),
            config.leverage,
        )
        self.starts = 0
        self.session = self._new()
        self.start()

    def _new(self) -> Session:
        engine = Engine(self.config, lambda symbol: Scripted(self.script, symbol))
        self.exchange = SimExchange(self.rules, self.config.instruments)
        broker = SimulatedBroker(self.exchange, self.config.leverage)
        return Session(engine, broker, sink=self._take, latched=self.latched)

    def _take(self, _: Event, effects: Sequence[Effect]) -> None:
        self.effects.extend(effects)

    def start(self) -> None:
        self.starts += 1
        at = max(self.time, self.session.engine.now) if self.starts == 1 else self.engine.now
        with exact():
            event = RunStarted(at, "run", "abcdef", f"n{self.starts}", "hash", self.starts > 1)
            self.session.deliver(event)

    def restart(self) -> None:
        text = json.dumps(self.session.export_state())
        self.session = self._new()
        with exact():
            self.session.restore(json.loads(text))
        assert json.dumps(self.session.export_state()) == text
        self.start()

    @property
    def engine(self) -> Engine:
        return self.session.engine

    def bar(self, row: str = "", symbol: str = XRP, **others: str) -> None:
        """Play one minute: a row for the symbol, and ``ada=``/``sol=`` rows beside it."""
        names = {"ada": ADA, "sol": SOL}
        bars = [self.a_bar(row, symbol)] + [self.a_bar(r, names[n]) for n, r in others.items()]
        self.time += self.config.interval
        with exact():
            self.session.advance(bars)

    def bars(self, count: int) -> None:
        for _ in range(count):
            self.bar()

    def quote(self, bid: str, ask: str, mark: str, *, symbol: str = XRP, late: int = 0) -> None:
        """Show a quote with ample sizes; a second passes. ``late``: its own time is that much earlier."""
        text = (bid, ask, "1000000", "1000000", mark)
        shown = Quote(symbol, self.time - late, self.time, text, float(mark))
        self.time += 1000
        with exact():
            self.session.advance([shown])

    def closed(self, symbol: str = XRP) -> None:
        """Close a bar beside the quotes, for the strategy only."""
        with exact():
            bar = Bar.of(symbol, self.time - MINUTE_MS + 1, MINUTE_MS, ("2", "2", "2", "2", "9"))
            self.session.advance([bar])

    def command(self, name: str, reason: str = "because", review: str = "", number: int = 0) -> str:
        with exact():
            now = self.engine.now
            self.session.deliver(Command(now, number, name, "person", reason, review))
        return name

    @property
    def held(self) -> Decimal:
        return self.engine.books[XRP].holding.qty

    def resting(self) -> list[str]:
        return [order.purpose.value for order, _ in self.exchange.open_orders()]


class Bare(Story):
    """An engine alone: the test is the exchange, and can be as late and as lost as a real one."""

    def __init__(self, config: EngineConfig, at: int = NOON) -> None:
        super().__init__(replace(config, outside=True), at)
        self.engine = self._new()
        self.trades = 0
        self.starts = 0
        self.done: dict[str, Decimal] = {}
        self.timers: dict[str, int] = {}
        self.start()

    def _new(self) -> Engine:
        return Engine(self.config, lambda symbol: Scripted(self.script, symbol))

    def start(self) -> list[Effect]:
        self.starts += 1
        at = max(self.time, self.engine.now)
        name = f"n{self.starts}"
        return self.tell(RunStarted(at, "run", "abcdef", name, "hash", self.starts > 1))

    def restart(self) -> list[Effect]:
        """As if the process had died and come back: only what is journalled is left."""
        text = json.dumps(self.engine.export_state())
        self.engine = self._new()
        with exact():
            self.engine.restore(json.loads(text))
        assert json.dumps(self.engine.export_state()) == text
        return self.start()

    def tell(self, event: Event) -> list[Effect]:
        with exact():
            effects = list(self.engine.process(event))
        self.effects += effects
        for effect in effects:
            if isinstance(effect, WakeAt):
                self.timers[effect.key] = effect.at
        return [e for e in effects if not isinstance(e, WakeAt) or e.key != ORDERS]

    def later(self, ms: int) -> list[Effect]:
        """Let time pass: the timers that are due meanwhile are delivered at their time."""
        until = self.now + ms
        effects: list[Effect] = []
        while self.timers and min(self.timers.values()) <= until:
            key = min(self.timers, key=lambda name: (self.timers[name], name))
            effects += self.tell(WakeUp(max(self.now, self.timers.pop(key)), key))
        effects += self.tell(WakeUp(until, "nothing"))
        self.time = max(self.time, until)
        return effects

    def bar(self, row: str = "", symbol: str = XRP) -> list[Effect]:
        bar = self.a_bar(row, symbol)
        self.time += self.config.interval
        return self.tell(bar)

    @property
    def now(self) -> int:
        return self.engine.now

    def update(
        self,
        order: Order,
        status: OrderStatus,
        left: str | None = None,
        code: int = 0,
        filled: str | None = "as told",
    ) -> list[Effect]:
        """Say a word on an order. ``filled``: what was executed in all, by default what fills have told of."""
        qty = None if left is None else D(left)
        done: Decimal | None = self.done.get(order.id, D(0))
        if filled != "as told":
            done = None if filled is None else D(filled)
        elif status not in ENDS:
            done = None
        return self.tell(
            OrderUpdate(
                *(self.now, order.symbol, order.id, status, self.now, code, "said so", qty),
                filled=done,
            )
        )

    def found_out(
        self, order: Order, status: OrderStatus | None, filled: str | None = None, asked: int = 0
    ) -> list[Effect]:
        """Answer a look-up; ``asked`` is when it left, by default just now."""
        done = None if filled is None else D(filled)
        at = self.now
        return self.tell(OrderSeen(at, order.symbol, order.id, status, at, asked or at, done))

    def read(self, qty: str = "0", symbol: str = XRP, asked: int = 0, **known: Any) -> list[Effect]:
        """Answer a ReadBack: the venue's position, and nothing at rest unless told."""
        positions = (PositionRead(symbol, D(qty), D(2)),) if D(qty) else ()
        at = self.now
        return self.tell(AccountRead(at, symbol, at, asked or at, positions, **known))

    def works(self, order: Order) -> list[Effect]:
        return self.update(order, OrderStatus.WORKING)

    def fill(
        self, order: Order, qty: str | None = None, price: str = "2", trade: int = 0
    ) -> list[Effect]:
        self.trades += 1
        size = order.qty if qty is None else D(qty)
        number = trade or self.trades
        fee = size * D(price) * D("0.0005")
        fill = Fill(
            order.symbol, number, order.id, order.side, size, D(price), fee, False, self.now
        )
        self.done[order.id] = self.done.get(order.id, D(0)) + size
        return self.tell(Filled(self.now, fill))

    def wake(self, key: str, at: int) -> list[Effect]:
        return self.tell(WakeUp(at, key))

    def opened(self, signal: Signal | None = None) -> Order:
        """Enter, fill at once, acknowledge what protects it; return the entry."""
        self.say(signal or long())
        self.bar()
        entry = self.placed(Purpose.ENTRY)[-1]
        self.works(entry)
        before = len(self.placed())
        self.fill(entry)
        for order in self.placed()[before:]:
            self.works(order)
        return entry

    def lost(self, symbol: str = XRP) -> Fill:
        """A fill of an order nobody here has sent."""
        self.trades += 1
        return Fill(symbol, self.trades, "web-1", Side.BUY, D(5), D(2), D(0), False, self.now)

    @property
    def held(self) -> Decimal:
        return self.engine.books[XRP].holding.qty
