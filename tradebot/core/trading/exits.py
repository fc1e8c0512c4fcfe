"""Leaving positions: at market, reduce-only, again and again until they are closed, at a pace.

An exit whose fate is unknown does not hold up the next: both only reduce. No more than one try a second
leaves for a symbol; the pieces of an order too large for one are one try.
"""

from __future__ import annotations

from decimal import Decimal

from tradebot.core.model.approved import Approved, Refused
from tradebot.core.model.effects import ReadBack
from tradebot.core.model.events import NOT_LEFT
from tradebot.core.model.money import ZERO
from tradebot.core.model.values import Order, OrderStatus, OrderType, Purpose, Side
from tradebot.core.risk import gate
from tradebot.core.state.exit_pace import FAR, MOST_REFUSALS, RETRY_MS, SLOW_RETRY_MS, ExitPace
from tradebot.core.state.instrument import InstrumentState
from tradebot.core.state.orders import TrackedOrder
from tradebot.core.trading.shared import Shared

BLOCKED_BY_TARGET = -4118
"""Binance: resting reduce-only orders leave no room for another one."""


class Exits:
    """Closes positions."""

    def __init__(self, shared: Shared) -> None:
        self._shared = shared
        self._table = shared.table

    def close(self, book: InstrumentState, why: str) -> None:
        """Close the position at market, reduce-only; a working entry is cancelled first.

        What that entry still fills before the cancel takes effect is closed as well.
        """
        shared = self._shared
        shared.cancel_entries_of(book, why)
        if shared.position(book) or shared.exposure.entries_of(book):
            book.closing = book.closing or why
            self.pursue(book)

    def flatten(self, why: str) -> None:
        """Close every position, and what entries in flight still fill."""
        shared = self._shared
        shared.flattening = why
        for book in shared.books.values():
            if shared.position(book):
                self.close(book, why)

    def pursue(self, book: InstrumentState) -> None:
        """Send the next try to leave a position that is being closed, if none is on its way and one is due."""
        position = self._shared.position(book)
        if not book.closing or not position or self._under_way(book):
            return
        pace = self._table.pace(book.symbol)
        if self._shared.now < pace.next:
            return
        position, qty = _to_close(book, position)
        if not qty:  # the venue says there is nothing to close: what closed it has yet to be told
            self._wait(pace)
            self._shared.out.append(ReadBack(book.symbol, "nothing to close, says the venue"))
            return
        self._try(book, position, qty, pace)

    def _try(self, book: InstrumentState, position: Decimal, qty: Decimal, pace: ExitPace) -> None:
        side = Side.SELL if position > 0 else Side.BUY
        pieces: list[Approved] = []
        while qty:
            piece = min(qty, book.instrument.market_max_qty)
            order = Order(
                id=self._table.next_id(Purpose.EXIT, len(pieces) + 1),
                symbol=book.symbol,
                side=side,
                type=OrderType.MARKET,
                qty=piece,
                reduce_only=True,
                purpose=Purpose.EXIT,
            )
            verdict = gate.close(order, position, book.instrument, self._shared.halts.epoch)
            if isinstance(verdict, Refused):
                self._shared.warn_once(f"exit refused: {verdict.reasons[0].text}")
                break
            pieces.append(verdict)
            qty -= piece
        if not pieces:
            self._wait(pace)
            return
        pace.begin(self._shared.now)
        sent = [self._table.send(piece, why=book.closing) for piece in pieces]
        for tracked in sent:
            tracked.decision = book.decision(side)
        book.exits = [tracked.order.id for tracked in sent]

    def _wait(self, pace: ExitPace) -> None:
        """Look at it again only after the longer pause."""
        pace.tried = self._shared.now + SLOW_RETRY_MS - RETRY_MS

    def _under_way(self, book: InstrumentState) -> bool:
        """Whether a piece of the last try is on its way or at work, as far as anybody knows."""
        for order_id in book.exits:
            tracked = self._table.live.get(order_id)
            if tracked is None or tracked.ended is not None:
                continue
            if tracked.status is not OrderStatus.UNKNOWN:
                return True
        return False

    def accepted(self, book: InstrumentState) -> None:
        """The venue took an exit: refusals begin to count anew."""
        pace = self._table.pace(book.symbol)
        pace.refused = pace.unsent = 0

    def refused(self, book: InstrumentState, tracked: TrackedOrder, code: int) -> None:
        """The venue refused an exit: read the position; after three in a row halt and go on slowly.

        One that has not left (a ban, no connection) was refused by nobody: it is tried again.
        """
        pace = self._table.pace(book.symbol)
        if not self._shared.position(book) or pace.judged or tracked.order.id not in book.exits:
            return
        pace.judged = True
        if code == NOT_LEFT:
            pace.unsent += 1
            self.pursue(book)
            return
        pace.refused += 1
        pace.unsent = 0
        self._shared.out.append(ReadBack(book.symbol, f"an exit was refused ({code})"))
        if code == BLOCKED_BY_TARGET:
            self._table.cancel(book.target, "it blocks the exit")
        if pace.refused >= MOST_REFUSALS:
            text = f"{book.symbol}: {pace.refused} exits in a row were refused ({code})"
            self._shared.halt("exit", text)
        self.pursue(book)

    def hurry(self) -> None:
        """What kept tries from leaving is over: the next one need not wait long."""
        for pace in self._table.paces.values():
            pace.unsent = 0

    def due(self, book: InstrumentState) -> int:
        """Return when the next try may leave (UTC ms); ``FAR`` when none is wanted."""
        if not book.closing:
            return FAR
        position = abs(self._shared.position(book))
        if position < book.instrument.min_qty or self._under_way(book):
            return FAR
        return self._table.pace(book.symbol).next


def _to_close(book: InstrumentState, position: Decimal) -> tuple[Decimal, Decimal]:
    """Return the position and how much there is to close of it (base units): no more than was read of it."""
    if book.held is not None:
        return book.held, abs(book.held)
    read = book.read
    if read is None:
        return position, abs(position)
    same = (read > 0) == (position > 0)
    return position, min(abs(position), abs(read)) if same else ZERO
