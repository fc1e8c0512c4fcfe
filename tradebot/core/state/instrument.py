"""What the engine keeps per symbol: strategy, last price, plan, and which of its orders do what."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from decimal import Decimal
from typing import Any

from tradebot.core.model.frozen import frozen
from tradebot.core.model.money import ZERO
from tradebot.core.model.values import Bar, Fill, Instrument, Quote, Side
from tradebot.core.state.course import UNKNOWN, Course, PriceSpan, Stake, Story
from tradebot.core.state.loss_limit import LossLimit
from tradebot.core.state.orders import TrackedOrder
from tradebot.core.state.portfolio import Holding
from tradebot.core.strategy.protocol import Strategy
from tradebot.core.strategy.resample import Resampler


@frozen
class Plan:
    """An entry that was approved and how its position is to be protected (prices in USDT)."""

    signal: int
    side: Side
    stop: Decimal | None
    target: Decimal | None


@frozen
class Isolated:
    """A position's margin as the venue told it: its isolated wallet and the funding of the trip until then (USDT).

    ``liquidation`` is the mark price at which the venue would liquidate it; None: there is none. ``asked`` is when it was
    asked for (UTC ms).
    """

    wallet: Decimal
    funding: Decimal
    liquidation: Decimal | None
    asked: int = 0

    def export_state(self) -> list[str | None]:
        """Return it as JSON values."""
        price = None if self.liquidation is None else str(self.liquidation)
        return [str(self.wallet), str(self.funding), price, str(self.asked)]

    @classmethod
    def restored(cls, state: list[str | None]) -> Isolated:
        """Make it of ``export_state``'s values."""
        parts = [None if part is None else Decimal(part) for part in (*state, "0")]
        wallet, funding, price, asked = parts[:4]
        return cls(wallet or ZERO, funding or ZERO, price, int(asked or ZERO))


@dataclass(slots=True)
class InstrumentState:
    """One symbol. Order ids name entries of the engine's order table; "" means none.

    ``closing`` is why the position is being closed, "" while it is not. ``reverse`` is the wish to act on as soon
    as the position is flat. ``mark`` is the price as a decimal once somebody asked for
    it, or a newer one ``inside`` the bar (its extreme). ``exits`` are the pieces of the last try to leave.
    ``retiring`` are protective orders to cancel once their replacement is acknowledged. ``bare_since`` is since when
    the stops in place do not cover the position, ``renewed`` when a stop of unknown fate was last replaced (UTC ms; 0: they
    do, never). ``read`` is the position as the venue last told it on being asked (signed base units), until it
    moves again, ``isolated`` its margin as the venue last told it, and ``held`` the one that is protected and closed in place of the ledger's, where the venue holds
    another; ``moved_at`` when it last did (UTC ms). ``ladder`` holds the position's loss limit,
    ``trip`` the round trip it belongs to; ``watch`` is the price from which liquidation must be looked at (USDT) and
    ``danger`` the worst that was said of it (0 nothing, 1 alert, 2 close). ``course`` is what the open position has gone through (None: flat, or nobody knows),
    ``low`` and ``high`` the lowest and highest price seen under it since its last fill (USDT). ``faulty`` says that the newest price
    made no sense, ``idle`` is the venue's word for why the symbol does not trade ("": it does). ``cold`` counts the bars that the strategy's warm-up still lacks.
    """

    symbol: str
    instrument: Instrument
    strategy: Strategy
    resampler: Resampler | None
    holding: Holding
    cold: int = 0
    last: Bar | Quote | None = None
    mark: Decimal | None = None
    inside: bool = False
    plan: Plan | None = None
    entry: str = ""
    stop: str = ""
    target: str = ""
    exits: list[str] = field(default_factory=list)
    closing: str = ""
    retiring: list[str] = field(default_factory=list)
    bare_since: int = 0
    renewed: int = 0
    read: Decimal | None = None
    held: Decimal | None = None
    moved_at: int = -1
    margin: tuple[Decimal, Decimal] | None = None
    isolated: Isolated | None = None
    reverse: Wish | None = None
    ladder: LossLimit | None = None
    trip: int = -1
    watch: Decimal | None = None
    danger: int = 0
    faulty: bool = False
    idle: str = ""
    course: Course | None = None
    low: float = 0.0
    high: float = 0.0

    def price(self) -> Decimal | None:
        """Return the last price at which the position is valued (mark, else close), USDT."""
        if self.mark is None and self.last is not None:
            last = self.last
            self.mark = last.exact_close if isinstance(last, Bar) else last.exact_mark
        return self.mark

    def see(self, last: Bar | Quote) -> None:
        """Take a new price event."""
        self.last = last
        self.mark = None
        self.inside = False

    def see_inside(self, price: Decimal) -> None:
        """Take a price inside the bar, newer than ``last``."""
        self.mark = price
        self.inside = True

    def seen(self) -> tuple[int, int]:
        """Return when the exchange showed the last price (ms), and how long until the next may take (ms).

        Bars come once an interval; quotes are expected all the time.
        """
        last = self.last
        if isinstance(last, Bar):
            return last.exchange_time, last.interval
        return (0, 0) if last is None else (last.exchange_time, 0)

    def exit_price(self) -> Decimal:
        """Return the worse of mark and touch for leaving the position now (USDT)."""
        last = self.last
        if isinstance(last, Quote) and not self.inside:
            if self.holding.qty > 0:
                return min(last.exact_mark, last.exact_bid)
            return max(last.exact_mark, last.exact_ask)
        return self.price() or self.holding.entry

    def funded(self, time: int, amount: Decimal) -> None:
        """A funding line was booked (USDT): one that is older than the reading of the margin may be in it already.

        Until the next reading the worse is taken: what came in is in it, what was paid is not.
        """
        told = self.isolated
        if told is not None and amount > 0 and time <= told.asked:
            self.isolated = replace(told, funding=told.funding + amount)

    def isolated_wallet(self) -> Decimal | None:
        """Return the position's margin now (USDT): as the venue told it, and what funding made of it since."""
        told = self.isolated
        return None if told is None else told.wallet + self.holding.trip_funding - told.funding

    def touch(self) -> tuple[Decimal, Decimal, Decimal]:
        """Return mark, bid and ask in USDT; with bars all three are the close."""
        last = self.last
        if isinstance(last, Quote):
            return last.exact_mark, last.exact_bid, last.exact_ask
        price = self.price() or ZERO
        return price, price, price

    def decision(self, side: Side) -> Decimal | None:
        """Return what an order of a side is decided at: the touch it meets, with bars the close (USDT).

        None before the first price.
        """
        _, bid, ask = self.touch()
        return (ask if side is Side.BUY else bid) or None

    def follow(self, stake: Stake, fill: Fill, order: TrackedOrder | None) -> Story:
        """Keep the course of the round trip through a booked fill; return its story so far.

        ``stake`` is what was held before it, ``order`` whose fill it is (None: nobody knows).
        """
        before, after = stake.qty, self.holding.qty
        if self.course is not None:
            self.course.look(stake, PriceSpan(self.low, self.high), fill.price)
        self.low = self.high = float(fill.price)
        if not before:
            return self._begin(fill, order)
        ended = not after or (after > 0) != (before > 0)
        if self.course is None:
            story = UNKNOWN
        else:
            self.course.pay(fill, abs(before) if ended else fill.qty, order)
            story = self.course.story()
        if ended:
            self._begin(fill, order)
        return story

    def _begin(self, fill: Fill, order: TrackedOrder | None) -> Story:
        """Begin the course of what a fill has opened, if it opened anything."""
        known = self.holding.qty and order is not None and not order.order.reduce_only
        self.course = Course(order) if known and order is not None else None
        if self.course is not None:
            self.course.pay(fill, abs(self.holding.qty), order)
        return UNKNOWN

    def moved(self, at: int) -> None:
        """The position has changed: what was read of it is old."""
        self.read = self.held = self.margin = self.isolated = None
        self.moved_at = at

    def export_state(self) -> dict[str, Any]:
        """Return the book as JSON values; strategy and resampler are re-fed from the journalled bars."""
        return {
            "plan": None if self.plan is None else _export_plan(self.plan),
            "orders": [self.entry, self.stop, self.target],
            "exits": self.exits,
            "cover": [self.bare_since, self.renewed, self.moved_at],
            "read": None if self.read is None else str(self.read),
            "held": None if self.held is None else str(self.held),
            "margin": None if self.margin is None else [str(part) for part in self.margin],
            "isolated": None if self.isolated is None else self.isolated.export_state(),
            "retiring": self.retiring,
            "closing": self.closing,
            "reverse": None if self.reverse is None else self.reverse.export_state(),
            "last": None if self.last is None else _export_last(self.last),
            "inside": str(self.mark) if self.inside else None,
            "ladder": None if self.ladder is None else self.ladder.export_state(),
            "trip": self.trip,
            "watch": None if self.watch is None else str(self.watch),
            "danger": self.danger,
            "faulty": self.faulty,
            "idle": self.idle,
            "course": None if self.course is None else self.course.export_state(),
            "reach": [self.low, self.high],
        }

    def restore(self, state: dict[str, Any], trade_loss: Decimal | None) -> None:
        """Take over ``export_state``'s values; ``trade_loss`` is the loss limit of a trade (USDT)."""
        self.plan = None if state["plan"] is None else _restore_plan(state["plan"])
        self.entry, self.stop, self.target = state["orders"]
        self.exits = list(state["exits"])
        self.bare_since, self.renewed, self.moved_at = state["cover"]
        self.read = None if state["read"] is None else Decimal(state["read"])
        self.held = None if state.get("held") is None else Decimal(state["held"])
        if (margin := state.get("margin")) is not None:
            self.margin = Decimal(margin[0]), Decimal(margin[1])
        if (isolated := state.get("isolated")) is not None:
            self.isolated = Isolated.restored(isolated)
        self.retiring = list(state["retiring"])
        self.closing = state["closing"]
        self.reverse = None if state["reverse"] is None else Wish.restored(state["reverse"])
        self.last = None if state["last"] is None else _restore_last(self.symbol, state["last"])
        if state["inside"] is not None:
            self.see_inside(Decimal(state["inside"]))
        if state["ladder"] is not None:
            self.ladder = LossLimit("trade_loss", trade_loss, ZERO)
            self.ladder.restore(state["ladder"])
        self.trip = state["trip"]
        self.watch = None if state["watch"] is None else Decimal(state["watch"])
        self.danger = state["danger"]
        self.faulty = state["faulty"]
        self.idle = state.get("idle", "")
        course = state.get("course")
        self.course = None if course is None else Course.restored(course)
        self.low, self.high = state.get("reach", (0.0, 0.0))


@frozen
class Wish:
    """A strategy's signal with its numbers made exact: what the engine acts on. ``id`` counts per run.

    ``closed`` is when its bar closed (UTC ms): the wish is as old as that.
    """

    id: int
    side: str
    confidence: float
    stop: Decimal | None
    target: Decimal | None
    reason: str
    indicators: dict[str, float]
    closed: int = 0

    def export_state(self) -> list[Any]:
        """Return the wish as JSON values."""
        return [
            self.id,
            self.side,
            self.confidence,
            None if self.stop is None else str(self.stop),
            None if self.target is None else str(self.target),
            self.reason,
            self.indicators,
            self.closed,
        ]

    @classmethod
    def restored(cls, state: list[Any]) -> Wish:
        """Build the wish from ``export_state``."""
        id_, side, confidence, stop, target, reason, indicators, *closed = state
        return cls(
            id_,
            side,
            confidence,
            None if stop is None else Decimal(stop),
            None if target is None else Decimal(target),
            reason,
            indicators,
            *closed,
        )


def _export_plan(plan: Plan) -> list[Any]:
    return [
        plan.signal,
        plan.side.value,
        None if plan.stop is None else str(plan.stop),
        None if plan.target is None else str(plan.target),
    ]


def _restore_plan(state: list[Any]) -> Plan:
    signal, side, stop, target = state
    return Plan(
        signal,
        Side(side),
        None if stop is None else Decimal(stop),
        None if target is None else Decimal(target),
    )


def _export_last(last: Bar | Quote) -> list[Any]:
    if isinstance(last, Bar):
        return ["bar", last.open_time, last.interval, list(last.text)]
    return ["quote", last.exchange_time, last.at, list(last.text)]


def _restore_last(symbol: str, state: list[Any]) -> Bar | Quote:
    kind, first, second, text = state
    if kind == "bar":
        return Bar.of(symbol, first, second, text)
    return Quote(symbol, first, second, text, float(text[4]))
