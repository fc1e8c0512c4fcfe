"""One hypothetical trade, from its signal to flat, on a simulated exchange of its own."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import replace
from decimal import ROUND_HALF_EVEN, Decimal
from typing import Any, TypeAlias

from tradebot.core.model.documents import OpenGhostDocument
from tradebot.core.model.effects import GhostClosed, SignalJudged
from tradebot.core.model.events import (
    Event,
    Filled,
    FundingRate,
    MarketEvent,
    OrderUpdate,
    PriceSeen,
)
from tradebot.core.model.frozen import frozen
from tradebot.core.model.money import ZERO, ceil_to, floor_to, plain, quotient_at_8
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

AMPLE = 100
"""Equity of a hypothetical account in notionals: only rules of the market may refuse its entry."""

STEM = "ghost-"
ENTRY_ID = f"{STEM}1{Purpose.ENTRY.value}"

SIDES = {"long": Side.BUY, "short": Side.SELL}

WORDS = {Side.BUY: "long", Side.SELL: "short"}

Group: TypeAlias = tuple[MarketEvent, ...]
"""What one symbol shows at one moment: a quote, or a bar with its mark bar before it."""


@frozen
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
            self._fall_asleep()
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

    def _fall_asleep(self) -> None:
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

    def view(self) -> OpenGhostDocument:
        """Return it as readers see it: ``pnl`` (USDT) is net of the fees and funding so far."""
        self._catch_up()
        plan, held = self.plan, self._position
        return {
            "signal": plan.signal,
            "symbol": plan.symbol,
            "side": WORDS[plan.side],
            "qty": plain(plan.qty if held is None else abs(held.qty)),
            "entry_time": self._entered,
            "entry_price": None if held is None else plain(held.entry),
            "pnl": None if held is None else plain(self._exchange.equity() - self._start),
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


def _extent(group: Group) -> tuple[float, float]:
    """Return the range that counts for the excursion: the mark of a quote, the trades of a bar."""
    event = group[-1]
    if isinstance(event, Quote):
        return event.mark, event.mark
    assert isinstance(event, Bar)
    return event.low, event.high


def export_price(event: MarketEvent) -> list[Any]:
    """Return a quote, bar or mark bar as JSON values."""
    if isinstance(event, Quote):
        return ["quote", event.exchange_time, event.at, list(event.text)]
    assert isinstance(event, Bar)
    kind = "mark" if isinstance(event, MarkBar) else "bar"
    return [kind, event.open_time, event.interval, list(event.text)]


def restore_price(symbol: str, stored: list[Any]) -> MarketEvent:
    """Return what ``export_price`` gave."""
    kind, first, second, text = stored
    if kind == "quote":
        return Quote(symbol, first, second, text, float(text[4]))
    return (MarkBar if kind == "mark" else Bar).of(symbol, first, second, text)


def _number(text: str | None) -> Decimal | None:
    return None if text is None else Decimal(text)
