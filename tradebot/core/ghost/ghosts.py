"""Hypothetical trades: what every entry signal would have come to, refused and held ones too.

Each long or short signal is an independent trade of a fixed notional on a simulated exchange of its
own, by that exchange's own rules (DESIGN 11): a market order decided at the signal's close, so
latency, touch, impact and taker fee are the exchange's. Stop and target go in on its fill. It is left
by the strategy's exit or opposite signal (whatever the gate said to that one), its stop, its target,
or the end of the run, labelled so. A signal that a position of the shadow account answers with *held*
is a trade like any other, and does not move the stop of an older one.

Nothing here can reach a venue: the only thing an order is given to is a ``SimExchange``.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import ROUND_HALF_EVEN, Decimal
from typing import Any, TypeAlias

from tradebot.core.model.effects import GhostClosed, GhostOpened, SignalJudged
from tradebot.core.model.events import (
    Event,
    Filled,
    FundingRate,
    MarketEvent,
    OrderUpdate,
    PriceSeen,
)
from tradebot.core.model.money import ZERO, ceil_to, floor_to, quotient_at_8
from tradebot.core.model.values import (
    Bar,
    Fill,
    Instrument,
    MarkBar,
    Order,
    OrderStatus,
    OrderType,
    Purpose,
    Quote,
    Side,
)
from tradebot.core.simulated import SimExchange, SimRules
from tradebot.core.simulated.account import Position
from tradebot.core.simulated.state import export_bars, restore_bars

AMPLE = 100
"""Equity of a hypothetical account in notionals: only rules of the market may refuse its entry."""

STEM = "ghost-"
ENTRY_ID = f"{STEM}1{Purpose.ENTRY.value}"

SIDES = {"long": Side.BUY, "short": Side.SELL}

WORDS = {Side.BUY: "long", Side.SELL: "short"}

Group: TypeAlias = tuple[MarketEvent, ...]
"""What one symbol shows at one moment: a quote, or a bar with its mark bar before it."""


@dataclass(frozen=True, slots=True)
class HypotheticalPlan:
    """What a hypothetical trade is: its signal, and quantity (base units) and prices (USDT) on the grid."""

    signal: int
    symbol: str
    side: Side
    qty: Decimal
    stop: Decimal | None
    target: Decimal | None

    @classmethod
    def of(
        cls, signal: SignalJudged, notional: Decimal, instrument: Instrument
    ) -> HypotheticalPlan:
        """Size a signal; stop and target are rounded towards the entry, as the engine rounds them."""
        side = SIDES[signal.side]
        up, down = (ceil_to, floor_to) if side is Side.BUY else (floor_to, ceil_to)
        tick, step = instrument.tick, instrument.step
        qty = notional // (signal.price * step) * step if signal.price > 0 else ZERO
        stop = None if signal.stop is None else up(signal.stop, tick)
        target = None if signal.target is None else down(signal.target, tick)
        return cls(signal.id, signal.symbol, side, qty, stop, target)


class HypotheticalTrade:
    """One hypothetical trade, from its signal to flat. Use inside ``money.exact()``.

    While no order but untouched stops and targets rests, it sleeps: prices between ``floor`` and
    ``ceiling`` cannot change anything, and only move the excursion. Floats rule out, never decide.
    """

    __slots__ = (
        "_bottom",
        "_ceiling",
        "_dead",
        "_entered",
        "_exchange",
        "_exit_time",
        "_floor",
        "_in_cost",
        "_in_qty",
        "_out_cost",
        "_seen",
        "_sent",
        "_start",
        "_stirred",
        "_top",
        "_unseen",
        "_why",
        "asleep",
        "closing",
        "plan",
    )

    def __init__(
        self, plan: HypotheticalPlan, start: Decimal, rules: SimRules, instrument: Instrument
    ) -> None:
        self.plan = plan
        self.closing = ""
        self.asleep = False
        self._start = start
        self._exchange = SimExchange(replace(rules, start_equity=start), {plan.symbol: instrument})
        self._sent = 0
        self._entered: int | None = None
        self._exit_time = 0
        self._in_qty = self._in_cost = self._out_cost = ZERO
        self._dead = ""
        self._why = ""
        self._floor, self._ceiling = -math.inf, math.inf
        self._bottom, self._top = math.inf, -math.inf
        self._stirred = False
        self._unseen: Group | None = None
        self._seen: list[float] = []

    # -- orders -------------------------------------------------------------------------------------

    def open(self, at: int, known: Group | None, minute: Bar | None) -> None:
        """Send the entry, decided at ``at`` on what the market showed last.

        ``minute`` is the last closed bar where there are quotes.
        """
        if known is not None:
            self._hear_all(self._exchange.step(known))
        if minute is not None:
            self.pass_by(minute)
        refusal = self._send(Purpose.ENTRY, OrderType.MARKET, self.plan.qty, at)
        if refusal:
            self._dead = refusal

    def leave(self, at: int, why: str) -> None:
        """Close it at market, reduce-only; what is left of the entry is cancelled first."""
        self._catch_up()
        self.closing = self.closing or why
        self.asleep = False
        self._exchange.cancel(self.plan.symbol, ENTRY_ID, at)
        position = self._position
        if (
            position is not None
        ):  # a close that is on its way covers its part: it is cut, or refused
            self._send(Purpose.EXIT, OrderType.MARKET, abs(position.qty), at)

    def end(self, at: int) -> None:
        """Close it at the last known price, for the end of the run."""
        self._catch_up()
        self._hear_all(self._exchange.close_all_now(at))

    def _send(
        self,
        purpose: Purpose,
        kind: OrderType,
        qty: Decimal,
        at: int,
        trigger: Decimal | None = None,
    ) -> str:
        """Send an order; return why the exchange refused it, "" when it took it."""
        self._sent += 1
        enters = purpose is Purpose.ENTRY
        order = Order(
            id=f"{STEM}{self._sent}{purpose.value}",
            symbol=self.plan.symbol,
            side=self.plan.side if enters else self.plan.side.opposite,
            type=kind,
            qty=qty,
            trigger=trigger,
            reduce_only=not enters,
            purpose=purpose,
        )
        match self._exchange.submit(order, at):
            case [OrderUpdate(status=OrderStatus.REJECTED, reason=reason)]:
                return reason
        return ""

    def _protect(self, qty: Decimal, at: int) -> None:
        """Put stop and target under what has just been filled; a stop that is refused means close."""
        plan = self.plan
        if plan.stop is not None and self._send(
            Purpose.STOP, OrderType.STOP_MARKET, qty, at, plan.stop
        ):
            self.leave(at, "stop_lost")
        elif plan.target is not None:
            self._send(Purpose.TARGET, OrderType.TAKE_PROFIT_MARKET, qty, at, plan.target)

    # -- the market ---------------------------------------------------------------------------------

    def see(self, group: Group, low: float, high: float) -> None:
        """Take what the symbol shows; ``low`` and ``high`` bound it, marks included."""
        if self.asleep:
            if self._floor < low and high < self._ceiling:
                self._unseen = group
                self._note(*_extent(group))
                return
            self.asleep = False
            self._stirred = True
        self._catch_up()
        self._hear_all(self._exchange.step(group))
        if self._position is not None:
            self._seen.clear()
            self._note(*_extent(group))
            self._lie_down()
        else:  # the bar it was left in: what the monitor saw of it, and the fills
            for price in self._seen:
                self._note(price, price)

    def pass_by(self, minute: Bar) -> None:
        """Let the exchange know a closed bar where there are quotes: nothing trades on it."""
        self._hear_all(self._exchange.step((minute,)))

    def fund(self, due: FundingRate) -> None:
        """Pay or receive funding on what is held."""
        self._catch_up()
        self._hear_all(self._exchange.step((due,)))

    def _catch_up(self) -> None:
        """Show the exchange the last of what passed while it slept."""
        if self._unseen is not None:
            group, self._unseen = self._unseen, None
            self._hear_all(self._exchange.step(group))
            self._seen.clear()

    def _lie_down(self) -> None:
        """Sleep if only stops and targets rest. A trade whose level was met once stays awake: what
        was triggered may be waiting for volume.
        """
        if self._stirred or self.closing or self._in_qty < self.plan.qty:
            return
        plan, position = self.plan, self._position
        assert position is not None
        stop = position.safe if plan.stop is None else float(plan.stop)
        if plan.side is Side.BUY:
            self._floor = max(stop, position.safe)
            self._ceiling = math.inf if plan.target is None else float(plan.target)
        else:
            self._ceiling = min(stop, position.safe)
            self._floor = -math.inf if plan.target is None else float(plan.target)
        self.asleep = True

    # -- what the exchange says ---------------------------------------------------------------------

    def _hear_all(self, events: Iterable[Event]) -> None:
        for event in events:
            match event:
                case Filled():
                    self._take(event)
                case PriceSeen(price=price):
                    self._seen.append(float(price))
                case OrderUpdate(order_id=order_id) if order_id == ENTRY_ID:
                    if self._entered is None:
                        self._dead = f"nothing was filled before the {self.closing or 'end'}"
                case _:
                    pass

    def _take(self, event: Filled) -> None:
        """Book a fill: an entry gets its protection, or is left again at once when that is decided."""
        fill = event.fill
        price = float(fill.price)
        self._note(price, price)
        if fill.side is self.plan.side:
            self._entered = fill.time if self._entered is None else self._entered
            self._in_qty += fill.qty
            self._in_cost += fill.qty * fill.price
            if self.closing:
                self.leave(event.at, self.closing)
            else:
                self._protect(fill.qty, event.at)
            return
        self._out_cost += fill.qty * fill.price
        self._exit_time = fill.time
        self._why = self._reason(fill)

    def _reason(self, fill: Fill) -> str:
        """Return why a fill left the trade; the exchange's own orders are liquidation and final close."""
        if fill.liquidation:
            return "liquidation"
        if not fill.order_id.startswith(STEM):
            return "end"
        words = {Purpose.STOP: "stop", Purpose.TARGET: "target", Purpose.EXIT: self.closing}
        return words[Purpose(fill.order_id[-1])]

    def _note(self, low: float, high: float) -> None:
        """Widen the excursion."""
        if low < self._bottom:
            self._bottom = low
        if high > self._top:
            self._top = high

    # -- what it came to ----------------------------------------------------------------------------

    @property
    def _position(self) -> Position | None:
        return self._exchange.positions.get(self.plan.symbol)

    @property
    def over(self) -> bool:
        """Whether it is flat again, or was never filled and will not be."""
        return bool(self._dead) or (self._entered is not None and self._position is None)

    def outcome(self, at: int) -> GhostClosed:
        """Return what it came to; only when it is over."""
        plan = self.plan
        if self._entered is None:
            return GhostClosed(plan.signal, at, plan.symbol, f"unfilled: {self._dead}")
        entry = quotient_at_8(self._in_cost, self._in_qty, ROUND_HALF_EVEN)
        favourable, adverse = self._excursion(entry)
        return GhostClosed(
            signal=plan.signal,
            at=at,
            symbol=plan.symbol,
            exit_reason=self._why,
            qty=self._in_qty,
            entry_time=self._entered,
            entry_price=entry,
            exit_time=self._exit_time,
            exit_price=quotient_at_8(self._out_cost, self._in_qty, ROUND_HALF_EVEN),
            fees=self._exchange.fees,
            funding=self._exchange.funding,
            pnl=self._exchange.cash - self._start,
            mfe=favourable,
            mae=adverse,
        )

    def _excursion(self, entry: Decimal) -> tuple[Decimal, Decimal]:
        """Return the best and the worst open result, before fees: USDT, at least and at most 0."""
        low, high = Decimal(repr(self._bottom)), Decimal(repr(self._top))
        up, down = (high - entry) * self._in_qty, (low - entry) * self._in_qty
        if self.plan.side is Side.SELL:
            up, down = -down, -up
        return max(ZERO, up), min(ZERO, down)

    def view(self) -> dict[str, Any]:
        """Return it as readers see it: ``pnl`` (USDT) is net of the fees and funding so far."""
        self._catch_up()
        plan, held = self.plan, self._position
        return {
            "signal": plan.signal,
            "symbol": plan.symbol,
            "side": WORDS[plan.side],
            "qty": plan.qty if held is None else abs(held.qty),
            "entry_time": self._entered,
            "entry_price": None if held is None else held.entry,
            "pnl": None if held is None else self._exchange.equity() - self._start,
        }

    # -- state --------------------------------------------------------------------------------------

    def export_state(self) -> dict[str, Any]:
        """Return it as JSON values; only between steps."""
        self._catch_up()
        plan = self.plan
        return {
            "plan": [
                plan.signal,
                plan.symbol,
                plan.side.value,
                str(plan.qty),
                None if plan.stop is None else str(plan.stop),
                None if plan.target is None else str(plan.target),
            ],
            "start": str(self._start),
            "exchange": self._exchange.export_state(),
            "sent": self._sent,
            "closing": self.closing,
            "entered": self._entered,
            "exit_time": self._exit_time,
            "money": [str(self._in_qty), str(self._in_cost), str(self._out_cost)],
            "range": [repr(self._bottom), repr(self._top), repr(self._floor), repr(self._ceiling)],
            "awake": [self.asleep, self._stirred],
        }

    @classmethod
    def restored(
        cls, state: dict[str, Any], rules: SimRules, instruments: Mapping[str, Instrument]
    ) -> HypotheticalTrade:
        """Build the trade from ``export_state``."""
        signal, symbol, side, qty, stop, target = state["plan"]
        plan = HypotheticalPlan(
            signal, symbol, Side(side), Decimal(qty), _number(stop), _number(target)
        )
        trade = cls(plan, Decimal(state["start"]), rules, instruments[symbol])
        trade._exchange.restore(state["exchange"])
        trade._sent = state["sent"]
        trade.closing = state["closing"]
        trade._entered = state["entered"]
        trade._exit_time = state["exit_time"]
        trade._in_qty, trade._in_cost, trade._out_cost = map(Decimal, state["money"])
        trade._bottom, trade._top, trade._floor, trade._ceiling = map(float, state["range"])
        trade.asleep, trade._stirred = state["awake"]
        return trade


class Ghosts:
    """All hypothetical trades of a run: the open ones, and counts of those that are over.

    ``signals`` counts entry signals, ``closed`` those that were filled and left, ``unfilled`` those
    that never were; ``profitable`` of the closed ones had a net result above zero; ``pnl`` is the
    sum of results (USDT). ``notional`` is the size of each trade (USDT).
    """

    def __init__(
        self, notional: Decimal, rules: SimRules, instruments: Mapping[str, Instrument]
    ) -> None:
        self.notional = notional
        self.signals = 0
        self.closed = 0
        self.unfilled = 0
        self.profitable = 0
        self.pnl = ZERO
        self._rules = rules
        self._instruments = instruments
        self._open: dict[str, list[HypotheticalTrade]] = {}
        self._last: dict[str, Group] = {}
        self._minutes: dict[str, Bar] = {}
        self._newest = 0

    def advance(self, step: Sequence[MarketEvent], at: int) -> list[GhostClosed]:
        """Play all market events of one moment to the open trades; return those that ended.

        ``at`` is the engine's clock after the step (UTC milliseconds). A symbol that has shown a quote
        is traded on quotes: its bars only say what volume a minute has.
        """
        touched = False
        for event in step:  # funding comes first, as at the exchange
            if isinstance(event, FundingRate):
                for trade in self._open.get(event.symbol, ()):
                    trade.fund(event)
        marks: dict[str, MarkBar] = {}
        for event in step:
            if isinstance(event, Quote):
                group: Group = (event,)
                self._last[event.symbol] = group
                low = high = event.mark
            elif isinstance(event, MarkBar):
                marks[event.symbol] = event
                continue
            elif isinstance(event, Bar):
                if isinstance(self._last.get(event.symbol, (event,))[0], Quote):
                    self._pass_by(event)
                    continue
                group, low, high = _with_mark(event, marks.get(event.symbol))
                self._last[event.symbol] = group
            else:
                continue
            for trade in self._open.get(event.symbol, ()):
                trade.see(group, low, high)
                touched = touched or not trade.asleep
        return self._sweep(at) if touched else []

    def _pass_by(self, minute: Bar) -> None:
        self._minutes[minute.symbol] = minute
        for trade in self._open.get(minute.symbol, ()):
            trade.pass_by(minute)

    def judge(self, signal: SignalJudged) -> list[GhostOpened | GhostClosed]:
        """Take a signal: opposite trades are left, and an entry signal begins a trade.

        A signal that is judged again (its reversal has come to its turn) is known already.
        """
        if signal.id <= self._newest:
            return []
        self._newest = signal.id
        for trade in self._open.get(signal.symbol, ()):
            if WORDS[trade.plan.side] != signal.side and not trade.closing:
                trade.leave(signal.at, "signal")
        if signal.side not in SIDES:
            return []
        self.signals += 1
        opened = self._begin(signal)
        return [opened, *self._sweep(signal.at)]

    def finish(self, at: int) -> list[GhostClosed]:
        """Close what is open at the last known prices: the run is over."""
        for trade in self._each():
            trade.end(at)
        return self._sweep(at)

    def view(self) -> list[dict[str, Any]]:
        """Return the open trades as readers see them, by signal."""
        rows = [trade.view() for trade in self._each()]
        return sorted(rows, key=lambda row: int(row["signal"]))

    def _begin(self, signal: SignalJudged) -> GhostOpened:
        symbol = signal.symbol
        instrument = self._instruments[symbol]
        plan = HypotheticalPlan.of(signal, self.notional, instrument)
        trade = HypotheticalTrade(plan, self.notional * AMPLE, self._rules, instrument)
        trade.open(signal.at, self._last.get(symbol), self._minutes.get(symbol))
        self._open.setdefault(symbol, []).append(trade)
        return GhostOpened(signal.id, signal.at, symbol, signal.side, self.notional, plan.qty)

    def _each(self) -> Iterator[HypotheticalTrade]:
        for symbol in sorted(self._open):
            yield from self._open[symbol]

    def _sweep(self, at: int) -> list[GhostClosed]:
        """Take out the trades that are over, and count them."""
        ended: list[GhostClosed] = []
        for symbol in sorted(self._open):
            trades = self._open[symbol]
            ended += [trade.outcome(at) for trade in trades if trade.over]
            if left := [trade for trade in trades if not trade.over]:
                self._open[symbol] = left
            else:
                del self._open[symbol]
        for closed in ended:
            self._count(closed)
        return ended

    def _count(self, closed: GhostClosed) -> None:
        if closed.entry_time is None:
            self.unfilled += 1
            return
        self.closed += 1
        self.profitable += closed.pnl > 0
        self.pnl += closed.pnl

    def export_state(self) -> dict[str, Any]:
        """Return open trades, last prices and counts as JSON values; only between steps."""
        return {
            "notional": str(self.notional),
            "counts": [self.signals, self.closed, self.unfilled, self.profitable, self._newest],
            "pnl": str(self.pnl),
            "open": [trade.export_state() for trade in self._each()],
            "last": {symbol: [_export(e) for e in group] for symbol, group in self._last.items()},
            "minutes": export_bars(self._minutes),
        }

    def restore(self, state: dict[str, Any]) -> None:
        """Take over ``export_state``'s values; the size of trades is this one's own from now on."""
        counts = state["counts"]
        self.signals, self.closed, self.unfilled, self.profitable, self._newest = counts
        self.pnl = Decimal(state["pnl"])
        for stored in state["open"]:
            trade = HypotheticalTrade.restored(stored, self._rules, self._instruments)
            self._open.setdefault(trade.plan.symbol, []).append(trade)
        self._last = {
            symbol: tuple(_restore(symbol, e) for e in group)
            for symbol, group in state["last"].items()
        }
        self._minutes = restore_bars(Bar, state.get("minutes", {}))


def _with_mark(bar: Bar, mark: MarkBar | None) -> tuple[Group, float, float]:
    """Return a bar with its mark bar, and the range of both."""
    if mark is None:
        return (bar,), bar.low, bar.high
    return (mark, bar), min(bar.low, mark.low), max(bar.high, mark.high)


def _extent(group: Group) -> tuple[float, float]:
    """Return the range that counts for the excursion: the mark of a quote, the trades of a bar."""
    event = group[-1]
    if isinstance(event, Quote):
        return event.mark, event.mark
    assert isinstance(event, Bar)
    return event.low, event.high


def _export(event: MarketEvent) -> list[Any]:
    if isinstance(event, Quote):
        return ["quote", event.exchange_time, event.at, list(event.text)]
    assert isinstance(event, Bar)
    kind = "mark" if isinstance(event, MarkBar) else "bar"
    return [kind, event.open_time, event.interval, list(event.text)]


def _restore(symbol: str, stored: list[Any]) -> MarketEvent:
    kind, first, second, text = stored
    if kind == "quote":
        return Quote(symbol, first, second, text, float(text[4]))
    return (MarkBar if kind == "mark" else Bar).of(symbol, first, second, text)


def _number(text: str | None) -> Decimal | None:
    return None if text is None else Decimal(text)
