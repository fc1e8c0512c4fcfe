"""Any journal beside any account: an engine that was cut off from its exchange, and what happened there meanwhile.

The journal is made by the engine itself, the account by an exchange that then lives on without it. After that the wire is
good, and whatever the engine does about the differences is carried out at once.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field, replace
from decimal import Decimal

from kits.engine_kit import LIVE, OUT, XRP, Bare, a_config, long, short
from kits.wire_world import PRICE, Placed, Venue
from tradebot.core.model.account import OrderRead, PositionRead
from tradebot.core.model.effects import Cancel, Effect, LookUp, Place, ReadBack, Reconcile
from tradebot.core.model.events import (
    AccountRead,
    Event,
    Filled,
    OrderSeen,
    Reconnected,
    RunStarted,
)
from tradebot.core.model.money import exact
from tradebot.core.model.values import Fill, Order, OrderStatus, OrderType, Purpose, Side
from tradebot.core.trading.reconcile import TABLE, DifferenceKind, diff
from tradebot.core.trading.shared import Execution

D = Decimal
ZERO = D(0)
OURS = ("tbabcdef-n1-80e", "tbabcdef-n1-81s", "tbabcdef-n1-82t")
OTHERS = ("tbabcdef-lost-80e", "tbabcdef-lost-81s", "tbzzzzzz-n1-1s", "web_1")
FILLERS = (
    "web_1",
    "autoclose-1",
    "adl_autoclose",
    "tbabcdef-n1-83e",
    "tbabcdef-lost-1e",
    "tbzzzzzz-n1-1e",
)
LONGEST_MS = 100_000
"""Long enough for three rounds of what is counted slowest."""
QUIET_MS = 60_000


@dataclass(frozen=True)
class Case:
    """How a journal is made, and what happened to the account since. All are indexes into what there is."""

    side: int = 0  # flat, long, short
    filled: int = 0  # whole, in part and resting, not at all and resting
    stop: int = 0  # acknowledged, unanswered, ended, filled unheard
    target: bool = False
    leaving: bool = False
    moved: int = 0  # the position's change: none, all gone, part gone, more, other side
    told: int = 0  # who did that: nobody who tells, or one of FILLERS
    found: tuple[int, ...] = ()  # open orders that the journal has not: of OURS and OTHERS
    vanished: tuple[bool, ...] = ()  # which of the known orders are gone
    cut: bool = False
    wallet: int = 0  # as it is, off by a little, off by a lot
    restarted: bool = False


class Cut(Bare):
    """An engine that knows its journal's starts."""

    def start(self) -> list[Effect]:
        self.starts += 1
        at, name = max(self.time, self.engine.now), f"n{self.starts}"
        starts = tuple(f"n{number}" for number in range(1, self.starts + 1))
        return self.tell(
            RunStarted(at, "run", "abcdef", name, "hash", self.starts > 1, nonces=starts)
        )


@dataclass
class CutOff:
    """The engine and the exchange it was cut off from."""

    case: Case
    done: Counter[str] = field(default_factory=Counter)

    def __post_init__(self) -> None:
        limits = replace(LIVE, entry_interval_s=0, day_loss=None, week_loss=None, trade_loss=None)
        resting = Execution("limit" if self.case.filled else "ioc", D(20), 10**6)
        self.story = Cut(a_config(limits=limits, execution=resting))
        self.venue = Venue()
        self.hidden: list[Fill] = []
        self.told: list[Fill] = []
        self.offset = (ZERO, D("0.000000001"), D(5))[self.case.wallet]
        self._journal()
        self.pending: list[Effect] = []
        self._meanwhile()

    # -- the journal -----------------------------------------------------------------------------------

    def _journal(self) -> None:
        """Trade as long as the wire is whole."""
        case, story = self.case, self.story
        story.later(100)
        if not case.side:
            return
        target = {1: (long(1.9, 2.2), long(1.9)), 2: (short(2.1, 1.8), short(2.1))}[case.side]
        story.say(target[0 if case.target else 1])
        story.bar()
        (entry,) = story.placed()
        placed = self._rest(entry)
        story.works(entry)
        if case.filled < 2:
            self._execute(placed, entry.qty if not case.filled else D(5), heard=True)
            if not case.filled:
                placed.status = OrderStatus.FILLED
        for order in story.placed()[1:]:
            self._protective(order)
        if case.leaving and case.filled < 2:
            story.say(OUT)
            story.bar()
            for order in story.placed(Purpose.EXIT):
                self._rest(order)
        story.later(100)

    def _protective(self, order: Order) -> None:
        placed = self._rest(order)
        if order.purpose is Purpose.TARGET or self.case.stop == 0:
            self.story.works(order)
        elif self.case.stop == 2:
            self.venue.end(placed, OrderStatus.EXPIRED, self.story.now)
        elif self.case.stop == 3:
            self.story.works(order)
            self._execute(placed, order.qty, heard=False)

    def _rest(self, order: Order) -> Placed:
        placed = Placed(order, OrderStatus.WORKING, self.story.now)
        self.venue.orders[order.id] = placed
        return placed

    def _execute(self, placed: Placed, qty: Decimal, *, heard: bool) -> None:
        words = self.venue.execute(placed, qty, self.story.now)
        for said in words:
            if heard:
                self.story.tell(said)
        self.told += placed.fills[-1:]

    # -- what happened since ---------------------------------------------------------------------------

    def _meanwhile(self) -> None:
        case, venue, now = self.case, self.venue, self.story.now
        for placed, gone in zip(venue.open(), case.vanished, strict=False):
            if gone:
                venue.end(placed, OrderStatus.CANCELLED, now)
        self._move()
        for number in case.found:
            self._find((*OURS, *OTHERS)[number])
        if case.cut and (stops := [p for p in venue.open() if p.order.reduce_only]):
            stop = stops[0]
            stop.order = replace(stop.order, qty=max(D("0.1"), stop.order.qty - 3))
        for placed in venue.open():  # as an exchange does: nothing is left to be reduced
            if placed.order.type is OrderType.MARKET and placed.order.reduce_only:
                self._execute(placed, placed.order.qty, heard=False)
                venue.end(placed, OrderStatus.EXPIRED, now)
        if case.restarted:
            self.pending = self.story.restart()

    def _move(self) -> None:
        """Somebody changes the position; who did is told, or never."""
        held = self.venue.position
        sign = -1 if held < 0 else 1
        change = (ZERO, -held, -sign * min(abs(held), D(3)), sign * D(4), -held - sign * D(6))
        moved = change[self.case.moved]
        if not moved:
            return
        self.venue.position += moved
        self.venue.trades += 1
        side = Side.BUY if moved > 0 else Side.SELL
        name = "" if not self.case.told else FILLERS[self.case.told - 1]
        fill = Fill(
            *(XRP, self.venue.trades, name, side, abs(moved), PRICE, ZERO, False, self.story.now),
        )
        (self.told if name else self.hidden).append(fill)

    def _find(self, order_id: str) -> None:
        closes = order_id[-1] != "e"
        side = Side.SELL if self.venue.position >= 0 or not closes else Side.BUY
        trigger = D("1.9") if side is Side.SELL else D("2.1")
        kind = {"s": OrderType.STOP_MARKET, "t": OrderType.TAKE_PROFIT_MARKET}
        self._rest(
            Order(
                *(order_id, XRP, side, kind.get(order_id[-1], OrderType.LIMIT), D(5)),
                price=None if closes else PRICE,
                trigger=trigger if closes else None,
                reduce_only=closes,
                purpose=Purpose(order_id[-1]) if order_id[-1] in "est" else Purpose.EXIT,
            )
        )

    # -- the wire is whole again -----------------------------------------------------------------------

    def live_on(self) -> None:
        """Carry out what the engine wants until long after all rounds are over."""
        story = self.story
        end = story.now + LONGEST_MS
        effects = [*self.pending, *story.tell(Reconnected(story.now))]
        while story.now < end:
            effects = self._serve(effects)
            if not effects:
                due = min(story.timers.values(), default=end) - story.now
                effects = story.later(max(1, min(due, 5_000)))

    def _serve(self, effects: list[Effect]) -> list[Effect]:
        more: list[Effect] = []
        for effect in effects:
            for said in self._answer(effect):
                more += self.story.tell(said)
        return more

    def _answer(self, effect: Effect) -> list[Event]:
        now, venue = self.story.now, self.venue
        match effect:
            case Place(approved):
                return self._place(approved.order)
            case Cancel(order_id=order_id):
                self.done["cancels"] += 1
                assert order_id not in OTHERS, "an order that is not ours was touched"
                placed = venue.orders.get(order_id)
                return [] if placed is None else venue.end(placed, OrderStatus.CANCELLED, now)
            case LookUp():
                return self._look_up(effect)
            case ReadBack(symbol):
                return self._read(symbol)
            case Reconcile():
                return self._read("")
            case _:
                return []

    def _place(self, order: Order) -> list[Event]:
        if order.id in self.venue.orders:  # it was placed before the wire broke
            return []
        self.done["orders"] += 1
        assert order.reduce_only, "an entry was sent"
        before = self.venue.position
        words = self.venue.place(order, self.story.now)
        placed = self.venue.orders[order.id]
        if order.type is OrderType.MARKET and not placed.status.terminal:
            words += self.venue.execute(placed, order.qty, self.story.now)
            words += self.venue.end(placed, OrderStatus.EXPIRED, self.story.now)
            self.told += placed.fills
            assert not before or before * self.venue.position >= 0, "a side was flipped"
            assert abs(self.venue.position) <= abs(before)
        return words

    def _look_up(self, asked: LookUp) -> list[Event]:
        now = self.story.now
        name = asked.order_id
        placed = self.venue.orders.get(name)
        if placed is None:
            known = name if name in FILLERS else ""
            status = OrderStatus.FILLED if known else None
            return [OrderSeen(now, XRP, known or name, status, now, now, venue_id=asked.venue_id)]
        fills: list[Event] = [Filled(now, fill) for fill in placed.fills]
        seen = (placed.status, now, now, placed.filled)
        return [*fills, OrderSeen(now, XRP, name, *seen, venue_id=f"v{name}")]

    def _read(self, symbol: str) -> list[Event]:
        self.done["reads"] += 1
        now = self.story.now
        fills: list[Event] = [Filled(now, fill) for fill in self.told]
        return [
            *fills,
            replace(self.account(), symbol=symbol, wallet=None if symbol else self._wallet()),
        ]

    def _wallet(self) -> Decimal:
        with exact():
            return self.story.engine.accounts.ledger_wallet() + self.offset

    def account(self) -> AccountRead:
        now, held = self.story.now, self.venue.position
        orders = [_order_read(placed) for placed in self.venue.open()]
        return AccountRead(
            *(now, "", now, now),
            (PositionRead(XRP, held, PRICE),) if held else (),
            tuple(order for order in orders if order.trigger is None),
            tuple(order for order in orders if order.trigger is not None),
        )

    # -- what must hold then -----------------------------------------------------------------------------

    def check(self) -> None:
        """All agrees, or it has halted for what does not; and then there is nothing more to do."""
        engine, venue = self.story.engine, self.venue
        left = [found for found in self._differences() if TABLE[found].halt]
        self.done[f"left {sorted(map(str, left))}"] += 1
        self.done["halted" if engine.halts.reasons else "agreed"] += 1
        if left:
            assert engine.halts.reasons, left
        open_ = {placed.order.id for placed in venue.open()}
        entries = [p for p in venue.open() if not p.order.reduce_only and p.order.id not in OTHERS]
        assert not entries or not engine.halts.reasons, entries
        book = engine.books[XRP]
        ours = book.holding.qty and (book.holding.qty > 0) == (venue.position > 0)
        if venue.position and ours:
            stops = [p for p in venue.open() if p.order.purpose is Purpose.STOP]
            assert max((p.left for p in stops), default=ZERO) >= abs(venue.position)
        if not venue.position and not book.holding.qty:
            rest = {name for name in open_ if name not in OTHERS and name != OURS[0]}
            assert not rest or not self._closing(rest), rest
        self._check_quiet()

    def _closing(self, names: set[str]) -> bool:
        return any(self.venue.orders[name].order.reduce_only for name in names)

    def _differences(self) -> list[DifferenceKind]:
        with exact():
            journal = self.story.engine.accounts.journal()
            read = replace(self.account(), wallet=self._wallet())
            return [found.kind for found in diff(journal, read)]

    def _check_quiet(self) -> None:
        """A minute more: nothing is sent any more, and questions come as seldom as they should."""
        before = Counter(self.done)
        end = self.story.now + QUIET_MS
        while self.story.now < end:
            due = min(self.story.timers.values(), default=end) - self.story.now
            effects = self.story.later(max(1, min(due, 5_000)))
            while effects:
                effects = self._serve(effects)
        assert self.done["orders"] == before["orders"], "it goes on sending"
        assert self.done["cancels"] == before["cancels"], "it goes on cancelling"
        assert self.done["reads"] - before["reads"] <= 14


def _order_read(placed: Placed) -> OrderRead:
    order = placed.order
    return OrderRead(
        *(XRP, order.id, f"v{order.id}", order.side, order.type.value, placed.status),
        *(order.qty, placed.filled, order.price, order.trigger, order.reduce_only),
    )
