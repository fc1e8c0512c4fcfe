"""A world that answers late: virtual time, a stub of an outside broker, and a feed that comes when it comes.

Time is the loop's own and moves only when nobody has anything to do, so that a day passes in seconds while every
delay and every timer keeps its order. The journal is the real one, on its own thread: while it works, time stands.
"""

from __future__ import annotations

import asyncio
import json
import selectors
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from pathlib import Path
from random import Random
from typing import Any, Literal, Protocol

from tradebot.app.host import Setup
from tradebot.app.runner import Pace
from tradebot.config import load_config
from tradebot.core.model.account import OrderRead, PositionRead
from tradebot.core.model.approved import Approved
from tradebot.core.model.effects import LookUp
from tradebot.core.model.events import (
    AccountRead,
    ClockChecked,
    Event,
    Filled,
    MarketEvent,
    OrderSeen,
    OrderUpdate,
)
from tradebot.core.model.facts import INSTRUMENTS
from tradebot.core.model.money import exact
from tradebot.core.model.values import HOUR_MS, MINUTE_MS, Bar, Fees, Order, OrderStatus, Quote
from tradebot.core.simulated import SimExchange, SimRules
from tradebot.core.simulated.resting import CONDITIONAL
from tradebot.journal.writer import Journal
from tradebot.market.feed import Step
from tradebot.plugins.strategies import load_strategy

IN_TRANSIT_S = 0.2
"""Real seconds for which something written to a socket of this machine is waited for at most."""

D = Decimal
EPOCH = 1_746_057_600_000  # 2025-05-01T00:00Z


class VirtualLoop(asyncio.SelectorEventLoop):
    """A loop whose time jumps to the next timer as soon as nobody is busy."""

    def __init__(self, selector: Callable[[Any], selectors.BaseSelector] | None = None) -> None:
        super().__init__((selector or _Impatient)(self))
        self.virtual = 0.0
        self.busy = 0
        self.under_way = 0
        self.fresh = False

    def _make_socket_transport(self, *args: Any, **named: Any) -> Any:
        """Have each write counted: what is on a socket takes no virtual time, and some real one."""
        transport = super()._make_socket_transport(*args, **named)  # type: ignore[misc]
        for name in ("write", "writelines"):
            setattr(transport, name, self._counted(getattr(transport, name)))
        return transport

    @property
    def patience_s(self) -> float:
        """For how long something may be on its way: long after a write, short for what may have come already."""
        if not self.under_way:
            return 0
        return IN_TRANSIT_S if self.fresh else IN_TRANSIT_S / 40

    def arrived(self, count: int) -> None:
        """So many sockets had something; two writes may be one arrival, so what is left may be nothing."""
        self.fresh = False
        self.under_way = max(0, self.under_way - count) if count else 0

    def _counted(self, write: Callable[[Any], None]) -> Callable[[Any], None]:
        def counted(data: Any) -> None:
            self.under_way += 1
            self.fresh = True
            write(data)

        return counted

    async def sock_connect(self, *args: Any) -> None:
        """Connect: the other side hears of it, and so does this one."""
        self.under_way += 2
        self.fresh = True
        await super().sock_connect(*args)

    def time(self) -> float:
        return self.virtual

    def run_in_executor(self, *args: Any) -> Any:  # type: ignore[override]
        """Have a thread do something: time stands until it is done."""
        future = super().run_in_executor(*args)
        self.busy += 1
        future.add_done_callback(self._rest)
        return future

    def _rest(self, _: object) -> None:
        self.busy -= 1

    async def shutdown_default_executor(self, timeout: float | None = None) -> None:
        """Wait for the threads without a limit (of 300 s since Python 3.12): they live by the real time."""
        del timeout
        await super().shutdown_default_executor()


class _Impatient(selectors.DefaultSelector):
    def __init__(self, loop: VirtualLoop) -> None:
        super().__init__()
        self._loop = loop

    def select(self, timeout: float | None = None) -> Any:
        if timeout is None or timeout <= 0:
            found = super().select(timeout)
            if found:
                self._loop.arrived(len(found))
            return found
        if self._loop.busy:  # a thread works: time stands until it is done
            return super().select(0.05)
        found = super().select(self._loop.patience_s)
        self._loop.arrived(len(found))
        if not found:
            self._loop.virtual += timeout + 1e-6
        return found


class VirtualClock:
    """The loop's time as a clock."""

    def __init__(self, loop: VirtualLoop, epoch: int = EPOCH) -> None:
        self._loop = loop
        self._epoch = epoch

    def wall_ms(self) -> int:
        return self._epoch + round(self._loop.virtual * 1000)

    def monotonic(self) -> float:
        return self._loop.virtual

    def sleep(self, seconds: float) -> None:
        self._loop.virtual += seconds


def play(main: Callable[[Any], Any], loop: VirtualLoop | None = None) -> Any:
    """Run a coroutine function on a virtual loop; the journal's thread holds time still."""
    loop = loop or VirtualLoop()
    work = Journal._on_thread

    async def counted(self: Journal, *args: Any) -> Any:
        loop.busy += 1
        try:
            return await work(self, *args)
        finally:
            loop.busy -= 1

    Journal._on_thread = counted  # type: ignore[method-assign, assignment]
    try:
        with asyncio.Runner(loop_factory=lambda: loop) as runner, exact():
            return runner.run(main(loop))
    finally:
        Journal._on_thread = work  # type: ignore[method-assign]


@dataclass
class Manners:
    """How a broker answers: delays in seconds, and how likely a word comes twice or not at all."""

    least_s: float = 0.005
    most_s: float = 0.4
    twice: float = 0.1
    lost: float = 0.02


class StubBroker:
    """An exchange behind a wire: everything takes a random while, some words come twice, some never.

    It keeps the account on a simulated exchange that answers on the last quote.
    """

    outside = True

    def __init__(
        self, clock: VirtualClock, symbols: Iterable[str], seed: int, manners: Manners | None = None
    ) -> None:
        rules = SimRules(
            D(10_000), Fees(D("0.0002"), D("0.0005")), D(1), D("0.1"), 0, D("0.1"), 1,
            at_once=True, history=True,
        )  # fmt: skip
        self.exchange = SimExchange(rules, {symbol: INSTRUMENTS[symbol] for symbol in symbols})
        self.draw = Random(seed)
        self.manners = manners or Manners()
        self.asked: Counter[str] = Counter()
        self.sent: list[str] = []
        self._clock = clock
        self._tell: Callable[[Event], None] | None = None

    async def serve(
        self, answer: Callable[[Event], None], obstacle: Callable[[Approved], str]
    ) -> None:
        self._tell = answer
        answer(ClockChecked(0, 0, 5))
        await asyncio.Event().wait()

    # what a session asks

    def on_market(self, step: Sequence[MarketEvent]) -> Iterable[Event]:
        return [event for event in step if isinstance(event, Quote) or type(event) is Bar]

    def send(self, approved: Approved, at: int) -> Sequence[Event]:
        self.asked["send"] += 1
        self.sent.append(approved.order.id)
        self._later(lambda: self._words(self._submit(approved.order)))
        return ()

    def cancel(self, order: Order, at: int) -> Sequence[Event]:
        self.asked["cancel"] += 1
        self._later(lambda: self._words(self.exchange.cancel(order.symbol, order.id, self._now())))
        return ()

    def look_up(self, asked: LookUp, at: int) -> Sequence[Event]:
        self.asked["look_up"] += 1
        self._later(lambda: self._say(self._seen(asked, at)))
        return ()

    def read_back(self, symbol: str, at: int, trade_id: int = 0) -> Sequence[Event]:
        self.asked["read_back"] += 1
        self._later(lambda: self._read(symbol, at))
        return ()

    def read_account(self, at: int) -> Sequence[Event]:
        self.asked["read_account"] += 1
        self._later(lambda: self._read("", at))
        return ()

    def set_leverage(self, symbol: str, leverage: int, at: int) -> Sequence[Event]:
        return ()

    def set_margin(self, symbol: str, isolated: bool, at: int) -> Sequence[Event]:
        return ()

    def countdown(self, symbol: str, ms: int, at: int) -> Sequence[Event]:
        self.asked["countdown"] += 1
        return ()

    def hourly(self, at: int) -> Sequence[Event]:
        return ()

    def export_state(self) -> dict[str, Any]:
        return {}

    def restore(self, state: dict[str, Any]) -> None:
        pass

    # the exchange's side

    def live_through(self, step: Step) -> None:
        """Let the exchange see a step of the market, and tell what it does to orders."""
        self._words(e for e in list(self.exchange.step(step)) if not isinstance(e, Bar | Quote))

    def _submit(self, order: Order) -> Iterable[Event]:
        return self.exchange.submit(order, self._now())

    def _now(self) -> int:
        return self._clock.wall_ms()

    def _later(self, work: Callable[[], object]) -> None:
        delay = self.draw.uniform(self.manners.least_s, self.manners.most_s)
        asyncio.get_running_loop().call_later(delay, work)

    def _words(self, events: Iterable[Event]) -> None:
        for event in list(events):
            self._say(self._whole(event), may_fail=isinstance(event, OrderUpdate))

    def _say(self, event: Event, may_fail: bool = False) -> None:
        assert self._tell is not None
        if may_fail and self.draw.random() < self.manners.lost:
            return
        tell = self._tell
        self._later(lambda: tell(event))
        if self.draw.random() < self.manners.twice:
            self._later(lambda: tell(event))

    def _whole(self, event: Event) -> Event:
        """Say on an order's end how much of it was executed, as an exchange does."""
        if not isinstance(event, OrderUpdate):
            return event
        record = self.exchange.look_up(event.symbol, event.order_id)
        return event if record is None else replace(event, filled=record.filled)

    def _seen(self, asked: LookUp, at: int) -> OrderSeen:
        record = self.exchange.look_up(asked.symbol, asked.order_id)
        now = self._now()
        if record is None:
            return OrderSeen(now, asked.symbol, asked.order_id, None, now, at)
        status, filled = record.status, record.filled
        return OrderSeen(now, asked.symbol, asked.order_id, status, now, at, filled, record.reason)

    def _read(self, symbol: str, at: int) -> None:
        """Tell the fills of the last hour again, then what the account holds."""
        now = self._now()
        for fill in self.exchange.history.fills[-200:]:
            if symbol in ("", fill.symbol) and now - fill.time < HOUR_MS:
                self._say(Filled(now, fill))
        positions = tuple(
            PositionRead(name, held.qty, held.entry)
            for name, held in sorted(self.exchange.positions.items())
            if symbol in ("", name)
        )
        resting = [o for o, _ in self.exchange.open_orders() if symbol in ("", o.symbol)]
        self._say(
            AccountRead(
                now,
                symbol,
                now,
                at,
                positions,
                tuple(self._order(o) for o in resting if o.type not in CONDITIONAL),
                tuple(self._order(o) for o in resting if o.type in CONDITIONAL),
                None if symbol else self.exchange.wallet,
                {} if symbol else {"USDT": self.exchange.wallet},
            )
        )

    def _order(self, order: Order) -> OrderRead:
        record = self.exchange.look_up(order.symbol, order.id)
        assert record is not None
        return OrderRead(
            order.symbol, order.id, str(record.number), order.side, order.type.value,
            OrderStatus.WORKING, order.qty, record.filled, order.price, order.trigger,
            order.reduce_only,
        )  # fmt: skip


class Onlooker(Protocol):
    """Whoever is shown each step of the market in the moment in which it happens."""

    def live_through(self, step: Step) -> None: ...


class LateFeed:
    """Quotes and bars of a list of minutes, as a wall-clock feed: each bar a little late.

    ``minutes`` yields the bars of one minute; of each a quote is made every ``every`` seconds.
    """

    quotes = True
    funding_known = False
    interval = MINUTE_MS
    wall: Literal[True] = True

    def __init__(
        self,
        clock: VirtualClock,
        broker: Onlooker | None,
        symbols: Sequence[str],
        minutes: Iterable[Sequence[Bar]],
        seed: int = 1,
        every: int = 4,
    ) -> None:
        self.label = "a late feed"
        self.symbols = tuple(sorted(symbols))
        self.silent: set[int] = set()
        self.told: list[int | None] = []
        self._clock, self._broker = clock, broker
        self._minutes = minutes
        self._draw = Random(seed)
        self._every = every

    def history(self) -> Iterator[Bar]:
        return iter(())

    def cursor(self) -> dict[str, Any]:
        return {}

    def progress(self) -> float | None:
        return None

    def warnings(self, positions: Sequence[Any] = ()) -> list[str]:
        return []

    async def feed(self, put: Callable[[Step], None], since: int | None) -> None:
        self.told.append(since)
        for number, bars in enumerate(self._minutes):
            if since is not None and bars[0].open_time <= since:
                continue
            for second in range(0, 60, self._every):
                at = bars[0].open_time + second * 1000
                await self._until(at)
                if number not in self.silent:
                    self._show([_quote(bar, at, second) for bar in bars], put)
            await self._until(bars[0].exchange_time)
            loop = asyncio.get_running_loop()
            loop.call_later(self._draw.uniform(0.02, 0.6), put, list(bars))
        await asyncio.sleep(2)

    def _show(self, quotes: list[Quote], put: Callable[[Step], None]) -> None:
        if self._broker is not None:
            self._broker.live_through(quotes)
        loop = asyncio.get_running_loop()
        loop.call_later(self._draw.uniform(0.001, 0.08), put, quotes)

    async def _until(self, at: int) -> None:
        await asyncio.sleep(max(0.0, (at - self._clock.wall_ms()) / 1000))


def _quote(bar: Bar, at: int, second: int) -> Quote:
    """A quote on the way from open over the extremes to close, one tick wide."""
    opened, high, low, close = (D(text) for text in bar.text[:4])
    path = [opened, low, high, close] if close >= opened else [opened, high, low, close]
    place = second / 60 * 3
    leg = min(2, int(place))
    tick = INSTRUMENTS[bar.symbol].tick
    price = path[leg] + (path[leg + 1] - path[leg]) * D(f"{place - leg:.3f}")
    bid = price - price % tick
    text = (str(bid), str(bid + tick), "5000", "5000", str(bid))
    return Quote(bar.symbol, at, at, text, float(bid))


def late_setup(
    data_dir: Path, source: Any, broker: Any, clock: VirtualClock, strategy: str = "ema_cross",
    params: dict[str, Any] | None = None, **named: Any,
) -> Setup:  # fmt: skip
    """Return a setup on a late feed with an outside broker."""
    own = {f"strategy.params.{name}": value for name, value in (params or {}).items()}
    flags: dict[str, Any] = {"data.dir": str(data_dir), **own, **named.pop("flags", {})}
    config = load_config(None, {}, (), flags)
    spec = load_strategy(strategy, config.base_dir, params or {})
    pace = Pace(1.0, named.pop("for_ms", None))
    venue = "local" if broker is None else "stub"
    return Setup(config, source, spec, pace, broker=broker, venue=venue, clock=clock, **named)


def swinging(symbol: str, price: float, seed: int, count: int, start: int = EPOCH) -> list[Bar]:
    """Minutes of a price that swings enough to trade often."""
    draw, bars = Random(seed), []
    tick = INSTRUMENTS[symbol].tick
    digits = -int(tick.normalize().as_tuple().exponent)
    for i in range(count):
        drift = 0.0012 if (i // 25) % 2 else -0.0012
        close = price * (1 + drift + draw.gauss(0, 0.0007))
        high, low = max(price, close) * 1.0003, min(price, close) * 0.9997
        row = [f"{value:.{digits}f}" for value in (price, high, low, close)]
        bars.append(Bar.of(symbol, start + i * MINUTE_MS, MINUTE_MS, (*row, "500")))
        price = float(row[3])
    return bars


def dumps(value: Any) -> str:
    return json.dumps(value, sort_keys=True, default=str)


def renamed(place: Any, order_id: str) -> Any:
    """Return an effect that places the same order under another id."""
    from tradebot.core.model.approved import SEAL

    order = replace(place.approved.order, id=order_id)
    return replace(place, approved=Approved(order, place.approved.epoch, SEAL))
