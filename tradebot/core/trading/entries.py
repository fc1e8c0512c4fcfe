"""From signal to entry: what a strategy wants becomes an order, or a refusal with its reasons."""

from __future__ import annotations

from collections import Counter
from decimal import Decimal
from typing import Any

from tradebot.core.model.approved import Refusal, Refused
from tradebot.core.model.effects import Notify, SignalJudged
from tradebot.core.model.money import ONE, ZERO, ceil_to, floor_to
from tradebot.core.model.values import HOUR_MS, Order, OrderType, Purpose, Side, TimeInForce
from tradebot.core.risk import gate
from tradebot.core.risk.desk import loss_per_unit
from tradebot.core.risk.limits import UNBOUND
from tradebot.core.risk.sizing import size, smallest, tier_of
from tradebot.core.state.instrument import InstrumentState, Plan, Wish
from tradebot.core.strategy.fault import too_early
from tradebot.core.trading.exits import Exits
from tradebot.core.trading.protection import Protection
from tradebot.core.trading.shared import Shared


class Entries:
    """Judges signals, sends entries, and takes them back when limits would now refuse them.

    ``signals`` and ``refusals`` count those of the run, ``refused`` by rule. ``last_entry`` is when the last
    entry was approved (UTC ms), None before the first.
    """

    def __init__(self, shared: Shared, exits: Exits, protection: Protection) -> None:
        self._shared = shared
        self._table = shared.table
        self._exits = exits
        self._protection = protection
        self._approved: InstrumentState | None = None
        self.last_entry: int | None = None
        self.signals = 0
        self.refusals = 0
        self.refused: Counter[str] = Counter()

    # -- signals ------------------------------------------------------------------------------

    def act(self, book: InstrumentState, wish: Wish, faults: tuple[Refusal, ...] = ()) -> None:
        """Judge a signal and do what it leads to; ``faults`` are reasons found before."""
        side = self._shared.position(book)
        if faults:
            self._record(book, wish, "refused", faults)
        elif wish.side == "exit":
            self._leave(book, wish)
        elif side and (side > 0) == (wish.side == "long"):
            self._record(book, wish, "held")
            self._trail(book, wish)
        elif side:
            book.reverse = wish
            self._record(book, wish, "exit")
            self._exits.close(book, "signal")
        elif self._shared.exposure.entries_of(book):
            self._replace_entry(book, wish)
        else:
            self._enter(book, wish)

    def hush(self, book: InstrumentState) -> None:
        """A signal before the strategy's warm-up is over is not judged: say so once for each symbol."""
        text = too_early(book.symbol, book.strategy.warmup)
        if text not in self._shared.warned:
            self._shared.warned.add(text)
            self._shared.out.append(Notify(self._shared.now, "warning", text))

    def _leave(self, book: InstrumentState, wish: Wish) -> None:
        book.reverse = None
        if not self._shared.position(book) and not self._shared.exposure.entries_of(book):
            self._record(book, wish, "ignored")
            return
        self._record(book, wish, "exit")
        self._exits.close(book, "signal")

    def _trail(self, book: InstrumentState, wish: Wish) -> None:
        """Move the stop where the strategy wants it, if that is nearer."""
        side = Side.BUY if wish.side == "long" else Side.SELL
        self._protection.trail(book, self._plan(book, wish, side).stop)

    def _replace_entry(self, book: InstrumentState, wish: Wish) -> None:
        """A signal while an entry works: the same side keeps it, the other side cancels it."""
        entries = self._shared.exposure.entries_of(book)
        if all((e.order.side is Side.BUY) == (wish.side == "long") for e in entries):
            self._record(book, wish, "held")
            return
        self._record(book, wish, "exit")
        self._shared.cancel_entries_of(book, "opposite signal")

    def _enter(self, book: InstrumentState, wish: Wish) -> None:
        """Size, round and judge an entry, and send it if the gate approves."""
        book.reverse = None
        if book.last is None:
            unknown = Refusal("stale", f"{book.symbol}: no price has been seen yet")
            self._record(book, wish, "refused", (unknown,))
            return
        side = Side.BUY if wish.side == "long" else Side.SELL
        plan = self._plan(book, wish, side)
        shared = self._shared
        desk = shared.exposure.desk(
            book,
            shared.now,
            self.last_entry,
            self._pause(book),
            signal_age_ms=shared.now - wish.closed,
            skew_ms=shared.skew_ms,
            barred=shared.barred,
        )
        price = self._entry_price(book, side)
        unit = loss_per_unit(side, price, plan.stop, desk)
        qty = size(side, tier_of(wish.confidence), price, unit, desk)
        if shared.unproved and not isinstance(qty, Refusal):
            qty = smallest(price, desk)
        if isinstance(qty, Refusal):
            least = self._entry_order(book, side, smallest(price, desk), price)
            rest = gate.check(least, plan.stop, desk, plan.target)
            more = rest.reasons if isinstance(rest, Refused) else ()
            said = ("position_value", "trade_loss")  # what the size was refused for
            reasons = (qty, *(r for r in more if r.rule not in said))
            self._record(book, wish, "refused", reasons)
            return
        verdict = gate.check(
            self._entry_order(book, side, qty, price), plan.stop, desk, plan.target
        )
        if isinstance(verdict, Refused):
            self._record(book, wish, "refused", verdict.reasons)
            return
        self._record(book, wish, "approved")
        shared.out += shared.caveats.weigh(side, plan.target, desk)
        book.plan = plan
        tracked = self._table.send(verdict, wish.id)
        tracked.stop, tracked.target = plan.stop, plan.target
        tracked.decision = book.decision(side)
        if plan.stop is not None:
            tracked.unit_risk = unit
        book.entry = tracked.order.id
        self._approved = book
        self.last_entry = shared.now
        self._expect_price(book)
        if shared.execution.entry == "limit":
            shared.wake_at(f"ttl:{book.entry}", shared.now + shared.execution.ttl_s * 1000)

    def _pause(self, book: InstrumentState) -> str:
        """Return why entries on the symbol wait, "" if they do not."""
        if book.symbol in self._shared.paused:
            return self._shared.paused[book.symbol]
        if book.faulty:
            return "its last price makes no sense"
        if book.idle:
            return f"it does not trade ({book.idle})"
        return next(iter(self._shared.blocked.values()), "")

    def _plan(self, book: InstrumentState, wish: Wish, side: Side) -> Plan:
        """Round stop and target to the tick towards the entry: the risk is no larger than asked for."""
        tick = book.instrument.tick
        up, down = (ceil_to, floor_to) if side is Side.BUY else (floor_to, ceil_to)
        stop = None if wish.stop is None else up(wish.stop, tick)
        target = None if wish.target is None else down(wish.target, tick)
        return Plan(wish.id, side, stop, target)

    def _entry_price(self, book: InstrumentState, side: Side) -> Decimal | None:
        """Return the limit price of an entry: protected, passive, or None for a market order."""
        kind = self._shared.execution.entry
        if kind == "market":
            return None
        _, bid, ask = book.touch()
        tick = book.instrument.tick
        if kind == "limit":
            return floor_to(bid, tick) if side is Side.BUY else ceil_to(ask, tick)
        if side is Side.BUY:
            return floor_to(ask * (ONE + self._shared.exposure.slip), tick)
        return ceil_to(bid * (ONE - self._shared.exposure.slip), tick)

    def _entry_order(
        self, book: InstrumentState, side: Side, qty: Decimal, price: Decimal | None
    ) -> Order:
        ioc = self._shared.execution.entry == "ioc"
        return Order(
            id=self._table.next_id(Purpose.ENTRY),
            symbol=book.symbol,
            side=side,
            type=OrderType.MARKET if price is None else OrderType.LIMIT,
            qty=qty,
            price=price,
            tif=TimeInForce.IOC if ioc else TimeInForce.GTC,
            purpose=Purpose.ENTRY,
        )

    def heed_blackout(self, at: int) -> None:
        """Cancel entries in a blackout hour, and in the last instant before one: none fills in it."""
        hour = at // HOUR_MS
        blackout = self._shared.limits.blackout_hours
        if hour % 24 in blackout:
            self._shared.cancel_entries("blackout")
        elif (hour + 1) % 24 in blackout:
            self._shared.wake_at("blackout", (hour + 1) * HOUR_MS - 1)

    def expire(self, order_id: str) -> None:
        """End a resting entry whose time is up."""
        self._table.cancel(order_id, "time to live is over")

    def _expect_price(self, book: InstrumentState) -> None:
        """Ask to be woken when the symbol's price is too old for the entry that works on it."""
        stale_s = self._shared.limits.stale_s
        if stale_s is not None and stale_s < UNBOUND:  # else it cannot come to that
            seen, pause = book.seen()
            self._shared.wake_at(f"stale:{book.symbol}", seen + pause + stale_s * 1000 + 1)

    def check_price(self, symbol: str) -> None:
        """Ask again while an entry works; that its price is too old is found by ``review_entries``."""
        book = self._shared.books[symbol]
        if self._shared.exposure.entries_of(book) and not self._stale(book):
            self._expect_price(book)

    def _stale(self, book: InstrumentState) -> bool:
        """Whether the symbol has shown no price for too long."""
        seen, pause = book.seen()
        stale_s = self._shared.limits.stale_s
        return stale_s is not None and self._shared.now - seen - pause > stale_s * 1000

    def review_entries(self) -> None:
        """Cancel working entries that limits, or the age of their price, would now refuse.

        In the call that approved one, the gate has just held it, and the account with it, to the same limits.
        """
        approved, self._approved = self._approved, None
        shared = self._shared
        if approved is not None and self._table.entries.keys() == {approved.entry}:
            return  # there is no other
        overdrawn = shared.exposure.overdrawn() if approved is None else ""
        symbols = dict.fromkeys(tracked.order.symbol for tracked in self._table.entries.values())
        for book in map(shared.books.__getitem__, symbols):
            if book is approved:
                continue
            stale = "stale data" if self._stale(book) else ""
            why = overdrawn or stale or shared.exposure.unfit(book)
            if why:
                shared.cancel_entries_of(book, why)

    def take_reversal(self, book: InstrumentState) -> None:
        """Take the other side once the symbol is flat and nothing of what was there still rests."""
        wish = book.reverse
        exposure = self._shared.exposure
        if wish is None or self._shared.position(book) or exposure.entries_of(book):
            return
        if not exposure.orphans(book):
            self._enter(book, wish)

    def _record(
        self, book: InstrumentState, wish: Wish, verdict: str, refusals: tuple[Refusal, ...] = ()
    ) -> None:
        if verdict == "refused":
            self.refusals += 1
            self.refused.update({refusal.rule for refusal in refusals})
        self._shared.out.append(
            SignalJudged(
                id=wish.id,
                at=self._shared.now,
                symbol=book.symbol,
                side=wish.side,
                confidence=wish.confidence,
                price=book.price() or ZERO,
                stop=wish.stop,
                target=wish.target,
                reason=wish.reason,
                verdict=verdict,
                refusals=tuple([refusal.text for refusal in refusals]),
                indicators=wish.indicators,
            )
        )

    def export_state(self) -> dict[str, Any]:
        """Return the counts as JSON values."""
        return {
            "last_entry": self.last_entry,
            "signals": self.signals,
            "refusals": self.refusals,
            "refused": dict(self.refused),
        }

    def restore(self, state: dict[str, Any]) -> None:
        """Take over ``export_state``'s values."""
        self.last_entry = state["last_entry"]
        self.signals = state["signals"]
        self.refusals = state["refusals"]
        self.refused = Counter(state["refused"])
