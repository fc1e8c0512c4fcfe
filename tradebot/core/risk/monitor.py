"""Keeps the loss limits of day, week and sign-off, and those of each open position.

The engine shows it every value that moves; it answers with what was reached. It changes nothing itself.
"""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from typing import Any

from tradebot.core.model.frozen import frozen
from tradebot.core.model.money import ZERO
from tradebot.core.risk.limits import Limits
from tradebot.core.state.instrument import InstrumentState
from tradebot.core.state.loss_limit import REACHED, LossLimit, day_of, week_of
from tradebot.core.state.margin import isolated_margin, liquidation_risk, watch_price

ALWAYS = Decimal("Infinity")
"""A long's watch price where every price is to be looked at: its margin is the exchange's, and may be anything."""


LOSSES = ("day_loss", "week_loss", "signoff_loss")
"""The account's loss limits, by the halts that they lead to."""


@frozen
class Reached:
    """A loss limit that was reached before a run began, in words, and when (UTC ms); nobody has resumed since."""

    reason: str
    detail: str
    at: int


class Monitor:
    """The ladders of a run. ``signoff_equity`` is the equity at the sign-off (USDT), None without one.

    ``approved`` names the sign-off that the approved loss counts from, "" for the account's first start.
    """

    __slots__ = (
        "_fee",
        "_limits",
        "approved",
        "day",
        "day_start",
        "floor",
        "leverage",
        "signoff",
        "week",
        "week_start",
    )

    def __init__(
        self,
        limits: Limits,
        taker_fee: Decimal,
        leverage: int,
        start: Decimal,
        signoff_equity: Decimal | None,
    ) -> None:
        self._limits = limits
        self._fee = taker_fee
        self.leverage = leverage
        self.day = LossLimit("day_loss", limits.day_loss, start)
        self.week = LossLimit("week_loss", limits.week_loss, start)
        cap = None if signoff_equity is None else limits.since_signoff_loss
        self.signoff = LossLimit(
            "signoff_loss", cap, start if signoff_equity is None else signoff_equity
        )
        self.approved = ""
        self.day_start = 0
        self.week_start = 0
        self.floor: Decimal | None = None
        self._aim()

    @property
    def ladders(self) -> tuple[LossLimit, ...]:
        """The account's loss limits: day, week, sign-off."""
        return (self.day, self.week, self.signoff)

    def roll(self, at: int, equity: Decimal) -> bool:
        """Begin a new day, and week, if one has begun at ``at``; ``equity`` is that before any event of it.

        Return whether a day began.
        """
        if day_of(at) == self.day_start:
            return False
        self.day_start = day_of(at)
        self.day.reset(equity)
        if week_of(at) != self.week_start:
            self.week_start = week_of(at)
            self.week.reset(equity)
        self._aim()
        return True

    def set_fee(self, taker: Decimal) -> None:
        """Reckon with another taker fee from now on (a fraction)."""
        self._fee = taker

    def see(self, equity: Decimal) -> Iterator[LossLimit]:
        """Yield the ladders on which this equity (USDT), not above ``floor``, reached a further step."""
        for ladder in self.ladders:
            if ladder.next is not None and equity <= ladder.next:
                ladder.advance(equity)
                yield ladder
        self._aim()

    def reached(self) -> list[str]:
        """Return the loss limits of day and week that are reached in the period that goes on."""
        return [x.reason for x in (self.day, self.week) if x.stage >= REACHED]

    def shift(self, amount: Decimal) -> None:
        """Move the baselines with money that came in (negative: went out) and is no result (USDT)."""
        for ladder in self.ladders:
            ladder.shift(amount)
        self._aim()

    def rebase(
        self, day_start: int, day: Decimal | None, week_start: int, week: Decimal | None
    ) -> bool:
        """Take over baselines worked out elsewhere (USDT); return whether both fit the periods that go on."""
        fits = (
            day is not None
            and week is not None
            and (day_start, week_start) == (self.day_start, self.week_start)
        )
        if fits and day is not None and week is not None:
            self.day.shift(
                day - self.day.base
            )  # what was reached stays so, whatever the start was thought to be
            self.week.shift(week - self.week.base)
            self._aim()
        return fits

    def count_anew(self, signoff: str, base: Decimal) -> None:
        """Count the approved loss from a new sign-off on: from this equity (USDT)."""
        self.approved = signoff
        self.signoff.reset(base)
        self._aim()

    def inherit(self, reached: Reached) -> None:
        """Count a limit as used up that was reached before the run began, while its period goes on."""
        for ladder, since in (
            (self.day, self.day_start),
            (self.week, self.week_start),
            (self.signoff, 0),
        ):
            if ladder.reason == reached.reason and reached.at >= since:
                ladder.use_up()
        self._aim()

    def begin(self, book: InstrumentState) -> None:
        """Take up a position that was opened or changed: its loss ladder and liquidation bound."""
        holding = book.holding
        if not holding.qty:
            book.watch = None
            book.danger = 0
            return
        if book.trip != holding.trades or book.ladder is None:
            book.trip = holding.trades
            book.danger = 0
            book.ladder = LossLimit("trade_loss", self._limits.trade_loss, ZERO)
        alert = self._limits.liquidation_alert_pct or self._limits.liquidation_close_pct
        if alert is not None and book.isolated is not None:
            book.watch = ALWAYS if holding.qty > 0 else ZERO
        elif alert is not None:
            book.watch = watch_price(
                book.instrument, holding.qty, holding.entry, self.leverage, alert
            )

    def loses(self, book: InstrumentState) -> LossLimit | None:
        """Return the position's ladder if its net PnL, closed now, reached a further step.

        Net: cash flows of the round trip, the position at the worse of mark and touch, the exit's fee.
        """
        ladder = book.ladder
        if ladder is None or ladder.next is None:
            return None
        net = self.net(book)
        if net > ladder.next:
            return None
        ladder.advance(net)
        return ladder

    def net(self, book: InstrumentState) -> Decimal:
        """Return what the round trip would come to if closed now (USDT)."""
        holding = book.holding
        value = holding.qty * book.exit_price()
        return holding.trip_cash + value - abs(value) * self._fee

    def left_of(self, qty: float) -> float:
        """Return what a price of 1 USDT brings when closing ``qty``, its fee paid (as ``net`` has it)."""
        return qty - abs(qty) * float(self._fee)

    def danger(self, book: InstrumentState) -> int:
        """Return 0, 1 or 2: nothing, liquidation alert, liquidation close."""
        price = book.price()
        if book.watch is None or price is None:
            return 0
        qty = book.holding.qty
        if (price > book.watch) if qty > 0 else (price < book.watch):
            return 0
        risk = self.risk(book)
        close, alert = self._limits.liquidation_close_pct, self._limits.liquidation_alert_pct
        if close is not None and risk >= close:
            return 2
        return int(alert is not None and risk >= alert)

    def risk(self, book: InstrumentState) -> Decimal:
        """Return the position's liquidation risk in percent: 100 is liquidation.

        Its margin is what the exchange told last, where it did: somebody may have taken some of it away.
        """
        holding = book.holding
        price = book.price() or holding.entry
        margin = book.isolated_wallet()
        if margin is None:
            margin = isolated_margin(holding.qty, holding.entry, self.leverage)
        return liquidation_risk(book.instrument, holding.qty, holding.entry, margin, price)

    def rooms(self, equity: Decimal) -> tuple[tuple[str, Decimal, Decimal], ...]:
        """Return (rule, what may still be lost, cap) of each loss limit in force (USDT)."""
        return tuple(
            [
                (ladder.reason, ladder.cap - ladder.loss(equity), ladder.cap)
                for ladder in (self.day, self.week, self.signoff)
                if ladder.cap is not None
            ]
        )

    def _aim(self) -> None:
        self.floor = max((x.next for x in self.ladders if x.next is not None), default=None)

    def export_state(self) -> dict[str, Any]:
        """Return the ladders as JSON values."""
        return {
            "ladders": [ladder.export_state() for ladder in self.ladders],
            "starts": [self.day_start, self.week_start],
            **({"approved": self.approved} if self.approved else {}),
        }

    def restore(self, state: dict[str, Any]) -> None:
        """Take over ``export_state``'s values."""
        for ladder, values in zip(self.ladders, state["ladders"], strict=True):
            ladder.restore(values)
        self.day_start, self.week_start = state["starts"]
        self.approved = state.get("approved", "")
        self._aim()


def approved_base(state: dict[str, Any]) -> Decimal:
    """Return what the approved loss counts from (USDT), of a monitor's exported state."""
    return Decimal(state["ladders"][-1][0])
