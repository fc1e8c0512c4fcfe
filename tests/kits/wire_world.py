"""A little exchange behind a bad wire: every word may come late, twice, out of order or never.

``World.play`` takes numbers and makes of each a step: time passes, a word is delivered, lost or repeated, a
request arrives or does not, somebody trades, the process dies and comes back. What must hold is checked after each.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from decimal import Decimal

from kits.engine_kit import LIVE, NOON, OUT, XRP, Bare, a_config, long, short
from tradebot.core.model.account import OrderRead, PositionRead
from tradebot.core.model.effects import (
    Cancel,
    Effect,
    FillBooked,
    LookUp,
    Place,
    ReadBack,
    Reconcile,
)
from tradebot.core.model.events import (
    AccountRead,
    Command,
    Event,
    Filled,
    OrderSeen,
    OrderUpdate,
)
from tradebot.core.model.values import (
    MINUTE_MS,
    Bar,
    Fill,
    Order,
    OrderStatus,
    OrderType,
    Purpose,
    Quote,
    Side,
    TimeInForce,
)
from tradebot.core.trading.shared import Execution

D = Decimal
CAP = D(50)
ZERO = D(0)
PRICE = D(2)
STEP = D("0.1")
RECV_WINDOW = 3_000
HIDDEN_MS = 2_000
"""So long a new stop may be missing from what is read."""
STOP_MS = 5_000
QUOTE_MS = 1_000
MOST_QUESTIONS = 4
"""Look-ups and cancels on the wire at a time: of more the oldest are lost, or orders would never have their turn."""


@dataclass
class Placed:
    """An order as the exchange has it."""

    order: Order
    status: OrderStatus
    at: int
    filled: Decimal = ZERO
    fills: list[Fill] = field(default_factory=list)

    @property
    def left(self) -> Decimal:
        return D(0) if self.status.terminal else self.order.qty - self.filled


@dataclass
class Request:
    """Something on its way to the exchange."""

    effect: Effect
    at: int


class Venue:
    """The truth: orders, position and trades of one symbol at a price that stands still."""

    def __init__(self) -> None:
        self.orders: dict[str, Placed] = {}
        self.position = D(0)
        self.trades = 0

    def open(self) -> list[Placed]:
        return [p for p in self.orders.values() if not p.status.terminal]

    def place(self, order: Order, at: int) -> list[Event]:
        assert order.id not in self.orders, "an id was used twice"
        if order.reduce_only and not self._reduces(order):
            self.orders[order.id] = Placed(order, OrderStatus.REJECTED, at)
            return [word(self.orders[order.id], at, code=-2022)]
        if not order.reduce_only:
            opposite = self.position and (self.position > 0) != (order.side is Side.BUY)
            assert not opposite, "an entry against the position: it could flip"
        placed = self.orders[order.id] = Placed(order, OrderStatus.WORKING, at)
        return [word(placed, at)]

    def _reduces(self, order: Order) -> bool:
        return bool(self.position) and (self.position > 0) != (order.side is Side.BUY)

    def execute(self, placed: Placed, qty: Decimal, at: int) -> list[Event]:
        """Execute a part; a closing order at most what there is."""
        order = placed.order
        qty = min(qty, placed.left)
        if order.reduce_only:
            qty = min(qty, abs(self.position)) if self._reduces(order) else D(0)
        if not qty:
            return []
        self.trades += 1
        fee = qty * PRICE * D("0.0005")
        fill = Fill(XRP, self.trades, order.id, order.side, qty, PRICE, fee, False, at)
        placed.filled += qty
        placed.fills.append(fill)
        self.position += order.side.sign * qty
        done = placed.filled == order.qty
        placed.status = OrderStatus.FILLED if done else OrderStatus.PARTIAL
        words: list[Event] = [Filled(at, fill), word(placed, at)]
        for other in self.open():
            if other.order.reduce_only and not self._reduces(other.order):
                words += self.end(other, OrderStatus.EXPIRED, at)
        return words

    def end(self, placed: Placed, status: OrderStatus, at: int) -> list[Event]:
        if placed.status.terminal:
            return []
        placed.status = status
        return [word(placed, at)]


def word(placed: Placed, at: int, code: int = 0) -> OrderUpdate:
    order = placed.order
    return OrderUpdate(
        *(at, XRP, order.id, placed.status, at, code, "said so", None),
        filled=placed.filled,
        venue_id=f"v{order.id}",
    )


class Wired(Bare):
    """A bare engine whose effects somebody takes in the moment in which they are wanted."""

    world: World | None = None

    def tell(self, event: Event) -> list[Effect]:
        effects = super().tell(event)
        if self.world is not None:
            self.world.take(effects)
            self.world.check_cover()
        return effects


class World:
    """An engine and an exchange with the wire between them."""

    def __init__(self, *, resting: bool) -> None:
        execution = Execution("limit" if resting else "ioc", D(20), 600)
        limits = replace(LIVE, entry_interval_s=0, day_loss=None, week_loss=None)
        config = a_config(limits=limits, execution=execution, quotes=True)
        self.story = Wired(config, NOON)
        self.venue = Venue()
        self.requests: list[Request] = []
        self.words: list[Event] = []
        self.done = Counter[str]()
        self.booked: dict[int, Fill] = {}
        self.delivered: dict[int, Fill] = {}
        self.bare_since: int | None = None
        self.exits: list[int] = []
        self.quoted = 0
        self.take(self.story.effects)
        self.story.world = self

    @property
    def now(self) -> int:
        return self.story.now

    # -- the steps -----------------------------------------------------------------------------------

    def play(self, numbers: Iterable[int]) -> None:
        for number in numbers:
            kind, rest = number % 16, number // 16
            if kind < 5:
                for part in _parts(rest):
                    self._deliver(part)
            elif kind < 9:
                for part in _parts(rest):
                    self._arrive(part)
            elif kind < 12:
                self._pass((1, 50, 300, 1_000, 2_500, 12_000)[rest % 6])
            elif kind == 12:
                self._trade(rest)
            elif kind == 13:
                self._signal(rest)
            elif kind == 14:
                self._trade(rest)
            else:
                self._disturb(rest)
            self._check()

    def _deliver(self, rest: int) -> None:
        """Deliver one of the words on the wire, or lose it, or deliver it and keep it for once more."""
        if not self.words:
            return
        index = rest // 8 % len(self.words)
        if rest % 8 == 0:
            self.done["lost"] += 1
            del self.words[index]
        else:
            said = self.words[index]
            if rest % 8 == 1:
                self.done["repeated"] += 1
            else:
                del self.words[index]
            self._tell(said)

    def _tell(self, said: Event) -> None:
        self.done["delivered"] += 1
        if isinstance(said, Filled):
            self.delivered[said.fill.trade_id] = said.fill
        self.story.tell(replace(said, at=self.now))  # type: ignore[type-var]

    def _arrive(self, rest: int) -> None:
        """A request arrives; or it is lost; or nobody hears the answer. Then it may be called unknown."""
        if not self.requests:
            return
        request = self.requests.pop(rest // 8 % len(self.requests))
        for kind in (LookUp, Cancel):
            waiting = [r for r in self.requests if isinstance(r.effect, kind)]
            for forgotten in waiting[:-MOST_QUESTIONS]:
                self.requests.remove(forgotten)
        fate = rest % 8
        words = [] if fate == 0 else self._serve(request)
        if fate in (
            0,
            1,
        ):  # lost, or its answer is: the broker says that it does not know, or nothing
            self.done["unanswered"] += 1
            words = words[1:]
            if isinstance(request.effect, Place) and rest // 64 % 2:
                order = request.effect.approved.order
                unknown = OrderUpdate(self.now, XRP, order.id, OrderStatus.UNKNOWN, self.now)
                words.append(unknown)
        elif fate == 2:
            words = [_vaguer(said) for said in words]
        self.words += words

    def _serve(self, request: Request) -> list[Event]:
        now, venue = self.now, self.venue
        match request.effect:
            case Place(approved):
                order = approved.order
                if now - request.at > RECV_WINDOW:
                    return [
                        OrderUpdate(now, XRP, order.id, OrderStatus.REJECTED, now, -1021, "late")
                    ]
                return self._place(order)
            case Cancel(order_id=order_id):
                placed = venue.orders.get(order_id)
                return [] if placed is None else venue.end(placed, OrderStatus.CANCELLED, now)
            case LookUp():
                return self._look_up(request.effect, request.at)
            case ReadBack() | Reconcile():
                return self._read(request)
            case _:
                return []

    def _place(self, order: Order) -> list[Event]:
        words = self.venue.place(order, self.now)
        placed = self.venue.orders[order.id]
        if placed.status.terminal:
            return words
        if order.type is OrderType.MARKET:
            words += self.venue.execute(placed, order.qty, self.now)
            words += self.venue.end(placed, OrderStatus.EXPIRED, self.now)
        elif order.tif is TimeInForce.IOC:
            part = order.qty if len(self.venue.orders) % 3 else (order.qty / 2 // STEP) * STEP
            words += self.venue.execute(
                placed, part if len(self.venue.orders) % 5 else D(0), self.now
            )
            words += self.venue.end(placed, OrderStatus.EXPIRED, self.now)
        return words

    def _look_up(self, asked: LookUp, at: int) -> list[Event]:
        placed = self.venue.orders.get(asked.order_id)
        if placed is None or self._hidden(placed):
            return [OrderSeen(self.now, XRP, asked.order_id, None, self.now, at)]
        fills: list[Event] = [Filled(self.now, fill) for fill in placed.fills]
        seen = OrderSeen(
            *(self.now, XRP, asked.order_id, placed.status, self.now, at, placed.filled),
            venue_id=f"v{asked.order_id}",
        )
        return [seen, *fills]

    def _hidden(self, placed: Placed) -> bool:
        return placed.order.trigger is not None and self.now - placed.at < HIDDEN_MS

    def _read(self, request: Request) -> list[Event]:
        venue, now = self.venue, self.now
        positions = (PositionRead(XRP, venue.position, PRICE),) if venue.position else ()
        resting = [p for p in venue.open() if not self._hidden(p)]
        algo = tuple(_read(p) for p in resting if p.order.trigger is not None)
        plain = tuple(_read(p) for p in resting if p.order.trigger is None)
        fills: list[Event] = [
            Filled(now, fill) for placed in venue.orders.values() for fill in placed.fills
        ]
        return [AccountRead(now, XRP, now, request.at, positions, plain, algo), *fills[-4:]]

    def _pass(self, ms: int) -> None:
        """Let time pass, and show a quote each second: timers fire at their time."""
        until = self.now + ms
        while self.now < until:
            part = min(until - self.now, QUOTE_MS)
            self.story.later(part)
            if self.now - self.quoted >= QUOTE_MS:
                self._quote()
            self._check()

    def _quote(self) -> None:
        self.quoted = self.now
        text = ("2", "2", "100000", "100000", "2")
        self.story.tell(Quote(XRP, self.now, self.now, text, 2.0))

    def _trade(self, rest: int) -> None:
        """The market meets one of the resting orders, in part or whole."""
        resting = self.venue.open()
        if not resting:
            return
        placed = resting[rest // 4 % len(resting)]
        part = placed.left if rest % 4 else max(STEP, (placed.left / 3 // STEP) * STEP)
        if placed.order.purpose in (Purpose.STOP, Purpose.TARGET) and rest // 64 % 3:
            return  # stops and targets are met more seldom
        self.done["executed"] += 1
        self.words += self.venue.execute(placed, part, self.now)

    def _signal(self, rest: int) -> None:
        self._quote()
        self.story.say((long(1.9), short(2.1), OUT, long(1.9, 2.2), long(1.95))[rest % 5])
        opened = self.now - MINUTE_MS + 1
        self.done["signals"] += 1
        self.story.tell(Bar.of(XRP, opened, MINUTE_MS, ("2", "2", "2", "2", "9")))

    def _disturb(self, rest: int) -> None:
        kind = rest % 8
        if kind < 2:
            self.done["restarts"] += 1
            self.story.timers.clear()
            self.story.restart()
        elif kind == 2:
            self._command("halt")
        elif kind < 6:
            self._command("resume")
        else:
            resting = self.venue.open()
            if resting and rest // 8 % 4 == 0:  # the exchange ends one of its own accord
                placed = resting[rest // 32 % len(resting)]
                self.words += self.venue.end(placed, OrderStatus.EXPIRED, self.now)

    def _command(self, name: str) -> None:
        self.done[name] += 1
        self.story.tell(Command(self.now, 1, name, "me", "why not"))

    # -- what the engine wants ---------------------------------------------------------------------------

    def take(self, effects: list[Effect]) -> None:
        for effect in effects:
            match effect:
                case Place(approved):
                    self._sent(approved.order)
                    self.requests.append(Request(effect, self.now))
                case Cancel() | LookUp() | ReadBack() | Reconcile():
                    self.requests.append(Request(effect, self.now))
                case FillBooked(fill=fill):
                    assert fill.trade_id not in self.booked, "a fill was booked twice"
                    self.booked[fill.trade_id] = fill
                case _:
                    pass

    def _sent(self, order: Order) -> None:
        self.done["orders"] += 1
        if order.reduce_only:
            assert order.purpose is not Purpose.ENTRY
            if order.purpose is Purpose.EXIT:
                assert not self.exits or self.now - self.exits[-1] >= 1_000, "two tries in a second"
                self.exits.append(self.now)
        else:
            assert not self.story.engine.halts.reasons, "an entry left while halted"

    # -- what must hold ------------------------------------------------------------------------------------

    def _check(self) -> None:
        venue, engine = self.venue, self.story.engine
        on_the_way = [
            r.effect.approved.order
            for r in self.requests
            if isinstance(r.effect, Place)
            and not r.effect.approved.order.reduce_only
            and self.now - r.at <= RECV_WINDOW
        ]
        value = abs(venue.position) * PRICE
        value += sum(order.qty * (order.price or PRICE) for order in on_the_way)
        for placed in venue.open():
            if not placed.order.reduce_only:
                value += placed.left * (placed.order.price or PRICE)
        assert value <= CAP, f"{value} is more than the cap"
        assert self.booked == self.delivered, "ledger and fills differ"
        held = sum((f.side.sign * f.qty for f in self.booked.values()), D(0))
        assert engine.books[XRP].holding.qty == held
        self.check_cover()

    def check_cover(self) -> None:
        """What the engine knows to be held has a stop that was confirmed for all of it, or is being closed."""
        engine = self.story.engine
        book = engine.books[XRP]
        position = abs(engine.shared.position(book))
        stops = [
            tracked.left
            for tracked in engine.table.live.values()
            if tracked.order.purpose is Purpose.STOP and tracked.answered
            if tracked.ended is None and not tracked.cancel
        ]
        if not position or book.closing or max(stops, default=D(0)) >= position:
            self.bare_since = None
            return
        if self.bare_since is None:
            self.bare_since = self.now
        assert self.now - self.bare_since <= STOP_MS, "a position without a stop for too long"

    # -- the end -----------------------------------------------------------------------------------------------

    def calm_down(self, seconds: int) -> None:
        """From here on the wire is good: everything arrives, once and in order, and time passes."""
        for _ in range(seconds * 4):
            while self.requests or self.words:
                requests, self.requests = self.requests, []
                for request in requests:
                    self.words += self._serve(request)
                words, self.words = self.words, []
                for said in words:
                    self._tell(said)
                    self._check()
            self._pass(250)

    def settle(self) -> None:
        """Everything comes to rest: first with a position, then without one."""
        self.calm_down(70)
        engine, venue = self.story.engine, self.venue
        book = engine.books[XRP]
        assert book.holding.qty == venue.position, "the position is not what the exchange has"
        assert not engine.table.shorts
        if engine.halts.reasons:
            assert not [p for p in venue.open() if not p.order.reduce_only], "an entry lives"
        if venue.position:
            stops = [p for p in venue.open() if p.order.purpose is Purpose.STOP]
            assert max(p.left for p in stops) >= abs(venue.position), "no stop stands"
        self._command("close-all")
        self.calm_down(20)
        assert venue.position == 0
        assert book.holding.qty == 0
        assert venue.open() == []
        assert engine.table.live == {}
        fills = [fill for placed in venue.orders.values() for fill in placed.fills]
        assert self.booked == {fill.trade_id: fill for fill in fills}


def _parts(number: int) -> list[int]:
    """Make four numbers of one."""
    return [number >> shift & 0xFFFF ^ number >> 9 for shift in (0, 2, 5, 7)]


def _vaguer(said: Event) -> Event:
    """The same word without how much was executed."""
    if isinstance(said, OrderUpdate) and said.status is not OrderStatus.REJECTED:
        return replace(said, filled=None)
    return said


def _read(placed: Placed) -> OrderRead:
    order = placed.order
    return OrderRead(
        *(XRP, order.id, f"v{order.id}", order.side, order.type.value, placed.status),
        *(order.qty, placed.filled, order.price, order.trigger, order.reduce_only),
    )
