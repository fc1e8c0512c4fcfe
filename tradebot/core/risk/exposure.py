"""What is at stake: equity, margin, open risk and the desk the gate judges from.

Sums over all books and live orders of a run; it changes nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal

from tradebot.core.model.money import ONE, ZERO
from tradebot.core.model.values import Fees, Side
from tradebot.core.risk.desk import GateContext, initial_margin, unit_risk
from tradebot.core.risk.limits import Limits
from tradebot.core.risk.monitor import Monitor
from tradebot.core.state.halts import Halts
from tradebot.core.state.instrument import InstrumentState
from tradebot.core.state.order_table import OrderTable
from tradebot.core.state.orders import TrackedOrder
from tradebot.core.state.portfolio import Portfolio

HUNDRED = Decimal(100)


class Exposure:
    """The account as limits see it. ``slip`` is the fraction a market entry is taken to slip.

    ``elsewhere`` is the margin of positions that the run does not trade, ``announced`` the sum of losses whose cash
    lines have yet to be read (USDT, not above 0).
    """

    __slots__ = (
        *("_books", "_fees", "_halts", "_limits", "_portfolio", "_table", "_watch", "announced"),
        *("elsewhere", "slip"),
    )

    def __init__(
        self,
        books: Mapping[str, InstrumentState],
        table: OrderTable,
        portfolio: Portfolio,
        halts: Halts,
        watch: Monitor,
        limits: Limits,
        fees: Fees,
        slip: Decimal,
    ) -> None:
        self._books = books
        self._table = table
        self._portfolio = portfolio
        self._halts = halts
        self._watch = watch
        self._limits = limits
        self._fees = fees
        self.slip = slip
        self.elsewhere = ZERO
        self.announced = ZERO

    def set_fees(self, fees: Fees) -> None:
        """Reckon with other fees from now on."""
        self._fees = fees

    def set_limits(self, limits: Limits) -> None:
        """Hold entries to other limits from now on."""
        self._limits = limits

    def desk(
        self,
        book: InstrumentState,
        now: int,
        last_entry: int | None,
        paused: str,
        signal_age_ms: int = 0,
        skew_ms: int = 0,
        barred: tuple[str, ...] = (),
    ) -> GateContext:
        """Return what the gate may know about the symbol now (UTC ms); ``skew_ms`` is the clocks' as measured."""
        mark, bid, ask = book.touch()
        seen, _ = book.seen()
        equity = self.equity()
        highest = max(mark, ask)
        return GateContext(
            now=now,
            epoch=self._halts.epoch,
            halts=tuple(self._halts.reasons),
            instrument=book.instrument,
            limits=self._limits,
            taker_fee=self._fees.taker,
            price=highest,
            low=min(mark, bid),
            spread=ask - bid,
            age_ms=now - seen,
            signal_age_ms=signal_age_ms,
            position=book.holding.qty,
            working_value=self.working_value(book, highest),
            others=sum(1 for b in self._books.values() if b is not book and self._taken(b)),
            margin=self.margin(),
            equity=equity,
            last_entry=last_entry,
            leverage=self._watch.leverage,
            rooms=self._watch.rooms(equity),
            open_risk=self.open_risk(),
            paused=paused,
            slip=self.slip,
            skew_ms=max(seen - now, skew_ms),
            orphans=self.orphans(book),
            barred=barred,
        )

    def entries_of(self, book: InstrumentState) -> list[TrackedOrder]:
        """Return the symbol's entries that may still fill, or have filled unseen."""
        entries = self._table.entries
        if not entries:
            return []
        return [t for t in entries.values() if t.order.symbol == book.symbol]

    def _taken(self, book: InstrumentState) -> bool:
        return bool(book.holding.qty or (self._table.entries and self.entries_of(book)))

    def orphans(self, book: InstrumentState) -> int:
        """Count closing orders that rest on a flat symbol: they could close the next position."""
        if not self._table.live:
            return 0
        orders = (tracked.order for tracked in self._table.live.values())
        return sum(1 for order in orders if order.reduce_only and order.symbol == book.symbol)

    def equity(self) -> Decimal:
        """Return cash plus the value of all positions at their last price, less announced losses (USDT)."""
        total = self._portfolio.cash
        for book in self._books.values():
            if book.holding.qty:
                total += book.holding.qty * (book.price() or book.holding.entry)
        return total + self.announced if self.announced else total

    def margin(self) -> Decimal:
        """Return the initial margin of open positions and live entries (USDT, 8 decimals, rounded up).

        What others hold on the account counts as well.
        """
        used, working = ZERO, self._table.entries
        for book in self._books.values():
            if book.holding.qty:
                used += abs(book.holding.qty) * book.holding.entry
            if working and self.entries_of(book):
                used += self.working_value(book, book.touch()[2])
        return (
            initial_margin(used, self._watch.leverage) + self.elsewhere if used else self.elsewhere
        )

    def working_value(self, book: InstrumentState, price: Decimal) -> Decimal:
        """Return the value of the symbol's entries at the larger of ``price`` and their limit (USDT).

        What was announced counts, booked or not.
        """
        value = ZERO
        if not self._table.entries:
            return value
        for tracked in self.entries_of(book):
            value += tracked.left * max(price, tracked.order.price or price)
        return value

    def open_risk(self) -> Decimal:
        """Return what open positions and live entries can still lose at their stops (USDT)."""
        risk, working = ZERO, self._table.entries
        for book in self._books.values():
            if book.holding.qty or working:
                risk += self._risk_of(book)
        return risk

    def _risk_of(self, book: InstrumentState) -> Decimal:
        stop = None if book.plan is None else book.plan.stop
        risk = ZERO
        qty = book.holding.qty
        if qty:
            side = Side.BUY if qty > 0 else Side.SELL
            risk = abs(qty) * self._unit_risk(book, side, book.exit_price(), stop)
        for entry in self.entries_of(book):
            order = entry.order
            price = order.price or self._market_fill(book, order.side)
            planned = entry.stop if book.plan is None else stop
            risk += entry.left * self._unit_risk(book, order.side, price, planned)
        return risk

    def _market_fill(self, book: InstrumentState, side: Side) -> Decimal:
        """Return the price a market entry is taken to fill at, at worst (USDT)."""
        mark, bid, ask = book.touch()
        if side is Side.BUY:
            return max(mark, ask) * (ONE + self.slip)
        return min(mark, bid) * (ONE - self.slip)

    def _unit_risk(
        self, book: InstrumentState, side: Side, price: Decimal, stop: Decimal | None
    ) -> Decimal:
        _, bid, ask = book.touch()
        return unit_risk(side, price, stop, self._fees.taker, ask - bid)

    def overdrawn(self) -> str:
        """Return the account's rule that leaves no room for the entries at work, "" if there is room."""
        equity = self.equity()
        cap = self._limits.margin_utilisation_pct
        if cap is not None and self.margin() * HUNDRED > cap * equity:
            return "margin"
        risk = self.open_risk()
        return next((rule for rule, room, _ in self._watch.rooms(equity) if risk > room), "")

    def unfit(self, book: InstrumentState) -> str:
        """Return what has become wrong with a symbol's live entry since it was approved, "" if nothing."""
        mark, bid, ask = book.touch()
        dear, cheap = max(mark, ask), min(mark, bid)
        cap = self._limits.position_value
        value = abs(book.holding.qty) * dear + self.working_value(book, dear)
        if cap is not None and value > cap:
            return "position value"
        plan = book.plan
        if plan is None or plan.stop is None:
            return ""
        reached = plan.stop >= cheap if plan.side is Side.BUY else plan.stop <= dear
        return "its stop is reached" if reached else ""
