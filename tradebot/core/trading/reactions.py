"""What prices and money lead to: the equity, the limits that are reached, and what is done about it."""

from __future__ import annotations

from decimal import Decimal
from math import inf
from typing import Any

from tradebot.core.model.effects import EquityPoint, Notify
from tradebot.core.model.events import AccountRead
from tradebot.core.risk.calm import NEVER, Bands, calm_bands
from tradebot.core.state.instrument import InstrumentState, Isolated
from tradebot.core.state.loss_limit import REACHED, LossLimit, describe
from tradebot.core.state.metrics import Drawdown
from tradebot.core.trading.exits import Exits
from tradebot.core.trading.shared import Shared

NOWHERE = (inf, -inf)
"""The band of a symbol without one: no price is in it."""

CLOSE = 2
"""The liquidation danger at which a position is closed."""


class Reactions:
    """Holds positions and account to their limits, in the very call that sees one reached.

    ``calm`` are the bands in which a price can lead to nothing, ``late`` says that such prices have left the
    equity as it was.
    """

    __slots__ = ("_drawdown", "_exits", "_lows", "_shared", "calm", "ended_at", "equity", "late")

    def __init__(self, shared: Shared, exits: Exits, start: Decimal) -> None:
        self._shared = shared
        self._exits = exits
        self._drawdown = Drawdown(start)
        self._lows: list[EquityPoint] = []
        self.ended_at = 0
        self.equity = start
        self.calm: Bands = NEVER
        self.late = False

    @property
    def drawdown(self) -> Drawdown:
        """The equity's peak and falls, as of the last price."""
        self.catch_up()
        return self._drawdown

    def move(self, book: InstrumentState, mark: float, touch: float) -> None:
        """A price moved under an open position: look at it exactly, or not at all where that is safe."""
        if mark < book.low:
            book.low = mark
        elif mark > book.high:
            book.high = mark
        low, high = self.calm.get(book.symbol, NOWHERE)
        if low < mark < high and low < touch < high:
            self.late = True
        else:
            self.value(book)

    def value(self, book: InstrumentState) -> None:
        """Take a price under an open position: equity, limits, and an exit that is still owed."""
        self.see_equity()
        self.hold_to_limits(book)
        if book.closing:
            self._exits.close(book, book.closing)
        shared = self._shared
        self.calm = calm_bands(
            shared.books.values(), shared.portfolio.cash, self._drawdown, shared.watch
        )

    def hold_to_limits(self, book: InstrumentState) -> None:
        """React in this very call if the position's own limits are reached."""
        ladder = self._shared.watch.loses(book)
        if ladder is not None:
            self._lost(ladder, self._shared.watch.net(book), book)
        if book.watch is not None:
            self._endangered(book)

    def take_margins(self, read: AccountRead) -> None:
        """Take what the exchange says of the margins of positions that have not moved since, and react in this very call."""
        for position in read.positions:
            book = self._shared.books.get(position.symbol)
            if book is None or position.margin is None or position.hedge:
                continue
            if book.moved_at < read.asked and position.qty == book.holding.qty:
                told = position.margin, book.holding.trip_funding, position.liquidation_price
                book.isolated = Isolated(*told, read.asked)
                self._shared.watch.begin(book)
                self.hold_to_limits(book)

    def disturb(self) -> None:
        """Something happened that is no price: it may change anything the calm bands came from."""
        if self.late:
            self.catch_up()
        self.calm = NEVER

    def catch_up(self) -> None:
        """Work out the equity that calm prices have left as it was."""
        if self.late:
            self.late = False
            self.equity = self._shared.exposure.equity()
            self._look()

    def see_equity(self) -> None:
        """Take the equity as it is now, and react in this very call if a loss limit is reached."""
        self.late = False
        self.equity = equity = self._shared.exposure.equity()
        self._look()
        watch = self._shared.watch
        if watch.floor is None or equity > watch.floor:
            return
        for ladder in watch.see(equity):
            self._lost(ladder, equity, None)

    def shift(self, amount: Decimal) -> None:
        """Money came in or went out that is no result: move what results are measured from (USDT)."""
        self._shared.portfolio.brought += amount
        self._shared.watch.shift(amount)
        self._drawdown.shift(amount)

    def point(self, why: str, at: int) -> None:
        """Note a point of the equity curve, and before it the lows it had since the last one."""
        drawdown, out = self.drawdown.now, self._shared.out
        if self._lows:
            here = (self.equity, drawdown)
            out.extend(low for low in self.take_lows() if (low.equity, low.drawdown) != here)
        out.append(EquityPoint(at, self.equity, self._shared.portfolio.cash, drawdown, why))

    def end(self) -> list[EquityPoint]:
        """Return the lows that no point has told of yet, and the curve's last point, now.

        Nothing where the curve ended at this moment already: a run that was killed then ends again.
        """
        lows, cash = self.take_lows(), self._shared.portfolio.cash
        if self.ended_at == self._shared.now:
            return lows
        self.ended_at = self._shared.now
        here = EquityPoint(self._shared.now, self.equity, cash, self._drawdown.now, "end")
        return [*lows, here]

    def take_lows(self) -> list[EquityPoint]:
        """Return, once each, where the equity stood in falls deeper than all before, in USDT or in percent.

        With them the deepest drawdown follows from the points alone: the greatest of theirs in USDT, and in
        percent of equity + drawdown, the peak.
        """
        self.catch_up()
        lows, self._lows = self._lows, []
        return lows

    def export_lows(self) -> list[list[Any]]:
        """Return the lows not told yet as JSON values."""
        return [
            [low.at, str(low.equity), str(low.cash), str(low.drawdown), low.why]
            for low in self._lows
        ]

    def restore_lows(self, lows: list[list[Any]]) -> None:
        """Take over ``export_lows``' values."""
        self._lows = [
            EquityPoint(at, Decimal(equity), Decimal(cash), Decimal(drawdown), why)
            for at, equity, cash, drawdown, why in lows
        ]

    def _look(self) -> None:
        """Follow the deepest fall of the equity."""
        if self._drawdown.see(self.equity):
            self._note_low(self.equity)

    def _note_low(self, equity: Decimal) -> None:
        """Keep the low until a point is noted; those it is deeper than both ways are no lows any more."""
        now, shared = self._drawdown.now, self._shared
        peak = self._drawdown.peak
        self._lows = [
            low
            for low in self._lows
            if low.drawdown > now or low.drawdown * peak > now * (low.equity + low.drawdown)
        ]
        self._lows.append(EquityPoint(shared.now, equity, shared.portfolio.cash, now, "low"))

    def _lost(self, ladder: LossLimit, value: Decimal, book: InstrumentState | None) -> None:
        """A loss limit reached a step: an alert, or the reaction (close the trade; or halt and flatten)."""
        assert ladder.cap is not None
        name = "" if book is None else f"{book.symbol} "
        text = name + describe(ladder.reason, ladder.loss(value), ladder.cap)
        if ladder.stage < REACHED:
            self._shared.out.append(Notify(self._shared.now, "warning", text))
        elif book is not None:
            self._shared.warn(f"{text}; closing")
            self._exits.close(book, ladder.reason)
        else:
            self._shared.halt(ladder.reason, text)
            self._exits.flatten(ladder.reason)

    def _endangered(self, book: InstrumentState) -> None:
        """Liquidation comes near: say so once, and close before it is there."""
        watch = self._shared.watch
        danger = watch.danger(book)
        if danger <= book.danger:
            return
        book.danger = danger
        text = f"{book.symbol} liquidation risk {watch.risk(book):.0f}%"
        if danger == CLOSE:
            self._shared.warn(f"{text}; closing")
            self._exits.close(book, "liquidation_risk")
        else:
            self._shared.warn(text)
